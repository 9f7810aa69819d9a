/* The kernel's command line: words with blanks between, some of the form key=value. */
#ifndef KERNEL_CMDLINE_H
#define KERNEL_CMDLINE_H

#include <generated/config.h>
#include <kernel/types.h>

/* As the loader passed it; empty if it passed none. */
extern char cmdline[CMDLINE_MAX];

/*
 * Value of the option `key=value` on the command line, cut to size bytes with
 * the NUL; the last one wins. False if there is none.
 */
bool boot_option(const char *key, char *value, size_t size);

/* Whether the command line has this word, by itself. */
bool boot_word(const char *text);

#endif /* KERNEL_CMDLINE_H */
