/* Functions of programs, for the log. */
#ifndef USER_SYMBOL_H
#define USER_SYMBOL_H

#include <user/node.h>

/*
 * The function of an ELF file that an address is in, "name+0x12", as its symbol table has it;
 * `addr` is one of the file's own. False, and an empty text, without a table or a function.
 */
bool symbol_describe(struct node *node, uint32_t addr, char *to, size_t size);

#endif /* USER_SYMBOL_H */
