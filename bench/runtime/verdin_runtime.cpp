// Verdin's side of scripts/bench-runtime: what greenlets cost. gevent_runtime.py does the same with gevent,
// boost_runtime.cpp with Boost.Fiber.
#include <chrono>
#include <deque>
#include <random>
#include <vector>

#include <verdin/fiber/context.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/greenlet.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/queue.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/timeout.hpp>
#if __has_include(<verdin/runtime/channel.hpp>)
#include <verdin/runtime/channel.hpp>
#define BENCH_CHANNEL 1
#endif

#include "measure.hpp"

namespace {

using namespace std::chrono_literals;
using bench::nanoseconds;
using verdin::Event;
using verdin::Greenlet;
using verdin::Queue;
using verdin::fiber::Context;

constexpr std::size_t kOften = 2'000'000;

/// The figure of a function that runs on a main greenlet.
template <typename F>
double in_hub(F&& function) {
  double figure = 0;
  verdin::run([&] { figure = function(); });
  return figure;
}

struct Pair {
  Context here;
  Context there;
};

[[gnu::noipa]] void change_places(Context& from, Context& to, std::size_t times) {
  for (std::size_t i = 0; i < times; ++i) from.switch_to(to);
}

[[noreturn]] void change_back_for_ever(void* argument) {
  Pair& pair = *static_cast<Pair*>(argument);
  for (;;) change_places(pair.there, pair.here, kOften);
}

[[noreturn]] void switch_back_for_ever(void* argument) {
  Pair& pair = *static_cast<Pair*>(argument);
  for (;;) pair.there.switch_to(pair.here);
}

template <typename F>
double with_pair(Context::Entry entry, F&& function) {
  verdin::fiber::StackPool pool;
  const verdin::fiber::Stack stack = pool.take();
  Pair pair;
  pair.there.start(stack, entry, &pair);
  const double figure = nanoseconds(kOften, [&] { function(pair); });
  pair.there.finish();
  pool.give_back(stack);
  return figure;
}

/// There and back, when both sides wait in the same line of the program, as most greenlets do.
double switch_alike() {
  return with_pair(&change_back_for_ever, [](Pair& pair) { change_places(pair.here, pair.there, kOften); });
}

/// There and back between two places: one return address is guessed wrongly each way.
double switch_unlike() {
  return with_pair(&switch_back_for_ever, [](Pair& pair) {
    for (std::size_t i = 0; i < kOften; ++i) pair.here.switch_to(pair.there);
  });
}

void spawn_and_join(std::size_t count) {
  std::vector<Greenlet<>> all;
  all.reserve(count);
  for (std::size_t i = 0; i < count; ++i) all.push_back(verdin::spawn([] {}));
  verdin::join_all(all);
}

/// The first crowd of a process: much of it is memory that the kernel has to clear.
double spawn_join_first() {
  constexpr std::size_t kCount = 100'000;
  return in_hub([] { return nanoseconds(kCount, [] { spawn_and_join(kCount); }); });
}

double spawn_join_100k() {
  constexpr std::size_t kCount = 100'000;
  return in_hub([] {
    spawn_and_join(kCount);
    return nanoseconds(kCount, [] { spawn_and_join(kCount); });
  });
}

double spawn_join_one() {
  constexpr std::size_t kCount = 500'000;
  return in_hub([] {
    return nanoseconds(kCount, [] {
      for (std::size_t i = 0; i < kCount; ++i) verdin::spawn([] {}).join();
    });
  });
}

/// `greenlets` call pause() in turn; each call.
template <typename F>
double in_turns(std::size_t greenlets, std::size_t times, F&& pause) {
  return in_hub([&] {
    std::vector<Greenlet<>> all;
    for (std::size_t i = 0; i < greenlets; ++i) {
      all.push_back(verdin::spawn([&] {
        for (std::size_t k = 0; k < times / greenlets; ++k) pause();
      }));
    }
    return nanoseconds(times, [&] { verdin::join_all(all); });
  });
}

double sleep_zero() {
  return in_turns(2, kOften, [] { verdin::sleep(0s); });
}
double yield_two() {
  return in_turns(2, kOften, [] { verdin::yield(); });
}
double yield_10k() {
  return in_turns(10'000, kOften, [] { verdin::yield(); });
}

double event_handoff() {
  constexpr std::size_t kRounds = 500'000;
  return in_hub([] {
    Event ping;
    Event pong;
    auto other = verdin::spawn([&] {
      for (;;) {
        ping.wait();
        ping.clear();
        pong.set();
      }
    });
    const double figure = nanoseconds(2 * kRounds, [&] {
      for (std::size_t i = 0; i < kRounds; ++i) {
        ping.set();
        pong.wait();
        pong.clear();
      }
    });
    other.kill();
    return figure;
  });
}

/// One item there and one back, over two queues of `capacity`.
double queue_round_trip(std::size_t capacity) {
  constexpr std::size_t kRounds = 500'000;
  return in_hub([capacity] {
    Queue<int> there(capacity);
    Queue<int> back(capacity);
    auto other = verdin::spawn([&] {
      for (;;) back.put(there.get());
    });
    const double figure = nanoseconds(kRounds, [&] {
      for (std::size_t i = 0; i < kRounds; ++i) {
        there.put(1);
        back.get();
      }
    });
    other.kill();
    return figure;
  });
}

double queue_handoff() { return queue_round_trip(1) / 2; }
double buffered_round_trip() { return queue_round_trip(2); }

#ifdef BENCH_CHANNEL
double channel_handoff() {
  constexpr std::size_t kRounds = 500'000;
  return in_hub([] {
    verdin::Channel<int> there;
    verdin::Channel<int> back;
    auto other = verdin::spawn([&] {
      for (;;) back.put(there.get());
    });
    const double figure = nanoseconds(2 * kRounds, [&] {
      for (std::size_t i = 0; i < kRounds; ++i) {
        there.put(1);
        back.get();
      }
    });
    other.kill();
    return figure;
  });
}
#endif

double timeout_scope() {
  return in_hub([] {
    return nanoseconds(kOften, [] {
      for (std::size_t i = 0; i < kOften; ++i) const verdin::Timeout limit(10s);
    });
  });
}

double kill_20k() {
  constexpr std::size_t kCount = 20'000;
  return in_hub([] {
    Event never;
    std::vector<Greenlet<>> all;
    for (std::size_t i = 0; i < kCount; ++i) all.push_back(verdin::spawn([&] { never.wait(); }));
    verdin::yield();
    return nanoseconds(kCount, [&] {
      for (Greenlet<>& greenlet : all) greenlet.kill_async();
      verdin::join_all(all);
    });
  });
}

/// What kill_20k cannot be below: C++ throws and catches in one frame, on one stack that is in the nearest
/// cache.
double unwind() {
  constexpr std::size_t kCount = 20'000;
  return nanoseconds(kCount, [] {
    for (std::size_t i = 0; i < kCount; ++i) {
      try {
        throw verdin::GreenletExit();
      } catch (const verdin::GreenletExit&) {
      }
    }
  });
}

double handler_start() {
  return in_hub([] {
    Event done;
    double figure = 0;
    std::size_t handled = 0;
    verdin::Hub& hub = verdin::Hub::current();
    hub.post([&] {
      figure = nanoseconds(kOften, [&] {
        for (std::size_t i = 0; i < kOften; ++i) hub.start_now([&handled] { ++handled; });
      });
      done.set();
    });
    done.wait();
    return figure;
  });
}

/// With a million timers pending: starting and cancelling one of them, at random; each of the two.
double timer_start_cancel() {
  constexpr std::size_t kPending = 1'000'000;
  return in_hub([] {
    verdin::loop::Loop& loop = verdin::Hub::current().loop();
    std::deque<verdin::loop::DeadlineTimer> timers;
    std::minstd_rand random(1);
    const auto now = verdin::loop::Clock::now();
    const auto due = [&] { return now + 60s + std::chrono::microseconds(random()); };
    for (std::size_t i = 0; i < kPending; ++i) {
      timers
          .emplace_back(
              loop, [](void*) {}, nullptr)
          .start(due());
    }
    verdin::yield();
    return nanoseconds(2 * kPending, [&] {
      for (std::size_t i = 0; i < kPending; ++i) {
        verdin::loop::DeadlineTimer& timer = timers[random() % kPending];
        timer.stop();
        timer.start(due());
      }
    });
  });
}

}  // namespace

int main(int count, char** arguments) {
  return bench::run_scenarios(
      {
          {"switch", switch_alike},
          {"switch_unlike", switch_unlike},
          {"spawn_join_first", spawn_join_first},
          {"spawn_join_100k", spawn_join_100k},
          {"spawn_join_one", spawn_join_one},
          {"sleep_zero", sleep_zero},
          {"yield", yield_two},
          {"yield_10k", yield_10k},
          {"event", event_handoff},
          {"queue", queue_handoff},
          {"buffered_round_trip", buffered_round_trip},
#ifdef BENCH_CHANNEL
          {"channel", channel_handoff},
#endif
          {"timeout", timeout_scope},
          {"kill_20k", kill_20k},
          {"unwind", unwind},
          {"handler", handler_start},
          {"timer", timer_start_cancel},
      },
      count, arguments);
}
