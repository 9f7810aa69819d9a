#ifndef KERNEL_H
#define KERNEL_H
#include <stdint.h>
extern int answer;
extern const char kernel_build_id[13];
void main(void);
void kernel_main(void);
#endif
