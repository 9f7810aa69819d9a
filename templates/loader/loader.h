/*
 * What the loader's files share: where things are in the first megabyte, the
 * disk's shape, and the records of the plan that kgen made with the image.
 *
 * Memory while the loader runs. The BIOS owns what is below 0x500 and, at the
 * top of the 640 KiB, its extended data area.
 *
 *   0x00000  interrupt vectors and BIOS data
 *   0x00500  A20_PROBE, DISK_TABLE
 *   0x01000  MEMORY_MAP, 128 entries of 24 bytes
 *   0x07000  the stack, down from START
 *   0x07c00  START: the boot sector, where the BIOS puts it
 *   0x07e00  STAGE2: the rest of the loader, with the plan at its end
 *   0x10000  BOUNCE: one track of the disk on its way up; starting on a
 *            multiple of 64 KiB it crosses none, which floppy DMA could not do
 *   0x12400
 */
#ifndef LOADER_H
#define LOADER_H

#define START 0x7c00
#define STAGE2 (START + SECTOR)
#define A20_PROBE 0x500
#define DISK_TABLE 0x510
#define MEMORY_MAP 0x1000
#define MEMORY_MAP_END (MEMORY_MAP + 128 * MAP_ENTRY)
#define BOUNCE 0x10000

/* A 3.5" disk of 1.44 MB: 80 cylinders of 2 tracks of 18 sectors. */
#define SECTOR 512 /* bytes */
#define TRACK_SECTORS 18

/* The kernel's exit port under QEMU, and its code for a boot refused. */
#define EXIT_PORT 0xf4
#define EXIT_REFUSED 0x13

/*
 * An extent: bytes that lie together on the disk and belong together in memory.
 * Behind them memory is cleared up to the extent's size. Extents follow each
 * other on the disk as they do in the plan, each from a sector of its own on.
 */
#define EXTENT_SECTORS 0 /* word: how many; none for an empty module */
#define EXTENT_NAME 2 /* word: address of its name */
#define EXTENT_ADDRESS 4 /* physical; 32 bits, as are the following */
#define EXTENT_BYTES 8 /* on the disk */
#define EXTENT_SIZE 12 /* in memory, not less than EXTENT_BYTES */
#define EXTENT_SUM 16 /* of its bytes; see sum in boot.S */
#define EXTENT_LENGTH 20 /* of this record */

/* An entry of the memory map as Multiboot has it (0.6.96, 3.3). */
#define MAP_SIZE 0 /* bytes that follow: 20 */
#define MAP_BASE 4 /* 64 bits */
#define MAP_LENGTH 12 /* 64 bits */
#define MAP_TYPE 20
#define MAP_ENTRY 24
#define MAP_AVAILABLE 1

/* Selectors into the loader's GDT, in stage2.S. */
#define CODE16 0x08
#define DATA16 0x10
#define CODE32 0x18
#define DATA32 0x20

#endif /* LOADER_H */
