/*
 * Address spaces of programs: areas, and the pages in them.
 *
 *     0xc0000000  kernel, the same in every directory
 *     0xbfffffff  stack, grows down to its limit; a gap is kept below it
 *         ...     mappings, from the stack's limit downwards
 *         ...     heap, grows up (brk)
 *     0x08048000  the program: code, data, bss
 *     0x00001000  (page 0 is nobody's)
 *
 * An area is a promise. Pages come when they are touched (user/fault.c).
 */
#ifndef USER_SPACE_H
#define USER_SPACE_H

#include <generated/layout.h>
#include <user/commit.h>
#include <user/errno.h>
#include <user/node.h>

#define USER_END KERNEL_BASE

/* Protection; the values are Linux's PROT_*. */
#define PROT_NONE 0x0
#define PROT_READ 0x1
#define PROT_WRITE 0x2
#define PROT_EXEC 0x4
#define PROT_GROWSDOWN 0x01000000 /* for mprotect: from the beginning of the stack on */

/* Flags of a mapping; the values are Linux's MAP_* for i386. */
#define MAP_SHARED 0x01
#define MAP_PRIVATE 0x02
#define MAP_FIXED 0x10
#define MAP_ANONYMOUS 0x20
#define MAP_GROWSDOWN 0x0100
#define MAP_NORESERVE 0x4000
#define MAP_POPULATE 0x8000
#define MAP_FIXED_NOREPLACE 0x100000

/* Not Linux's: shared memory of a file that was not opened for writing; it can't become writable. */
#define MAP_NO_WRITE 0x80000000

/* Flags of mremap(2). */
#define MREMAP_MAYMOVE 1
#define MREMAP_FIXED 2
#define MREMAP_DONTUNMAP 4

/* Advice of madvise(2) that does something here. */
#define MADV_NORMAL 0
#define MADV_WILLNEED 3
#define MADV_DONTNEED 4
#define MADV_FREE 8
#define MADV_DONTFORK 10
#define MADV_DOFORK 11
#define MADV_DONTDUMP 16
#define MADV_DODUMP 17
#define MADV_WIPEONFORK 18
#define MADV_KEEPONFORK 19
#define MADV_COLD 20
#define MADV_PAGEOUT 21
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23

enum area_kind {
	AREA_CODE, /* of the program: as its ELF's segments say */
	AREA_DATA,
	AREA_HEAP, /* brk */
	AREA_MAP, /* anonymous */
	AREA_FILE,
	AREA_STACK,
};

struct space;

/* Faults, by what answered them. */
struct space_faults {
	uint32_t zero; /* a zeroed frame */
	uint32_t zero_page; /* the zero page */
	uint32_t copy; /* a copy */
	uint32_t sole; /* the last owner may write again */
	uint32_t file; /* a page of a file, or of shared memory */
	uint32_t around; /* pages beside those, mapped at the same time */
};

/* What a space, or all together, have: pages. */
struct space_use {
	uint32_t resident; /* frames mapped, the zero page not counted */
	uint32_t committed; /* promised: private and writable, or shared and anonymous */
	uint32_t tables; /* directory and page tables */
	uint32_t peak; /* the most that were resident */
	struct space_faults faults;
};

/* An empty space. NULL if memory ran out. */
struct space *space_create(void);

/* A copy for fork: all private pages are shared until one side writes. NULL if memory ran out. */
struct space *space_clone(struct space *space);

/* One more user (vfork); one fewer: the last one destroys it. */
void space_get(struct space *space);
void space_put(struct space *space);

/* Load its directory into CR3, unless it is there; NULL: the kernel's own. */
void space_switch(struct space *space);

/*
 * Map [*addr, *addr + size); size is rounded up to pages. Without MAP_FIXED *addr is a hint,
 * and where it ended up afterwards. `offset` is in pages. `node` is NULL for anonymous memory.
 * 0 or -EINVAL, -ENOMEM, -EEXIST, -EPERM.
 *
 * Of a segment of a program (AREA_CODE, AREA_DATA with a node) only `size` bytes are the
 * file's. The rest of the last page is zero: it is the beginning of its bss.
 */
int32_t space_map(struct space *space, uint32_t *addr, uint32_t size, uint32_t prot, uint32_t flags,
		  enum area_kind kind, struct node *node, uint32_t offset);

/* As munmap(2), mprotect(2), mremap(2) (new address in *addr), madvise(2). */
int32_t space_unmap(struct space *space, uint32_t addr, uint32_t size);
int32_t space_protect(struct space *space, uint32_t addr, uint32_t size, uint32_t prot);
int32_t space_remap(struct space *space, uint32_t *addr, uint32_t old_size, uint32_t new_size,
		    uint32_t flags, uint32_t target);
int32_t space_advise(struct space *space, uint32_t addr, uint32_t size, uint32_t advice);

/* Where brk begins: execve says it. Returns the break after a request, as Linux's system call. */
void space_set_brk(struct space *space, uint32_t start);
uint32_t space_brk(struct space *space, uint32_t end);

/* How a fault ended. */
enum fault_result {
	FAULT_RESOLVED,
	FAULT_UNMAPPED, /* SIGSEGV, SEGV_MAPERR: no area there */
	FAULT_DENIED, /* SIGSEGV, SEGV_ACCERR: the area forbids it */
	FAULT_BUS, /* SIGBUS: past the end of a mapped file */
	FAULT_OOM, /* no frame: the process must end */
};

/* Bits of a page fault's error code: Intel SDM vol. 3, 4.7. */
#define PF_PRESENT 1
#define PF_WRITE 2
#define PF_USER 4

/* Answer a page fault at addr; esp is the program's, for the stack's growth. */
enum fault_result space_fault(struct space *space, uint32_t addr, uint32_t error, uint32_t esp);

/*
 * The same for a fault of the kernel's, at an instruction that copies from or to the current
 * program. Whether it was resolved; without a program it is not.
 */
bool user_kernel_fault(uint32_t addr, uint32_t error);

/* Make sure that the page of addr can be written to: what a 386 needs in ring 0. */
enum fault_result space_make_writable(struct space *space, uint32_t addr, uint32_t esp);

/* Print the areas for people, one a line, as /proc/self/maps has them; text for that file. */
void space_print(struct space *space);
size_t space_maps(struct space *space, char *to, size_t size, uint32_t skip);

void space_use(const struct space *space, struct space_use *use);

/* Of the resident pages, those that others map as well. Looks at each of them. */
uint32_t space_shared(const struct space *space);

/* For a line about a fault: "heap 0x804d000-0x806e000 rw-p", or where the nearest areas are. */
void space_describe(const struct space *space, uint32_t addr, char *to, size_t size);

/* Verify a space against page tables, reference counts and accounts. NULL, or what is wrong. */
const char *space_check(const struct space *space);

/*
 * Set up: the zero page, caches, a reference count for each frame (from vmalloc: a kernel that
 * runs no program pays nothing), the limit of promises. 0 or -ENOMEM. spaces_exit() gives all back.
 */
int32_t spaces_init(void);
void spaces_exit(void);

/* Verify all spaces there are, and the count of each frame against them. NULL, or what is wrong. */
const char *spaces_check(void);

/* What all spaces together had, ever: faults and the highest peak of one. Adds those that live. */
void spaces_use(struct space_use *use);

#endif /* USER_SPACE_H */
