// Whoever stands between this program and its C library sees what a loop sends if VERDIN_LIBC_CALLS=1 said so
// when the program began, and does not otherwise. Each case is a program of its own: this one, run again.
#include <array>
#include <cstdlib>
#include <string>

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <verdin/loop/loop.hpp>

namespace {

int sends_seen = 0;

/// What a shim in LD_PRELOAD would count.
using Send = ssize_t (*)(int, const void*, std::size_t, int);

}  // namespace

extern "C" ssize_t send(int fd, const void* data, std::size_t size, int flags) {
  static const auto real = reinterpret_cast<Send>(::dlsym(RTLD_NEXT, "send"));
  ++sends_seen;
  return real(fd, data, size, flags);
}

namespace {

[[noreturn]] void send_and_end_with_what_was_seen() {
  struct Nobody : verdin::loop::StreamHandler {
    virtual ~Nobody() = default;
    void on_data(std::span<char>) override {}
    void on_eof() override {}
    void on_error(std::error_code) override {}
  } nobody;
  const auto loop = verdin::loop::Loop::make("epoll");
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) ::_exit(99);
  auto stream = loop->adopt(ends[0]);
  stream->set_handler(&nobody);
  stream->send("x");
  sends_seen = 0;
  loop->turn(false);
  char octet = 0;
  ::_exit(::recv(ends[1], &octet, 1, 0) == 1 ? sends_seen : 98);
}

TEST(LibcCalls, are_made_where_the_environment_says_so) {
#if defined(__SANITIZE_THREAD__)
  const int unless_said = 1;  // ThreadSanitizer has to see them
#elif defined(__linux__)
  const int unless_said = 0;
#else
  const int unless_said = 1;
#endif
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a new program, which looks at its environment
  const auto expect = [](const char* said, int count) {
    said ? ::setenv("VERDIN_LIBC_CALLS", said, 1) : ::unsetenv("VERDIN_LIBC_CALLS");
    EXPECT_EXIT(send_and_end_with_what_was_seen(), testing::ExitedWithCode(count), "")
        << (said ? said : "nothing");
  };
  expect("1", 1);
  expect("0", unless_said);
  expect("yes", unless_said);
  expect("", unless_said);
  expect(nullptr, unless_said);
}

}  // namespace
