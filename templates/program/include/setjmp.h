/* Going back to where one was. Signal masks are not kept. */
#ifndef _SETJMP_H
#define _SETJMP_H

typedef unsigned jmp_buf[6]; /* ebx, esi, edi, ebp, esp, eip */

int setjmp(jmp_buf here) __attribute__((returns_twice));
void longjmp(jmp_buf there, int value) __attribute__((noreturn));

#endif /* _SETJMP_H */
