/*
 * The symbol table of a program, looked through when it dies.
 *
 *     header → section headers → the symbol table → its strings
 *
 * Nothing in the file is believed: offsets and counts only say what is read next, and a
 * read past the file's end yields nothing, which ends the search.
 *
 * Concurrency: none; one CPU, interrupts off.
 */
#include <kernel/printk.h>
#include <user/elf.h>
#include <user/symbol.h>

#define SECTIONS_MAX 256
#define TYPE_SYMBOLS 2 /* of a section: SHT_SYMTAB */
#define TYPE_FUNCTION 2 /* of a symbol, in the low half of `info`: STT_FUNC */
#define TYPE_NONE 0 /* what assembly has without .type */
#define AT_ONCE 16 /* symbols */
#define NAME_SIZE 48

struct section {
	uint32_t name, type, flags, address, offset, size, link, info, align, entry_size;
};

struct symbol {
	uint32_t name, value, size;
	uint8_t info, other;
	uint16_t section;
};

_Static_assert(sizeof(struct section) == 40, "Elf32_Shdr");
_Static_assert(sizeof(struct symbol) == 16, "Elf32_Sym");

static bool read(struct node *node, uint32_t offset, void *to, size_t size)
{
	return node_read(node, offset, to, size) == size;
}

/* The symbol table, and the strings that it links to. */
static bool find_tables(struct node *node, struct section *symbols, struct section *strings)
{
	struct elf_header header;

	if (!read(node, 0, &header, sizeof(header)) ||
	    header.section_header_size != sizeof(*symbols))
		return false;
	for (unsigned i = 0; i < MIN(header.section_header_count, SECTIONS_MAX); i++) {
		uint32_t at = header.section_headers + i * sizeof(*symbols);

		if (!read(node, at, symbols, sizeof(*symbols)))
			return false;
		if (symbols->type != TYPE_SYMBOLS)
			continue;
		at = header.section_headers + symbols->link * sizeof(*strings);
		return read(node, at, strings, sizeof(*strings));
	}
	return false;
}

/* Whether a symbol is a function that begins nearer to addr than `best` does. */
static bool is_nearer(const struct symbol *symbol, const struct symbol *best, uint32_t addr)
{
	uint8_t type = symbol->info & 0xf;

	if ((type != TYPE_FUNCTION && type != TYPE_NONE) || !symbol->section || !symbol->name)
		return false;
	if (symbol->value > addr || (symbol->size && addr - symbol->value >= symbol->size))
		return false;
	return !best->name || symbol->value > best->value;
}

static struct symbol find_symbol(struct node *node, const struct section *table, uint32_t addr)
{
	struct symbol best = { .name = 0 };
	struct symbol symbols[AT_ONCE];

	for (uint32_t at = 0; at < table->size; at += sizeof(symbols)) {
		size_t size = MIN(sizeof(symbols), table->size - at);
		size_t got = node_read(node, table->offset + at, symbols, size);

		for (unsigned i = 0; i < got / sizeof(symbols[0]); i++) {
			if (is_nearer(&symbols[i], &best, addr))
				best = symbols[i];
		}
		if (got < size)
			break;
	}
	return best;
}

bool symbol_describe(struct node *node, uint32_t addr, char *to, size_t size)
{
	struct section symbols, strings;
	char name[NAME_SIZE] = "";
	struct symbol best;

	*to = '\0';
	if (!node || !find_tables(node, &symbols, &strings))
		return false;
	best = find_symbol(node, &symbols, addr);
	if (!best.name)
		return false;
	node_read(node, strings.offset + best.name, name, sizeof(name) - 1);
	snprintf(to, size, "%s+0x%x", name, addr - best.value);
	return true;
}
