/*
 * The table of system calls, and what is rare about them.
 *
 *     INT 0x80 → syscall() (user/syscall.h): table[EAX](registers) → EAX
 *
 * The entry of a call unpacks its arguments from the registers and calls sys_NAME().
 *
 * A call that has to wait returns -EWAIT after process_wait(). There is one kernel stack, so
 * nothing of the call stays: EIP goes back to the INT 0x80, EAX still has the number,
 * and when the process has its turn again, it makes the call again, as if for the first
 * time. `late` says that it is not the first time:
 *
 *     first made:    late = 0        → -EWAIT    late = AGAIN, EIP -= 2, leaves the ring
 *     woken:         late = AGAIN    → -EWAIT    the same again
 *     woken:         late = AGAIN    → result    late = 0, EAX = result
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <kernel/printk.h>
#include <user/syscall.h>
#include <user/syscall_names.h>

#define NUMBERS 512u /* more than Linux has */

uint32_t syscall_count;

#define PASS_0(r) ()
#define PASS_1(r) ((r)->ebx)
#define PASS_2(r) ((r)->ebx, (r)->ecx)
#define PASS_3(r) ((r)->ebx, (r)->ecx, (r)->edx)
#define PASS_4(r) ((r)->ebx, (r)->ecx, (r)->edx, (r)->esi)
#define PASS_5(r) ((r)->ebx, (r)->ecx, (r)->edx, (r)->esi, (r)->edi)
#define PASS_6(r) ((r)->ebx, (r)->ecx, (r)->edx, (r)->esi, (r)->edi, (r)->ebp)

#define DEFINE_CALL(number, name, arguments)                           \
	static int32_t call_##name(const struct trap_frame *registers) \
	{                                                              \
		(void)registers; /* some have no arguments */          \
		return sys_##name PASS_##arguments(registers);         \
	}
SYSCALLS(DEFINE_CALL)
#undef DEFINE_CALL

#define ENTRY(number, name, arguments) [number] = call_##name,
const syscall_function syscall_table[SYSCALL_LAST + 1] = { SYSCALLS(ENTRY) };
#undef ENTRY

const char *syscall_name(uint32_t number)
{
	static const char *const names[] = { SYSCALL_NAMES };

	return number < ARRAY_SIZE(names) && names[number][0] ? names[number] : "?";
}

int32_t syscall_missing(uint32_t number)
{
	static uint32_t said[NUMBERS / 32 + 1]; /* a bit for each, one for all others */
	uint32_t index = MIN(number, NUMBERS);
	uint32_t bit = 1u << index % 32;

	if (said[index / 32] & bit)
		return -ENOSYS;
	said[index / 32] |= bit;
	log_line("user: system call %u (%s) is not there, ENOSYS (%s[%d])", number,
		 syscall_name(number), current->name, current->pid);
	return -ENOSYS;
}

void syscall_ends_late(int32_t result)
{
	struct trap_frame *registers = &current->frame.trap;

	if (result == -EWAIT && current->late & LATE_WAITS) {
		current->late = LATE_AGAIN;
		registers->eip -= SYSCALL_SIZE;
		return;
	}
	if (current->state == PROCESS_WAITING && !current->deaf)
		process_resume(current); /* the call has found another way out */
	current->late = 0;
	current->progress = 0;
	registers->eax = result;
	if (current->signals && current->signals->is_replaced)
		signal_restore_mask();
}

bool syscall_restarts(uint32_t number)
{
	switch (number) {
	case 29: /* pause */
	case 72: /* sigsuspend */
	case 142: /* _newselect */
	case 162: /* nanosleep */
	case 168: /* poll */
	case 177: /* rt_sigtimedwait */
	case 179: /* rt_sigsuspend */
	case 267: /* clock_nanosleep */
	case 308: /* pselect6 */
	case 309: /* ppoll */
	case 407: /* clock_nanosleep_time64 */
	case 413: /* pselect6_time64 */
	case 414: /* ppoll_time64 */
		return false;
	default:
		return true;
	}
}
