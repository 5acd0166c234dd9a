// A library to preload: while the file that FSYNC_FAILS names is there, a sync of a write-ahead log fails as on a broken
// disk. Afterwards the kernel would say that all is well, whatever was lost.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fails(int fd) {
  char link[64], path[4096];
  const char *when = getenv("FSYNC_FAILS");
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (when == NULL || n < 4 || access(when, F_OK) != 0) return 0;
  return memcmp(path + n - 4, "-wal", 4) == 0;
}

static int sync_as(long call, int fd) {
  if (fails(fd)) {
    errno = EIO;
    return -1;
  }
  return (int)syscall(call, fd);
}

int fsync(int fd) { return sync_as(SYS_fsync, fd); }
int fdatasync(int fd) { return sync_as(SYS_fdatasync, fd); }
