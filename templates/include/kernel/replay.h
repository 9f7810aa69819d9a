/* Starting from another machine's memory map. */
#ifndef KERNEL_REPLAY_H
#define KERNEL_REPLAY_H

/* Name of the Multiboot module that holds the map. */
#define REPLAY_MODULE "kgen.map"

/* If there is such a module, put its map in the place of the loader's. */
void replay_map(void);

#endif /* KERNEL_REPLAY_H */
