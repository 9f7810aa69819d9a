/* Names of signals and faults, for the log. */
#include <kernel/printk.h>
#include <user/signal.h>

const char *signal_name(unsigned number)
{
	static const char *const names[] = {
		"no signal", "SIGHUP",	"SIGINT",    "SIGQUIT", "SIGILL",  "SIGTRAP",	"SIGABRT",
		"SIGBUS",    "SIGFPE",	"SIGKILL",   "SIGUSR1", "SIGSEGV", "SIGUSR2",	"SIGPIPE",
		"SIGALRM",   "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP",	"SIGTSTP",
		"SIGTTIN",   "SIGTTOU", "SIGURG",    "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF",
		"SIGWINCH",  "SIGIO",	"SIGPWR",    "SIGSYS",
	};
	static char text[16];

	if (number < ARRAY_SIZE(names))
		return names[number];
	snprintf(text, sizeof(text), "signal %u", number);
	return text;
}

const char *fault_name(uint32_t vector)
{
	static const char *const names[] = {
		"division by zero",
		"debug trap",
		"interrupt 2",
		"breakpoint",
		"overflow",
		"bounds exceeded",
		"invalid instruction",
		"no floating point here",
		"interrupt 8",
		"interrupt 9",
		"invalid task",
		"segment not present",
		"stack segment fault",
		"general protection fault",
		"page fault",
		"interrupt 15",
		"floating-point error",
		"alignment fault",
	};

	if (vector == FAULT_OF_FRAME)
		return "no room for a signal's frame";
	if (vector == FAULT_OF_RETURN)
		return "return from a signal without a frame";
	return vector < ARRAY_SIZE(names) ? names[vector] : "unexpected interrupt";
}
