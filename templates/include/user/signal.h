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
#define SIGSTKFLT 16
#define SIGCHLD 17
#define SIGCONT 18
#define SIGSTOP 19
#define SIGTSTP 20
#define SIGTTIN 21
#define SIGTTOU 22
#define SIGURG 23
#define SIGXCPU 24
#define SIGXFSZ 25
#define SIGWINCH 28
#define SIGSYS 31
#define SIGNAL_MAX 64

/* si_code: who sent it, and why. */
#define SI_USER 0
#define SI_KERNEL 0x80
#define SI_TKILL (-6)
#define ILL_ILLOPN 2
#define FPE_INTDIV 1
#define FPE_FLTDIV 3
#define FPE_FLTOVF 4
#define FPE_FLTUND 5
#define FPE_FLTRES 6
#define FPE_FLTINV 7
#define SEGV_MAPERR 1
#define SEGV_ACCERR 2
#define BUS_ADRALN 1
#define BUS_ADRERR 2
#define TRAP_BRKPT 1
#define TRAP_TRACE 2
#define CLD_EXITED 1
#define CLD_KILLED 2
#define CLD_STOPPED 5
#define CLD_CONTINUED 6

/* sa_flags */
#define SA_NOCLDSTOP 0x00000001u
#define SA_NOCLDWAIT 0x00000002u
#define SA_SIGINFO 0x00000004u
#define SA_RESTORER 0x04000000u
#define SA_ONSTACK 0x08000000u
#define SA_RESTART 0x10000000u
#define SA_NODEFER 0x40000000u
#define SA_RESETHAND 0x80000000u

#define SIG_DFL 0
#define SIG_IGN 1

/* sigaltstack() */
#define SS_ONSTACK 1u
#define SS_DISABLE 2u
#define SS_AUTODISARM 0x80000000u
#define MINSIGSTKSZ 2048u

typedef uint64_t signal_set; /* bit n - 1 is signal n */
#define SIGNAL_BIT(number) ((signal_set)1 << ((number) - 1))

/* As rt_sigaction() has it. */
struct signal_action {
	uint32_t handler, flags, restorer;
	uint32_t mask[2];
};

/* What siginfo_t has after its first word: meaning depends on the signal. */
struct signal_info {
	int32_t code;
	uint32_t words[4]; /* pid and uid, then status; or the address */
};

/* As sigaltstack() has it. */
struct signal_stack {
	uint32_t start;
	uint32_t flags;
	uint32_t size;
};

/* Dispositions, mask, what is pending, the alternate stack. */
struct signals {
	signal_set mask, pending;
	signal_set saved; /* the mask of before a call that replaced it, if `is_replaced` */
	bool is_replaced;
	struct signal_stack stack;
	struct signal_action actions[SIGNAL_MAX];
	struct signal_info info[SIGNAL_MAX]; /* of what is pending */
};

struct process;

struct signals *signals_create(void);
struct signals *signals_clone(const struct signals *signals); /* fork: nothing is pending */
void signals_free(struct signals *signals);
void signals_exec(struct signals *signals); /* handlers become default again */

/* Whether there is something to do before the process goes on. */
bool signal_is_pending(const struct process *process);

/* Send, as the kernel; wakes the process if it waits. */
void signal_send(struct process *to, unsigned number);

/* The same, with what the receiver is told. `from` may be NULL: the kernel. */
void signal_send_info(struct process *to, unsigned number, const struct signal_info *info,
		      const struct process *from);

/* A fault of the current process's: as sent, with address and code; kills it if it is blocked or ignored. */
void signal_fault(unsigned number, int32_t code, uint32_t address, uint32_t vector, uint32_t error);

/* Before the current process goes on: run a handler, ignore, or end it. */
void signal_deliver(void);

/*
 * A call that replaces the mask while it waits (sigsuspend, ppoll): the former one is
 * back when a handler returns, or after signal_restore_mask().
 */
void signal_replace_mask(signal_set mask);
void signal_restore_mask(void);

/* A process's mask; who may have a signal now is seen again. */
void signal_set_mask(struct process *process, signal_set mask);

/* Whether the process ignores it: by SIG_IGN, or by default. */
bool signal_is_ignored(const struct process *process, unsigned number);

/* For people: "SIGSEGV"; "signal 40". */
const char *signal_name(unsigned number);

/* Where a vector is asked for, and no exception was the cause. */
#define FAULT_OF_FRAME 0x100u /* a signal's frame found no place on the stack */
#define FAULT_OF_RETURN 0x101u /* sigreturn found no frame on it */

/* For people: "general protection fault". */
const char *fault_name(uint32_t vector);

/* Set the current process's alternate stack. 0, -EPERM, -EINVAL, -ENOMEM. */
int32_t signal_set_stack(const struct signal_stack *stack);

/* --- frames on a program's stack (signal_frame.c) ----------------------------------- */

/*
 * Make the current process run a handler: its registers as they are go to its stack, with
 * `mask` to be set when it returns. 0 or -EFAULT.
 */
int32_t signal_push(unsigned number, const struct signal_info *info,
		    const struct signal_action *action, signal_set mask, uint32_t vector,
		    uint32_t error, uint32_t address);

#endif /* USER_SIGNAL_H */
