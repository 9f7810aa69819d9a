/* assert(): a program that is wrong ends, and says where. */
#ifndef _ASSERT_H
#define _ASSERT_H

void assert_failed(const char *what, const char *file, int line) __attribute__((noreturn));

#ifdef NDEBUG
#define assert(condition) ((void)0)
#else
#define assert(condition) ((condition) ? (void)0 : assert_failed(#condition, __FILE__, __LINE__))
#endif

#endif /* _ASSERT_H */
