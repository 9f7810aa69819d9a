/*
 * System calls about time. A tick of the timer is all that is known: 1/TIMER_HZ seconds, and
 * none while the kernel runs. All clocks began at 0 when user space did; nobody reads the
 * machine's own clock, so the same boot says the same times.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/timer.h>
#include <user/syscall.h>
#include <user/uaccess.h>

#define BILLION 1000000000u
#define TICK (BILLION / TIMER_HZ) /* nanoseconds */
#define CLOCKS 12 /* CLOCK_TAI is 11 */
#define CLOCK_PROCESS 2
#define CLOCK_THREAD 3
#define TIMER_ABSTIME 1u
#define TICKS_MAX 0x3fffffffu /* half a year: more than anybody waits */

struct time32 {
	int32_t seconds, nanoseconds;
};

struct time64 {
	int64_t seconds;
	int32_t nanoseconds, pad;
};

/* A clock, in ticks. */
static uint32_t read_clock(uint32_t clock)
{
	return clock == CLOCK_PROCESS || clock == CLOCK_THREAD ? current->ticks : timer_ticks;
}

static int32_t write_32(uint32_t to, uint32_t ticks)
{
	struct time32 time = { ticks / TIMER_HZ, ticks % TIMER_HZ * TICK };

	return copy_to_user(to, &time, sizeof(time));
}

static int32_t write_64(uint32_t to, uint32_t ticks)
{
	struct time64 time = { ticks / TIMER_HZ, ticks % TIMER_HZ * TICK, 0 };

	return copy_to_user(to, &time, sizeof(time));
}

/* --- clocks ------------------------------------------------------------------------- */

int32_t sys_clock_gettime(uint32_t clock, uint32_t to)
{
	return clock < CLOCKS ? write_32(to, read_clock(clock)) : -EINVAL;
}

int32_t sys_clock_gettime64(uint32_t clock, uint32_t to)
{
	return clock < CLOCKS ? write_64(to, read_clock(clock)) : -EINVAL;
}

int32_t sys_clock_getres(uint32_t clock, uint32_t to)
{
	if (clock >= CLOCKS)
		return -EINVAL;
	return to ? write_32(to, 1) : 0;
}

int32_t sys_clock_getres_time64(uint32_t clock, uint32_t to)
{
	if (clock >= CLOCKS)
		return -EINVAL;
	return to ? write_64(to, 1) : 0;
}

int32_t sys_time(uint32_t to)
{
	int32_t seconds = timer_ticks / TIMER_HZ;

	return to && word_to_user(to, seconds) ? -EFAULT : seconds;
}

int32_t sys_gettimeofday(uint32_t to, uint32_t zone)
{
	uint32_t time[2] = { timer_ticks / TIMER_HZ, timer_ticks % TIMER_HZ * (TICK / 1000) };
	uint32_t nothing[2] = { 0, 0 };

	if (to && copy_to_user(to, time, sizeof(time)))
		return -EFAULT;
	return zone ? copy_to_user(zone, nothing, sizeof(nothing)) : 0;
}

int32_t sys_times(uint32_t to)
{
	uint32_t ticks[4] = { current->ticks, 0, current->children_ticks, 0 };

	return to && copy_to_user(to, ticks, sizeof(ticks)) ? -EFAULT : (int32_t)timer_ticks;
}

int32_t sys_getrusage(uint32_t whom, uint32_t to)
{
	uint32_t ticks = (int32_t)whom == -1 ? current->children_ticks : current->ticks;
	uint32_t words[18] = { ticks / TIMER_HZ, ticks % TIMER_HZ * (TICK / 1000) };

	if ((int32_t)whom < -1 || (int32_t)whom > 1)
		return -EINVAL;
	return copy_to_user(to, words, sizeof(words));
}

/* --- sleeping ----------------------------------------------------------------------- */

/* A time of a program's, in ticks, rounded up. False if it is invalid. */
static bool to_ticks(int64_t seconds, int32_t nanoseconds, uint32_t *ticks)
{
	if (seconds < 0 || nanoseconds < 0 || (uint32_t)nanoseconds >= BILLION)
		return false;
	if (seconds >= TICKS_MAX / TIMER_HZ)
		*ticks = TICKS_MAX;
	else
		*ticks = (uint32_t)seconds * TIMER_HZ + ((uint32_t)nanoseconds + TICK - 1) / TICK;
	return true;
}

/* Sleep for so long, or until then. Nobody wakes a sleeper but the clock, and signals. */
static int32_t sleep(uint32_t clock, uint32_t flags, uint32_t ticks)
{
	uint32_t deadline;

	if (clock >= CLOCKS || clock == CLOCK_THREAD)
		return -EINVAL;
	if (flags & TIMER_ABSTIME)
		ticks = ticks > timer_ticks ? ticks - timer_ticks : 0;
	else if (ticks)
		ticks++; /* part of this tick is over */
	deadline = process_deadline(ticks);
	return process_is_late(deadline) ? 0 : process_wait_until(current, deadline);
}

static int32_t sleep_32(uint32_t clock, uint32_t flags, uint32_t from)
{
	struct time32 time;
	uint32_t ticks;

	if (copy_from_user(&time, from, sizeof(time)))
		return -EFAULT;
	if (!to_ticks(time.seconds, time.nanoseconds, &ticks))
		return -EINVAL;
	return sleep(clock, flags, ticks);
}

int32_t sys_nanosleep(uint32_t from, uint32_t remaining)
{
	(void)remaining; /* time_interrupted() writes there */
	return sleep_32(0, 0, from);
}

int32_t sys_clock_nanosleep(uint32_t clock, uint32_t flags, uint32_t from, uint32_t remaining)
{
	(void)remaining;
	return sleep_32(clock, flags, from);
}

int32_t sys_clock_nanosleep_time64(uint32_t clock, uint32_t flags, uint32_t from,
				   uint32_t remaining)
{
	struct time64 time;
	uint32_t ticks;

	(void)remaining;
	if (copy_from_user(&time, from, sizeof(time)))
		return -EFAULT;
	if (!to_ticks(time.seconds, time.nanoseconds, &ticks))
		return -EINVAL;
	return sleep(clock, flags, ticks);
}

void time_interrupted(const struct trap_frame *registers)
{
	uint32_t left = process_is_late(current->deadline) ? 0 : current->deadline - timer_ticks;

	/* A bad address is its own loss: the call has been interrupted all the same. */
	switch (registers->eax) {
	case 162: /* nanosleep */
		if (registers->ecx)
			write_32(registers->ecx, left);
		break;
	case 267: /* clock_nanosleep */
		if (registers->esi && !(registers->ecx & TIMER_ABSTIME))
			write_32(registers->esi, left);
		break;
	case 407: /* clock_nanosleep_time64 */
		if (registers->esi && !(registers->ecx & TIMER_ABSTIME))
			write_64(registers->esi, left);
		break;
	}
}
