/* Lets system calls of this program fail: the functions of libc and of liburing that make them are defined
 * here, and forward to the real ones, except for the one call that was asked for. Calls are counted by kind,
 * in all threads; allocations (of operator new and of OpenSSL) only in the thread that called
 * failing_begin(). */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

enum failing_kind {
  failing_receive, /* of sockets */
  failing_send,
  failing_accept,
  failing_connect,
  failing_socket,   /* and socketpair */
  failing_bind,     /* and listen */
  failing_option,   /* setsockopt */
  failing_question, /* getsockopt, getsockname, getpeername */
  failing_shutdown,
  failing_close,
  failing_poll,
  failing_fcntl,
  failing_eventfd,
  failing_epoll_create,
  failing_epoll_add, /* and EPOLL_CTL_MOD */
  failing_epoll_wait,
  failing_open,
  failing_read, /* of files */
  failing_read_at_once,
  failing_write,
  failing_sync,
  failing_status,
  failing_map,
  failing_large_map, /* of 16 MiB and more, as stacks are */
  failing_thread,
  failing_ring_setup,
  failing_ring_enter,
  failing_ring_partly, /* only the first entry of those that are submitted is taken */
  failing_ring_entry,  /* an operation that was submitted */
  failing_new,
  failing_openssl,
  failing_kinds
};

/* The n-th call (from 1) of `kind` fails with `error`. Until failing_end(). */
void failing_begin(int kind, int n, int error);
/* So do the `count` - 1 after it. */
void failing_begin_lasting(int kind, int n, int count, int error);
/* Until failing_end() only one descriptor's failing_read fails: other threads read, too. Before
 * failing_begin(). */
void failing_only(int descriptor);
/* What the calling thread does never fails, and is not counted. */
void failing_spare_this_thread(void);
/* Did it come to that? */
int failing_end(void);
/* The same, in the meantime. */
int failing_struck(void);
/* For who makes such a call: is it its turn? errno is set then. */
int failing_strikes(int kind);

#ifdef __cplusplus
}
#endif
