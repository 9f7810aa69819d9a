/*
 * /proc: files whose content is made when they are read, as Linux prints it.
 *
 *     /proc/meminfo, /proc/mounts
 *     /proc/self/maps, stat, status, cmdline, exe     of the process that looks
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <kernel/printk.h>
#include <mm/page.h>
#include <mm/slab.h>
#include <user/file.h>

/* Text that is made piece by piece; what does not fit is counted and left out. */
struct text {
	char bytes[2048];
	size_t length;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *format, ...)
{
	size_t room = sizeof(text->bytes) - text->length;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(text->bytes + text->length, room, format, args);
	va_end(args);
	text->length += MIN((size_t)length, room - 1);
}

/* The part of a text that a read asks for. */
static size_t give(const struct text *text, char *to, size_t size, uint32_t offset)
{
	if (offset >= text->length)
		return 0;
	size = MIN(size, text->length - offset);
	memcpy(to, text->bytes + offset, size);
	return size;
}

static struct text *new_text(void)
{
	static struct text text;

	text.length = 0;
	return &text;
}

/* --- /proc/meminfo ------------------------------------------------------------------------- */

static void add_pages(struct text *text, const char *name, uint32_t pages)
{
	add(text, "%s:%*u kB\n", name, 23 - (int)strlen(name), pages * (PAGE_SIZE / 1024));
}

static uint32_t managed_pages(bool high)
{
	uint32_t pages = 0;

	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		if (!high || i > ZONE_DIRECT)
			pages += zones[i].buddy.managed;
	}
	return pages;
}

static uint32_t slab_pages(void)
{
	uint32_t pages = 0;

	for (const struct kmem_cache *cache = kmem_caches(); cache; cache = cache->next)
		pages += cache->slabs * (SLAB_SIZE / PAGE_SIZE);
	return pages;
}

/* Of all processes; a space that a parent and its child share counts once. */
static void add_use(struct space_use *total)
{
	for (struct process *process = process_after(NULL); process;
	     process = process_after(process)) {
		struct space_use use;

		if (!process->space ||
		    (process->parent && process->parent->space == process->space))
			continue;
		space_use(process->space, &use);
		total->resident += use.resident;
		total->tables += use.tables;
	}
}

static size_t make_meminfo(char *to, size_t size, uint32_t offset)
{
	struct text *text = new_text();
	struct space_use use = { 0 };
	uint32_t free = (uint32_t)free_page_count();

	add_use(&use);
	add_pages(text, "MemTotal", managed_pages(false));
	add_pages(text, "MemFree", free);
	add_pages(text, "MemAvailable", free);
	add_pages(text, "Buffers", 0);
	add_pages(text, "Cached", ramfs_pages);
	add_pages(text, "SwapCached", 0);
	add_pages(text, "HighTotal", managed_pages(true));
	add_pages(text, "LowTotal", managed_pages(false) - managed_pages(true));
	add_pages(text, "SwapTotal", 0);
	add_pages(text, "SwapFree", 0);
	add_pages(text, "AnonPages", use.resident);
	add_pages(text, "Shmem", ramfs_pages);
	add_pages(text, "Slab", slab_pages());
	add_pages(text, "PageTables", use.tables);
	add_pages(text, "CommitLimit", commit.limit);
	add_pages(text, "Committed_AS", commit.committed);
	return give(text, to, size, offset);
}

static size_t make_mounts(char *to, size_t size, uint32_t offset)
{
	struct text *text = new_text();

	add(text, "rootfs / rootfs ro 0 0\nproc /proc proc ro 0 0\ndevtmpfs /dev devtmpfs rw 0 0\n"
		  "tmpfs /tmp tmpfs rw 0 0\n");
	return give(text, to, size, offset);
}

/* --- /proc/self ------------------------------------------------------------------------------ */

static size_t make_maps(char *to, size_t size, uint32_t offset)
{
	return current->space ? space_maps(current->space, to, size, offset) : 0;
}

static int32_t parent_pid(void)
{
	return current->parent ? current->parent->pid : 0;
}

/* Fields as proc(5) numbers them; those that nobody counts are 0. */
static size_t make_stat(char *to, size_t size, uint32_t offset)
{
	struct text *text = new_text();
	struct space_use use;

	space_use(current->space, &use);
	add(text, "%d (%s) R %d %d %d 1025 %d 0 %u 0 0 0 0 0 0 0 20 0 1 0 0 0 %u 4294967295",
	    current->pid, current->name, parent_pid(), current->group, current->session,
	    current->group, use.faults.zero + use.faults.copy + use.faults.file, use.resident);
	for (unsigned field = 26; field <= 52; field++)
		add(text, " 0");
	add(text, "\n");
	return give(text, to, size, offset);
}

static size_t make_status(char *to, size_t size, uint32_t offset)
{
	struct text *text = new_text();
	struct space_use use;

	space_use(current->space, &use);
	add(text, "Name:\t%s\nState:\tR (running)\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\n", current->name,
	    current->pid, current->pid, parent_pid());
	add(text, "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n");
	add(text, "VmHWM:\t%8u kB\nVmRSS:\t%8u kB\nVmPTE:\t%8u kB\n", use.peak * 4,
	    use.resident * 4, use.tables * 4);
	return give(text, to, size, offset);
}

/* Of the arguments only the program's name is kept. */
static size_t make_cmdline(char *to, size_t size, uint32_t offset)
{
	struct text *text = new_text();

	add(text, "%s", current->name);
	text->bytes[text->length++] = '\0';
	return give(text, to, size, offset);
}

/* --- reading, and the folders ------------------------------------------------------------------ */

int32_t made_to_user(struct node *node, uint32_t offset, uint32_t to, uint32_t n)
{
	static char bounce[PAGE_SIZE];
	uint32_t done = 0;

	while (done < n) {
		size_t part = node->make(bounce, MIN(n - done, sizeof(bounce)), offset + done);

		if (!part)
			break;
		if (copy_to_user(to + done, bounce, part))
			return done ? (int32_t)done : -EFAULT;
		done += part;
	}
	return (int32_t)done;
}

static int32_t make_file(struct node *folder, const char *name,
			 size_t (*make)(char *to, size_t size, uint32_t offset))
{
	struct node *node = node_create(NODE_MADE, FS_PROC, S_IFREG | 0444);

	if (node)
		node->make = make;
	return tree_make(folder, name, strlen(name), node);
}

static int32_t make_folder(struct node *folder, const char *name, struct node **made)
{
	*made = node_create(NODE_DIRECTORY, FS_PROC, S_IFDIR | 0555);
	return tree_make(folder, name, strlen(name), *made);
}

int32_t proc_init(void)
{
	struct node *proc;
	struct node *self;

	if (make_folder(root_node, "proc", &proc) || make_folder(proc, "self", &self) ||
	    make_file(proc, "meminfo", make_meminfo) || make_file(proc, "mounts", make_mounts) ||
	    make_file(self, "maps", make_maps) || make_file(self, "stat", make_stat) ||
	    make_file(self, "status", make_status) || make_file(self, "cmdline", make_cmdline) ||
	    make_file(self, "mounts", make_mounts))
		return -ENOMEM;
	return tree_make(self, "exe", 3, node_create(NODE_LINK, FS_PROC, S_IFLNK | 0777));
}
