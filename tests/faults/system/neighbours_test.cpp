// What was read of a stream before a neighbour's handler paused it, where there is no memory to keep it: an
// error, or all of it in order.
#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <new>
#include <string>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <verdin/loop/loop.hpp>
#include <verdin/loop/stream.hpp>

#include "system/failing_calls.h"

namespace verdin::test {
namespace {

struct HeldHearer final : loop::StreamHandler {
  void on_data(std::span<char> data) override {
    size += data.size();
    if (then) then(*this);
  }
  void on_eof() override { ++errors; }
  void on_error(std::error_code) override { ++errors; }

  int peer = -1;
  loop::StreamPtr stream;
  std::size_t size = 0;
  int errors = 0;
  std::function<void(HeldHearer&)> then;
};

class HeldWithFaults : public testing::TestWithParam<const char*> {
 protected:
  /// Allocations fail from the n-th on, from when one was paused (or resumed). Did it come to that?
  bool play(int n, bool when_resumed) {
    const std::unique_ptr<loop::Loop> loop = loop::Loop::make(GetParam());
    std::array<HeldHearer, 2> both;
    HeldHearer* other = nullptr;
    const std::string text(1'000, 'x');
    const auto fail = [n] { failing_begin_lasting(failing_new, n, 1'000, ENOMEM); };
    for (HeldHearer& each : both) {
      std::array<int, 2> ends{};
      EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
      each.peer = ends[0];
      each.stream = loop->adopt(ends[1]);
      each.stream->set_handler(&each);
    }
    loop->turn(false);
    for (HeldHearer& each : both) {
      each.then = [&](HeldHearer& heard) {
        if (other) return;
        other = &heard == both.data() ? &both[1] : both.data();
        other->stream->pause();
        if (!when_resumed) fail();
      };
      say(each, text);
    }
    turns(*loop);
    if (when_resumed) fail();
    other->stream->resume();
    turns(*loop);
    const bool happened = failing_end() != 0;
    say(*other, text);
    for (int i = 0; i < 1'000 && other->size < 2 * text.size() && other->errors == 0; ++i) turns(*loop);
    if (other->errors == 0) {
      EXPECT_EQ(other->size, 2 * text.size());
    } else {
      EXPECT_EQ(other->errors, 1);
    }
    for (HeldHearer& each : both) {
      each.stream.reset();
      ::close(each.peer);
    }
    return happened;
  }

  static void say(const HeldHearer& to, const std::string& text) {
    static_cast<void>(::send(to.peer, text.data(), text.size(), MSG_NOSIGNAL));
  }
  static void turns(loop::Loop& loop) {
    for (int i = 0; i < 3; ++i) {
      try {
        loop.turn(false);
      } catch (const std::bad_alloc&) {
      }
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Each, HeldWithFaults, testing::Values("epoll", "uring"),
                         [](const auto& parameter) { return std::string(parameter.param); });

TEST_P(HeldWithFaults, is_whole_or_ends_in_an_error) {
  for (const bool when_resumed : {false, true}) {
    for (int n = 1; n <= 6; ++n) {
      SCOPED_TRACE(testing::Message() << (when_resumed ? "resumed, " : "paused, ") << n);
      if (!play(n, when_resumed)) break;
    }
  }
}

}  // namespace
}  // namespace verdin::test
