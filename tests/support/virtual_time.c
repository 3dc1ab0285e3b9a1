/* Time that passes only while a program waits: a shared library, preloaded by the interpreter that runs
 * gevent and linked by the one that runs Verdin, so that sleeps and timeouts of the differential test cost
 * nothing and never race.
 *
 * Clocks stand still for whoever asks; a wait for events with a timeout looks once, and when nothing is there
 * the clocks move on by the timeout. One microsecond is added, because libev fires a timer only when its time
 * is over. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Called after each look for events, if it is set. */
void (*virtual_time_on_poll)(void) = NULL;

/* For what the world outside takes part in: how many real milliseconds a wait may take before the clocks
 * move. */
int virtual_time_patience = 0;

/* A thousand seconds. Atomic: other threads of the program ask for the time, too. */
static _Atomic long long now_us = 1000000000LL;

int clock_gettime(clockid_t id, struct timespec* time) {
  (void)id;
  time->tv_sec = (time_t)(now_us / 1000000);
  time->tv_nsec = (long)(now_us % 1000000) * 1000;
  return 0;
}

int gettimeofday(struct timeval* restrict time, void* restrict zone) {
  (void)zone;
  time->tv_sec = (time_t)(now_us / 1000000);
  time->tv_usec = (suseconds_t)(now_us % 1000000);
  return 0;
}

time_t time(time_t* out) {
  const time_t seconds = (time_t)(now_us / 1000000);
  if (out) *out = seconds;
  return seconds;
}

int epoll_pwait(int fd, struct epoll_event* events, int most, int timeout, const sigset_t* mask) {
  const int really = timeout > virtual_time_patience ? virtual_time_patience : timeout;
  const long ready = syscall(SYS_epoll_pwait, fd, events, most, really, mask, _NSIG / 8);
  if (ready == 0 && timeout > 0) now_us += timeout * 1000LL + 1;
  if (virtual_time_on_poll) virtual_time_on_poll();
  return (int)ready;
}

int epoll_wait(int fd, struct epoll_event* events, int most, int timeout) {
  return epoll_pwait(fd, events, most, timeout, NULL);
}
