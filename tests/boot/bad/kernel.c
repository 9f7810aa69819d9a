/*
 * A kernel that misbehaves on purpose, in the way that -DFAULT=<name> chooses.
 *
 * It speaks just enough of the serial protocol (version 1) to be believed, and
 * then does one thing wrong. tests/boot/test_bad_kernels.py builds one image
 * for each fault and says what `kgen boot` must make of it. No memory
 * management, no interrupts, nothing borrowed from the templates: a fault here
 * must not depend on the code that it is meant to catch. The faults:
 *
 *	PASS         nothing wrong: the control
 *	FAIL         a test fails, honestly reported
 *	TRIPLE       no IDT, then an exception
 *	HANG         stands still after the last stage
 *	SILENT       halts for ever with nothing said at all
 *	EARLY_PANIC  exit code for panic, serial line never up
 *	PANIC        panic line, backtrace, end marker, exit code
 *	REFUSED      boot refused, by name
 *	HALF_HANG    stops in the middle of a line
 *	HALF_EXIT    leaves with code pass in the middle of a line
 *	LONG         200 KB of text, then a proper pass
 *	FLOOD        50 MB of text, then a proper pass
 *	BABBLE       text for ever
 *	NO_END       leaves with code pass, no end marker
 *	END_HANG     end marker, then never leaves
 *	SHORT_PLAN   says 1..3, runs two
 *	LIE_PASS     status=pass, leaves with code fail
 *	LIE_FAIL     a test failed, leaves with code pass
 *	LIE_COUNT    counts that nobody saw
 *	SKIP_STAGE   one stage never reached
 *	WILD         machine lines that make no sense
 *	ASK          asks for a name, then for a place, passes
 *	CPUID        prints CPUID leaf 1, passes
 *	LOADED       prints command line and modules as loaded, passes
 *	SWITCH_OFF   ACPI power-off: QEMU ends with status 0
 *	ODD_CODE     leaves with a code that the protocol lacks
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

enum fault {
	PASS,
	FAIL,
	TRIPLE,
	HANG,
	SILENT,
	EARLY_PANIC,
	PANIC,
	REFUSED,
	HALF_HANG,
	HALF_EXIT,
	LONG,
	FLOOD,
	BABBLE,
	NO_END,
	END_HANG,
	SHORT_PLAN,
	LIE_PASS,
	LIE_FAIL,
	LIE_COUNT,
	SKIP_STAGE,
	WILD,
	ASK,
	CPUID,
	LOADED,
	SWITCH_OFF,
	ODD_CODE
};

#define COM1 0x3f8
#define LSR (COM1 + 5)
#define LSR_DATA 0x01
#define LSR_THRE 0x20 /* room for one more byte */
#define LSR_TEMT 0x40 /* transmitter empty: all is on the wire */
#define EXIT_PORT 0xf4

#define CODE_PASS 0x10
#define CODE_FAIL 0x11
#define CODE_PANIC 0x12
#define CODE_REFUSED 0x13

static inline void outb(u16 port, u8 value)
{
	asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outw(u16 port, u16 value)
{
	asm volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outl(u16 port, u32 value)
{
	asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline u8 inb(u16 port)
{
	u8 value;

	asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void putc(char c)
{
	while (!(inb(LSR) & LSR_THRE))
		;
	outb(COM1, c);
}

static void puts(const char *s)
{
	while (*s)
		putc(*s++);
}

static void puthex(u32 value)
{
	puts("0x");
	for (int shift = 28; shift >= 0; shift -= 4)
		putc("0123456789abcdef"[value >> shift & 15]);
}

static char getc(void)
{
	while (!(inb(LSR) & LSR_DATA))
		;
	return inb(COM1);
}

static void __attribute__((noreturn)) halt(void)
{
	for (;;)
		asm volatile("cli; hlt");
}

static void __attribute__((noreturn)) leave(u8 code)
{
	while (!(inb(LSR) & LSR_TEMT))
		;
	outb(EXIT_PORT, code);
	halt();
}

static void hello(void)
{
	puts("# kgen:hello proto=1 name=bad build=0123456789ab base=i386\n"
	     "# kgen:cpu family=6 policy=invlpg reason=detected\n"
	     "# kgen:mmap base=0x100000 len=0x3ee0000 type=1\n"
	     "bad kernel, fault as ordered\n"
	     "# kgen:stage i=1 of=2 name=one\n");
	if (FAULT != SKIP_STAGE)
		puts("# kgen:stage i=2 of=2 name=two\n");
}

static void tests(void)
{
	puts("KTAP version 1\n"
	     "1..1\n"
	     "  KTAP version 1\n"
	     "  # Subtest: suite\n");
	puts(FAULT == SHORT_PLAN ? "  1..3\n" : "  1..2\n");
	puts("  ok 1 first\n");
	if (FAULT == FAIL || FAULT == LIE_FAIL)
		puts("  # second: expected 4, got 5 (kernel.c:1)\n"
		     "  not ok 2 second\n"
		     "not ok 1 suite\n");
	else
		puts("  ok 2 second # SKIP needs a 386\n"
		     "ok 1 suite\n");
	puts("# kgen:stat k=tlb.flush_all v=3\n");
}

static void end_pass(void)
{
	puts("# kgen:end status=pass ok=1 fail=0 skip=1\n");
}

static void end_fail(void)
{
	puts("# kgen:end status=fail ok=1 fail=1 skip=0\n");
}

static void flood(u32 bytes)
{
	static const char line[] =
		"all work and no play makes jack a dull boy; a line of 64 bytes.\n";

	_Static_assert(sizeof(line) - 1 == 64, "the line says so");
	for (u32 sent = 0; sent < bytes; sent += sizeof(line) - 1)
		puts(line);
}

static void __attribute__((noinline)) panic_lines(void)
{
	puts("PANIC: page fault\n"
	     "# kgen:panic vec=14 err=0x2 eip=");
	puthex((u32)__builtin_return_address(0));
	puts(" cr2=0xdeadbeef msg=\"page fault: write to \\\"nowhere\\\"\"\n"
	     "# kgen:bt ");
	puthex((u32)__builtin_return_address(0));
	puts("\n"
	     "# kgen:end status=panic ok=0 fail=0 skip=0\n");
}

static void wild_lines(void)
{
	puts("# kgen:stage i=banana of=2 name=two\n"
	     "# kgen:nonsense a=b\n"
	     "# kgen:stat k= v=\n"
	     "# kgen:mmap base=0xzz len=1 type=1\n"
	     "# kgen:\n"
	     "# kgen:bt fish\n"
	     "\x01\xff\xfe nul follows: ");
	putc(0);
	puts("\r\n");
}

/* Print a question, echo the line that is typed in answer. */
static void ask(const char *question)
{
	char c;

	puts(question);
	puts("? [");
	while ((c = getc()) != '\n')
		putc(c);
	puts("] noted\n");
}

/* PIIX4 power management, as QEMU wires it: map its registers, then sleep state 5. */
static void __attribute__((noreturn)) switch_off(void)
{
	const u32 function = 0x80000000u | 1u << 11 | 3u << 8; /* PCI 00:01.3 */

	outl(0xcf8, function | 0x40);
	outl(0xcfc, 0x600 | 1);	  /* PMBA */
	outl(0xcf8, function | 0x80);
	outl(0xcfc, 1);	   /* PMREGMISC: decode it */
	outw(0x604, 1u << 13);	/* PM1_CNT: SLP_EN, type 0 */
	halt();
}

static void cpuid(void)
{
	u32 eax = 1, ebx, ecx = 0, edx;

	asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	puts("# kgen:stat k=cpuid.edx v=");
	puthex(edx);
	puts("\n# kgen:stat k=cpuid.family v=");
	puthex(eax >> 8 & 15);
	puts("\n");
}

/* The fields of Multiboot information 1 that are read here. */
struct multiboot {
	u32 flags, mem[2], boot_device;
	const char *cmdline;
	u32 mods_count;
	const struct {
		u32 start, end;
		const char *text;
		u32 reserved;
	} *mods;
};

static void loaded(const struct multiboot *mbi)
{
	puts("cmdline: ");
	puts(mbi->cmdline);
	for (u32 i = 0; i < mbi->mods_count; i++) {
		puts("\nmodule: ");
		puts(mbi->mods[i].text);
		puts(": ");
		for (u32 at = mbi->mods[i].start; at < mbi->mods[i].end; at++)
			putc(*(const char *)at);
	}
	puts("\n");
}

static void triple_fault(void)
{
	static const struct {
		u16 limit;
		u32 base;
	} __attribute__((packed)) none = { 0, 0 };

	asm volatile("lidt %0; ud2" : : "m"(none));
}

void bad_main(const struct multiboot *mbi)
{
	const enum fault fault = FAULT;

	if (FAULT == SILENT)
		halt();
	if (FAULT == EARLY_PANIC)
		leave(CODE_PANIC);
	hello();
	switch (fault) {
	case TRIPLE:
		triple_fault();
	case HANG:
		halt();
	case PANIC:
		panic_lines();
		leave(CODE_PANIC);
	case REFUSED:
		puts("# kgen:panic vec=255 err=0 eip=0 cr2=0 "
		     "msg=\"boot refused: no memory map\"\n"
		     "# kgen:end status=refused ok=0 fail=0 skip=0\n");
		leave(CODE_REFUSED);
	case HALF_HANG:
		puts("# kgen:stat k=half v=1");
		halt();
	case HALF_EXIT:
		tests();
		puts("# kgen:end status=pass ok=1");
		leave(CODE_PASS);
	case LONG:
		flood(200000);
		break;
	case FLOOD:
		flood(50000000);
		break;
	case BABBLE:
		for (;;)
			flood(1u << 20);
	case WILD:
		wild_lines();
		break;
	case ASK:
		ask("name");
		ask("place");
		break;
	case CPUID:
		cpuid();
		break;
	case LOADED:
		loaded(mbi);
		break;
	case SWITCH_OFF:
		switch_off();
	default:
		break;
	}
	tests();
	switch (fault) {
	case FAIL:
		end_fail();
		leave(CODE_FAIL);
	case NO_END:
		leave(CODE_PASS);
	case END_HANG:
		end_pass();
		halt();
	case LIE_PASS:
		end_pass();
		leave(CODE_FAIL);
	case LIE_FAIL:
		end_fail();
		leave(CODE_PASS);
	case LIE_COUNT:
		puts("# kgen:end status=pass ok=41 fail=0 skip=2\n");
		leave(CODE_PASS);
	case ODD_CODE:
		end_pass();
		leave(0x20);
	default:
		end_pass();
		leave(CODE_PASS);
	}
}
