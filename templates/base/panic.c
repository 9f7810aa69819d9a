/*
 * The ways in which a boot ends.
 *
 * A panic prints, for people, what happened and the registers; for programs,
 * `# kgen:panic` and the return addresses on the stack, which `kgen boot` turns
 * into functions, files and lines. All of it uses nothing but the consoles.
 */
#include <generated/config.h>
#include <kernel/ktest.h>
#include <kernel/panic.h>
#include <kernel/printk.h>

#define BACKTRACE_MAX 16 /* of 11 bytes each: fits a protocol line */

static const struct machine *machine;
static struct panic_note *notes;

void panic_init(const struct machine *this_machine)
{
	machine = this_machine;
}

void panic_add_note(struct panic_note *note)
{
	note->next = notes;
	notes = note;
}

/*
 * Print `# kgen:bt` with "0x…" for each caller. `where` is the instruction that faulted,
 * NULL if the panic is not a fault.
 */
static void print_backtrace(const uint32_t *where, uintptr_t frame)
{
	uint32_t addresses[BACKTRACE_MAX];
	char line[LOG_LINE_MAX] = "";
	unsigned count = 0;
	int length = 0;

	if (where)
		addresses[count++] = *where;
	count += machine->callers(frame, addresses + count, BACKTRACE_MAX - 1);
	for (unsigned i = 0; i < count; i++)
		length += snprintf(line + length, sizeof(line) - length, " 0x%x", addresses[i]);
	kgen_line("bt%s", line);
}

static void end(const char *status, uint8_t code) __attribute__((noreturn));

static void end(const char *status, uint8_t code)
{
	kgen_line("end status=%s ok=%u fail=%u skip=%u", status, ktest_counts.ok, ktest_counts.fail,
		  ktest_counts.skip);
	machine->exit(code);
}

/* A panic within a panic prints nothing more: printing might fail again. */
void panic_enter(void)
{
	static bool panicking;

	if (panicking)
		machine->exit(EXIT_PANIC);
	panicking = true;
	if (notes)
		printk("\n");
	for (const struct panic_note *note = notes; note; note = note->next)
		note->print();
}

/* The message is quoted in the protocol: no quote, and nothing that escapes one. */
static void unquote(char *text)
{
	for (; *text; text++) {
		if (*text == '"')
			*text = '\'';
		else if (*text == '\\')
			*text = '/';
	}
}

void panic_end(const struct panic_report *report)
{
	unquote(report->text);
	printk("\nkernel panic: %s\n%s", report->text, report->details);
	kgen_line("panic %s msg=\"%s\"", report->fields, report->text);
	print_backtrace(report->where, report->frame);
	end("panic", EXIT_PANIC);
}

void panic(const char *format, ...)
{
	char text[160]; /* with what stands around it, a protocol line */
	char fields[16];
	va_list args;

	panic_enter();
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(fields, sizeof(fields), "eip=%p", __builtin_return_address(0));
	panic_end(&(struct panic_report){
		.text = text,
		.details = "",
		.fields = fields,
		.frame = (uintptr_t)__builtin_frame_address(0),
	});
}

void refuse_boot(const char *format, ...)
{
	char text[150]; /* with what stands around it, a protocol line */
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	unquote(text);
	printk("\nboot refused: %s\n", text);
	kgen_line("panic eip=0x%x msg=\"boot refused: %s\"", (uintptr_t)__builtin_return_address(0),
		  text);
	end("refused", EXIT_REFUSED);
}

void kernel_end(bool passed)
{
	log_line("%s: %u tests passed, %u failed, %u skipped", passed ? "pass" : "fail",
		 ktest_counts.ok, ktest_counts.fail, ktest_counts.skip);
	end(passed ? "pass" : "fail", passed ? EXIT_PASS : EXIT_FAIL);
}
