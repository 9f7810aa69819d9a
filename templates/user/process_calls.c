/*
 * System calls that ask about processes, or set little things of theirs.
 *
 * There is one user, root, and one group. A scheduling policy is kept by nobody: everyone
 * takes turns.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/cpu.h>
#include <arch/timer.h>
#include <generated/config.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/page.h>
#include <user/process.h>
#include <user/syscall_list.h>
#include <user/uaccess.h>

/* --- who is who --------------------------------------------------------------------- */

int32_t sys_getpid(void)
{
	return current->pid;
}

int32_t sys_gettid(void)
{
	return current->pid;
}

int32_t sys_getppid(void)
{
	return current->parent ? current->parent->pid : 0;
}

int32_t sys_getuid(void)
{
	return 0;
}

int32_t sys_getgid(void)
{
	return 0;
}

int32_t sys_geteuid(void)
{
	return 0;
}

int32_t sys_getegid(void)
{
	return 0;
}

int32_t sys_getuid32(void)
{
	return 0;
}

int32_t sys_getgid32(void)
{
	return 0;
}

int32_t sys_geteuid32(void)
{
	return 0;
}

int32_t sys_getegid32(void)
{
	return 0;
}

int32_t sys_getgroups32(uint32_t size, uint32_t to)
{
	(void)to;
	return (int32_t)size < 0 ? -EINVAL : 0;
}

/* Root may become root again; nobody else is there. */
static int32_t become(uint32_t id)
{
	return !id || id == ~0u ? 0 : -EINVAL;
}

int32_t sys_setuid32(uint32_t id)
{
	return become(id);
}

int32_t sys_setgid32(uint32_t id)
{
	return become(id);
}

int32_t sys_setuid(uint32_t id)
{
	return become(id);
}

int32_t sys_setgid(uint32_t id)
{
	return become(id);
}

/* Three words of 0. */
static int32_t three_roots(uint32_t real, uint32_t effective, uint32_t saved)
{
	if (word_to_user(real, 0) || word_to_user(effective, 0) || word_to_user(saved, 0))
		return -EFAULT;
	return 0;
}

int32_t sys_getresuid32(uint32_t real, uint32_t effective, uint32_t saved)
{
	return three_roots(real, effective, saved);
}

int32_t sys_getresgid32(uint32_t real, uint32_t effective, uint32_t saved)
{
	return three_roots(real, effective, saved);
}

/* --- groups and sessions ------------------------------------------------------------- */

/* The process of a pid, where 0 is the current one. */
static struct process *find(int32_t pid)
{
	return pid ? process_find(pid) : current;
}

/* Whether a session has such a group. */
static bool group_exists(int32_t group, int32_t session)
{
	for (struct process *each = process_after(NULL); each; each = process_after(each)) {
		if (each->group == group && each->session == session)
			return true;
	}
	return false;
}

int32_t sys_setpgid(uint32_t pid, uint32_t group)
{
	struct process *process = find(pid);
	int32_t wanted = group ? (int32_t)group : process ? process->pid : 0;

	if ((int32_t)group < 0)
		return -EINVAL;
	if (!process || (process != current && process->parent != current))
		return -ESRCH;
	if (process != current && process->has_executed)
		return -EACCES;
	if (process->session == process->pid || process->session != current->session)
		return -EPERM;
	if (wanted != process->pid && !group_exists(wanted, current->session))
		return -EPERM;
	process->group = wanted;
	return 0;
}

int32_t sys_getpgid(uint32_t pid)
{
	struct process *process = find(pid);

	return process ? process->group : -ESRCH;
}

int32_t sys_getpgrp(void)
{
	return current->group;
}

int32_t sys_setsid(void)
{
	if (current->group == current->pid)
		return -EPERM;
	current->group = current->session = current->pid;
	return current->pid;
}

int32_t sys_getsid(uint32_t pid)
{
	struct process *process = find(pid);

	return process ? process->session : -ESRCH;
}

/* --- scheduling ---------------------------------------------------------------------- */

int32_t sys_sched_yield(void)
{
	attention |= ATTEND_SWITCH;
	return 0;
}

int32_t sys_sched_setscheduler(uint32_t pid, uint32_t policy, uint32_t parameter)
{
	uint32_t priority;
	bool is_realtime = policy == 1 || policy == 2; /* SCHED_FIFO, SCHED_RR */

	if (!find(pid))
		return -ESRCH;
	if (copy_from_user(&priority, parameter, sizeof(priority)))
		return -EFAULT;
	if (policy > 5 || (is_realtime ? priority < 1 || priority > 99 : priority != 0))
		return -EINVAL;
	return 0;
}

int32_t sys_sched_getscheduler(uint32_t pid)
{
	return find(pid) ? 0 : -ESRCH; /* SCHED_OTHER */
}

int32_t sys_sched_getaffinity(uint32_t pid, uint32_t size, uint32_t to)
{
	if (!find(pid))
		return -ESRCH;
	if (size < sizeof(uint32_t) || size % sizeof(uint32_t))
		return -EINVAL;
	return word_to_user(to, 1) ? -EFAULT : (int32_t)sizeof(uint32_t); /* one CPU */
}

/* --- prctl ----------------------------------------------------------------------------- */

#define PR_SET_PDEATHSIG 1
#define PR_GET_DUMPABLE 3
#define PR_SET_DUMPABLE 4
#define PR_SET_NAME 15
#define PR_GET_NAME 16

/* A name of a program's own, with NULs to its end; what can't be printed becomes '?'. */
static int32_t set_name(uint32_t from)
{
	char name[sizeof(current->name)];
	int32_t length = string_from_user(name, from, sizeof(name));

	if (length == -ENAMETOOLONG)
		name[sizeof(name) - 1] = '\0';
	else if (length < 0)
		return length;
	memset(current->name, 0, sizeof(current->name));
	for (unsigned i = 0; name[i]; i++)
		current->name[i] = name[i] < ' ' || name[i] > '~' ? '?' : name[i];
	return 0;
}

int32_t sys_prctl(uint32_t option, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	(void)b;
	(void)c;
	(void)d;
	switch (option) {
	case PR_SET_NAME:
		return set_name(a);
	case PR_GET_NAME:
		return copy_to_user(a, current->name, sizeof(current->name));
	case PR_GET_DUMPABLE:
		return 1;
	case PR_SET_DUMPABLE:
		return a > 1 ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

/* --- the system -------------------------------------------------------------------------- */

int32_t sys_uname(uint32_t to)
{
	char names[6][65];

	memset(names, 0, sizeof(names));
	snprintf(names[0], sizeof(names[0]), "Linux"); /* whose system calls these are */
	snprintf(names[1], sizeof(names[1]), "%s", KERNEL_NAME);
	snprintf(names[2], sizeof(names[2]), "6.1.0-kgen"); /* libraries refuse what is too old */
	snprintf(names[3], sizeof(names[3]), "kgen");
	snprintf(names[4], sizeof(names[4]), "i%u86", MIN(cpu.family, 6u));
	snprintf(names[5], sizeof(names[5]), "(none)");
	return copy_to_user(to, names, sizeof(names));
}

int32_t sys_sysinfo(uint32_t to)
{
	struct {
		uint32_t uptime, loads[3];
		uint32_t total, free, shared, buffers, swap, free_swap;
		uint16_t processes, pad;
		uint32_t total_high, free_high, unit;
		uint8_t rest[8];
	} info = { .uptime = timer_ticks / TIMER_HZ,
		   .processes = process_count,
		   .unit = PAGE_SIZE };

	_Static_assert(sizeof(info) == 64, "struct sysinfo");
	for (unsigned i = 0; i < ZONE_COUNT; i++)
		info.total += zones[i].buddy.managed;
	info.free = free_page_count();
	return copy_to_user(to, &info, sizeof(info));
}

#define REBOOT_MAGIC 0xfee1deadu
#define REBOOT_CAD_ON 0x89abcdefu
#define REBOOT_CAD_OFF 0x00000000u
#define REBOOT_RESTART 0x01234567u
#define REBOOT_HALT 0xcdef0123u
#define REBOOT_POWER_OFF 0x4321fedcu

static bool is_reboot_magic(uint32_t word)
{
	return word == 672274793 || word == 85072278 || word == 369367448 || word == 537993216;
}

/* Process 1 may end everything; with status 0, as it wanted to. */
int32_t sys_reboot(uint32_t first, uint32_t second, uint32_t command, uint32_t argument)
{
	(void)argument;
	if (first != REBOOT_MAGIC || !is_reboot_magic(second))
		return -EINVAL;
	if (current->pid != 1)
		return -EPERM;
	if (command == REBOOT_CAD_ON || command == REBOOT_CAD_OFF)
		return 0;
	if (command != REBOOT_RESTART && command != REBOOT_HALT && command != REBOOT_POWER_OFF)
		return -EINVAL;
	process_exit(0);
	return 0;
}
