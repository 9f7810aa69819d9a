/*
 * Random system calls with hostile arguments: fuzz SEED COUNT. The kernel must stand, and
 * this process must be able to go on: children make the calls, and may die of anything.
 */
#include "check.h"
#include <sched.h>
#include <time.h>

static uint32_t state;

static uint32_t chance(void)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

static uint32_t below(uint32_t n)
{
	return chance() % n;
}

/* Calls that would only end the game, or wait for ever. */
static bool is_spared(uint32_t number)
{
	static const uint16_t spared[] = {
		SYS_exit,
		SYS_exit_group,
		SYS_reboot,
		SYS_nanosleep,
		SYS_poll,
		SYS_rt_sigsuspend,
		29 /* pause */,
		142 /* select */,
		240 /* futex */,
		267 /* clock_nanosleep */,
		308 /* pselect6 */,
		309 /* ppoll */,
		407,
		413,
		414,
		422,
		72 /* sigsuspend */,
		177 /* rt_sigtimedwait */,
		421,
		SYS_kill,
		238 /* tkill */,
		270 /* tgkill */,
		SYS_read,
		SYS_readv,
	};

	for (unsigned i = 0; i < sizeof(spared) / sizeof(spared[0]); i++)
		if (spared[i] == number)
			return true;
	return false;
}

static uint8_t *arena;

static uint32_t argument(void)
{
	static const uint32_t odd[] = {
		0,	    1,		2,	    3,		7,	    0xfff,
		0x1000,	    0x7fffffff, 0x80000000, 0xbffff000, 0xbfffffff, 0xc0000000,
		0xc0000001, 0xc0100000, 0xf8800000, 0xff400000, 0xffc00000, 0xfffff000,
		0xffffffff, 0xfffffffe, 0x08048000, 0x22,	0x32,
	};

	switch (below(8)) {
	case 0:
	case 1:
		return odd[below(sizeof(odd) / sizeof(odd[0]))];
	case 2:
		return (uint32_t)arena + below(64 * PAGE);
	case 3:
		return (uint32_t)arena + below(64) * PAGE;
	case 4:
		return below(256);
	case 5:
		return below(64) * PAGE;
	case 6:
		return (uint32_t)__builtin_frame_address(0) + below(4096) - 2048;
	default:
		return chance();
	}
}

static void calls(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t number = below(16) ? below(440) : chance();
		uint32_t arguments[6];

		if (is_spared(number))
			number = SYS_getpid;
		if (number == SYS_fork || number == SYS_vfork || number == SYS_clone)
			number = below(16) ? SYS_mprotect : SYS_fork;
		if ((number == SYS_sigreturn || number == SYS_rt_sigreturn) && below(64))
			number = SYS_mmap2; /* else nobody plays for long */
		if (number == SYS_execve && below(4))
			number = SYS_munmap;
		for (unsigned j = 0; j < 6; j++)
			arguments[j] = argument();
		syscall_raw((long)number, arguments[0], arguments[1], arguments[2], arguments[3],
			    arguments[4], arguments[5]);
	}
}

static void play(uint32_t seed, uint32_t count)
{
	state = seed ? seed : 1;
	for (int fd = 0; fd < 3; fd++)
		close(fd); /* nobody prints, and nobody reads the console */
	arena = mmap(NULL, 64 * PAGE, RW, ANON, -1, 0);
	calls(count);
	_exit(0);
}

/* Seconds that a player may take: it may have jumped into code that does not end. */
#define PATIENCE 2

/* Wait for a player, then end all that it has left; whether it died of a signal. */
static bool is_killed(pid_t child)
{
	struct timespec begin;
	struct timespec now;
	int status = 0;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	while (!waitpid(child, &status, WNOHANG)) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > begin.tv_sec + PATIENCE)
			kill(child, SIGKILL);
		sched_yield();
	}
	kill(-1, SIGKILL); /* all but process 1, which we are */
	while (waitpid(-1, NULL, 0) > 0)
		;
	return WIFSIGNALED(status);
}

int main(int argc, char **argv)
{
	uint32_t seed = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 0) : 1;
	uint32_t count = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 0) : 100000;
	uint32_t each = 500;

	if (!is_kgen()) {
		printf("fuzz: not on a system that somebody needs\n");
		return 2;
	}
	unsigned ended[2] = { 0, 0 };

	for (uint32_t done = 0; done < count; done += each) {
		pid_t child = fork();

		if (!child)
			play(seed + done * 2654435761u, each);
		if (child < 0) {
			check(false, "fork: %s", strerror(errno));
			break;
		}
		ended[is_killed(child)]++;
	}
	check(ended[0] + ended[1] == (count + each - 1) / each,
	      "%u calls with seed %u: %u players went "
	      "home, %u died",
	      count, seed, ended[0], ended[1]);
	return verdict();
}
