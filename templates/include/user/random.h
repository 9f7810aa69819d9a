/*
 * Random bytes for programs. They are pseudo-random, from a fixed start: the same boot gives
 * the same bytes, and nothing that must stay secret can rest on them.
 */
#ifndef USER_RANDOM_H
#define USER_RANDOM_H

#include <kernel/types.h>

void random_bytes(void *to, size_t size);

#endif /* USER_RANDOM_H */
