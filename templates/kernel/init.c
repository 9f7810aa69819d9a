/*
 * Process 1: which program it is, with which arguments.
 *
 * `init=NAME` on the kernel's command line names a file at the root of the tree. Its
 * arguments are the words after the path on the command line of the module that it is.
 * Without that it is the first program that is built in.
 */
#include <generated/config.h>
#include <kernel/boot_info.h>
#include <kernel/cmdline.h>
#include <kernel/init.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <mm/kmalloc.h>
#include <mm/page.h>
#include <user/programs.h>
#include <user/report.h>
#include <user/user.h>

#define ARGUMENTS_MAX (MODULE_LINE_MAX / 2 + 1) /* words of a module's command line, and the NULL */

/* The base name of the path that the command line begins with; its length. */
static size_t base_name(const char *line, const char **name)
{
	const char *at = line;

	*name = line;
	for (; *at && *at != ' '; at++) {
		if (*at == '/')
			*name = at + 1;
	}
	return at - *name;
}

/* The module that is the file /NAME; NULL. */
static const struct boot_module *find_module(const char *name)
{
	for (unsigned i = 0; i < boot_info.module_count; i++) {
		const struct boot_module *module = &boot_info.modules[i];
		const char *base;
		size_t length = base_name(module->name, &base);

		if (length == strlen(name) && !strncmp(base, name, length))
			return module;
	}
	return NULL;
}

/*
 * The word at `from` without its quotes, where it stands; returns what follows it. "..." and
 * '...' keep blanks together; a backslash takes the next character as it is, but for '...'.
 */
static char *take_word(char *from)
{
	char *to = from;
	char quote = '\0';
	bool more;

	for (; *from && (quote || *from != ' '); from++) {
		if (*from == quote) {
			quote = '\0';
		} else if (!quote && (*from == '"' || *from == '\'')) {
			quote = *from;
		} else {
			if (*from == '\\' && quote != '\'' && from[1])
				from++;
			*to++ = *from;
		}
	}
	more = *from; /* it may be where the NUL goes */
	*to = '\0';
	return from + more;
}

/* Cut the words of `line` apart; `arguments` gets those after the first, which is a path. */
static void split(char *line, const char *arguments[], unsigned most)
{
	unsigned count = 0;

	while (*line && *line != ' ')
		line++;
	while (count < most) {
		while (*line == ' ')
			line++;
		if (!*line)
			break;
		arguments[count++] = line;
		line = take_word(line);
	}
	arguments[count] = NULL;
}

static uint32_t run_init(void)
{
	const char *arguments[ARGUMENTS_MAX + 1] = { NULL };
	const struct boot_module *module = NULL;
	char line[MODULE_LINE_MAX];
	char path[64] = "/";

	if (boot_option("init", path + 1, sizeof(path) - 1))
		module = find_module(path + 1);
	else
		snprintf(path, sizeof(path), "/%s", programs[0].name);
	if (module) {
		memcpy(line, module->name, sizeof(line));
		split(line, arguments + 1, ARGUMENTS_MAX - 1);
	}
	arguments[0] = path;
	return user_run(path, arguments);
}

bool run_programs(void (*done)(enum boot_stage stage))
{
	struct free_profile before;
	struct free_profile after;
	uint32_t status;

	kmalloc_shrink();
	free_profile_read(&before);
	status = run_init();
	kgen_line("exit pid=1 status=%u", status);
	kmalloc_shrink();
	free_profile_read(&after);
	BUG_ON(memcmp(&before, &after, sizeof(before))); /* a frame was lost */
	done(STAGE_USER);
	user_report(); /* counters are no part of the boot, and lines cost more than processes */
	user_print();
	return !status;
}
