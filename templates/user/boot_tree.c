/*
 * The tree as it is when the first program begins, and its end.
 *
 *     /NAME      programs that the description builds in, then the loader's modules
 *     /...       what a cpio archive among the modules holds
 *     /dev       null, zero, full, urandom, console, tty
 *     /proc      user/proc.c
 *     /tmp       empty, and the only place where programs write
 *
 * Nothing is copied: files stay where the loader put them. A module takes the place of a
 * built-in program with its name, as it was given for this boot. An archive is believed as
 * far as it can be read (user/cpio.c): entries before a fault in it are there, and the
 * fault is logged.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <arch/fixmap.h>
#include <arch/paging.h>
#include <kernel/boot_info.h>
#include <kernel/printk.h>
#include <mm/kmalloc.h>
#include <user/cpio.h>
#include <user/file.h>
#include <user/programs.h>

/* --- devices ---------------------------------------------------------------------------- */

static int32_t make_device(struct node *dev, const char *name, enum device device)
{
	struct node *node = node_create(NODE_DEVICE, FS_DEV, S_IFCHR | 0666);

	if (node)
		node->device = device;
	return tree_make(dev, name, strlen(name), node);
}

static int32_t make_devices(void)
{
	struct node *dev = node_create(NODE_DIRECTORY, FS_DEV, S_IFDIR | 0755);

	if (tree_make(root_node, "dev", 3, dev) || make_device(dev, "null", DEVICE_NULL) ||
	    make_device(dev, "zero", DEVICE_ZERO) || make_device(dev, "full", DEVICE_FULL) ||
	    make_device(dev, "urandom", DEVICE_RANDOM) ||
	    make_device(dev, "random", DEVICE_RANDOM) ||
	    make_device(dev, "console", DEVICE_CONSOLE))
		return -ENOMEM;
	return make_device(dev, "tty", DEVICE_CONSOLE);
}

/* --- files that came with the boot -------------------------------------------------------- */

static struct node *create_still(phys_addr_t start, uint32_t size, uint32_t mode)
{
	struct node *node = node_create(NODE_STILL, FS_ROOT, S_IFREG | (mode & 07777));

	if (node) {
		node->start = start;
		node->size = size;
	}
	return node;
}

/* Put a node in a directory, in the place of a file of that name. 0, or why it is not there. */
static int32_t place(struct node *directory, const char *name, size_t length, struct node *node)
{
	struct entry *entry = tree_find(directory, name, length);

	if (entry && node_is_directory(entry->node)) {
		node_put(node);
		return -EISDIR;
	}
	if (entry)
		tree_unlink(entry);
	return tree_make(directory, name, length, node);
}

/* Without it the boot goes on, and the log says so. */
static void complain(const char *what, const char *name, int32_t error)
{
	const char *why = error == -EISDIR	 ? "there is a folder of that name" :
			  error == -ENAMETOOLONG ? "its name is too long" :
			  error == -ENOTDIR	 ? "there is a file where its folder should be" :
						   "out of memory";

	log_line("files: %s %s left out: %s", what, name, why);
}

static void add_programs(void)
{
	for (const struct program *program = programs; program->name; program++) {
		phys_addr_t start = slow_virt_to_phys(program->start);
		uint32_t size = (uint32_t)(program->end - program->start);
		struct node *node = create_still(start, size, 0755);
		int32_t error = -ENOMEM;

		if (node)
			error = place(root_node, program->name, strlen(program->name), node);
		if (error)
			complain("program", program->name, error);
	}
}

/* --- archives --------------------------------------------------------------------------------- */

/* Files with several names: the archive has a file's content with one of them only. */
struct twin {
	struct twin *next;
	uint32_t inode, major, minor;
	struct node *node;
};

#define TWIN_BUCKETS 64

static struct twin **twin_bucket(struct twin **twins, const struct cpio_entry *entry)
{
	return &twins[(entry->inode ^ entry->inode >> 8) % TWIN_BUCKETS];
}

static struct twin *find_twin(struct twin **twins, const struct cpio_entry *entry)
{
	struct twin *twin = *twin_bucket(twins, entry);

	while (twin && (twin->inode != entry->inode || twin->major != entry->major ||
			twin->minor != entry->minor))
		twin = twin->next;
	return twin;
}

/* Remember a file's node; without memory its other names are files of their own. */
static void add_twin(struct twin **twins, const struct cpio_entry *entry, struct node *node)
{
	struct twin *twin = kmalloc(sizeof(*twin));

	if (!twin)
		return;
	*twin = (struct twin){ *twin_bucket(twins, entry), entry->inode, entry->major, entry->minor,
			       node };
	node_get(node);
	*twin_bucket(twins, entry) = twin;
}

static void forget_twins(struct twin **twins)
{
	for (unsigned i = 0; i < TWIN_BUCKETS; i++) {
		while (twins[i]) {
			struct twin *twin = twins[i];

			twins[i] = twin->next;
			node_put(twin->node);
			kfree(twin);
		}
	}
}

/* The directory of a clean path, made as far as it is missing; *name becomes the last name. */
static int32_t make_parents(const char **name, struct node **directory)
{
	*directory = root_node;
	for (;;) {
		const char *at = *name;
		struct entry *entry;
		struct node *node;
		size_t length = 0;
		int32_t error;

		while (at[length] && at[length] != '/')
			length++;
		if (!at[length])
			return 0;
		entry = tree_find(*directory, at, length);
		if (!entry) {
			node = node_create(NODE_DIRECTORY, (*directory)->file_system,
					   S_IFDIR | 0755);
			error = tree_make(*directory, at, length, node);
			if (error)
				return error;
			entry = tree_find(*directory, at, length);
		}
		if (!node_is_directory(entry->node))
			return -ENOTDIR; /* a link is not followed: it could lead anywhere */
		*directory = entry->node;
		*name = at + length + 1;
	}
}

/* A link's target is text in the archive: the only thing that is copied. */
static struct node *create_link(const struct cpio *cpio, const struct cpio_entry *entry)
{
	struct node *node;

	if (!entry->size || entry->size >= PATH_MAX)
		return NULL;
	node = node_create(NODE_LINK, FS_ROOT, S_IFLNK | 0777);
	if (!node)
		return NULL;
	node->target = kzalloc(entry->size + 1);
	if (!node->target) {
		node_put(node);
		return NULL;
	}
	cpio->read(cpio, entry->content, node->target, entry->size);
	node->size = strlen(node->target);
	if (node->size)
		return node;
	node_put(node); /* a path that begins with a NUL */
	return NULL;
}

static struct node *create_file(const struct cpio *cpio, const struct cpio_entry *entry,
				struct twin **twins)
{
	struct twin *twin = entry->links > 1 ? find_twin(twins, entry) : NULL;
	struct node *node;

	if (twin) {
		node = twin->node;
		node_get(node);
		if (entry->size) {
			node->start = cpio->base + entry->content;
			node->size = entry->size;
		}
		return node;
	}
	node = create_still(cpio->base + entry->content, entry->size, entry->mode);
	if (node && entry->links > 1)
		add_twin(twins, entry, node);
	return node;
}

/* Unpack one entry. */
static int32_t unpack_entry(const struct cpio *cpio, const struct cpio_entry *entry,
			    struct twin **twins)
{
	const char *name = entry->name;
	struct node *directory;
	struct node *node = NULL;
	struct entry *there;
	int32_t error = make_parents(&name, &directory);

	if (error || !*name)
		return error; /* the root is there */
	there = tree_find(directory, name, strlen(name));
	if ((entry->mode & S_IFMT) == S_IFDIR) {
		if (there && node_is_directory(there->node))
			return 0;
		node = node_create(NODE_DIRECTORY, directory->file_system,
				   S_IFDIR | (entry->mode & 07777));
	} else if ((entry->mode & S_IFMT) == S_IFREG) {
		node = create_file(cpio, entry, twins);
	} else if ((entry->mode & S_IFMT) == S_IFLNK) {
		node = create_link(cpio, entry);
	} else {
		return 0; /* devices: /dev has those that there are */
	}
	if (!node)
		return -ENOMEM;
	node->mtime = entry->mtime;
	return place(directory, name, strlen(name), node);
}

static void read_module(const struct cpio *cpio, uint32_t offset, void *to, size_t n)
{
	phys_read(cpio->base + offset, to, n);
}

static void unpack(const char *name, phys_addr_t start, uint32_t size)
{
	static struct cpio_entry entry;
	struct cpio cpio = { read_module, start, size, 0 };
	struct twin *twins[TWIN_BUCKETS] = { NULL };
	enum cpio_error error;

	for (;;) {
		int32_t left_out;

		error = cpio_next(&cpio, &entry);
		if (error == CPIO_NAME) {
			log_line("files: %s: entry at 0x%x left out: %s", name, entry.offset,
				 cpio_strerror(error));
			continue;
		}
		if (error)
			break;
		left_out = unpack_entry(&cpio, &entry, twins);
		if (left_out)
			complain(name, entry.name, left_out);
	}
	if (error != CPIO_END)
		log_line("files: %s: %s, at 0x%x; what came before is there", name,
			 cpio_strerror(error), entry.offset);
	forget_twins(twins);
}

/* --- modules ------------------------------------------------------------------------------------ */

/* The base name of a command line's first word; "moduleN" if there is none. */
static void module_name(unsigned i, char *name, size_t size)
{
	const char *line = boot_info.modules[i].name;
	const char *base = line;
	size_t length = 0;

	for (; *line && *line != ' '; line++) {
		if (*line == '/')
			base = line + 1;
	}
	length = MIN((size_t)(line - base), size - 1);
	memcpy(name, base, length);
	name[length] = '\0';
	if (!length || !strcmp(name, ".") || !strcmp(name, ".."))
		snprintf(name, size, "module%u", i);
}

static bool is_archive(phys_addr_t start, uint32_t size)
{
	char magic[CPIO_MAGIC_LENGTH];

	if (size < sizeof(magic))
		return false;
	phys_read(start, magic, sizeof(magic));
	return !memcmp(magic, CPIO_MAGIC, sizeof(magic));
}

static void add_modules(void)
{
	for (unsigned i = 0; i < boot_info.module_count; i++) {
		const struct boot_module *module = &boot_info.modules[i];
		uint32_t size = module->end - module->start;
		char name[MODULE_LINE_MAX + 16];
		struct node *node;
		int32_t error = -ENOMEM;

		module_name(i, name, sizeof(name));
		if (is_archive(module->start, size)) {
			unpack(name, module->start, size);
			continue;
		}
		node = create_still(module->start, size, 0755);
		if (node)
			error = place(root_node, name, strlen(name), node);
		if (error)
			complain("module", name, error);
	}
	if (boot_info.modules_dropped)
		log_line("files: %u modules are not there (raise memblock.modules)",
			 boot_info.modules_dropped);
}

/* --- beginning and end ------------------------------------------------------------------------------ */

int32_t nodes_init(void)
{
	struct node *tmp;

	if (!tree_init() || !files_init() || !pipes_init())
		goto failed;
	ramfs_init();
	console_init();
	root_node = node_create(NODE_DIRECTORY, FS_ROOT, S_IFDIR | 0755);
	if (!root_node || make_devices() || proc_init())
		goto failed;
	tmp = node_create(NODE_DIRECTORY, FS_TMP, S_IFDIR | 01777);
	if (tree_make(root_node, "tmp", 3, tmp))
		goto failed;
	add_programs();
	add_modules();
	return 0;
failed:
	nodes_exit();
	return -ENOMEM;
}

/* Take everything out of the tree, what is deepest first, without going back to its root. */
static void clear_tree(void)
{
	struct entry *entry = root_node->directory.first;

	while (entry) {
		struct node *directory = entry->directory;

		if (node_is_directory(entry->node) && entry->node->directory.first) {
			entry = entry->node->directory.first;
			continue;
		}
		tree_unlink(entry);
		entry = directory->directory.first;
		if (!entry)
			entry = directory->entry; /* empty now; NULL: the root */
	}
}

void nodes_exit(void)
{
	if (root_node) {
		clear_tree();
		node_put(root_node);
		root_node = NULL;
	}
	pipes_exit();
	files_exit();
	tree_exit();
}
