/* Files by descriptor, processes, the heap's end. */
#ifndef _UNISTD_H
#define _UNISTD_H

#include <sys/types.h>

#define STDIN_FILENO 0
#define STDOUT_FILENO 1
#define STDERR_FILENO 2

#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2

extern char **environ;

ssize_t read(int fd, void *to, size_t n);
ssize_t write(int fd, const void *from, size_t n);
off_t lseek(int fd, off_t offset, int whence);
int close(int fd);
int dup(int fd);
int dup2(int fd, int as);
int pipe(int fds[2]);
int unlink(const char *path);
int rmdir(const char *path);
int chdir(const char *path);
char *getcwd(char *to, size_t size);
int access(const char *path, int mode);
int ftruncate(int fd, off_t size);
ssize_t readlink(const char *path, char *to, size_t size);

pid_t fork(void);
pid_t vfork(void);
pid_t getpid(void);
pid_t getppid(void);
int execve(const char *path, char *const argv[], char *const envp[]);
int execv(const char *path, char *const argv[]);
void _exit(int status) __attribute__((noreturn));
unsigned sleep(unsigned seconds);

int brk(void *end);
void *sbrk(intptr_t more);

#endif /* _UNISTD_H */
