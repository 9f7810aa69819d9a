/*
 * A start and a few system calls, by int 0x80, for programs without a C library.
 *
 * They run on any x86 Linux that runs 32-bit programs; nothing of 32 bits must be
 * installed. Numbers are those of arch/x86/entry/syscalls/syscall_32.tbl.
 */
#include "bare.h"

enum {
	SYS_EXIT = 1,
	SYS_READ = 3,
	SYS_WRITE = 4,
	SYS_MUNMAP = 91,
	SYS_FTRUNCATE = 93,
	SYS_RT_SIGACTION = 174,
	SYS_MMAP2 = 192,
	SYS_MEMFD_CREATE = 356,
};

enum { PROT_READ_WRITE = 3, MAP_SHARED = 1, MAP_PRIVATE_ANONYMOUS = 0x22, MAP_FIXED = 0x10 };

static long call(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(a), "c"(b), "d"(c)
			 : "memory");
	return result;
}

/* The sixth argument travels in EBP, which the compiler needs: by way of the stack. */
static long mmap(uintptr_t at, size_t size, int flags, int file, size_t page)
{
	long result;

	__asm__ volatile("pushl %%ebp\n\t"
			 "movl %%eax, %%ebp\n\t"
			 "movl %2, %%eax\n\t"
			 "int $0x80\n\t"
			 "popl %%ebp"
			 : "=a"(result)
			 : "a"(page), "i"(SYS_MMAP2), "b"(at), "c"(size), "d"(PROT_READ_WRITE),
			   "S"(flags), "D"(file)
			 : "memory");
	if (result < 0 && result > -4096)
		wrong("mmap(%p): error %ld", (void *)at, -result);
	return result;
}

/* The stack is aligned as the ABI wants it, then run() is called. */
__asm__(".globl _start\n"
	"_start:\n\t"
	"xorl %ebp, %ebp\n\t"
	"andl $-16, %esp\n\t"
	"call run\n\t"
	"movl %eax, %ebx\n\t"
	"movl $1, %eax\n\t"
	"int $0x80\n");

void leave(int status)
{
	for (;;)
		call(SYS_EXIT, status, 0, 0);
}

static void write_out(const char *format, va_list args)
{
	static char text[8192];
	size_t length = vsnprintf(text, sizeof(text), format, args);

	for (size_t done = 0; done < MIN(length, sizeof(text) - 1);) {
		long written = call(SYS_WRITE, 1, (long)(text + done), length - done);

		if (written <= 0)
			leave(2);
		done += written;
	}
}

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_out(format, args);
	va_end(args);
}

void wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_out(format, args);
	va_end(args);
	say("\n");
	leave(1);
}

static int next_byte(void)
{
	static unsigned char buffer[4096];
	static long length, at;

	if (at == length) {
		length = call(SYS_READ, 0, (long)buffer, sizeof(buffer));
		at = 0;
	}
	return length > 0 ? buffer[at++] : -1;
}

char *next_line(void)
{
	static char line[4096];
	size_t length = 0;
	int byte;

	while ((byte = next_byte()) >= 0 && byte != '\n') {
		if (length + 1 < sizeof(line))
			line[length++] = (char)byte;
	}
	line[length] = '\0';
	return byte < 0 && !length ? NULL : line;
}

void *fresh_pages(size_t pages)
{
	return (void *)mmap(0, pages * PAGE_SIZE, MAP_PRIVATE_ANONYMOUS, -1, 0);
}

int memory_file(size_t pages)
{
	int file = call(SYS_MEMFD_CREATE, (long)"frames", 0, 0);

	if (file < 0 || call(SYS_FTRUNCATE, file, pages * PAGE_SIZE, 0))
		wrong("no file in memory");
	return file;
}

void map_file(int file, size_t page, uintptr_t virt)
{
	mmap(virt, PAGE_SIZE, MAP_SHARED | MAP_FIXED, file, page);
}

void unmap(uintptr_t virt)
{
	if (call(SYS_MUNMAP, virt, PAGE_SIZE, 0))
		wrong("munmap(%p) fails", (void *)virt);
}

static void (*page_fault)(uintptr_t addr);

/* The fourth word of siginfo_t is the address. */
static void caught(int signal, const uint32_t *info, void *context)
{
	(void)signal;
	(void)context;
	page_fault(info[3]);
}

void give_back(void); /* rt_sigreturn */
__asm__(".globl give_back\n"
	"give_back:\n\t"
	"movl $173, %eax\n\t"
	"int $0x80\n");

void on_page_fault(void (*handler)(uintptr_t addr))
{
	enum { SIGSEGV = 11, SA_SIGINFO = 4, SA_RESTORER = 0x4000000, SA_NODEFER = 0x40000000 };
	const struct {
		void (*handler)(int signal, const uint32_t *info, void *context);
		uint32_t flags;
		void (*restorer)(void);
		uint32_t mask[2];
	} action = { caught, SA_SIGINFO | SA_RESTORER | SA_NODEFER, give_back, { 0, 0 } };
	long result;

	page_fault = handler;
	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(SYS_RT_SIGACTION), "b"(SIGSEGV), "c"(&action), "d"(0),
			   "S"(sizeof(action.mask))
			 : "memory");
	if (result)
		wrong("rt_sigaction: error %ld", -result);
}

uint32_t draw(uint32_t below)
{
	static uint32_t state = 2463534242u; /* Marsaglia's xorshift */

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % below;
}
