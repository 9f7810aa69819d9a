/*
 * System calls that tell about files: stat and its relatives, access, readlink, statfs.
 *
 * The facts are gathered once, in struct facts, and then put into the one of Linux's
 * structures that the program wants: that of stat(2) from before large files, stat64(2)'s,
 * statx(2)'s.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <mm/page.h>
#include <user/file.h>
#include <user/syscall_list.h>

struct facts {
	uint32_t device, inode, mode, links, size, blocks, mtime;
	uint32_t major, minor; /* of a device */
};

/* asm/stat.h for i386. */
struct old_stat {
	uint32_t device, inode;
	uint16_t mode, links, user, group;
	uint32_t which_device, size, block_size, blocks;
	uint32_t atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns;
	uint32_t unused[2];
};

struct stat64 {
	uint32_t device[2];
	uint32_t pad;
	uint32_t old_inode;
	uint32_t mode, links, user, group;
	uint32_t which_device[2];
	uint32_t pad2;
	uint32_t size[2];
	uint32_t block_size;
	uint32_t blocks[2];
	uint32_t atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns;
	uint32_t inode[2];
};

struct statx_time {
	uint32_t seconds[2];
	uint32_t nanoseconds;
	uint32_t pad;
};

/* linux/stat.h. */
struct statx {
	uint32_t mask, block_size;
	uint32_t attributes[2];
	uint32_t links, user, group;
	uint16_t mode, pad;
	uint32_t inode[2], size[2], blocks[2], attributes_mask[2];
	struct statx_time atime, btime, ctime, mtime;
	uint32_t which_major, which_minor, device_major, device_minor;
	uint32_t spare[28];
};

_Static_assert(sizeof(struct old_stat) == 64 && sizeof(struct stat64) == 96 &&
		       sizeof(struct statx) == 256,
	       "as Linux has them");

#define STATX_BASIC 0x7ff

/* Numbers of the devices, as Linux has them. */
static void device_numbers(enum device device, struct facts *facts)
{
	static const uint8_t minors[] = {
		[DEVICE_NULL] = 3,   [DEVICE_ZERO] = 5,	   [DEVICE_FULL] = 7,
		[DEVICE_RANDOM] = 9, [DEVICE_CONSOLE] = 1,
	};

	facts->major = device == DEVICE_CONSOLE ? 5 : 1;
	facts->minor = minors[device];
}

static void node_facts(const struct node *node, struct facts *facts)
{
	*facts = (struct facts){
		.device = node->file_system,
		.inode = node->number,
		.mode = node->mode,
		.links = node->links,
		.size = node->size,
		.mtime = node->mtime,
	};
	if (node_is_directory(node))
		facts->links = tree_parent(node) ? 2 + node->directory.folders : 0;
	else if (node->kind == NODE_DEVICE)
		device_numbers(node->device, facts);
	else if (node->kind == NODE_FILE)
		facts->blocks = ramfs_count(node) * (PAGE_SIZE / 512);
	else if (node->kind == NODE_STILL)
		facts->blocks = (node->size + 511) / 512;
}

static void file_facts(const struct file *file, struct facts *facts)
{
	if (file->kind == FILE_NODE) {
		node_facts(file->node, facts);
		return;
	}
	*facts = (struct facts){
		.device = FS_PIPE,
		.inode = (uint32_t)(uintptr_t)file->pipe / 4 % 1000000,
		.mode = S_IFIFO | 0600,
		.links = 1,
	};
}

static uint32_t device_number(const struct facts *facts)
{
	return facts->major << 8 | facts->minor;
}

static int32_t put_old_stat(const struct facts *facts, uint32_t to)
{
	struct old_stat stat = {
		.device = facts->device,
		.inode = facts->inode,
		.mode = (uint16_t)facts->mode,
		.links = (uint16_t)facts->links,
		.which_device = device_number(facts),
		.size = facts->size,
		.block_size = PAGE_SIZE,
		.blocks = facts->blocks,
		.atime = facts->mtime,
		.mtime = facts->mtime,
		.ctime = facts->mtime,
	};

	return copy_to_user(to, &stat, sizeof(stat));
}

static int32_t put_stat64(const struct facts *facts, uint32_t to)
{
	struct stat64 stat = {
		.device = { facts->device },
		.old_inode = facts->inode,
		.mode = facts->mode,
		.links = facts->links,
		.which_device = { device_number(facts) },
		.size = { facts->size },
		.block_size = PAGE_SIZE,
		.blocks = { facts->blocks },
		.atime = facts->mtime,
		.mtime = facts->mtime,
		.ctime = facts->mtime,
		.inode = { facts->inode },
	};

	return copy_to_user(to, &stat, sizeof(stat));
}

static int32_t put_statx(const struct facts *facts, uint32_t to)
{
	struct statx_time time = { .seconds = { facts->mtime } };
	struct statx stat = {
		.mask = STATX_BASIC,
		.block_size = PAGE_SIZE,
		.links = facts->links,
		.mode = (uint16_t)facts->mode,
		.inode = { facts->inode },
		.size = { facts->size },
		.blocks = { facts->blocks },
		.atime = time,
		.ctime = time,
		.mtime = time,
		.which_major = facts->major,
		.which_minor = facts->minor,
		.device_minor = facts->device,
	};

	return copy_to_user(to, &stat, sizeof(stat));
}

static int32_t facts_of(uint32_t fd, struct facts *facts)
{
	const struct file *file = file_of(fd);

	if (!file)
		return -EBADF;
	file_facts(file, facts);
	return 0;
}

/* Facts about a path, or with AT_EMPTY_PATH and no path about a descriptor. */
static int32_t facts_at(uint32_t fd, uint32_t path, uint32_t flags, struct facts *facts)
{
	struct walk walk;
	int32_t error;
	const char *text;

	if (flags & AT_EMPTY_PATH) {
		text = path_from_user(0, path, &error);
		if (!text)
			return error;
		if (!*text && (int32_t)fd == AT_FDCWD) {
			node_facts(current->files->directory, facts);
			return 0;
		}
		if (!*text)
			return facts_of(fd, facts);
	}
	error = path_at(0, fd, path, flags & AT_SYMLINK_NOFOLLOW ? WALK_NO_FOLLOW : 0, &walk);
	if (!error)
		node_facts(walk.node, facts);
	return error;
}

int32_t sys_stat(uint32_t path, uint32_t to)
{
	struct facts facts;
	int32_t error = facts_at((uint32_t)AT_FDCWD, path, 0, &facts);

	return error ? error : put_old_stat(&facts, to);
}

int32_t sys_lstat(uint32_t path, uint32_t to)
{
	struct facts facts;
	int32_t error = facts_at((uint32_t)AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &facts);

	return error ? error : put_old_stat(&facts, to);
}

int32_t sys_fstat(uint32_t fd, uint32_t to)
{
	struct facts facts;
	int32_t error = facts_of(fd, &facts);

	return error ? error : put_old_stat(&facts, to);
}

int32_t sys_stat64(uint32_t path, uint32_t to)
{
	return sys_fstatat64((uint32_t)AT_FDCWD, path, to, 0);
}

int32_t sys_lstat64(uint32_t path, uint32_t to)
{
	return sys_fstatat64((uint32_t)AT_FDCWD, path, to, AT_SYMLINK_NOFOLLOW);
}

int32_t sys_fstat64(uint32_t fd, uint32_t to)
{
	struct facts facts;
	int32_t error = facts_of(fd, &facts);

	return error ? error : put_stat64(&facts, to);
}

int32_t sys_fstatat64(uint32_t fd, uint32_t path, uint32_t to, uint32_t flags)
{
	struct facts facts;
	int32_t error;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
		return -EINVAL;
	error = facts_at(fd, path, flags, &facts);
	return error ? error : put_stat64(&facts, to);
}

int32_t sys_statx(uint32_t fd, uint32_t path, uint32_t flags, uint32_t mask, uint32_t to)
{
	struct facts facts;
	int32_t error;

	if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC)) ||
	    (mask & 0x80000000))
		return -EINVAL;
	error = facts_at(fd, path, flags, &facts);
	return error ? error : put_statx(&facts, to);
}

/* --- access ------------------------------------------------------------------------------ */

#define X_OK 1
#define W_OK 2
#define R_OK 4

int32_t sys_faccessat2(uint32_t fd, uint32_t path, uint32_t mode, uint32_t flags)
{
	struct walk walk;
	int32_t error;

	if ((mode & ~(R_OK | W_OK | X_OK)) ||
	    (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
		return -EINVAL;
	error = path_at(0, fd, path, flags & AT_SYMLINK_NOFOLLOW ? WALK_NO_FOLLOW : 0, &walk);
	if (error)
		return error;
	if ((mode & W_OK) && walk.node->kind != NODE_DEVICE && !node_is_writable(walk.node))
		return -EROFS;
	if ((mode & X_OK) && !node_is_directory(walk.node) && !(walk.node->mode & 0111))
		return -EACCES;
	return 0;
}

int32_t sys_faccessat(uint32_t fd, uint32_t path, uint32_t mode)
{
	return sys_faccessat2(fd, path, mode, 0);
}

int32_t sys_access(uint32_t path, uint32_t mode)
{
	return sys_faccessat2((uint32_t)AT_FDCWD, path, mode, 0);
}

/* --- links ------------------------------------------------------------------------------- */

int32_t sys_readlinkat(uint32_t fd, uint32_t path, uint32_t to, uint32_t size)
{
	static char program[PATH_MAX];
	struct walk walk;
	const char *target;
	int32_t error;

	if ((int32_t)size <= 0)
		return -EINVAL;
	error = path_at(0, fd, path, WALK_NO_FOLLOW, &walk);
	if (error)
		return error;
	if (walk.node->kind != NODE_LINK)
		return -EINVAL;
	target = walk.node->target;
	if (!target) {
		if (!current->program)
			return -ENOENT;
		node_path(current->program, program, sizeof(program));
		target = program;
	}
	size = MIN(size, strlen(target));
	return copy_to_user(to, target, size) ? -EFAULT : (int32_t)size;
}

int32_t sys_readlink(uint32_t path, uint32_t to, uint32_t size)
{
	return sys_readlinkat((uint32_t)AT_FDCWD, path, to, size);
}

/* --- file systems -------------------------------------------------------------------------- */

/* asm-generic/statfs.h; i386 aligns its 64-bit fields to 4 bytes. */
struct statfs64 {
	uint32_t type, block_size;
	uint32_t blocks[2], free[2], available[2], files[2], files_free[2];
	uint32_t id[2];
	uint32_t name_max, fragment_size, flags, spare[4];
};

_Static_assert(sizeof(struct statfs64) == 84, "as Linux has it");

#define TMPFS_MAGIC 0x01021994
#define RAMFS_MAGIC 0x858458f6
#define PROC_MAGIC 0x9fa0
#define PIPE_MAGIC 0x50495045
#define ST_RDONLY 1

static int32_t put_statfs(uint32_t fs, uint32_t size, uint32_t to)
{
	struct statfs64 stat = {
		.type = RAMFS_MAGIC,
		.block_size = PAGE_SIZE,
		.name_max = NAME_MAX,
		.fragment_size = PAGE_SIZE,
		.flags = ST_RDONLY,
	};

	if (size != sizeof(stat))
		return -EINVAL;
	if (fs == FS_PROC)
		stat.type = PROC_MAGIC;
	if (fs == FS_PIPE)
		stat.type = PIPE_MAGIC;
	if (fs == FS_TMP) {
		uint32_t left = ramfs_limit - ramfs_pages;

		stat.type = TMPFS_MAGIC;
		stat.flags = 0;
		stat.blocks[0] = ramfs_limit;
		stat.free[0] = MIN(left, free_page_count());
		stat.available[0] = stat.free[0];
	}
	return copy_to_user(to, &stat, sizeof(stat));
}

int32_t sys_statfs64(uint32_t path, uint32_t size, uint32_t to)
{
	struct walk walk;
	int32_t error = path_at(0, (uint32_t)AT_FDCWD, path, 0, &walk);

	return error ? error : put_statfs(walk.node->file_system, size, to);
}

int32_t sys_fstatfs64(uint32_t fd, uint32_t size, uint32_t to)
{
	struct facts facts;
	int32_t error = facts_of(fd, &facts);

	return error ? error : put_statfs(facts.device, size, to);
}
