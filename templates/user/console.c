/*
 * The console: a terminal on the serial line, for programs.
 *
 * Programs' output goes into the log (log_bytes(): a program can't speak the protocol).
 * Input is polled, as all interrupts but the timer's are masked: console_poll() takes
 * what has come and makes lines of it:
 *
 *     serial line --> edit[]: the line being typed --Enter--> ready[]: what read() returns
 *                      erase, kill, echo              (raw mode: at once)
 *
 * `ready` is a ring whose positions only grow; a line that was ended with ^D has no newline,
 * so its end is noted beside it. ^D alone is an end of file for one read().
 *
 * The modes are Linux's struct termios. Of them ICRNL, INLCR, IGNCR, ISIG, ICANON, ECHO,
 * VMIN = 0 and the control characters have an effect; all are remembered.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/serial.h>
#include <kernel/printk.h>
#include <user/file.h>

#define READY_SIZE 4096 /* a power of two */
#define EDIT_SIZE 1024 /* what is longer is not taken; fewer than READY_SIZE */

/* Linux's struct termios for the kernel, asm-generic/termbits.h. */
struct termios {
	uint32_t input, output, control, local;
	uint8_t line;
	uint8_t characters[19];
};

_Static_assert(sizeof(struct termios) == 36, "as Linux has it");

#define INLCR 0000100
#define IGNCR 0000200
#define ICRNL 0000400
#define ISIG 0000001
#define ICANON 0000002
#define ECHO 0000010
#define ECHOE 0000020
#define ECHOK 0000040

enum { VINTR, VQUIT, VERASE, VKILL, VEOF, VTIME, VMIN };

static struct {
	struct termios modes;
	struct {
		uint16_t rows, columns, x, y;
	} window;
	int32_t group; /* of processes that get ^C; 0: none */
	char ready[READY_SIZE];
	uint32_t written, read; /* positions in `ready` */
	uint32_t ends[8]; /* positions where a line ends without a newline */
	unsigned end_count;
	char edit[EDIT_SIZE];
	uint32_t length; /* of what is in `edit` */
	bool somebody_waits;
} console;

void console_init(void)
{
	static const uint8_t characters[] = { 3, 28, 127, 21, 4, 0, 1 };

	memset(&console, 0, sizeof(console));
	console.modes.input = ICRNL;
	console.modes.output = 05; /* OPOST | ONLCR */
	console.modes.control = 010262; /* B115200 | CS8 | CREAD */
	console.modes.local = ISIG | ICANON | ECHO | ECHOE | ECHOK;
	memcpy(console.modes.characters, characters, sizeof(characters));
	console.window.rows = 25;
	console.window.columns = 80;
}

/* --- input ------------------------------------------------------------------------ */

static void put_ready(char c)
{
	if (console.written - console.read < READY_SIZE)
		console.ready[console.written++ % READY_SIZE] = c;
}

static void echo(const char *text, size_t n)
{
	if (console.modes.local & ECHO)
		log_bytes(text, n);
}

/* The line that was typed can be read. With `newline` it ends with one. */
static void finish_line(bool newline)
{
	for (uint32_t i = 0; i < console.length; i++)
		put_ready(console.edit[i]);
	console.length = 0;
	if (newline)
		put_ready('\n');
	else if (console.end_count < ARRAY_SIZE(console.ends))
		console.ends[console.end_count++] = console.written;
}

static void erase(bool all)
{
	while (console.length) {
		console.length--;
		echo("\b \b", 3);
		if (!all)
			return;
	}
}

/* A signal to the group in the foreground. */
static void signal_group(unsigned number)
{
	for (struct process *process = process_after(NULL); process;
	     process = process_after(process)) {
		if (process->group == console.group && process->state != PROCESS_ENDED)
			signal_send(process, number);
	}
}

static bool take_signal(char c)
{
	const uint8_t *characters = console.modes.characters;

	if (!(console.modes.local & ISIG) || !c)
		return false;
	if (c != (char)characters[VINTR] && c != (char)characters[VQUIT])
		return false;
	console.length = 0;
	if (console.group)
		signal_group(c == (char)characters[VINTR] ? SIGINT : SIGQUIT);
	return true;
}

/* A byte of a line that is being typed. */
static void edit(char c)
{
	const uint8_t *characters = console.modes.characters;

	if (c == '\n') {
		echo("\n", 1);
		finish_line(true);
	} else if (c == (char)characters[VEOF]) {
		finish_line(false);
	} else if (c == (char)characters[VERASE] || c == '\b') {
		erase(false);
	} else if (c == (char)characters[VKILL]) {
		erase(true);
	} else if (console.length < EDIT_SIZE) {
		console.edit[console.length++] = c;
		echo(&c, 1);
	}
}

static void take(char c)
{
	if (c == '\r' && (console.modes.input & IGNCR))
		return;
	if (c == '\r' && (console.modes.input & ICRNL))
		c = '\n';
	else if (c == '\n' && (console.modes.input & INLCR))
		c = '\r';
	if (take_signal(c))
		return;
	if (console.modes.local & ICANON) {
		edit(c);
	} else {
		put_ready(c);
		echo(&c, 1);
	}
}

bool console_has_input(void)
{
	return console.read != console.written || console.end_count;
}

void console_poll(void)
{
	bool came = false;
	char c;

	/* Room for a whole line: what does not fit stays in the UART, and with who sends it. */
	while (READY_SIZE - (console.written - console.read) > EDIT_SIZE && serial_getc(&c)) {
		take(c);
		came = true;
	}
	if (!came || !console_has_input())
		return;
	if (console.somebody_waits) {
		console.somebody_waits = false;
		process_wake(&console);
	}
	pollers_wake();
}

bool console_is_awaited(void)
{
	return console.somebody_waits || somebody_polls;
}

int32_t console_wait(void)
{
	console.somebody_waits = true;
	return process_wait(&console);
}

/* Bytes of `ready` that one read() may return, `n` at most. */
static uint32_t line_length(uint32_t n)
{
	uint32_t most = MIN(n, console.written - console.read);

	if (!(console.modes.local & ICANON))
		return most;
	if (console.end_count)
		most = MIN(most, console.ends[0] - console.read);
	for (uint32_t i = 0; i < most; i++) {
		if (console.ready[(console.read + i) % READY_SIZE] == '\n')
			return i + 1;
	}
	return most;
}

int32_t console_read(uint32_t to, uint32_t n)
{
	uint32_t done = 0;

	if (!n)
		return 0;
	if (!console_has_input())
		return !(console.modes.local & ICANON) && !console.modes.characters[VMIN] ? 0 :
											    -EAGAIN;
	n = line_length(n);
	while (done < n) {
		uint32_t at = console.read % READY_SIZE;
		uint32_t part = MIN(n - done, READY_SIZE - at);

		if (copy_to_user(to + done, console.ready + at, part))
			return done ? (int32_t)done : -EFAULT;
		console.read += part;
		done += part;
	}
	if (console.end_count && console.read == console.ends[0]) {
		console.end_count--;
		memmove(console.ends, console.ends + 1,
			console.end_count * sizeof(console.ends[0]));
	}
	return (int32_t)done;
}

/* --- output ------------------------------------------------------------------------- */

int32_t console_write(uint32_t from, uint32_t n, bool kernel)
{
	char text[256];
	uint32_t done = 0;

	while (done < n) {
		uint32_t part = MIN(n - done, sizeof(text));

		if (bytes_in(text, from + done, part, kernel))
			return done ? (int32_t)done : -EFAULT;
		log_bytes(text, part);
		done += part;
	}
	return (int32_t)done;
}

/* --- ioctl() -------------------------------------------------------------------------- */

/* Numbers are Linux's: asm-generic/ioctls.h. */
#define TCGETS 0x5401
#define TCSETS 0x5402
#define TCSETSW 0x5403
#define TCSETSF 0x5404
#define TCFLSH 0x540b
#define TIOCSCTTY 0x540e
#define TIOCGPGRP 0x540f
#define TIOCSPGRP 0x5410
#define TIOCGWINSZ 0x5413
#define TIOCSWINSZ 0x5414
#define FIONREAD 0x541b
#define TIOCNOTTY 0x5422
#define TIOCGSID 0x5429

static void forget_input(void)
{
	console.read = console.written;
	console.length = 0;
	console.end_count = 0;
}

static int32_t set_modes(uint32_t from, bool forget)
{
	struct termios modes;

	if (copy_from_user(&modes, from, sizeof(modes)))
		return -EFAULT;
	console.modes = modes;
	if (forget)
		forget_input();
	else if (!(modes.local & ICANON))
		finish_line(false); /* what was typed is input now, and its end none */
	if (!(modes.local & ICANON))
		console.end_count = 0;
	return 0;
}

int32_t console_control(uint32_t request, uint32_t argument)
{
	switch (request) {
	case TCGETS:
		return copy_to_user(argument, &console.modes, sizeof(console.modes));
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return set_modes(argument, request == TCSETSF);
	case TCFLSH:
		forget_input();
		return 0;
	case TIOCGPGRP:
		return word_to_user(argument, (uint32_t)console.group);
	case TIOCSPGRP:
		return copy_from_user(&console.group, argument, sizeof(console.group));
	case TIOCGSID:
		return word_to_user(argument, (uint32_t)current->session);
	case TIOCGWINSZ:
		return copy_to_user(argument, &console.window, sizeof(console.window));
	case TIOCSWINSZ:
		return copy_from_user(&console.window, argument, sizeof(console.window));
	case FIONREAD:
		return word_to_user(argument, console.written - console.read);
	case TIOCSCTTY:
	case TIOCNOTTY:
		return 0;
	default:
		return -ENOTTY;
	}
}
