/*
 * System calls that wait for several files: poll, select and their relatives.
 *
 * A process that finds nothing ready sleeps until anything changes at any pipe or the
 * console, and looks again: pollers are few, and so are files.
 *
 * The call is made again from its beginning each time (EWAIT); its deadline stays what it
 * was when it was made first (process_deadline()).
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/timer.h>
#include <user/file.h>
#include <user/syscall_list.h>

struct pollfd {
	int32_t fd;
	int16_t events, returned;
};

#define ALWAYS_READY (POLL_IN | POLL_OUT | POLL_READ_NORMAL | POLL_WRITE_NORMAL)

bool somebody_polls;

void pollers_look(void)
{
	somebody_polls = false;
	process_wake(&somebody_polls);
}

unsigned file_poll(const struct file *file)
{
	unsigned events;

	if (file->kind == FILE_PIPE)
		events = pipe_poll(file);
	else if (file_can_seek(file))
		return ALWAYS_READY;
	else
		events = POLL_OUT | (console_has_input() ? POLL_IN : 0);
	if (events & POLL_IN)
		events |= POLL_READ_NORMAL;
	if (events & POLL_OUT)
		events |= POLL_WRITE_NORMAL;
	return events;
}

/* --- how long to wait ---------------------------------------------------------------------- */

#define FOREVER 0xffffffffu
#define NANOSECONDS 1000000000u
#define TICK_NS (NANOSECONDS / TIMER_HZ)

/* Ticks of a time, rounded up; what is beyond a year is for ever. */
static uint32_t ticks_of(uint32_t seconds, uint32_t nanoseconds)
{
	if (seconds >= 0x7fffffff / TIMER_HZ)
		return FOREVER;
	return seconds * TIMER_HZ + (nanoseconds + TICK_NS - 1) / TICK_NS;
}

static uint32_t ticks_of_milliseconds(uint32_t milliseconds)
{
	if ((int32_t)milliseconds < 0)
		return FOREVER;
	return ticks_of(milliseconds / 1000, milliseconds % 1000 * 1000000);
}

/*
 * Nothing was ready. Sleep until something may be; 0 if the time is over, else what the
 * system call returns now.
 */
static int32_t wait_for_any(uint32_t ticks)
{
	uint32_t deadline;

	somebody_polls = true;
	if (ticks == FOREVER)
		return process_wait(&somebody_polls);
	deadline = process_deadline(ticks);
	if (process_is_late(deadline))
		return 0;
	return process_wait_until(&somebody_polls, deadline);
}

/* --- poll ------------------------------------------------------------------------------------ */

static int32_t do_poll(uint32_t fds, uint32_t count, uint32_t ticks)
{
	int32_t ready = 0;

	if (count > FILES_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = fds + i * sizeof(struct pollfd);
		struct pollfd poll;
		const struct file *file;

		if (copy_from_user(&poll, at, sizeof(poll)))
			return -EFAULT;
		file = poll.fd < 0 ? NULL : file_of((uint32_t)poll.fd);
		poll.returned = 0;
		if (file)
			poll.returned = (int16_t)(file_poll(file) & ((uint16_t)poll.events |
								     POLL_ERROR | POLL_HANGUP));
		else if (poll.fd >= 0)
			poll.returned = POLL_INVALID;
		ready += poll.returned != 0;
		if (copy_to_user(at + 6, &poll.returned, sizeof(poll.returned)))
			return -EFAULT;
	}
	return ready ? ready : wait_for_any(ticks);
}

int32_t sys_poll(uint32_t fds, uint32_t count, uint32_t milliseconds)
{
	return do_poll(fds, count, ticks_of_milliseconds(milliseconds));
}

/* A timespec of 32 or 64 bits a field; none is for ever. */
static int32_t read_time(uint32_t from, bool wide, uint32_t *ticks)
{
	uint32_t words[4];

	*ticks = FOREVER;
	if (!from)
		return 0;
	if (copy_from_user(words, from, wide ? 16 : 8))
		return -EFAULT;
	if (!wide) {
		words[2] = words[1];
		words[1] = (int32_t)words[0] < 0 ? FOREVER : 0;
	}
	if ((int32_t)words[1] < 0 || words[2] >= NANOSECONDS)
		return -EINVAL;
	*ticks = words[1] ? FOREVER : ticks_of(words[0], words[2]);
	return 0;
}

/* A signal mask is not exchanged: nobody here depends on the moment. */
static int32_t poll_until(uint32_t fds, uint32_t count, uint32_t time, bool wide)
{
	uint32_t ticks;
	int32_t error = read_time(time, wide, &ticks);

	return error ? error : do_poll(fds, count, ticks);
}

int32_t sys_ppoll(uint32_t fds, uint32_t count, uint32_t time, uint32_t mask, uint32_t size)
{
	(void)mask;
	(void)size;
	return poll_until(fds, count, time, false);
}

int32_t sys_ppoll_time64(uint32_t fds, uint32_t count, uint32_t time, uint32_t mask, uint32_t size)
{
	(void)mask;
	(void)size;
	return poll_until(fds, count, time, true);
}

/* --- select ---------------------------------------------------------------------------------- */

#define SET_WORDS (FILES_MAX / 32)

struct sets {
	uint32_t bits[3][SET_WORDS]; /* to read, to write, exceptions */
};

/* What counts as ready in each of the sets; Linux, fs/select.c. */
static const uint16_t set_events[] = {
	POLL_IN | POLL_HANGUP | POLL_ERROR,
	POLL_OUT | POLL_ERROR,
	0,
};

static int32_t read_sets(const uint32_t from[3], uint32_t words, struct sets *sets)
{
	memset(sets, 0, sizeof(*sets));
	for (unsigned i = 0; i < 3; i++) {
		if (from[i] && copy_from_user(sets->bits[i], from[i], words * 4))
			return -EFAULT;
	}
	return 0;
}

static int32_t write_sets(const uint32_t to[3], uint32_t words, const struct sets *sets)
{
	for (unsigned i = 0; i < 3; i++) {
		if (to[i] && copy_to_user(to[i], sets->bits[i], words * 4))
			return -EFAULT;
	}
	return 0;
}

/* Leave in the sets what is ready. How many, or -EBADF. */
static int32_t look_at_sets(uint32_t count, struct sets *sets)
{
	int32_t ready = 0;

	for (uint32_t fd = 0; fd < count; fd++) {
		uint32_t bit = 1u << fd % 32;

		for (unsigned i = 0; i < 3; i++) {
			uint32_t *word = &sets->bits[i][fd / 32];
			const struct file *file;

			if (!(*word & bit))
				continue;
			file = file_of(fd);
			if (!file)
				return -EBADF;
			if (file_poll(file) & set_events[i])
				ready++;
			else
				*word &= ~bit;
		}
	}
	return ready;
}

static int32_t do_select(uint32_t count, const uint32_t addresses[3], uint32_t ticks)
{
	static struct sets sets;
	uint32_t words;
	int32_t ready;

	if ((int32_t)count < 0)
		return -EINVAL;
	count = MIN(count, FILES_MAX);
	words = (count + 31) / 32;
	if (read_sets(addresses, words, &sets))
		return -EFAULT;
	ready = look_at_sets(count, &sets);
	if (!ready) {
		ready = wait_for_any(ticks);
		if (ready)
			return ready; /* it waits: the sets stay what they were */
	}
	if (ready >= 0 && write_sets(addresses, words, &sets))
		return -EFAULT;
	return ready;
}

int32_t sys__newselect(uint32_t count, uint32_t in, uint32_t out, uint32_t exceptions,
		       uint32_t time)
{
	uint32_t ticks = FOREVER;
	uint32_t words[2];

	if (time && copy_from_user(words, time, sizeof(words)))
		return -EFAULT;
	if (time && ((int32_t)words[0] < 0 || (int32_t)words[1] < 0))
		return -EINVAL;
	if (time)
		ticks = ticks_of(words[0] + words[1] / 1000000, words[1] % 1000000 * 1000);
	return do_select(count, (uint32_t[]){ in, out, exceptions }, ticks);
}

int32_t sys_pselect6(uint32_t count, uint32_t in, uint32_t out, uint32_t exceptions, uint32_t time,
		     uint32_t mask)
{
	uint32_t ticks;
	int32_t error = read_time(time, false, &ticks);

	(void)mask;
	return error ? error : do_select(count, (uint32_t[]){ in, out, exceptions }, ticks);
}

int32_t sys_pselect6_time64(uint32_t count, uint32_t in, uint32_t out, uint32_t exceptions,
			    uint32_t time, uint32_t mask)
{
	uint32_t ticks;
	int32_t error = read_time(time, true, &ticks);

	(void)mask;
	return error ? error : do_select(count, (uint32_t[]){ in, out, exceptions }, ticks);
}
