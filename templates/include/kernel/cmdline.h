/* The kernel's command line: words with blanks between, some of the form key=value. */
#ifndef KERNEL_CMDLINE_H
#define KERNEL_CMDLINE_H

#include <generated/config.h>
#include <kernel/types.h>

/* As the loader passed it; empty if it passed none. */
extern char cmdline[CMDLINE_MAX];

/*
 * Copy the value of the option `key=value`, cut to size bytes with the NUL. The last one
 * wins. Returns false if there is no such option.
 */
bool boot_option(const char *key, char *value, size_t size);

/* Whether the command line has this word, by itself. */
bool boot_word(const char *text);

#endif /* KERNEL_CMDLINE_H */
