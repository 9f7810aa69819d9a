/*
 * Recording allocations: what kmalloc() and kfree() did, event by event.
 *
 *     # kgen:trace i=120 ops=64,400,-1,24,-4
 *
 * Events are numbered from 0 on; `i` is the first of a line. A positive number is an
 * allocation with this number of bytes. -n frees the allocation made n events before:
 * here event 122 frees the 400 bytes, and 124, four after 120, the 64. So reused
 * addresses are not ambiguous, and a lost line is noticed. Allocations with a short life,
 * which most are, take few bytes.
 *
 * Lines are printed when they are full, so a panic loses the last few dozen events. At
 * 115200 baud there is room for about 2000 events a second.
 *
 * krealloc() always moves in kernels that are watched: it is an allocation and a free.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/ktrace.h>

#define OPS_MAX 160 /* bytes: LOG_LINE_MAX less the text in front of them */

static struct {
	char ops[OPS_MAX + 1];
	size_t length; /* of them */
	size_t first; /* event of the line */
	size_t events; /* so far */
	bool over;
} trace;

static void flush(void)
{
	if (trace.length)
		kgen_line("trace i=%zu ops=%s", trace.first, trace.ops);
	trace.first = trace.events;
	trace.length = 0;
}

static size_t record(const char *sign, size_t number)
{
	char op[16];
	size_t length = snprintf(op, sizeof(op), "%s%zu", sign, number);

	if (trace.length + 1 + length > OPS_MAX)
		flush();
	if (trace.length)
		trace.ops[trace.length++] = ',';
	memcpy(trace.ops + trace.length, op, length + 1);
	trace.length += length;
	return trace.events++;
}

size_t ktrace_alloc(size_t size)
{
	return trace.over ? 0 : record("", size);
}

void ktrace_free(size_t event)
{
	if (!trace.over)
		record("-", trace.events - event);
}

void ktrace_end(void)
{
	flush();
	trace.over = true;
}
