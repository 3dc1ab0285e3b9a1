// What greenlets cost: yielding, starting, waiting for one another, and a handler on a warm greenlet.
//
// Each benchmark runs on the main greenlet of a hub of its own: Google Benchmark itself needs more stack
// (std::regex) than a greenlet has.
#include <chrono>
#include <functional>
#include <vector>

#include <benchmark/benchmark.h>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/greenlet.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/offload.hpp>
#include <verdin/runtime/queue.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/timeout.hpp>

namespace {

using namespace std::chrono_literals;
using verdin::Event;
using verdin::Queue;

/// One greenlet that has nobody to give way to.
void yield_alone(benchmark::State& state) {
  verdin::run([&] {
    for (auto _ : state) verdin::yield();
  });
}
BENCHMARK(yield_alone);

/// `range(0)` greenlets that give way to one another; the figure is one turn of all.
void yield_in_turns(benchmark::State& state) {
  verdin::run([&] {
    const auto others = static_cast<std::size_t>(state.range(0)) - 1;
    bool over = false;
    std::vector<verdin::Greenlet<>> greenlets;
    for (std::size_t i = 0; i < others; ++i) {
      greenlets.push_back(verdin::spawn([&] {
        while (!over) verdin::yield();
      }));
    }
    for (auto _ : state) verdin::yield();
    over = true;
    verdin::join_all(greenlets);
  });
  state.SetItemsProcessed(state.range(0) * state.iterations());  // switches
}
BENCHMARK(yield_in_turns)->Arg(2)->Arg(100)->Arg(1'000)->Arg(10'000);

void sleep_zero(benchmark::State& state) {
  verdin::run([&] {
    for (auto _ : state) verdin::sleep(0s);
  });
}
BENCHMARK(sleep_zero);

void spawn_and_join(benchmark::State& state) {
  verdin::run([&] {
    for (auto _ : state) verdin::spawn([] {}).join();
  });
}
BENCHMARK(spawn_and_join);

void spawn_and_get(benchmark::State& state) {
  verdin::run([&] {
    int sum = 0;
    for (auto _ : state) sum += verdin::spawn([](int x) { return x + 1; }, 1).get();
    benchmark::DoNotOptimize(sum);
  });
}
BENCHMARK(spawn_and_get);

/// Per greenlet, when `range(0)` of them are alive at once.
void spawn_many_and_join_all(benchmark::State& state) {
  verdin::run([&] {
    std::vector<verdin::Greenlet<>> greenlets;
    for (auto _ : state) {
      for (std::int64_t i = 0; i < state.range(0); ++i) greenlets.push_back(verdin::spawn([] {}));
      verdin::join_all(greenlets);
      greenlets.clear();
    }
  });
  state.SetItemsProcessed(state.range(0) * state.iterations());
}
BENCHMARK(spawn_many_and_join_all)->Arg(100)->Arg(1'000);

/// What a transport does for each event: a handler that does not block, started in the hub.
void handler_from_the_hub(benchmark::State& state) {
  verdin::run([&] {
    Event done;
    verdin::Hub& hub = verdin::Hub::current();
    int handled = 0;
    hub.post([&] {
      for (auto _ : state) hub.start_now([&handled] { ++handled; });
      done.set();
    });
    done.wait();
    benchmark::DoNotOptimize(handled);
  });
}
BENCHMARK(handler_from_the_hub);

/// Two greenlets wake each other: two hand-offs an iteration.
void event_ping_pong(benchmark::State& state) {
  verdin::run([&] {
    Event ping;
    Event pong;
    auto other = verdin::spawn([&] {
      for (;;) {
        ping.wait();
        ping.clear();
        pong.set();
      }
    });
    for (auto _ : state) {
      ping.set();
      pong.wait();
      pong.clear();
    }
    other.kill();
  });
  state.SetItemsProcessed(2 * state.iterations());
}
BENCHMARK(event_ping_pong);

void queue_ping_pong(benchmark::State& state) {
  verdin::run([&] {
    Queue<int> there(1);
    Queue<int> back(1);
    auto other = verdin::spawn([&] {
      for (;;) back.put(there.get());
    });
    for (auto _ : state) {
      there.put(1);
      benchmark::DoNotOptimize(back.get());
    }
    other.kill();
  });
  state.SetItemsProcessed(2 * state.iterations());
}
BENCHMARK(queue_ping_pong);

/// A producer and a consumer with room for `range(0)` items: per item.
void queue_stream(benchmark::State& state) {
  verdin::run([&] {
    Queue<int> queue(static_cast<std::size_t>(state.range(0)));
    auto producer = verdin::spawn([&] {
      for (;;) queue.put(1);
    });
    for (auto _ : state) benchmark::DoNotOptimize(queue.get());
    producer.kill();
  });
}
BENCHMARK(queue_stream)->Arg(1)->Arg(64);

/// A limit that does not expire, around nothing.
void timeout_scope(benchmark::State& state) {
  verdin::run([&] {
    for (auto _ : state) {
      const verdin::Timeout limit(10s);
      benchmark::DoNotOptimize(&limit);
    }
  });
}
BENCHMARK(timeout_scope);

/// There and back to a thread; wall time, because most of it is waiting.
void offload_nothing(benchmark::State& state) {
  verdin::run([&] {
    for (auto _ : state) verdin::offload([] {});
  });
}
BENCHMARK(offload_nothing)->UseRealTime();

}  // namespace
