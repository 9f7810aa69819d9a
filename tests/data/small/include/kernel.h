#ifndef KERNEL_H
#define KERNEL_H
#include <stdint.h>
extern int answer;
void main(void);
void kernel_main(void);
#endif
