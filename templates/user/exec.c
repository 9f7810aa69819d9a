/*
 * execve(): another program in the same process.
 *
 *   1. Arguments and environment are copied into the kernel.
 *   2. The file is found and read: a script ("#!") names an interpreter, which is found
 *      instead, with the script as its argument; an ELF file is checked (user/elf.c).
 *   3. A new space is built, and switched to: segments mapped, the stack filled.
 *   4. Only now the old space, handlers, descriptors to be closed and registers go.
 *
 * All that can fail is in steps 1 to 3, and the old program sees the error as if nothing
 * had happened: after step 3 nothing can.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/kmalloc.h>
#include <user/exec.h>
#include <user/report.h>
#include <user/syscall_list.h>
#include <user/uaccess.h>

#define HEAD_SIZE 256 /* of a script, its first line must end there */
#define SCRIPTS_MAX 4 /* an interpreter that is a script, and so on */
#define PIE_BASE ALIGN_DOWN(USER_END / 3 * 2, PAGE_SIZE) /* as in Linux */

static bool is_loading; /* current->space is not the program's yet */

/* What is read of a file. */
struct image {
	union {
		char head[HEAD_SIZE];
		struct elf_header header;
	};
	struct elf_program_header headers[ELF_HEADERS_MAX];
	struct elf_program program;
	char script[HEAD_SIZE]; /* the path of a script that was found on the way */
};

/* --- reading ---------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * Take the first line of a script apart, in place: "#! interpreter [option]". False if
 * there is no interpreter, or its path may be cut.
 */
static bool parse_script(char *head, size_t length, char **interpreter, char **option)
{
	size_t i = 2;
	size_t end = i;

	while (end < length && head[end] != '\n' && head[end])
		end++;
	while (i < end && is_blank(head[i]))
		i++;
	if (i == end)
		return false;
	*interpreter = head + i;
	while (i < end && !is_blank(head[i]))
		i++;
	if (i == HEAD_SIZE)
		return false;
	while (end > i && is_blank(head[end - 1]))
		end--;
	if (end == HEAD_SIZE)
		end--;
	head[end] = '\0';
	*option = head + end;
	if (i < end) {
		head[i++] = '\0';
		while (is_blank(head[i]))
			i++;
		*option = head + i;
	}
	return true;
}

static enum elf_error parse_elf(struct node *node, struct image *image)
{
	uint32_t file_size = node_size(node);
	enum elf_error error = elf_check_header(&image->header, file_size);
	size_t size = image->header.program_header_count * sizeof(image->headers[0]);

	if (error)
		return error;
	if (node_read(node, image->header.program_headers, image->headers, size) != size)
		return ELF_ERR_HEADERS;
	return elf_parse(&image->header, image->headers, file_size, PIE_BASE, USER_END,
			 &image->program);
}

/* The file at `path`, if it may be executed. */
static int32_t find(const char *path, struct node **node)
{
	int32_t error = node_find(path, node);

	if (error)
		return error;
	if (node_is_executable(*node))
		return 0;
	node_put(*node);
	return -EACCES;
}

/*
 * Find a program: the file at `path`, or the interpreter that it names. `arguments` become
 * the interpreter's. 0, and *node with a user more; else an error.
 */
static int32_t find_program(const char *path, struct program_arguments *arguments,
			    struct image *image, struct node **node)
{
	for (unsigned depth = 0; depth <= SCRIPTS_MAX; depth++) {
		char *interpreter, *option;
		int32_t error = find(path, node);
		enum elf_error wrong;
		size_t length;

		if (error)
			return error;
		memset(image->head, 0, sizeof(image->head));
		length = node_read(*node, 0, image->head, sizeof(image->head));
		if (length < 2 || image->head[0] != '#' || image->head[1] != '!') {
			wrong = parse_elf(*node, image);
			if (!wrong)
				return 0;
			if (wrong != ELF_ERR_MAGIC) /* a shell reads it as a script then */
				log_line("user: %s: %s (%s[%d])", path, elf_strerror(wrong),
					 current->name, current->pid);
			node_put(*node);
			return elf_errno(wrong);
		}
		node_put(*node);
		if (!parse_script(image->head, length, &interpreter, &option))
			return -ENOEXEC;
		error = arguments_replace_first(arguments, interpreter, option, path);
		if (error)
			return error;
		snprintf(image->script, sizeof(image->script), "%s", interpreter);
		path = image->script;
	}
	return -ELOOP;
}

/* --- building --------------------------------------------------------------------- */

/*
 * The pages of the file; then pages of zeros. Where a page has the end of one and the beginning
 * of the other, space_map() is told where the file's bytes end.
 */
static int32_t map_segment(struct node *node, const struct elf_segment *segment)
{
	uint32_t start = segment->start & PAGE_MASK;
	uint32_t shown = segment->file_end > segment->start ? segment->file_end : start;
	uint32_t zeros = ALIGN_UP(shown, PAGE_SIZE);
	uint32_t end = ALIGN_UP(segment->end, PAGE_SIZE);
	enum area_kind kind = segment->prot & PROT_WRITE ? AREA_DATA : AREA_CODE;
	int32_t error = 0;

	if (segment->file_end == segment->end)
		shown = zeros; /* what the file has after it may be seen */
	if (shown > start)
		error = space_map(current->space, &start, shown - start, segment->prot,
				  MAP_PRIVATE | MAP_FIXED, kind, node, segment->offset / PAGE_SIZE);
	if (!error && end > zeros)
		error = space_map(current->space, &zeros, end - zeros, segment->prot,
				  MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, AREA_DATA, NULL, 0);
	return error;
}

/* Fill the current space, which is empty. */
static int32_t fill_space(struct node *node, const struct elf_program *program,
			  const struct program_arguments *arguments, const char *path,
			  uint32_t *esp)
{
	for (unsigned i = 0; i < program->count; i++) {
		int32_t error = map_segment(node, &program->segments[i]);

		if (error)
			return error;
	}
	space_set_brk(current->space, ALIGN_UP(program->end, PAGE_SIZE));
	return stack_build(arguments, program, path, esp);
}

/* Build a new space and make it the current process's. *former is what it was, or stays. */
static int32_t build_space(struct node *node, const struct elf_program *program,
			   const struct program_arguments *arguments, const char *path,
			   uint32_t *esp, struct space **former)
{
	struct space *space = space_create();
	int32_t error;

	*former = current->space;
	if (!space)
		return -ENOMEM;
	is_loading = true;
	current->space = space;
	space_switch(space);
	error = fill_space(node, program, arguments, path, esp);
	is_loading = false;
	if (!error)
		return 0;
	current->space = *former;
	space_switch(*former);
	space_put(space);
	return error;
}

/* --- starting --------------------------------------------------------------------- */

static void start_registers(uint32_t entry, uint32_t esp)
{
	struct user_frame *frame = &current->frame;

	memset(frame, 0, sizeof(*frame));
	frame->es = frame->ds = frame->ss = USER_DS;
	frame->trap.cs = USER_CS;
	frame->trap.eip = entry;
	frame->trap.eflags = EFLAGS_FIXED | EFLAGS_IF;
	frame->esp = esp;
	memset(current->tls, 0, sizeof(current->tls));
	load_tls(current->tls);
	load_segments(0, 0);
	//% if cpu.fpu == "x87"
	current->uses_fpu = false;
	fpu_forget(&current->fpu);
	//% endif
}

void process_set_name(struct process *process, const char *path)
{
	const char *name = path;

	for (; *path; path++) {
		if (*path == '/' && path[1])
			name = path + 1;
	}
	snprintf(process->name, sizeof(process->name), "%s", name);
}

/* The new program's space is there: nothing can fail any more. */
static void commit_to(struct space *former, struct node *node, const char *path)
{
	if (former) {
		space_put(former);
		process_release_lender(current);
	}
	if (current->program)
		node_put(current->program);
	current->program = node;
	files_close_on_exec(current->files);
	signals_exec(current->signals);
	current->set_tid = 0;
	current->clear_tid = 0;
	current->has_executed = true;
	process_set_name(current, path);
	user_totals.executed++;
}

int32_t process_execute(const char *path, struct program_arguments *arguments)
{
	struct image *image = kmalloc(sizeof(*image));
	struct space *former;
	struct node *node;
	uint32_t esp;
	int32_t error;

	if (!image)
		return -ENOMEM;
	error = find_program(path, arguments, image, &node);
	if (!error) {
		error = build_space(node, &image->program, arguments, path, &esp, &former);
		if (error)
			node_put(node);
	}
	if (!error) {
		commit_to(former, node, path);
		start_registers(image->program.entry, esp);
		current->moved = image->program.entry - image->header.entry;
	}
	kfree(image);
	return error;
}

int32_t sys_execve(uint32_t path, uint32_t argv, uint32_t envp)
{
	struct program_arguments arguments = { .text = NULL };
	char *copy = kmalloc(PATH_SIZE);
	int32_t error;

	if (!copy)
		return -ENOMEM;
	error = string_from_user(copy, path, PATH_SIZE);
	if (error >= 0)
		error = *copy ? arguments_read(&arguments, argv, &arguments.argc) : -ENOENT;
	if (!error && !arguments.argc) { /* as in Linux: no program is without its name */
		error = arguments_add(&arguments, "");
		arguments.argc = 1;
	}
	if (!error)
		error = arguments_read(&arguments, envp, &arguments.envc);
	if (!error)
		error = process_execute(copy, &arguments);
	arguments_free(&arguments);
	kfree(copy);
	return error;
}

void process_out_of_memory(uint32_t addr)
{
	struct signals *signals = current->signals;

	if (is_loading || signals->pending & SIGNAL_BIT(SIGKILL))
		return; /* execve() fails; it is known */
	log_line("%s[%d]: out of memory for 0x%x, SIGKILL; its areas:", current->name, current->pid,
		 addr);
	space_print(current->space);
	signals->pending |= SIGNAL_BIT(SIGKILL); /* a system call is ended first */
	signal_set_mask(current, signals->mask);
}
