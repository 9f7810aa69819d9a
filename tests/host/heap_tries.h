/* What the walk of heap.c tries beside plain calls. Each ends the program if it is disappointed. */
#ifndef HEAP_TRIES_H
#define HEAP_TRIES_H

/*
 * heap_wrong.c: pointers and headers that are wrong, around some allocation, which is
 * freed in the end. All are refused, and nothing is changed.
 */
void try_wrong_frees(void);

/* Give an object to the first cache, whose it may be: for machine_stops(). */
void free_to_first(void *object);

/* heap_corners.c: what needs no state to be tried. */
void try_corners(void);
void try_device(void);
void try_largest(void);
void try_lazy(void);
void try_flush_of_few(void);
void try_spare_without_frames(void);
void try_refill(void);

/* The same, with the caches of the model. */
void try_forged_slab(void);

#endif /* HEAP_TRIES_H */
