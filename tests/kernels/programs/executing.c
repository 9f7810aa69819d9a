/* execve: this program anew, and ELF files that are wrong in every field. */
#include "check.h"
#include <fcntl.h>

struct header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version, entry, phoff, shoff, flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct segment {
	uint32_t type, offset, vaddr, paddr, filesz, memsz, flags, align;
};

#define PATH "/tmp/bad"
#define PT_LOAD 1
#define PT_INTERP 3

/* mov $1, %eax; mov $42, %ebx; int $0x80 */
static const uint8_t code[] = { 0xb8, 1, 0, 0, 0, 0xbb, 42, 0, 0, 0, 0xcd, 0x80 };

static struct image {
	struct header header;
	struct segment segments[3];
	uint8_t code[64];
} image;

static void reset(void)
{
	struct header *header = &image.header;

	memset(&image, 0, sizeof(image));
	memcpy(header->ident, "\177ELF\1\1\1", 7);
	header->type = 2;
	header->machine = 3;
	header->version = 1;
	header->phoff = sizeof(*header);
	header->ehsize = sizeof(*header);
	header->phentsize = sizeof(struct segment);
	header->phnum = 1;
	header->entry = 0x10000 + (uint32_t)offsetof(struct image, code);
	image.segments[0] =
		(struct segment){ PT_LOAD, 0, 0x10000, 0, sizeof(image), sizeof(image), 5, PAGE };
	memcpy(image.code, code, sizeof(code));
}

static bool leave(size_t size)
{
	int fd = open(PATH, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	bool done = fd >= 0 && write(fd, &image, size) == (ssize_t)size;

	close(fd);
	return done;
}

/* What execve says; what the program's end was if it began; -1000 - signal if it was killed. */
static int outcome(const char *path, size_t size)
{
	char *const argv[] = { (char *)path, NULL };
	pid_t child;
	int status = 0;
	int said[2];
	int error = 0;

	if (size && !leave(size))
		return -2000;
	if (pipe(said))
		return -2001;
	fflush(stdout);
	child = fork();
	if (!child) {
		fcntl(said[1], F_SETFD, FD_CLOEXEC);
		error = (int)syscall_raw(SYS_execve, path, argv, NULL);
		write(said[1], &error, sizeof(error));
		_exit(0);
	}
	close(said[1]);
	read(said[0], &error, sizeof(error));
	close(said[0]);
	waitpid(child, &status, 0);
	if (error)
		return error;
	return WIFSIGNALED(status) ? -1000 - WTERMSIG(status) : WEXITSTATUS(status);
}

/* It must not begin; Linux says ENOEXEC, or kills what it could not load. */
static void refused(const char *what)
{
	int how = outcome(PATH, sizeof(image));
	bool early = how < 0 && how > -1000;

	check(early || how == -1000 - SIGSEGV || how == -1000 - SIGKILL || how == -1000 - SIGBUS,
	      "%s: %s", what,
	      early	? strerror(-how) :
	      how == 42 ? "it ran" :
			  "it was killed");
	reset();
}

static void noexec(const char *what)
{
	int how = outcome(PATH, sizeof(image));

	check(how == -ENOEXEC, "%s: %d", what, how);
	reset();
}

static void headers(void)
{
	struct header *header = &image.header;

	check(outcome(PATH, sizeof(image)) == 42, "a sound one runs");
	header->ident[0] = 'X';
	noexec("no ELF");
	header->ident[4] = 2; /* the class */
	header->machine = 62;
	noexec("another machine's");
	header->type = 1;
	noexec("an object file");
	header->phentsize = 31;
	noexec("program headers of an odd size");
	header->phnum = 0;
	noexec("no program headers");
	header->phnum = 65535;
	noexec("more program headers than a page holds");
	header->phoff = 0xfffffff0;
	refused("program headers nowhere");
	header->phoff = 0x7ffffff0;
	refused("program headers past the file");
	check(outcome(PATH, 20) == -ENOEXEC, "a file that ends in its header");
	check(outcome(PATH, sizeof(struct header)) < 0, "a file that ends after it");
	check(outcome("/dev/null", 0) == -EACCES, "a device");
	check(outcome("/tmp", 0) == -EACCES, "a folder");
	check(outcome("/nothing", 0) == -ENOENT, "no file");
	check(outcome(PATH "/x", 0) == -ENOTDIR, "a file in a file");
}

static void segments(void)
{
	struct segment *segment = image.segments;

	segment->vaddr = KERNEL - PAGE;
	segment->memsz = 2 * PAGE;
	refused("a segment that reaches into the kernel");
	segment->vaddr = 0xc0000000;
	refused("a segment in the kernel");
	segment->vaddr = 0xfffff000;
	segment->memsz = 0x2000;
	refused("a segment that wraps");
	segment->memsz = 0xffffffff;
	refused("a segment of 4 GiB");
	segment->filesz = segment->memsz + 1;
	refused("more in the file than in memory");
	segment->offset = 1;
	refused("an offset that is not its address's");
	segment->offset = 0x7ffff000;
	refused("a segment past the file's end");
	image.header.entry = 0;
	refused("an entry at 0");
	image.header.entry = 0xc0100000;
	refused("an entry in the kernel");
	image.header.entry = 0x20000000;
	refused("an entry in no segment");
	segment->vaddr = 0;
	refused("a segment on page 0");
}

static void two_segments(void)
{
	struct segment *second = &image.segments[1];

	image.header.phnum = 2;
	*second = (struct segment){ PT_LOAD, 0, 0x20000, 0, 100, 3 * PAGE, 6, PAGE };
	check(outcome(PATH, sizeof(image)) == 42, "a second segment");
	reset();
	image.header.phnum = 2;
	*second = image.segments[0];
	second->type = PT_INTERP;
	second->offset = 0xffff0000;
	refused("an interpreter's name nowhere");
	image.header.phnum = 2;
	*second =
		(struct segment){ PT_INTERP, (uint32_t)offsetof(struct image, code), 0, 0, 9, 9, 4,
				  1 };
	memcpy(image.code, "/nowhere", 9);
	check(outcome(PATH, sizeof(image)) == -ENOENT, "an interpreter that there is not");
	reset();
}

/* --- arguments ---------------------------------------------------------------- */

static int again(int argc, char **argv, char **envp)
{
	if (!strcmp(argv[1], "count"))
		return argc;
	if (!strcmp(argv[1], "long"))
		return argc == 3 && strlen(argv[2]) == 100000 &&
				       all_are((uint8_t *)argv[2], 100000, 'x') ?
			       77 :
			       1;
	if (!strcmp(argv[1], "empty"))
		return argc == 4 && !*argv[2] && !strcmp(argv[3], "z") ? 77 : 1;
	if (!strcmp(argv[1], "environment"))
		return getenv("NAME") && !strcmp(getenv("NAME"), "value") && !envp[2] ? 77 : 1;
	if (!strcmp(argv[1], "fresh"))
		return signal(SIGUSR1, SIG_DFL) == SIG_DFL && signal(SIGUSR2, SIG_DFL) == SIG_IGN ?
			       77 :
			       1;
	return 99;
}

static int run(char *const argv[], char *const envp[])
{
	pid_t child;
	int status;

	fflush(stdout);
	child = fork();
	if (!child) {
		int error = (int)syscall_raw(SYS_execve, "/proc/self/exe", argv, envp);

		_exit(error == -E2BIG ? 88 : 98);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void arguments(void)
{
	static char *many[2000];
	static char text[200001];
	char *const environment[] = { "OTHER=1", "NAME=value", NULL };

	for (unsigned i = 0; i < 200; i++)
		many[i] = "count";
	check(run(many, NULL) == 200, "200 arguments");
	memset(text, 'x', 100000);
	check(run((char *[]){ "self", "long", text, NULL }, NULL) == 77, "one of 100,000 bytes");
	memset(text, 'x', 200000);
	check(run((char *[]){ "self", "long", text, NULL }, NULL) == 88,
	      "one of 200,000 is too long");
	check(run((char *[]){ "self", "empty", "", "z", NULL }, NULL) == 77, "an empty one");
	check(run((char *[]){ "self", "environment", NULL }, environment) == 77, "the environment");
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR1, (void (*)(int))arguments);
	signal(SIGUSR2, SIG_IGN);
	check(run((char *[]){ "self", "fresh", NULL }, NULL) == 77,
	      "handlers are default again, what was ignored stays so");
	signal(SIGUSR1, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
}

int main(int argc, char **argv, char **envp)
{
	if (argc > 1)
		return again(argc, argv, envp);
	reset();
	headers();
	segments();
	two_segments();
	arguments();
	unlink(PATH);
	return verdict();
}
