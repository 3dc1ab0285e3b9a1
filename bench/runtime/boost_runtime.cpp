// Boost's side of scripts/bench-runtime: the bare switch of Boost.Context, and Boost.Fiber.
#include <cstdlib>

#include <boost/context/detail/fcontext.hpp>
#include <boost/fiber/all.hpp>

#include "measure.hpp"

namespace {

namespace ctx = boost::context::detail;
namespace fibers = boost::fibers;
using bench::nanoseconds;

constexpr std::size_t kOften = 2'000'000;

[[noreturn]] void jump_back_for_ever(ctx::transfer_t from) {
  for (;;) from = ctx::jump_fcontext(from.fctx, nullptr);
}

double two_jumps() {
  constexpr std::size_t kStack = 64 * 1024;
  char* const stack = static_cast<char*>(std::malloc(kStack));
  ctx::fcontext_t other = ctx::make_fcontext(stack + kStack, kStack, &jump_back_for_ever);
  const double figure = nanoseconds(kOften, [&] {
    for (std::size_t i = 0; i < kOften; ++i) other = ctx::jump_fcontext(other, nullptr).fctx;
  });
  std::free(stack);
  return figure;
}

double yield_two() {
  const auto yields = [] {
    for (std::size_t i = 0; i < kOften / 2; ++i) boost::this_fiber::yield();
  };
  fibers::fiber one(yields);
  fibers::fiber two(yields);
  return nanoseconds(kOften, [&] {
    one.join();
    two.join();
  });
}

double spawn_join_one() {
  constexpr std::size_t kCount = 500'000;
  return nanoseconds(kCount, [] {
    for (std::size_t i = 0; i < kCount; ++i) fibers::fiber([] {}).join();
  });
}

double buffered_round_trip() {
  constexpr std::size_t kRounds = 500'000;
  fibers::buffered_channel<int> there(2);
  fibers::buffered_channel<int> back(2);
  fibers::fiber other([&] {
    int value = 0;
    while (there.pop(value) == fibers::channel_op_status::success) back.push(value);
  });
  const double figure = nanoseconds(kRounds, [&] {
    int value = 0;
    for (std::size_t i = 0; i < kRounds; ++i) {
      there.push(1);
      back.pop(value);
    }
  });
  there.close();
  other.join();
  return figure;
}

}  // namespace

int main(int count, char** arguments) {
  return bench::run_scenarios(
      {
          {"switch", two_jumps},
          {"yield", yield_two},
          {"spawn_join_one", spawn_join_one},
          {"buffered_round_trip", buffered_round_trip},
      },
      count, arguments);
}
