/*
 * System calls: Linux's i386 numbers, structures and errors, by INT 0x80.
 *
 * The number is in EAX, arguments in EBX, ECX, EDX, ESI, EDI, EBP; the result in EAX. Each
 * is a plain C function sys_NAME(), in the file of its subject; user/syscall.c has the table.
 */
#ifndef USER_SYSCALL_H
#define USER_SYSCALL_H

#include <user/errno.h>
#include <user/process.h>
#include <user/syscall_list.h>

#define SYSCALL_SIZE 2 /* bytes of INT 0x80 */

/* Unpacks the arguments of one call. */
typedef int32_t (*syscall_function)(const struct trap_frame *registers);

extern const syscall_function syscall_table[SYSCALL_LAST + 1];

/* A number that is not in the table: says so once, and is -ENOSYS. */
int32_t syscall_missing(uint32_t number);

/* The call has returned -EWAIT, or was made again: see user/syscall.c. */
void syscall_ends_late(int32_t result);

/* Whether SA_RESTART makes a call again that a handler interrupted. */
bool syscall_restarts(uint32_t number);

/* A handler ends a call of these registers: one that sleeps says how long it would have yet. */
void time_interrupted(const struct trap_frame *registers);

/* What a number is called: "getpid"; "?" if Linux has no such call. */
const char *syscall_name(uint32_t number);

/* Calls made so far. */
extern uint32_t syscall_count;

/* Make the call that the current process's registers ask for. */
static inline void syscall(void)
{
	struct process *process = current;
	uint32_t number = process->frame.trap.eax;
	int32_t result;

	syscall_count++;
	if (likely(number <= SYSCALL_LAST && syscall_table[number]))
		result = syscall_table[number](&process->frame.trap);
	else
		result = syscall_missing(number);
	if (unlikely(process->late))
		syscall_ends_late(result);
	else
		process->frame.trap.eax = result;
}

#endif /* USER_SYSCALL_H */
