/*
 * The kernel's text must not change. Where the CPU honours read-only pages in ring
 * 0 (CR0.WP, from the 486 on), page tables see to that; a 386 does not, so there a
 * checksum at the end detects writes to it.
 */
#ifndef ARCH_TEXT_H
#define ARCH_TEXT_H

//% if cpu.minimum == "386"
/* Note the checksum of text and read-only data, where it is needed. */
void text_seal(void);

/* Panics if they have changed since. */
void text_verify(void);
//% else
/* Every CPU that this kernel runs on honours CR0.WP. */
static inline void text_seal(void)
{
}

static inline void text_verify(void)
{
}
//% endif

#endif /* ARCH_TEXT_H */
