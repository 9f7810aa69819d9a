/* Pipes and descriptors: order, ends, blocking, atomicity, both sides gone. */
#include "check.h"
#include <fcntl.h>
#include <sched.h>

static int fds[2];

static void order(void)
{
	char got[16] = "";

	check(pipe(fds) == 0, "pipe()");
	check(write(fds[1], "hello", 5) == 5, "write");
	check(read(fds[0], got, 2) == 2 && !memcmp(got, "he", 2), "read of a part");
	check(read(fds[0], got, 16) == 3 && !memcmp(got, "llo", 3), "read of the rest");
	close(fds[1]);
	check(read(fds[0], got, 16) == 0, "the end, when nobody can write");
	close(fds[0]);
}

static void nobody_reads(void *unused)
{
	(void)unused;
	if (pipe(fds))
		_exit(1);
	close(fds[0]);
	write(fds[1], "x", 1);
	_exit(2);
}

static void full(void)
{
	static char much[65536];
	ssize_t taken = 0;
	ssize_t once;

	if (pipe(fds))
		exit(1);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	while ((once = write(fds[1], much, 4096)) > 0)
		taken += once;
	check(once == -1 && errno == EAGAIN, "a full pipe says so if asked not to wait");
	check(taken >= 4096, "it took %d bytes", taken);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	while ((once = read(fds[0], much, sizeof(much))) > 0)
		taken -= once;
	check(taken == 0 && errno == EAGAIN, "and gave all back");
	close(fds[0]);
	close(fds[1]);
}

/* A megabyte from a child, in pieces of odd sizes. */
static void stream(void)
{
	static uint8_t piece[5000];
	uint32_t expected = 0;
	bool right = true;
	pid_t child;
	ssize_t got;
	int status;

	if (pipe(fds))
		exit(1);
	fflush(stdout);
	child = fork();
	if (!child) {
		uint32_t next = 0;

		close(fds[0]);
		for (uint32_t size = 1; next < 1 << 20; size = size * 7 % 4999 + 1) {
			for (uint32_t i = 0; i < size; i++)
				piece[i] = (uint8_t)((next + i) * 31);
			if (write(fds[1], piece, size) != (ssize_t)size)
				_exit(1);
			next += size;
		}
		_exit(0);
	}
	close(fds[1]);
	while ((got = read(fds[0], piece, 3333)) > 0) {
		for (ssize_t i = 0; i < got; i++)
			right &= piece[i] == (uint8_t)((expected + (uint32_t)i) * 31);
		expected += (uint32_t)got;
	}
	waitpid(child, &status, 0);
	check(status == 0 && right && expected >= 1 << 20, "a stream of %u bytes", expected);
	close(fds[0]);
}

static void ping_pong(void)
{
	int to[2];
	int from[2];
	unsigned rounds = 0;
	uint8_t ball = 0;
	pid_t child;

	if (pipe(to) || pipe(from))
		exit(1);
	child = fork();
	if (!child) {
		close(to[1]);
		while (read(to[0], &ball, 1) == 1) {
			ball++;
			write(from[1], &ball, 1);
		}
		_exit(0);
	}
	for (unsigned i = 0; i < 1000; i++) {
		uint8_t sent = (uint8_t)i;

		write(to[1], &sent, 1);
		if (read(from[0], &ball, 1) == 1 && ball == (uint8_t)(i + 1))
			rounds++;
	}
	close(to[1]);
	waitpid(child, NULL, 0);
	check(rounds == 1000, "1000 rounds of ping-pong");
	close(to[0]);
	close(from[0]);
	close(from[1]);
}

/* Writes of up to 4096 bytes by several are not mixed. */
static void whole_pieces(void)
{
	static uint8_t piece[4096];
	unsigned good = 0;
	unsigned pieces = 0;

	if (pipe(fds))
		exit(1);
	for (unsigned who = 0; who < 4; who++) {
		if (!fork()) {
			close(fds[0]);
			memset(piece, (int)('a' + who), sizeof(piece));
			for (unsigned i = 0; i < 10; i++)
				write(fds[1], piece, sizeof(piece));
			_exit(0);
		}
	}
	close(fds[1]);
	for (;;) {
		size_t have = 0;

		while (have < sizeof(piece)) {
			ssize_t got = read(fds[0], piece + have, sizeof(piece) - have);

			if (got <= 0)
				break;
			have += (size_t)got;
		}
		if (have < sizeof(piece))
			break;
		pieces++;
		good += all_are(piece, sizeof(piece), piece[0]);
	}
	while (wait(NULL) > 0)
		;
	check(pieces == 40 && good == 40, "four writers' pages come whole (%u of %u)", good,
	      pieces);
	close(fds[0]);
}

static void descriptors(void)
{
	int copy;
	unsigned opened = 0;
	int fd;

	if (pipe(fds))
		exit(1);
	copy = dup(fds[1]);
	close(fds[1]);
	check(write(copy, "x", 1) == 1, "dup() keeps an end open");
	check(dup2(copy, 50) == 50 && write(50, "y", 1) == 1, "dup2()");
	check(dup2(copy, copy) == copy, "dup2() to itself");
	check(fcntl(50, F_SETFD, FD_CLOEXEC) == 0 && fcntl(50, F_GETFD) == FD_CLOEXEC,
	      "close-on-exec");
	close(50);
	check(fcntl(copy, F_GETFL) == O_WRONLY, "F_GETFL");
	while ((fd = dup(copy)) >= 0)
		opened++;
	check(errno == EMFILE && opened > 10, "descriptors run out: EMFILE");
	for (int i = 3; i < 4096; i++)
		close(i);
	check(write(1, "", 0) == 0, "and are back");
}

int main(void)
{
	order();
	check_killed(nobody_reads, NULL, SIGPIPE, "write() to a pipe that nobody reads");
	full();
	stream();
	ping_pong();
	whole_pieces();
	descriptors();
	return verdict();
}
