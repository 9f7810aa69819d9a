/*
 * The i386's paging and segment constants, for C and assembly alike.
 * Source: Intel SDM vol. 3, 2.5 (control registers) and 4.3 (32-bit paging).
 */
#ifndef ARCH_MMU_H
#define ARCH_MMU_H

#define CR0_PG 0x80000000 /* paging */
#define CR0_WP 0x00010000 /* ring 0 heeds read-only pages; 486 and later */

#define CR4_PSE 0x10 /* 4 MiB pages; Pentium */
#define CR4_PGE 0x80 /* global pages; Pentium Pro */

#define PTE_PRESENT 0x001
#define PTE_WRITE 0x002
#define PTE_USER 0x004
#define PTE_CACHE_DISABLE 0x010
#define PTE_LARGE 0x080 /* in a directory entry: a page of 4 MiB; needs CR4.PSE */
#define PTE_GLOBAL 0x100 /* survives a reload of CR3; needs CR4.PGE */
#define PTE_FRAME 0xfffff000 /* the rest of an entry: a page frame's address */

#define TABLE_ENTRIES 1024 /* of a directory or table, 4 bytes each */
#define TABLE_SPAN 0x400000 /* bytes that one table maps */

#define KERNEL_CS 0x08
#define KERNEL_DS 0x10

#endif /* ARCH_MMU_H */
