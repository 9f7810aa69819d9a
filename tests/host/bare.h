/*
 * What a bare program has instead of a C library: system calls of 32-bit Linux,
 * and the kernel's own memory functions and vsnprintf().
 */
#ifndef BARE_H
#define BARE_H

#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/types.h>

/* The program; what it returns is its exit status. */
int run(void);

void leave(int status) __attribute__((noreturn));

/* Write formatted text, at most 8 KiB, to the standard output. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Say what is wrong and leave with status 1. */
void wrong(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* The next line of the standard input without its newline, or NULL at the end. */
char *next_line(void);

/* Memory for good, all 0. */
void *fresh_pages(size_t pages);

/* A file in memory, `pages` long; map a page of it, or unmap a page. */
int memory_file(size_t pages);
void map_file(int file, size_t page, uintptr_t virt);
void unmap(uintptr_t virt);

/*
 * From now on an access that faults calls this, and is tried again. It may leave by
 * __builtin_longjmp() as well.
 */
void on_page_fault(void (*handler)(uintptr_t addr));

/* A random number below `below`. */
uint32_t draw(uint32_t below);

#endif /* BARE_H */
