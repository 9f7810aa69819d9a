/*
 * Signals, as far as memory needs them: faults can be caught. Numbers and structures are
 * Linux's for i386.
 */
#ifndef USER_SIGNAL_H
#define USER_SIGNAL_H

#include <user/errno.h>

#define SIGHUP 1
#define SIGINT 2
#define SIGQUIT 3
#define SIGILL 4
#define SIGTRAP 5
#define SIGABRT 6
#define SIGBUS 7
#define SIGFPE 8
#define SIGKILL 9
#define SIGUSR1 10
#define SIGSEGV 11
#define SIGUSR2 12
#define SIGPIPE 13
#define SIGALRM 14
#define SIGTERM 15
#define SIGCHLD 17
#define SIGCONT 18
#define SIGSTOP 19
#define SIGNAL_MAX 64

struct process;
struct signals; /* dispositions, mask, what is pending, the alternate stack */

struct signals *signals_create(void);
struct signals *signals_clone(const struct signals *signals); /* fork: nothing is pending */
void signals_free(struct signals *signals);
void signals_exec(struct signals *signals); /* handlers become default again */

/* Whether there is something to do before the process goes on: one load and a test. */
bool signal_is_pending(const struct process *process);

/* Send; wakes the process if it waits. */
void signal_send(struct process *to, unsigned number);

/* A fault of the current process's: as sent, with address and code; kills it if it is blocked or ignored. */
void signal_fault(unsigned number, int32_t code, uint32_t address, uint32_t vector,
		  uint32_t error);

/* Before the current process goes on: run a handler, ignore, or end it. */
void signal_deliver(void);

#endif /* USER_SIGNAL_H */
