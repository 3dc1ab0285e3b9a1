#define _GNU_SOURCE
#include "failing_calls.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_int the_kind = -1;
static atomic_int left;
static atomic_int the_count = 1;
static _Thread_local int spared;
static atomic_int the_error;
static pthread_t the_thread;
static atomic_int the_descriptor = -1; /* all */

void failing_begin(int kind, int n, int error) { failing_begin_lasting(kind, n, 1, error); }

void failing_begin_lasting(int kind, int n, int count, int error) {
  left = n;
  the_count = count;
  the_error = error;
  the_thread = pthread_self();
  the_kind = kind;
}

void failing_only(int descriptor) { the_descriptor = descriptor; }

void failing_spare_this_thread(void) { spared = 1; }

int failing_struck(void) { return left <= 0; }

int failing_end(void) {
  the_kind = -1;
  the_descriptor = -1;
  return failing_struck();
}

int failing_strikes(int kind) {
  if (the_kind != kind || spared) return 0;
  if (kind >= failing_new && !pthread_equal(the_thread, pthread_self())) return 0;
  int before = atomic_fetch_sub(&left, 1);
  if (before > 1 || before <= 1 - the_count) return 0;
  errno = the_error;
  return 1;
}

/* `real` is the address of a pointer to a function. */
static void find(void* real, const char* name) {
  void* found = dlsym(RTLD_NEXT, name);
  if (!found) abort();
  memcpy(real, &found, sizeof found);
}

/* Those of wakers count their events: what reads and writes them cannot fail. */
enum { most_descriptors = 65536 };
static atomic_char is_eventfd[most_descriptors];

static int wakes(int fd) { return fd >= 0 && fd < most_descriptors && is_eventfd[fd]; }

/* ---- Sockets. */

static struct {
  ssize_t (*recv)(int, void*, size_t, int);
  ssize_t (*recvmsg)(int, struct msghdr*, int);
  int (*recvmmsg)(int, struct mmsghdr*, unsigned, int, struct timespec*);
  ssize_t (*send)(int, const void*, size_t, int);
  ssize_t (*sendto)(int, const void*, size_t, int, const struct sockaddr*, socklen_t);
  ssize_t (*sendmsg)(int, const struct msghdr*, int);
  int (*sendmmsg)(int, struct mmsghdr*, unsigned, int);
  ssize_t (*sendfile)(int, int, off_t*, size_t);
  int (*accept4)(int, struct sockaddr*, socklen_t*, int);
  int (*connect)(int, const struct sockaddr*, socklen_t);
  int (*socket)(int, int, int);
  int (*socketpair)(int, int, int, int*);
  int (*bind)(int, const struct sockaddr*, socklen_t);
  int (*listen)(int, int);
  int (*setsockopt)(int, int, int, const void*, socklen_t);
  int (*getsockopt)(int, int, int, void*, socklen_t*);
  int (*getsockname)(int, struct sockaddr*, socklen_t*);
  int (*getpeername)(int, struct sockaddr*, socklen_t*);
  int (*shutdown)(int, int);
  int (*close)(int);
  int (*poll)(struct pollfd*, nfds_t, int);
  int (*fcntl)(int, int, ...);
  int (*eventfd)(unsigned, int);
  int (*epoll_create1)(int);
  int (*epoll_ctl)(int, int, int, struct epoll_event*);
  int (*epoll_wait)(int, struct epoll_event*, int, int);
  int (*open)(const char*, int, ...);
  int (*openat)(int, const char*, int, ...);
  ssize_t (*read)(int, void*, size_t);
  ssize_t (*pread)(int, void*, size_t, off_t);
  ssize_t (*preadv2)(int, const struct iovec*, int, off_t, int);
  ssize_t (*write)(int, const void*, size_t);
  ssize_t (*pwrite)(int, const void*, size_t, off_t);
  int (*fsync)(int);
  int (*fdatasync)(int);
  int (*ftruncate)(int, off_t);
  int (*statx)(int, const char*, int, unsigned, struct statx*);
  void* (*mmap)(void*, size_t, int, int, int, off_t);
  int (*pthread_create)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
} real;

/* The loops would call the kernel themselves, and this is looked at before main(): src/loop/plain_calls.hpp.
 */
__attribute__((constructor(101))) static void have_calls_made_by_libc(void) {
  setenv("VERDIN_LIBC_CALLS", "1", 1);
}

__attribute__((constructor)) static void find_all(void) {
  if (real.recv) return;
  find(&real.recvmsg, "recvmsg");
  find(&real.recvmmsg, "recvmmsg");
  find(&real.send, "send");
  find(&real.sendto, "sendto");
  find(&real.sendmsg, "sendmsg");
  find(&real.sendmmsg, "sendmmsg");
  find(&real.sendfile, "sendfile");
  find(&real.accept4, "accept4");
  find(&real.connect, "connect");
  find(&real.socket, "socket");
  find(&real.socketpair, "socketpair");
  find(&real.bind, "bind");
  find(&real.listen, "listen");
  find(&real.setsockopt, "setsockopt");
  find(&real.getsockopt, "getsockopt");
  find(&real.getsockname, "getsockname");
  find(&real.getpeername, "getpeername");
  find(&real.shutdown, "shutdown");
  find(&real.close, "close");
  find(&real.poll, "poll");
  find(&real.fcntl, "fcntl");
  find(&real.eventfd, "eventfd");
  find(&real.epoll_create1, "epoll_create1");
  find(&real.epoll_ctl, "epoll_ctl");
  find(&real.epoll_wait, "epoll_wait");
  find(&real.open, "open");
  find(&real.openat, "openat");
  find(&real.read, "read");
  find(&real.pread, "pread");
  find(&real.preadv2, "preadv2");
  find(&real.write, "write");
  find(&real.pwrite, "pwrite");
  find(&real.fsync, "fsync");
  find(&real.fdatasync, "fdatasync");
  find(&real.ftruncate, "ftruncate");
  find(&real.statx, "statx");
  find(&real.mmap, "mmap");
  find(&real.pthread_create, "pthread_create");
  find(&real.recv, "recv");
}

/* A library that is initialised before this may call. */
static void ready(void) {
  if (!real.recv) find_all();
}

/* EPIPE comes of a connection that has ended, which receiving finds out as well. */
static int send_fails(int fd) {
  if (!failing_strikes(failing_send)) return 0;
  const int error = errno;
  int type = 0;
  socklen_t size = sizeof type;
  if (error == EPIPE && real.getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM)
    real.shutdown(fd, SHUT_RDWR);
  errno = error;
  return 1;
}

ssize_t recv(int fd, void* to, size_t size, int flags) {
  ready();
  return failing_strikes(failing_receive) ? -1 : real.recv(fd, to, size, flags);
}

ssize_t recvmsg(int fd, struct msghdr* message, int flags) {
  ready();
  return failing_strikes(failing_receive) ? -1 : real.recvmsg(fd, message, flags);
}

int recvmmsg(int fd, struct mmsghdr* messages, unsigned count, int flags, struct timespec* limit) {
  ready();
  return failing_strikes(failing_receive) ? -1 : real.recvmmsg(fd, messages, count, flags, limit);
}

ssize_t send(int fd, const void* from, size_t size, int flags) {
  ready();
  return send_fails(fd) ? -1 : real.send(fd, from, size, flags);
}

ssize_t sendto(int fd, const void* from, size_t size, int flags, const struct sockaddr* to,
               socklen_t length) {
  ready();
  return send_fails(fd) ? -1 : real.sendto(fd, from, size, flags, to, length);
}

ssize_t sendmsg(int fd, const struct msghdr* message, int flags) {
  ready();
  return send_fails(fd) ? -1 : real.sendmsg(fd, message, flags);
}

int sendmmsg(int fd, struct mmsghdr* messages, unsigned count, int flags) {
  ready();
  return send_fails(fd) ? -1 : real.sendmmsg(fd, messages, count, flags);
}

ssize_t sendfile(int to, int from, off_t* offset, size_t size) {
  ready();
  return send_fails(to) ? -1 : real.sendfile(to, from, offset, size);
}

int accept4(int fd, struct sockaddr* peer, socklen_t* size, int flags) {
  ready();
  return failing_strikes(failing_accept) ? -1 : real.accept4(fd, peer, size, flags);
}

/* Interrupted, it goes on by itself. */
int connect(int fd, const struct sockaddr* to, socklen_t size) {
  ready();
  if (!failing_strikes(failing_connect)) return real.connect(fd, to, size);
  if (errno != EINTR) return -1;
  if (real.connect(fd, to, size) == 0) return 0;
  if (errno == EINPROGRESS) errno = EINTR;
  return -1;
}

int socket(int domain, int type, int protocol) {
  ready();
  return failing_strikes(failing_socket) ? -1 : real.socket(domain, type, protocol);
}

int socketpair(int domain, int type, int protocol, int ends[2]) {
  ready();
  return failing_strikes(failing_socket) ? -1 : real.socketpair(domain, type, protocol, ends);
}

int bind(int fd, const struct sockaddr* to, socklen_t size) {
  ready();
  return failing_strikes(failing_bind) ? -1 : real.bind(fd, to, size);
}

int listen(int fd, int backlog) {
  ready();
  return failing_strikes(failing_bind) ? -1 : real.listen(fd, backlog);
}

int setsockopt(int fd, int level, int name, const void* value, socklen_t size) {
  ready();
  return failing_strikes(failing_option) ? -1 : real.setsockopt(fd, level, name, value, size);
}

int getsockopt(int fd, int level, int name, void* restrict value, socklen_t* restrict size) {
  ready();
  return failing_strikes(failing_question) ? -1 : real.getsockopt(fd, level, name, value, size);
}

int getsockname(int fd, struct sockaddr* name, socklen_t* size) {
  ready();
  return failing_strikes(failing_question) ? -1 : real.getsockname(fd, name, size);
}

int getpeername(int fd, struct sockaddr* name, socklen_t* size) {
  ready();
  return failing_strikes(failing_question) ? -1 : real.getpeername(fd, name, size);
}

int shutdown(int fd, int how) {
  ready();
  return failing_strikes(failing_shutdown) ? -1 : real.shutdown(fd, how);
}

/* Linux gives the number back whatever it says. */
int close(int fd) {
  ready();
  if (fd >= 0 && fd < most_descriptors) is_eventfd[fd] = 0;
  const int fails = failing_strikes(failing_close);
  const int error = errno;
  const int result = real.close(fd);
  if (!fails) return result;
  errno = error;
  return -1;
}

int poll(struct pollfd* all, nfds_t count, int limit) {
  ready();
  return failing_strikes(failing_poll) ? -1 : real.poll(all, count, limit);
}

int fcntl(int fd, int command, ...) {
  ready();
  va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  return failing_strikes(failing_fcntl) ? -1 : real.fcntl(fd, command, argument);
}

int eventfd(unsigned value, int flags) {
  ready();
  if (failing_strikes(failing_eventfd)) return -1;
  const int fd = real.eventfd(value, flags);
  if (fd >= 0 && fd < most_descriptors) is_eventfd[fd] = 1;
  return fd;
}

int epoll_create1(int flags) {
  ready();
  return failing_strikes(failing_epoll_create) ? -1 : real.epoll_create1(flags);
}

int epoll_ctl(int epoll, int what, int fd, struct epoll_event* event) {
  ready();
  if (what != EPOLL_CTL_DEL && failing_strikes(failing_epoll_add)) return -1;
  return real.epoll_ctl(epoll, what, fd, event);
}

int epoll_wait(int epoll, struct epoll_event* events, int most, int limit) {
  ready();
  return failing_strikes(failing_epoll_wait) ? -1 : real.epoll_wait(epoll, events, most, limit);
}

/* ---- Files. */

int open(const char* path, int flags, ...) {
  ready();
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return failing_strikes(failing_open) ? -1 : real.open(path, flags, mode);
}

int openat(int at, const char* path, int flags, ...) {
  ready();
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return failing_strikes(failing_open) ? -1 : real.openat(at, path, flags, mode);
}

ssize_t read(int fd, void* to, size_t size) {
  ready();
  const int counts = !wakes(fd) && (the_descriptor < 0 || the_descriptor == fd);
  return counts && failing_strikes(failing_read) ? -1 : real.read(fd, to, size);
}

ssize_t pread(int fd, void* to, size_t size, off_t offset) {
  ready();
  return failing_strikes(failing_read) ? -1 : real.pread(fd, to, size, offset);
}

ssize_t preadv2(int fd, const struct iovec* pieces, int count, off_t offset, int flags) {
  ready();
  return failing_strikes(failing_read_at_once) ? -1 : real.preadv2(fd, pieces, count, offset, flags);
}

ssize_t write(int fd, const void* from, size_t size) {
  ready();
  return !wakes(fd) && failing_strikes(failing_write) ? -1 : real.write(fd, from, size);
}

ssize_t pwrite(int fd, const void* from, size_t size, off_t offset) {
  ready();
  return failing_strikes(failing_write) ? -1 : real.pwrite(fd, from, size, offset);
}

int fsync(int fd) {
  ready();
  return failing_strikes(failing_sync) ? -1 : real.fsync(fd);
}

int fdatasync(int fd) {
  ready();
  return failing_strikes(failing_sync) ? -1 : real.fdatasync(fd);
}

int ftruncate(int fd, off_t size) {
  ready();
  return failing_strikes(failing_sync) ? -1 : real.ftruncate(fd, size);
}

int statx(int at, const char* restrict path, int flags, unsigned mask, struct statx* restrict status) {
  ready();
  return failing_strikes(failing_status) ? -1 : real.statx(at, path, flags, mask, status);
}

void* mmap(void* at, size_t size, int protection, int flags, int fd, off_t offset) {
  ready();
  if (size >= (16U << 20) && failing_strikes(failing_large_map)) return MAP_FAILED;
  return failing_strikes(failing_map) ? MAP_FAILED : real.mmap(at, size, protection, flags, fd, offset);
}

int pthread_create(pthread_t* thread, const pthread_attr_t* how, void* (*what)(void*), void* with) {
  ready();
  return failing_strikes(failing_thread) ? errno : real.pthread_create(thread, how, what, with);
}
