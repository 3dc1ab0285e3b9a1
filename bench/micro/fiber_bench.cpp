// What a switch costs: the bare one of Boost.Context, and ours, which also keeps errno and the state of C++
// exceptions apart. Figures are per round trip (two switches) unless the name says otherwise.
#include <cerrno>
#include <vector>

#include <benchmark/benchmark.h>
#include <boost/context/detail/fcontext.hpp>

#include <verdin/fiber/context.hpp>
#include <verdin/fiber/stack.hpp>

namespace {

namespace ctx = boost::context::detail;
using verdin::fiber::Context;
using verdin::fiber::StackPool;

[[noreturn]] void jump_back_for_ever(ctx::transfer_t from) {
  for (;;) from = ctx::jump_fcontext(from.fctx, nullptr);
}

void bare_fcontext(benchmark::State& state) {
  StackPool pool;
  const verdin::fiber::Stack stack = pool.take();
  ctx::fcontext_t other = ctx::make_fcontext(stack.top(), stack.size, &jump_back_for_ever);
  for (auto _ : state) other = ctx::jump_fcontext(other, nullptr).fctx;
  state.SetItemsProcessed(2 * state.iterations());  // switches
  pool.give_back(stack);
}
BENCHMARK(bare_fcontext);

struct Pair {
  Context here;
  Context there;
};

[[noreturn]] void switch_back_for_ever(void* argument) {
  Pair& pair = *static_cast<Pair*>(argument);
  for (;;) pair.there.switch_to(pair.here);
}

void context_switch(benchmark::State& state) {
  StackPool pool;
  const verdin::fiber::Stack stack = pool.take();
  {
    Pair pair;
    pair.there.start(stack, &switch_back_for_ever, &pair);
    for (auto _ : state) pair.here.switch_to(pair.there);
    pair.there.finish();
  }
  state.SetItemsProcessed(2 * state.iterations());
  pool.give_back(stack);
}
BENCHMARK(context_switch);

void take_and_give_back_a_stack(benchmark::State& state) {
  StackPool pool;
  for (auto _ : state) {
    const verdin::fiber::Stack stack = pool.take();
    benchmark::DoNotOptimize(stack.base);
    pool.give_back(stack);
  }
}
BENCHMARK(take_and_give_back_a_stack);

}  // namespace
