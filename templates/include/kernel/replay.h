/* Starting from another machine's memory map. */
#ifndef KERNEL_REPLAY_H
#define KERNEL_REPLAY_H

/* Name of the Multiboot module that holds the map. */
#define REPLAY_MODULE "kgen.map"

/* If there is such a module, replace the loader's map by its map. */
void replay_map(void);

#endif /* KERNEL_REPLAY_H */
