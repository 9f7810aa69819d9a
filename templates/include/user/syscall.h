/*
 * System calls: Linux's i386 numbers, structures and errors, by INT 0x80.
 *
 * The number is in EAX, arguments in EBX, ECX, EDX, ESI, EDI, EBP; the result in EAX. Each
 * is a plain C function sys_NAME(), in the file of its subject; user/syscall.c has the table.
 */
#ifndef USER_SYSCALL_H
#define USER_SYSCALL_H

#include <user/errno.h>

/* Make the call that the current process's registers ask for. */
void syscall(void);

#endif /* USER_SYSCALL_H */
