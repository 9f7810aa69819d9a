/*
 * Thread-local storage: a process has three descriptors of the GDT for itself, which hold
 * whatever base and limit it wants. FS or GS is loaded with the selector of one.
 *
 * Whatever the program asks for, the descriptor that results is a data segment of ring 3,
 * or empty: no code, no gate, no other ring. Its base and limit may be anything: pages
 * protect the kernel, not segments.
 *
 *     struct user_desc                 descriptor
 *     entry_number                     which
 *     base_addr, limit                 base, limit
 *     seg_32bit                        D/B
 *     contents: 0 data, 1 stack        expands down
 *     read_exec_only                   not writable
 *     limit_in_pages                   G
 *     seg_not_present                  not P
 *     useable                          AVL
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <user/process.h>
#include <user/segment.h>
#include <user/syscall_list.h>
#include <user/uaccess.h>

struct user_desc {
	uint32_t entry, base, limit;
	uint32_t flags;
};

#define FLAG_32BIT 0x01u
#define FLAG_STACK 0x02u /* `contents` has two bits */
#define FLAG_CODE 0x04u
#define FLAG_READ_ONLY 0x08u
#define FLAG_PAGES 0x10u
#define FLAG_ABSENT 0x20u
#define FLAG_USEABLE 0x40u

/* High word of a descriptor: Intel SDM vol. 3, 3.4.5. */
#define HIGH_ACCESSED 0x00000100u
#define HIGH_WRITABLE 0x00000200u
#define HIGH_DOWN 0x00000400u
#define HIGH_DATA 0x00001000u /* no system segment */
#define HIGH_RING3 0x00006000u
#define HIGH_PRESENT 0x00008000u
#define HIGH_AVAILABLE 0x00100000u
#define HIGH_32BIT 0x00400000u
#define HIGH_PAGES 0x00800000u

static bool is_empty(const struct user_desc *from)
{
	uint32_t flags = from->flags & 0x7f;

	return !from->base && !from->limit && (flags == (FLAG_READ_ONLY | FLAG_ABSENT) || !flags);
}

static struct segment describe(const struct user_desc *from)
{
	struct segment to = { from->base << 16 | (from->limit & 0xffff),
			      (from->base & 0xff000000) | (from->base >> 16 & 0xff) |
				      (from->limit & 0x000f0000) | HIGH_DATA | HIGH_RING3 |
				      HIGH_ACCESSED };

	if (from->flags & FLAG_32BIT)
		to.high |= HIGH_32BIT;
	if (from->flags & FLAG_STACK)
		to.high |= HIGH_DOWN;
	if (!(from->flags & FLAG_READ_ONLY))
		to.high |= HIGH_WRITABLE;
	if (from->flags & FLAG_PAGES)
		to.high |= HIGH_PAGES;
	if (!(from->flags & FLAG_ABSENT))
		to.high |= HIGH_PRESENT;
	if (from->flags & FLAG_USEABLE)
		to.high |= HIGH_AVAILABLE;
	return to;
}

static void describe_back(struct segment from, struct user_desc *to)
{
	to->base = from.low >> 16 | (from.high & 0xff) << 16 | (from.high & 0xff000000);
	to->limit = (from.low & 0xffff) | (from.high & 0x000f0000);
	to->flags = (from.high & HIGH_32BIT ? FLAG_32BIT : 0) |
		    (from.high & HIGH_DOWN ? FLAG_STACK : 0) |
		    (from.high & HIGH_WRITABLE ? 0 : FLAG_READ_ONLY) |
		    (from.high & HIGH_PAGES ? FLAG_PAGES : 0) |
		    (from.high & HIGH_PRESENT ? 0 : FLAG_ABSENT) |
		    (from.high & HIGH_AVAILABLE ? FLAG_USEABLE : 0);
}

/* The first descriptor that is empty; TLS_COUNT if all are taken. */
static unsigned find_empty(const struct segment tls[TLS_COUNT])
{
	unsigned i = 0;

	while (i < TLS_COUNT && (tls[i].low || tls[i].high))
		i++;
	return i;
}

int32_t segment_set(struct segment tls[TLS_COUNT], uint32_t from, bool choose)
{
	struct user_desc wanted;
	uint32_t index;

	if (copy_from_user(&wanted, from, sizeof(wanted)))
		return -EFAULT;
	if (!is_empty(&wanted) && (wanted.flags & FLAG_CODE || !(wanted.flags & FLAG_32BIT)))
		return -EINVAL;
	index = wanted.entry - TLS_FIRST;
	if (wanted.entry == ~0u && choose) {
		index = find_empty(tls);
		if (index == TLS_COUNT)
			return -ESRCH;
		if (word_to_user(from, TLS_FIRST + index))
			return -EFAULT;
	}
	if (index >= TLS_COUNT)
		return -EINVAL;
	tls[index] = is_empty(&wanted) ? (struct segment){ 0, 0 } : describe(&wanted);
	return 0;
}

int32_t sys_set_thread_area(uint32_t from)
{
	int32_t error = segment_set(current->tls, from, true);
	uint32_t fs, gs;

	if (error)
		return error;
	load_tls(current->tls);
	save_segments(&fs, &gs); /* if they select what has changed, it changes now */
	load_segments(fs, gs);
	return 0;
}

int32_t sys_get_thread_area(uint32_t to)
{
	struct user_desc desc;

	if (copy_from_user(&desc, to, sizeof(desc)))
		return -EFAULT;
	if (desc.entry - TLS_FIRST >= TLS_COUNT)
		return -EINVAL;
	describe_back(current->tls[desc.entry - TLS_FIRST], &desc);
	return copy_to_user(to, &desc, sizeof(desc));
}
