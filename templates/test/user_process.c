/*
 * Tests of processes: of the table and the ring by themselves, and of a small program that
 * forks, is signalled, writes through a pipe, executes itself and ends.
 */
#include <arch/paging.h>
#include <arch/timer.h>
#include <kernel/ktest.h>
#include <kernel/string.h>
#include <mm/kmalloc.h>
#include <user/process.h>
#include <user/tree.h>
#include <user/user.h>

/* --- a program ---------------------------------------------------------------------- */

#define BASE 0x08048000
#define AGAIN 7 /* what it ends with once it was executed again */

/*
 * An ELF file of one page: code, and two pages of zeros after it.
 *
 *     child = fork()                     end 2 if that fails
 *     parent:  wait4(); end with what the child ended with, 100 if by a signal
 *     child:   a handler for SIGUSR1; kill(getpid(), SIGUSR1); it ran? else end 3
 *              pipe(); write(); read()    end 4 if one of them fails
 *              execve("/test", { "x", "y", NULL }, NULL)     end 5 if that fails
 *     executed again, with two arguments: end AGAIN
 */
__asm__(".pushsection .rodata\n\t"
	".balign 4096\n"
	"test_elf:\n\t"
	".byte 0x7f, 'E', 'L', 'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0\n\t"
	".short 2, 3\n\t"
	".long 1, 0x08048000 + (1f - test_elf), 52, 0, 0\n\t"
	".short 52, 32, 1, 40, 0, 0\n\t"
	".long 1, 0, 0x08048000, 0x08048000\n\t"
	".long test_elf_end - test_elf, 0x3000, 7, 4096\n"
	"1:\tcmpl $2, (%esp)\n\t"
	"je 7f\n\t"
	"movl $2, %eax\n\t" /* fork */
	"int $0x80\n\t"
	"movl $2, %ebx\n\t"
	"testl %eax, %eax\n\t"
	"js 9f\n\t"
	"jz 2f\n\t"
	"movl $114, %eax\n\t" /* wait4 */
	"movl $-1, %ebx\n\t"
	"movl $0x0804a000, %ecx\n\t"
	"xorl %edx, %edx\n\t"
	"xorl %esi, %esi\n\t"
	"int $0x80\n\t"
	"movl $100, %ebx\n\t"
	"movl 0x0804a000, %eax\n\t"
	"testb $0x7f, %al\n\t"
	"jnz 9f\n\t"
	"movzbl %ah, %ebx\n\t"
	"jmp 9f\n"
	"2:\tmovl $174, %eax\n\t" /* rt_sigaction */
	"movl $10, %ebx\n\t"
	"movl $0x08048000 + (test_action - test_elf), %ecx\n\t"
	"xorl %edx, %edx\n\t"
	"movl $8, %esi\n\t"
	"int $0x80\n\t"
	"movl $20, %eax\n\t" /* getpid */
	"int $0x80\n\t"
	"movl %eax, %ebx\n\t"
	"movl $37, %eax\n\t" /* kill */
	"movl $10, %ecx\n\t"
	"int $0x80\n\t"
	"movl $3, %ebx\n\t"
	"cmpl $10, 0x0804a100\n\t" /* the handler was here */
	"jne 9f\n\t"
	"movl $42, %eax\n\t" /* pipe */
	"movl $0x0804a200, %ebx\n\t"
	"int $0x80\n\t"
	"movl $4, %ebx\n\t"
	"testl %eax, %eax\n\t"
	"jnz 9f\n\t"
	"movl $4, %eax\n\t" /* write */
	"movl 0x0804a204, %ebx\n\t"
	"movl $0x08048000, %ecx\n\t"
	"movl $4, %edx\n\t"
	"int $0x80\n\t"
	"movl $4, %ebx\n\t"
	"cmpl $4, %eax\n\t"
	"jne 9f\n\t"
	"movl $3, %eax\n\t" /* read */
	"movl 0x0804a200, %ebx\n\t"
	"movl $0x0804a208, %ecx\n\t"
	"int $0x80\n\t"
	"movl $4, %ebx\n\t"
	"cmpl $0x464c457f, 0x0804a208\n\t"
	"jne 9f\n\t"
	"movl $11, %eax\n\t" /* execve */
	"movl $0x08048000 + (test_path - test_elf), %ebx\n\t"
	"movl $0x08048000 + (test_arguments - test_elf), %ecx\n\t"
	"xorl %edx, %edx\n\t"
	"int $0x80\n\t"
	"movl $5, %ebx\n\t"
	"jmp 9f\n"
	"7:\tmovl $7, %ebx\n"
	"9:\tmovl $1, %eax\n\t" /* exit */
	"int $0x80\n"
	"test_handler:\n\t"
	"movl 4(%esp), %eax\n\t"
	"movl %eax, 0x0804a100\n\t"
	"ret\n\t"
	".balign 4\n"
	"test_action: .long 0x08048000 + (test_handler - test_elf), 0, 0, 0, 0\n"
	"test_arguments: .long 0x08048000 + (test_path - test_elf), "
	"0x08048000 + (test_path - test_elf), 0\n"
	"test_path: .asciz \"/test\"\n"
	"test_elf_end:\n\t"
	".balign 4096\n\t"
	".popsection");

extern const char test_elf[], test_elf_end[];

/* Make the program the file /test. False if memory ran out. */
static bool make_test(void)
{
	struct node *node = node_create(NODE_STILL, FS_ROOT, S_IFREG | 0755);

	if (node) {
		node->start = VIRT_TO_PHYS((uintptr_t)test_elf);
		node->size = test_elf_end - test_elf;
	}
	return !tree_make(root_node, "test", 4, node);
}

KTEST(user_process, forks_executes_and_ends)
{
	static const char *const arguments[] = { "test", NULL };
	uint32_t status = 0;
	bool made;

	KTEST_ASSERT(test, !user_begin());
	made = make_test();
	if (made)
		status = processes_run("/test", arguments);
	KTEST_ALWAYS(test, !process_count);
	user_end();
	KTEST_ASSERT(test, made);
	KTEST_EXPECT_EQ(test, status, AGAIN << 8);
}

KTEST(user_process, says_what_it_can_not_run)
{
	static const char *const arguments[] = { "none", NULL };
	uint32_t status;

	KTEST_ASSERT(test, !user_begin());
	status = processes_run("/does/not/exist", arguments);
	KTEST_ALWAYS(test, !process_count);
	user_end();
	KTEST_EXPECT_EQ(test, status, 127u << 8);
}

/* --- the table and the ring ------------------------------------------------------------ */

#define COUNT 5

static struct process *made[COUNT];

static bool create_some(void)
{
	bool all = true;

	for (unsigned i = 0; i < COUNT; i++)
		all &= !!(made[i] = process_create());
	return all;
}

static void free_them(void)
{
	for (unsigned i = 0; i < COUNT; i++) {
		if (made[i])
			process_free(made[i]);
	}
	current = NULL;
	process_fini();
}

KTEST(user_process, pids_come_back_late)
{
	int32_t pids[20] = { 0 };

	KTEST_ASSERT(test, !process_init());
	KTEST_ASSERT_OR(test, create_some(), out); /* 1 to 5 */
	made[3]->group = 8; /* groups and sessions whose leaders are gone */
	made[4]->session = 10;
	process_last_pid = PID_MAX - 2;
	for (unsigned i = 0; i < ARRAY_SIZE(pids); i++) {
		struct process *process = process_create();

		KTEST_ASSERT_OR(test, process, out);
		pids[i] = process->pid;
		KTEST_EXPECT(test, process_find(process->pid) == process);
		process_free(process);
	}
	KTEST_EXPECT_EQ(test, pids[0], PID_MAX - 1);
	KTEST_EXPECT_EQ(test, pids[1], PID_MAX);
	KTEST_EXPECT_EQ(test, pids[2], 6);
	KTEST_EXPECT_EQ(test, pids[3], 7);
	KTEST_EXPECT_EQ(test, pids[4], 9);
	KTEST_EXPECT_EQ(test, pids[5], 11);
	KTEST_EXPECT(test, process_find(4) == made[3]);
	KTEST_EXPECT(test, !process_find(0) && !process_find(-1) && !process_find(8));
out:
	free_them();
}

KTEST(user_process, everybody_has_a_turn)
{
	KTEST_ASSERT(test, !process_init());
	KTEST_ASSERT_OR(test, create_some(), out);
	KTEST_EXPECT(test, !process_choose());
	for (unsigned i = 0; i < COUNT; i++)
		process_join(made[i]);
	for (unsigned i = 0; i < 3 * COUNT; i++)
		KTEST_EXPECT(test, process_choose() == made[i % COUNT]);
	current = process_choose(); /* made[0] */
	process_leave(made[1]); /* who would be next */
	KTEST_EXPECT(test, process_choose() == made[2]);
	process_join(made[1]); /* the last of a round that begins with made[3] */
	for (unsigned i = 0; i < 3; i++)
		process_choose(); /* 3, 4, 0 */
	KTEST_EXPECT(test, process_choose() == made[2] || made[1]->state == PROCESS_READY);
	for (unsigned i = 0; i < COUNT; i++)
		process_leave(made[i]);
	KTEST_EXPECT(test, !process_choose());
out:
	free_them();
}

KTEST(user_process, waits_for_a_channel_or_a_deadline)
{
	static const char channels[3];
	const char *one = channels, *other = channels + 1, *third = channels + 2;
	uint32_t ticks = timer_ticks;

	KTEST_ASSERT(test, !process_init());
	KTEST_ASSERT_OR(test, create_some(), out);
	timer_ticks = UINT32_MAX - 2; /* deadlines wrap */
	for (unsigned i = 0; i < COUNT; i++)
		process_join(made[i]);
	for (unsigned i = 0; i < 4; i++) {
		current = made[i];
		KTEST_EXPECT_EQ(test, process_wait(i < 2 ? one : other), -EWAIT);
		current->late = 0;
	}
	current = made[4];
	KTEST_EXPECT_EQ(test, process_wait_until(one, timer_ticks + 5), -EWAIT);
	KTEST_EXPECT(test, !process_choose());
	KTEST_EXPECT(test, process_is_awaited());
	KTEST_EXPECT_EQ(test, process_wake_some(one, 1), 1u);
	KTEST_EXPECT_EQ(test, process_wake_some(third, 9), 0u);
	process_wake(other);
	for (unsigned i = 0; i < 4; i++, timer_ticks++)
		process_tick();
	KTEST_EXPECT(test, process_is_awaited() || made[4]->state == PROCESS_READY);
	timer_ticks++;
	process_tick();
	KTEST_EXPECT_EQ(test, made[4]->state, PROCESS_READY);
	KTEST_EXPECT(test, !process_is_awaited());
	process_wake(one);
	for (unsigned i = 0; i < COUNT; i++) {
		KTEST_EXPECT_EQ(test, made[i]->state, PROCESS_READY);
		process_leave(made[i]);
	}
	KTEST_EXPECT(test, !process_choose());
out:
	timer_ticks = ticks;
	free_them();
}
