// What a stream gets in bulk, on io_uring and on epoll, while one call, operation or allocation after the
// other fails: all of it and in order, or the front of it and an error.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <new>
#include <string>
#include <system_error>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <verdin/loop/loop.hpp>
#include <verdin/loop/stream.hpp>

#include "system/failing_calls.h"

namespace verdin::test {
namespace {

constexpr std::size_t kInBulk = 2'000'000;

char in_bulk(std::size_t i) { return static_cast<char>((i * 2654435761u) >> 13); }

struct BulkHearer final : loop::StreamHandler {
  void on_data(std::span<char> data) override {
    for (const char c : data) correct = correct && c == in_bulk(received++);
    correct = correct && errors == 0;
  }
  void on_eof() override { ++errors; }
  void on_error(std::error_code) override { ++errors; }
  bool over() const { return received == kInBulk || errors > 0; }

  std::size_t received = 0;
  int errors = 0;
  bool correct = true;
};

class BulkWithFaults : public testing::TestWithParam<const char*> {
 protected:
  BulkWithFaults() : text_(kInBulk, '\0') {
    for (std::size_t i = 0; i < kInBulk; ++i) text_[i] = in_bulk(i);
  }

  /// Returns whether it came to the fault.
  bool play(int kind, int n, int error) {
    const std::unique_ptr<loop::Loop> loop = loop::Loop::make(GetParam());
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    BulkHearer hearer;
    loop::StreamPtr stream = loop->adopt(ends[1]);
    stream->set_handler(&hearer);
    const auto give_up = loop::Clock::now() + std::chrono::seconds(20);
    std::size_t sent = 0;
    failing_begin(kind, n, error);
    while (!hearer.over() && loop::Clock::now() < give_up) {
      const std::size_t most = sent % 3 == 0 ? 1'000 : 150'000;
      const ssize_t taken =
          ::send(ends[0], text_.data() + sent, std::min(most, kInBulk - sent), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (taken > 0) sent += static_cast<std::size_t>(taken);
      try {
        loop->turn(false);
      } catch (const std::bad_alloc&) {
        ++thrown_;
      }
    }
    const bool happened = failing_end() != 0;
    EXPECT_TRUE(hearer.over()) << hearer.received << " octets of " << sent;
    EXPECT_TRUE(hearer.correct);
    EXPECT_LE(hearer.errors, 1);
    if (hearer.errors > 0) ++failed_;
    stream.reset();
    ::close(ends[0]);
    return happened;
  }

  std::string text_;
  int thrown_ = 0;
  int failed_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Each, BulkWithFaults, testing::Values("epoll", "uring"),
                         [](const auto& parameter) { return std::string(parameter.param); });

TEST_P(BulkWithFaults, is_whole_or_ends_in_an_error) {
  struct Fault {
    int kind;
    int error;
  };
  for (const Fault fault :
       {Fault{failing_receive, ECONNRESET}, Fault{failing_receive, EAGAIN}, Fault{failing_receive, EINTR},
        Fault{failing_receive, ENOMEM}, Fault{failing_ring_entry, ECANCELED},
        Fault{failing_ring_entry, ENOMEM}, Fault{failing_ring_entry, ECONNRESET},
        Fault{failing_ring_enter, EAGAIN}, Fault{failing_ring_enter, ENOMEM}, Fault{failing_ring_partly, 0},
        Fault{failing_new, ENOMEM}}) {
    for (int n = 1; n <= 12; ++n) {
      SCOPED_TRACE(testing::Message()
                   << "kind " << fault.kind << ", error " << fault.error << ", the " << n << "th");
      if (!play(fault.kind, n, fault.error) || HasFailure()) break;
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(failed_, 0) << "a reset is one";
}

}  // namespace
}  // namespace verdin::test
