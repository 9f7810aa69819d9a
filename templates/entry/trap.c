/*
 * The interrupt descriptor table: an interrupt gate for each exception, but a task
 * gate for the double fault (gdt.c says why). Gates as in Intel SDM vol. 3, 6.11.
//% if features.user_space
 *
 * Ring 3 may use three of them itself: breakpoint, overflow, and the system call's. A
 * trap of ring 3 does not come here: enter_user() returns (arch/i386/usermode.S). The
 * kernel runs with interrupts off, but for the HLT of timer_wait().
//% else
 * Hardware interrupts stay masked: the kernel polls.
//% endif
 */
#include <arch/gdt.h>
#include <arch/io.h>
#include <arch/mmu.h>
//% if features.user_space
#include <arch/timer.h>
#include <arch/usermode.h>
//% endif
#include <entry/trap.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
//% if features.user_space
#include <user/space.h>
//% endif

//% if features.user_space
#define GATES (VECTOR_SYSCALL + 1)
#define VECTORS (VECTOR_IRQ + 16)

extern void trap_syscall(void); /* arch/i386/usermode.S */
//% else
#define GATES TRAP_COUNT
#define VECTORS TRAP_COUNT
//% endif
extern void (*const trap_vectors[VECTORS])(void);
extern const char *const trap_names[TRAP_COUNT];

struct gate {
	uint16_t offset_low;
	uint16_t selector;
	uint8_t zero;
	uint8_t type;
	uint16_t offset_high;
};
_Static_assert(sizeof(struct gate) == 8, "a gate descriptor has 8 bytes");

#define GATE_INTERRUPT 0x8e /* present, ring 0, 32-bit interrupt gate */
//% if features.user_space
#define GATE_USER 0xee /* the same, and INT may use it in ring 3 */
//% endif
#define GATE_TASK 0x85 /* present, ring 0, task gate */

static struct gate idt[GATES];

static void set_gate(unsigned vector, void (*entry)(void), uint8_t type)
{
	uintptr_t offset = (uintptr_t)entry;

	idt[vector] = (struct gate){ offset & 0xffff, KERNEL_CS, 0, type, offset >> 16 };
}

void trap_init(void)
{
	struct {
		uint16_t limit;
		uint32_t base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (uintptr_t)idt };

	gdt_init(trap_double_fault_task);
	for (unsigned i = 0; i < VECTORS; i++)
		set_gate(i, trap_vectors[i], GATE_INTERRUPT);
	//% if features.user_space
	set_gate(TRAP_BREAKPOINT, trap_vectors[TRAP_BREAKPOINT], GATE_USER);
	set_gate(TRAP_OVERFLOW, trap_vectors[TRAP_OVERFLOW], GATE_USER);
	set_gate(VECTOR_SYSCALL, trap_syscall, GATE_USER);
	//% endif
	idt[TRAP_DOUBLE_FAULT] = (struct gate){ 0, TASK_DOUBLE_FAULT, 0, GATE_TASK, 0 };
	__asm__ volatile("lidt %0" : : "m"(pointer));
}

const char *trap_name(unsigned vector)
{
	return vector < TRAP_COUNT ? trap_names[vector] : "unknown";
}

/* A panic with the registers of the frame, and the stack pointer at the fault. */
static COLD __attribute__((noreturn)) void panic_trap(const struct trap_frame *frame, uintptr_t esp)
{
	uint32_t cr2 = read_cr2();
	char text[120];
	char details[256];
	char fields[64];

	panic_enter();
	describe_fault(frame, cr2, text, sizeof(text));
	snprintf(details, sizeof(details),
		 "  eip=%08x eflags=%08x error=%x\n"
		 "  eax=%08x ebx=%08x ecx=%08x edx=%08x\n"
		 "  esi=%08x edi=%08x ebp=%08x esp=%08x\n"
		 "  cr0=%08x cr2=%08x cr3=%08x\n",
		 frame->eip, frame->eflags, frame->error, frame->eax, frame->ebx, frame->ecx,
		 frame->edx, frame->esi, frame->edi, frame->ebp, esp, read_cr0(), cr2, read_cr3());
	snprintf(fields, sizeof(fields), "vec=%u err=0x%x eip=0x%x cr2=0x%x", frame->vector,
		 frame->error, frame->eip, cr2);
	panic_end(&(struct panic_report){
		.text = text,
		.details = details,
		.fields = fields,
		.where = &frame->eip,
		.frame = frame->ebp,
	});
}

//% if features.user_space
/* Whether the kernel may go on where the frame says now. */
static bool is_expected(struct trap_frame *frame)
{
	uint32_t fixup;

	if (frame->vector == VECTOR_TIMER)
		timer_tick();
	if (frame->vector >= VECTOR_IRQ)
		return true;
	fixup = extable_find(frame->eip);
	if (!fixup)
		return false;
	if (frame->vector == TRAP_PAGE_FAULT && user_kernel_fault(read_cr2(), frame->error))
		return true; /* the page is there now */
	frame->eip = fixup;
	return true;
}

void trap_handler(struct trap_frame *frame)
{
	if (!is_expected(frame))
		panic_trap(frame, (uintptr_t)(frame + 1));
}
//% else
void trap_handler(const struct trap_frame *frame)
{
	panic_trap(frame, (uintptr_t)(frame + 1));
}
//% endif

void trap_double_fault(void)
{
	struct trap_frame frame = {
		.edi = tss_main.edi,
		.esi = tss_main.esi,
		.ebp = tss_main.ebp,
		.ebx = tss_main.ebx,
		.edx = tss_main.edx,
		.ecx = tss_main.ecx,
		.eax = tss_main.eax,
		.vector = TRAP_DOUBLE_FAULT,
		.eip = tss_main.eip,
		.cs = tss_main.cs,
		.eflags = tss_main.eflags,
	};

	panic_trap(&frame, tss_main.esp);
}
