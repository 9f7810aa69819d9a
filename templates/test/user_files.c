/* Tests of the tree of files, of what /tmp holds, and of pipes: what needs no program. */
#include <kernel/ktest.h>
#include <kernel/string.h>
#include <mm/kmalloc.h>
#include <mm/page.h>
#include <mm/vmalloc.h>
#include <user/commit.h>
#include <user/file.h>
#include <user/space.h>

static size_t settled_free_pages(void)
{
	kmalloc_shrink();
	vm_purge();
	pages_drain();
	return free_page_count();
}

static bool begin(void)
{
	if (spaces_init())
		return false;
	if (!nodes_init())
		return true;
	spaces_exit();
	return false;
}

static void end(void)
{
	nodes_exit();
	spaces_exit();
}

/* The node that a path leads to; NULL, and the error is in *error. */
static struct node *walk_to(const char *path, unsigned flags, int32_t *error)
{
	struct walk walk;

	*error = path_walk(root_node, path, flags, &walk);
	return *error ? NULL : walk.node;
}

static int32_t error_of(const char *path)
{
	int32_t error;

	walk_to(path, 0, &error);
	return error;
}

/* A node in the folder at `path`, of a kind, named; NULL if memory ran out. */
static struct node *make(const char *path, const char *name, enum node_kind kind, uint32_t mode)
{
	struct node *node = node_create(kind, FS_TMP, mode);
	int32_t error;

	if (tree_make(walk_to(path, 0, &error), name, strlen(name), node))
		return NULL;
	return node;
}

static bool make_link(const char *path, const char *name, const char *target)
{
	struct node *node = make(path, name, NODE_LINK, S_IFLNK | 0777);

	if (!node)
		return false;
	node->target = kmalloc(strlen(target) + 1);
	if (!node->target) {
		tree_unlink(node->entry);
		return false;
	}
	memcpy(node->target, target, strlen(target) + 1);
	return true;
}

static int32_t write_kernel(struct node *node, uint32_t offset, const void *from, uint32_t n)
{
	return ramfs_write(node, offset, (uint32_t)(uintptr_t)from, n, true);
}

KTEST(files, the_tree_gives_all_back)
{
	size_t before = settled_free_pages();

	KTEST_ASSERT(test, begin());
	KTEST_EXPECT_EQ(test, error_of("/dev/null"), 0);
	KTEST_EXPECT_EQ(test, error_of("/proc/self/maps"), 0);
	KTEST_EXPECT_EQ(test, error_of("/tmp"), 0);
	KTEST_EXPECT_EQ(test, error_of("/tmp/x"), -ENOENT);
	end();
	KTEST_ALWAYS(test, settled_free_pages() == before);
}

KTEST(files, paths_lead_where_they_say)
{
	size_t before = settled_free_pages();
	char text[16];
	int32_t error;

	KTEST_ASSERT(test, begin());
	KTEST_ASSERT_OR(test, make("/tmp", "a", NODE_DIRECTORY, S_IFDIR | 0755), out);
	KTEST_ASSERT_OR(test, make("/tmp/a", "b", NODE_DIRECTORY, S_IFDIR | 0755), out);
	KTEST_ASSERT_OR(test, make("/tmp/a/b", "f", NODE_FILE, S_IFREG | 0644), out);
	KTEST_ASSERT_OR(test, make_link("/tmp", "l", "a/b"), out);
	KTEST_ASSERT_OR(test, make_link("/tmp/a/b", "up", "/tmp/l/../x"), out);
	KTEST_ASSERT_OR(test, make_link("/tmp", "loop", "loop"), out);
	KTEST_EXPECT_EQ(test, error_of("/tmp/a/b/f"), 0);
	KTEST_EXPECT_EQ(test, error_of("//tmp//./a/../a/b/.//f"), 0);
	KTEST_EXPECT_EQ(test, error_of("/tmp/a/b/f/"), -ENOTDIR);
	KTEST_EXPECT_EQ(test, error_of("/tmp/a/b/f/."), -ENOTDIR);
	KTEST_EXPECT_EQ(test, error_of("/tmp/l/f"), 0);
	KTEST_EXPECT_EQ(test, error_of("/tmp/loop"), -ELOOP);
	KTEST_EXPECT_EQ(test, error_of("/tmp/l/up"), -ENOENT);
	KTEST_EXPECT_EQ(test, error_of("/.."), 0);
	KTEST_EXPECT(test, walk_to("/tmp/a/b/..", 0, &error) == walk_to("/tmp/a", 0, &error));
	KTEST_EXPECT(test, walk_to("/tmp/l", 0, &error) == walk_to("/tmp/a/b", 0, &error));
	KTEST_EXPECT(test,
		     walk_to("/tmp/l", WALK_NO_FOLLOW, &error) != walk_to("/tmp/a/b", 0, &error));
	KTEST_EXPECT(test, !walk_to("/tmp/new", WALK_PARENT, &error) && !error);
	node_path(walk_to("/tmp/l/f", 0, &error), text, sizeof(text));
	KTEST_EXPECT(test, !strcmp(text, "/tmp/a/b/f"));
	node_path(walk_to("/tmp/l/f", 0, &error), text, 6);
	KTEST_EXPECT(test, !strcmp(text, "a/b/f"));
out:
	end();
	KTEST_ALWAYS(test, settled_free_pages() == before);
}

KTEST(files, what_is_written_is_read)
{
	size_t before = settled_free_pages();
	static uint8_t bytes[3 * PAGE_SIZE];
	static uint8_t back[sizeof(bytes)];
	struct node *file;
	bool right = true;

	KTEST_ASSERT(test, begin());
	file = make("/tmp", "f", NODE_FILE, S_IFREG | 0644);
	KTEST_ASSERT_OR(test, file, out);
	for (uint32_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 13 + i / 251);
	KTEST_ASSERT_OR(test, write_kernel(file, 100, bytes, sizeof(bytes)) == sizeof(bytes), out);
	KTEST_EXPECT_EQ(test, file->size, 100 + sizeof(bytes));
	KTEST_EXPECT_EQ(test, ramfs_pages, 4);
	KTEST_EXPECT_EQ(test, commit.committed, 4);
	KTEST_EXPECT_EQ(test, node_read(file, 100, back, sizeof(back)), sizeof(back));
	KTEST_EXPECT(test, !memcmp(bytes, back, sizeof(back)));

	/* Far away: a hole of 5 MiB between. */
	KTEST_ASSERT_OR(test, write_kernel(file, 5 << 20, "far", 3) == 3, out);
	KTEST_EXPECT_EQ(test, ramfs_pages, 5);
	KTEST_EXPECT_EQ(test, node_read(file, 3 << 20, back, 100), 100);
	for (unsigned i = 0; i < 100; i++)
		right &= !back[i];
	KTEST_EXPECT(test, right);

	/* Cut in mid-page, and extended: what was cut off is zero. */
	KTEST_EXPECT_EQ(test, ramfs_resize(file, 150), 0);
	KTEST_EXPECT_EQ(test, ramfs_pages, 1);
	KTEST_EXPECT_EQ(test, ramfs_resize(file, PAGE_SIZE), 0);
	KTEST_EXPECT_EQ(test, node_read(file, 140, back, 20), 20);
	KTEST_EXPECT(test, !memcmp(back, bytes + 40, 10));
	KTEST_EXPECT(test, !memcmp(back + 10, "\0\0\0\0\0\0\0\0\0\0", 10));
	KTEST_EXPECT_EQ(test, write_kernel(file, FILE_SIZE_MAX, "x", 1), -EFBIG);
	KTEST_EXPECT_EQ(test, write_kernel(file, 0xffffffff, "x", 1), -EFBIG);
out:
	end();
	KTEST_EXPECT_EQ(test, ramfs_pages, 0);
	KTEST_ALWAYS(test, settled_free_pages() == before);
}

KTEST(files, tmp_is_full_before_memory_is)
{
	size_t before = settled_free_pages();
	static const uint8_t bytes[5 * PAGE_SIZE];
	struct node *file;

	KTEST_ASSERT(test, begin());
	KTEST_EXPECT_LE(test, ramfs_limit, free_page_count());
	file = make("/tmp", "f", NODE_FILE, S_IFREG | 0644);
	KTEST_ASSERT_OR(test, file, out);
	ramfs_limit = 3;
	KTEST_EXPECT_EQ(test, write_kernel(file, 0, bytes, sizeof(bytes)), 3 * PAGE_SIZE);
	KTEST_EXPECT_EQ(test, write_kernel(file, 3 * PAGE_SIZE, bytes, 1), -ENOSPC);
	KTEST_EXPECT_EQ(test, write_kernel(file, 0, bytes, 10), 10);
	KTEST_EXPECT_EQ(test, ramfs_resize(file, 0), 0);
	KTEST_EXPECT_EQ(test, write_kernel(file, 3 * PAGE_SIZE, bytes, 1), 1);
out:
	end();
	KTEST_ALWAYS(test, settled_free_pages() == before);
}

KTEST(files, a_removed_file_lives_while_it_is_held)
{
	size_t before = settled_free_pages();
	struct node *file;
	phys_addr_t frame;
	char back[5];

	KTEST_ASSERT(test, begin());
	file = make("/tmp", "f", NODE_FILE, S_IFREG | 0644);
	KTEST_ASSERT_OR(test, file, out);
	node_get(file);
	tree_unlink(file->entry);
	KTEST_EXPECT_EQ(test, error_of("/tmp/f"), -ENOENT);
	KTEST_EXPECT_EQ(test, file->links, 0);
	if (KTEST_EXPECT_EQ(test, write_kernel(file, 0, "alive", 5), 5)) {
		KTEST_EXPECT_EQ(test, node_read(file, 0, back, 5), 5);
		KTEST_EXPECT(test, !memcmp(back, "alive", 5));

		/* A frame that was shown stays the file's when the file is cut, and is zero. */
		frame = node_page(file, 0, false);
		KTEST_EXPECT_NE(test, frame, PHYS_NONE);
		KTEST_EXPECT_EQ(test, ramfs_resize(file, 0), 0);
		KTEST_EXPECT_EQ(test, node_page(file, 0, false), PHYS_NONE);
		KTEST_EXPECT_EQ(test, ramfs_resize(file, 5), 0);
		KTEST_EXPECT_EQ(test, node_page(file, 0, false), frame);
		KTEST_EXPECT_EQ(test, node_read(file, 0, back, 5), 5);
		KTEST_EXPECT(test, !memcmp(back, "\0\0\0\0\0", 5));
	}
	node_put(file);
	KTEST_EXPECT_EQ(test, ramfs_pages, 0);
out:
	end();
	KTEST_ALWAYS(test, settled_free_pages() == before);
}

KTEST(files, a_name_moves_whole_or_not)
{
	size_t before = settled_free_pages();
	struct node *tmp;
	struct node *first;
	int32_t error;

	KTEST_ASSERT(test, begin());
	tmp = walk_to("/tmp", 0, &error);
	first = make("/tmp", "first", NODE_FILE, S_IFREG | 0644);
	KTEST_ASSERT_OR(test, first && make("/tmp", "second", NODE_FILE, S_IFREG | 0644), out);
	KTEST_EXPECT_EQ(test, tree_link(tmp, "first", 5, first), -EEXIST);
	error = tree_move(first->entry, tmp, "second", 6);
	KTEST_ALWAYS(test, !error || error == -ENOSPC);
	KTEST_EXPECT_EQ(test, error, 0);
	KTEST_ALWAYS(test, (error_of("/tmp/first") == 0) == !!error);
	KTEST_ALWAYS(test, error_of("/tmp/second") == 0);
	KTEST_ALWAYS(test, first->links == 1);
out:
	end();
	KTEST_ALWAYS(test, settled_free_pages() == before);
}

KTEST(files, a_pipe_holds_what_it_can)
{
	size_t before = settled_free_pages();
	static const uint8_t bytes[PIPE_ATOMIC];
	uint32_t from = (uint32_t)(uintptr_t)bytes;
	struct file *ends[2];
	struct pipe *pipe;

	KTEST_ASSERT(test, begin());
	KTEST_ASSERT_OR(test, !pipe_create(ends, 0), out);
	pipe = ends[0]->pipe;
	for (unsigned i = 0; i < PIPE_SIZE / PIPE_ATOMIC; i++)
		KTEST_EXPECT_EQ(test, pipe_write(pipe, from, PIPE_ATOMIC, true), PIPE_ATOMIC);
	KTEST_EXPECT_EQ(test, pipe_write(pipe, from, 1, true), -EAGAIN);
	KTEST_EXPECT_EQ(test, pipe_bytes(pipe), PIPE_SIZE);
	file_put(ends[0]);
	KTEST_EXPECT_EQ(test, pipe_write(pipe, from, 1, true), -EPIPE);
	file_put(ends[1]);
out:
	end();
	KTEST_ALWAYS(test, settled_free_pages() == before);
}
