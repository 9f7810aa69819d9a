/* The VGA text screen, 80 x 25, as the BIOS leaves it. */
#ifndef ARCH_VGA_H
#define ARCH_VGA_H

/* Clear the screen. */
void vga_init(void);

/* Write one character at the cursor; '\n' starts a line, the screen scrolls. */
void vga_putc(char c);

#endif /* ARCH_VGA_H */
