/*
 * System calls that libraries make for threads, as far as a process has one: itself.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <user/process.h>
#include <user/syscall_list.h>
#include <user/uaccess.h>

int32_t sys_set_tid_address(uint32_t address)
{
	current->clear_tid = address;
	return current->pid;
}

int32_t sys_set_robust_list(uint32_t head, uint32_t size)
{
	(void)head; /* whoever ends holds no lock that another thread waits for */
	return size == 12 ? 0 : -EINVAL;
}

int32_t sys_rseq(uint32_t area, uint32_t size, uint32_t flags, uint32_t signature)
{
	(void)area;
	(void)size;
	(void)flags;
	(void)signature;
	return -ENOSYS; /* libraries do without */
}

#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define FUTEX_WAIT_BITSET 9
#define FUTEX_WAKE_BITSET 10
#define FUTEX_PRIVATE 128u
#define FUTEX_REALTIME 256u

/*
 * The channel is the address itself, which no kernel object has. Processes that wait at the
 * same address of different memory wake each other; they look at their word again, as
 * everybody must who waits for a futex.
 */
int32_t sys_futex(uint32_t address, uint32_t operation, uint32_t value, uint32_t timeout,
		  uint32_t second, uint32_t third)
{
	uint32_t command = operation & ~(FUTEX_PRIVATE | FUTEX_REALTIME);
	uint32_t word;

	(void)second;
	(void)third;
	if (address % sizeof(word))
		return -EINVAL;
	if (command == FUTEX_WAKE || command == FUTEX_WAKE_BITSET)
		return process_wake_some((const void *)address, value);
	if (command != FUTEX_WAIT && command != FUTEX_WAIT_BITSET)
		return -ENOSYS;
	if (current->late & LATE_AGAIN)
		return 0; /* woken */
	if (copy_from_user(&word, address, sizeof(word)))
		return -EFAULT;
	if (word != value)
		return -EAGAIN;
	if (timeout)
		return -ENOSYS;
	return process_wait((const void *)address);
}
