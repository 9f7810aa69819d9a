/*
 * The text screen: 25 rows of 80 cells in video memory at physical 0xb8000, each a
 * character and its attribute. It is mapped from the first instruction on, by the
 * boot page tables and then by the direct map (both show the first MiB).
 *
 * The hardware cursor is moved at the end of each line only: moving it takes four
 * port writes.
 */
#include <arch/io.h>
#include <arch/paging.h>
#include <arch/vga.h>
#include <kernel/string.h>

#define SCREEN 0xb8000
#define COLUMNS 80
#define ROWS 25
#define BLANK 0x0720 /* light grey on black, a space */

/* CRT controller (IBM VGA technical reference, 2.4): index and data port. */
#define CRTC_INDEX 0x3d4
#define CRTC_DATA 0x3d5
#define CURSOR_HIGH 0x0e
#define CURSOR_LOW 0x0f

static unsigned row;
static unsigned column;

static uint16_t *cell(unsigned r, unsigned c)
{
	return (uint16_t *)phys_to_virt(SCREEN) + r * COLUMNS + c;
}

static void clear_row(unsigned r)
{
	for (unsigned c = 0; c < COLUMNS; c++)
		*cell(r, c) = BLANK;
}

static void move_cursor(void)
{
	unsigned at = row * COLUMNS + column;

	outb(CRTC_INDEX, CURSOR_HIGH);
	outb(CRTC_DATA, at >> 8);
	outb(CRTC_INDEX, CURSOR_LOW);
	outb(CRTC_DATA, at & 0xff);
}

void vga_init(void)
{
	for (unsigned r = 0; r < ROWS; r++)
		clear_row(r);
	row = 0;
	column = 0;
	move_cursor();
}

static void new_line(void)
{
	column = 0;
	if (row < ROWS - 1) {
		row++;
	} else {
		memmove(cell(0, 0), cell(1, 0), (ROWS - 1) * COLUMNS * sizeof(uint16_t));
		clear_row(ROWS - 1);
	}
	move_cursor();
}

void vga_putc(char c)
{
	if (c == '\n') {
		new_line();
		return;
	}
	if (column == COLUMNS)
		new_line();
	*cell(row, column++) = (BLANK & 0xff00) | (uint8_t)c;
}
