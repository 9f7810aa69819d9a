/*
 * A signal handler's frame on the stack, and the way back: Linux's structures for i386.
 *
 *     with SA_SIGINFO                       without
 *     ┌─────────────────┐ higher            ┌─────────────────┐
 *     │ x87, if used    │                   │ x87, if used    │
 *     ├─────────────────┤                   ├─────────────────┤
 *     │ code to return  │                   │ code to return  │
 *     │ ucontext        │                   │ mask, high word │
 *     │ siginfo         │                   │ room (x87 once) │
 *     │ &ucontext       │                   │ registers       │
 *     │ &siginfo        │                   │ number          │
 *     │ number          │                   │ return address  │ ← ESP
 *     │ return address  │ ← ESP             └─────────────────┘
 *     └─────────────────┘
 *
 * The return address is SA_RESTORER's, or the code in the frame: it makes the call
 * rt_sigreturn or sigreturn, with ESP where the frame is.
 *
 * Registers that come back are the program's word. Selectors are made those of ring 3; of
 * the flags only those that a program may set itself are taken; addresses need no check, as
 * ring 3 uses them.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <kernel/string.h>
#include <user/process.h>
#include <user/syscall_list.h>
#include <user/uaccess.h>

/* struct sigcontext: the registers. */
struct context {
	uint32_t gs, fs, es, ds; /* in the lower halves */
	uint32_t edi, esi, ebp, esp, ebx, edx, ecx, eax;
	uint32_t vector, error;
	uint32_t eip, cs, eflags, esp_at_signal, ss;
	uint32_t fpu; /* address of struct fpu_state; 0 if the x87 is not used */
	uint32_t mask; /* low word */
	uint32_t cr2;
};

struct rt_frame {
	uint32_t return_address, number, info_address, ucontext_address;
	uint32_t info[32]; /* siginfo_t: signal, errno, code, then what depends on it */
	struct {
		uint32_t flags, link;
		struct signal_stack stack;
		struct context context;
		signal_set mask;
	} ucontext;
	uint8_t code[8];
};

struct plain_frame {
	uint32_t return_address, number;
	struct context context;
	uint32_t room[28];
	uint32_t mask_high;
	uint8_t code[8];
};

_Static_assert(sizeof(struct context) == 88, "struct sigcontext");
_Static_assert(offsetof(struct rt_frame, ucontext) == 144, "ucontext_t follows siginfo_t");
_Static_assert(offsetof(struct rt_frame, ucontext.context) == 164, "uc_mcontext at 20");
_Static_assert(offsetof(struct rt_frame, code) == 260, "retcode");
_Static_assert(offsetof(struct plain_frame, mask_high) == 208, "extramask");

/* popl %eax; movl $119, %eax; int $0x80 */
static const uint8_t plain_code[8] = { 0x58, 0xb8, 119, 0, 0, 0, 0xcd, 0x80 };
/* movl $173, %eax; int $0x80 */
static const uint8_t rt_code[8] = { 0xb8, 173, 0, 0, 0, 0xcd, 0x80, 0 };

//% if cpu.fpu == "x87"
/* Push the x87's registers below *top, if the program has used it: at *address, or 0. */
static int32_t push_fpu(uint32_t *top, uint32_t *address)
{
	struct fpu_state *state = &current->fpu;
	size_t size = fpu_is_extended() ? sizeof(*state) : FPU_PLAIN_SIZE;

	*address = 0;
	if (!current->uses_fpu)
		return 0;
	fpu_sync(state);
	state->status = state->words[1];
	state->magic = fpu_is_extended() ? FPU_EXTENDED : FPU_PLAIN;
	*top = ALIGN_DOWN(*top - size, 16);
	*address = *top;
	return copy_to_user(*top, state, size);
}

/* Back from `address`; without one the x87 is as it was before its first use. */
static int32_t pop_fpu(uint32_t address)
{
	struct fpu_state *state = &current->fpu;

	if (!address) {
		if (current->uses_fpu)
			fpu_reset(state);
		return 0;
	}
	fpu_forget(state);
	current->uses_fpu = true;
	if (copy_from_user(state, address, FPU_PLAIN_SIZE))
		return -EFAULT;
	if (fpu_is_extended() && state->magic == FPU_EXTENDED &&
	    copy_from_user(state->extended, address + FPU_PLAIN_SIZE, sizeof(state->extended)))
		return -EFAULT;
	fpu_sanitize(state);
	return 0;
}

//% else
static int32_t push_fpu(uint32_t *top, uint32_t *address)
{
	(void)top;
	*address = 0;
	return 0;
}

static int32_t pop_fpu(uint32_t address)
{
	(void)address;
	return 0;
}

//% endif
/* --- to the handler ----------------------------------------------------------------- */

/* Whether an address is on the alternate stack. */
static bool is_on_stack(const struct signal_stack *stack, uint32_t esp)
{
	return !(stack->flags & SS_AUTODISARM) && esp > stack->start &&
	       esp - stack->start <= stack->size;
}

/* Where the frame may end. 0: the alternate stack is full. */
static uint32_t choose_top(const struct signal_action *action)
{
	const struct signal_stack *stack = &current->signals->stack;
	uint32_t esp = current->frame.esp;

	if (is_on_stack(stack, esp))
		return esp - stack->start < sizeof(struct rt_frame) + 256 ? 0 : esp;
	if (action->flags & SA_ONSTACK && stack->size)
		return stack->start + stack->size;
	return esp;
}

static void save(struct context *to, uint32_t fpu, signal_set mask, uint32_t vector, uint32_t error,
		 uint32_t address)
{
	const struct user_frame *frame = &current->frame;
	const struct trap_frame *trap = &frame->trap;
	uint32_t fs, gs;

	save_segments(&fs, &gs);
	*to = (struct context){
		.gs = gs & 0xffff,
		.fs = fs & 0xffff,
		.es = frame->es & 0xffff,
		.ds = frame->ds & 0xffff,
		.edi = trap->edi,
		.esi = trap->esi,
		.ebp = trap->ebp,
		.esp = frame->esp,
		.ebx = trap->ebx,
		.edx = trap->edx,
		.ecx = trap->ecx,
		.eax = trap->eax,
		.vector = vector & 0xff,
		.error = error,
		.eip = trap->eip,
		.cs = trap->cs & 0xffff,
		.eflags = trap->eflags,
		.esp_at_signal = frame->esp,
		.ss = frame->ss & 0xffff,
		.fpu = fpu,
		.mask = mask,
		.cr2 = address,
	};
}

/* The program goes on in its handler. */
static void enter(const struct signal_action *action, uint32_t esp, unsigned number, uint32_t info,
		  uint32_t ucontext)
{
	struct user_frame *frame = &current->frame;

	frame->esp = esp;
	frame->ss = frame->ds = frame->es = USER_DS;
	frame->trap.cs = USER_CS;
	frame->trap.eip = action->handler;
	frame->trap.eax = number;
	frame->trap.edx = info;
	frame->trap.ecx = ucontext;
	frame->trap.eflags &= ~(EFLAGS_DF | EFLAGS_TF);
}

static int32_t push_rt(unsigned number, const struct signal_info *info,
		       const struct signal_action *action, signal_set mask, uint32_t top,
		       struct context *context)
{
	uint32_t esp = ALIGN_DOWN(top - sizeof(struct rt_frame) + 4, 16) - 4;
	struct signal_stack *stack = &current->signals->stack;
	struct rt_frame frame;

	memset(&frame, 0, sizeof(frame));
	frame.number = number;
	frame.info_address = esp + offsetof(struct rt_frame, info);
	frame.ucontext_address = esp + offsetof(struct rt_frame, ucontext);
	frame.return_address = action->flags & SA_RESTORER ? action->restorer :
							     esp + offsetof(struct rt_frame, code);
	frame.info[0] = number;
	frame.info[2] = info->code;
	memcpy(&frame.info[3], info->words, sizeof(info->words));
	frame.ucontext.stack = *stack;
	frame.ucontext.context = *context;
	frame.ucontext.mask = mask;
	memcpy(frame.code, rt_code, sizeof(frame.code));
	if (copy_to_user(esp, &frame, sizeof(frame)))
		return -EFAULT;
	if (stack->flags & SS_AUTODISARM)
		*stack = (struct signal_stack){ .flags = 0 };
	enter(action, esp, number, frame.info_address, frame.ucontext_address);
	return 0;
}

static int32_t push_plain(unsigned number, const struct signal_action *action, signal_set mask,
			  uint32_t top, struct context *context)
{
	uint32_t esp = ALIGN_DOWN(top - sizeof(struct plain_frame) + 4, 16) - 4;
	struct plain_frame frame;

	memset(&frame, 0, sizeof(frame));
	frame.number = number;
	frame.return_address = action->flags & SA_RESTORER ?
				       action->restorer :
				       esp + offsetof(struct plain_frame, code);
	frame.context = *context;
	frame.mask_high = mask >> 32;
	memcpy(frame.code, plain_code, sizeof(frame.code));
	if (copy_to_user(esp, &frame, sizeof(frame)))
		return -EFAULT;
	enter(action, esp, number, 0, 0);
	return 0;
}

int32_t signal_push(unsigned number, const struct signal_info *info,
		    const struct signal_action *action, signal_set mask, uint32_t vector,
		    uint32_t error, uint32_t address)
{
	uint32_t top = choose_top(action);
	struct context context;
	uint32_t fpu;

	if (!top || push_fpu(&top, &fpu))
		return -EFAULT;
	save(&context, fpu, mask, vector, error, address);
	if (action->flags & SA_SIGINFO)
		return push_rt(number, info, action, mask, top, &context);
	return push_plain(number, action, mask, top, &context);
}

/* --- and back ----------------------------------------------------------------------- */

/* A selector for DS or ES: null, ring 3's data or code, or one of its own. */
static uint32_t user_selector(uint32_t selector)
{
	uint32_t index = (selector & 0xffff) >> 3;

	selector &= 0xffff;
	if (selector <= 3 || selector == USER_CS)
		return selector;
	if ((selector & 7) == 3 && index >= TLS_FIRST && index < TLS_FIRST + TLS_COUNT)
		return selector;
	return USER_DS;
}

static int32_t restore(const struct context *from, signal_set mask)
{
	struct user_frame *frame = &current->frame;
	struct trap_frame *trap = &frame->trap;

	if (pop_fpu(from->fpu))
		return -EFAULT;
	trap->edi = from->edi;
	trap->esi = from->esi;
	trap->ebp = from->ebp;
	trap->ebx = from->ebx;
	trap->edx = from->edx;
	trap->ecx = from->ecx;
	trap->eax = from->eax;
	trap->eip = from->eip;
	trap->cs = USER_CS;
	trap->eflags = (from->eflags & EFLAGS_USER) | EFLAGS_FIXED | EFLAGS_IF;
	frame->esp = from->esp;
	frame->ss = USER_DS;
	frame->ds = user_selector(from->ds);
	frame->es = user_selector(from->es);
	load_segments(user_selector(from->fs), user_selector(from->gs));
	signal_set_mask(current, mask);
	return trap->eax;
}

int32_t sys_rt_sigreturn(void)
{
	uint32_t esp = current->frame.esp - 4; /* the handler's RET took the return address */
	struct rt_frame frame;

	if (copy_from_user(&frame, esp, offsetof(struct rt_frame, code)))
		goto wild;
	restore(&frame.ucontext.context, frame.ucontext.mask);
	signal_set_stack(&frame.ucontext.stack);
	return current->frame.trap.eax;

wild:
	signal_fault(SIGSEGV, SI_KERNEL, 0, FAULT_OF_RETURN, 0);
	return current->frame.trap.eax; /* a handler's argument, if there is one */
}

int32_t sys_sigreturn(void)
{
	uint32_t esp = current->frame.esp - 8; /* and the code in the frame the number */
	struct plain_frame frame;

	if (copy_from_user(&frame, esp, offsetof(struct plain_frame, code)))
		goto wild;
	restore(&frame.context, frame.context.mask | (signal_set)frame.mask_high << 32);
	return current->frame.trap.eax;

wild:
	signal_fault(SIGSEGV, SI_KERNEL, 0, FAULT_OF_RETURN, 0);
	return current->frame.trap.eax; /* a handler's argument, if there is one */
}
