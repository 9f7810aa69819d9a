/* Types and small helpers that every file needs. */
#ifndef KERNEL_TYPES_H
#define KERNEL_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A physical address in bytes. Nothing dereferences one: phys_to_virt() turns it
 * into a pointer where the direct map reaches it. Page frame 0 is never handed
 * out, so 0 stands for "none".
 */
typedef uint32_t phys_addr_t;
#define PHYS_NONE 0

#define PAGE_SHIFT 12
#define PAGE_SIZE (1u << PAGE_SHIFT) /* bytes; Intel SDM vol. 3, 4.3 */
#define PAGE_MASK (~(PAGE_SIZE - 1))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Powers of two only. */
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a) - 1))
#define ALIGN_UP(x, a) ALIGN_DOWN((x) + (__typeof__(x))(a) - 1, a)
#define IS_ALIGNED(x, a) (((x) & ((__typeof__(x))(a) - 1)) == 0)

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* Branch prediction; functions that are not inlined, or rarely called. */
#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)
#define NOINLINE __attribute__((noinline))
#define COLD __attribute__((noinline, cold))

/*
 * A leaf function on a hot path: without a frame pointer, where the compiler knows the
 * attribute.
 */
#if __has_attribute(optimize)
#define HOT_LEAF __attribute__((optimize("omit-frame-pointer"), hot))
#else
#define HOT_LEAF __attribute__((hot))
#endif

/* Static data stays in the order of the file: gcc emits it backwards, clang never does. */
#if __has_attribute(no_reorder)
#define NO_REORDER __attribute__((no_reorder))
#else
#define NO_REORDER
#endif

/* No optimisation may cross the border of this function, in either direction. */
#if __has_attribute(noipa)
#define NOIPA __attribute__((noipa))
#else
#define NOIPA NOINLINE
#endif

#ifdef __clang__
#include <kernel/bits.h> /* whoever calls __builtin_ctz() gets a 386's BSF */
#endif

/* Errors are negative, with Linux's names and numbers. */
#define ENOMEM 12
#define EFAULT 14
#define EEXIST 17
#define EINVAL 22

#endif /* KERNEL_TYPES_H */
