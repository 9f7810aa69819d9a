/*
 * Stage `user`: process 1 from its first instruction to its end, and everything as it was
 * before.
 *
 * Concurrency: none; one CPU, interrupts off but for ring 3 and timer_wait().
 */
#include <arch/timer.h>
#include <arch/usermode.h>
#include <kernel/cmdline.h>
#include <kernel/printk.h>
#include <user/exec.h>
#include <user/report.h>
#include <user/user.h>

#define NOT_FOUND (127u << 8) /* wait statuses, as of a shell that runs a program */
#define NOT_EXECUTABLE (126u << 8)

/* Process 1 as it was before it had a program. */
static struct process *create_init(void)
{
	struct process *init = process_create();

	if (!init)
		return NULL;
	init->group = init->session = init->pid;
	init->files = files_create();
	init->signals = signals_create();
	if (init->files && init->signals)
		return init;
	if (init->files)
		files_put(init->files);
	signals_free(init->signals);
	process_free(init);
	return NULL;
}

/* Everybody but process 1 ends with it; then no record is left. */
static void end_all(void)
{
	struct process *each;

	for (each = process_after(NULL); each; each = process_after(each))
		process_end(each, SIGKILL);
	while ((each = process_after(NULL)))
		process_free(each);
	attention = 0;
}

static int32_t start(const char *path, const char *const arguments[])
{
	struct program_arguments copied = { .text = NULL };
	int32_t error = 0;

	for (; !error && arguments[copied.argc]; copied.argc += !error)
		error = arguments_add(&copied, arguments[copied.argc]);
	process_set_name(current, path);
	if (!error)
		error = process_execute(path, &copied);
	arguments_free(&copied);
	return error;
}

uint32_t processes_run(const char *path, const char *const arguments[])
{
	struct process *init = create_init();
	int32_t error;

	if (!init) {
		log_line("user: no memory for process 1");
		return NOT_EXECUTABLE;
	}
	init_has_ended = false;
	current = init;
	process_join(init);
	user_totals.processes = user_totals.most = 1;
	user_totals.tells_all = boot_word("stats");
	error = start(path, arguments);
	if (!error) {
		user_note_start(init->space);
	} else {
		log_line("user: %s can't be process 1: error %d", path, -error);
		process_end(init, error == -ENOENT ? NOT_FOUND : NOT_EXECUTABLE);
	}
	processes_schedule();
	end_all();
	return init_status;
}

int32_t user_begin(void)
{
	if (spaces_init())
		return -ENOMEM;
	if (nodes_init())
		goto no_nodes;
	if (process_init())
		goto no_processes;
	//% if cpu.fpu == "x87"
	fpu_init();
	//% else
	refuse_fpu();
	//% endif
	timer_init();
	return 0;

no_processes:
	nodes_exit();
no_nodes:
	spaces_exit();
	return -ENOMEM;
}

void user_end(void)
{
	timer_stop();
	process_fini();
	nodes_exit();
	spaces_exit();
}

uint32_t user_run(const char *path, const char *const arguments[])
{
	uint32_t status = NOT_EXECUTABLE;

	if (user_begin()) {
		log_line("user: no memory for user space");
		return status;
	}
	status = processes_run(path, arguments);
	user_end();
	return status;
}
