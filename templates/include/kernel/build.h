/* Which kernel this is. */
#ifndef KERNEL_BUILD_H
#define KERNEL_BUILD_H

/*
 * A hash over the whole ELF file with these digits as zeros: two kernels that
 * differ in anything have two ids. kgen writes it once all is linked.
 */
extern const char kernel_build_id[13];

#endif /* KERNEL_BUILD_H */
