#include <algorithm>
#include <cerrno>
#include <cfenv>
#include <exception>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif

#include <verdin/fiber/context.hpp>

using verdin::fiber::Context;
using verdin::fiber::Stack;
using verdin::fiber::StackPool;

namespace {

/// A fiber that runs a function and goes back to its maker for good.
template <typename F>
class Fiber {
 public:
  explicit Fiber(F function) : stack_(pool_.take()), function_(std::move(function)) {
    context_.start(stack_, &Fiber::enter, this);
  }
  ~Fiber() {
    context_.finish();
    pool_.give_back(stack_);
  }

  void resume() { main_.switch_to(context_); }
  void suspend() { context_.switch_to(main_); }
  bool done() const { return done_; }
  const Context& context() const { return context_; }

 private:
  static void enter(void* self) {
    auto& fiber = *static_cast<Fiber*>(self);
    fiber.function_(fiber);
    fiber.done_ = true;
    fiber.context_.leave_for(fiber.main_);
  }

  StackPool pool_;
  Stack stack_;
  Context main_;
  Context context_;
  F function_;
  bool done_ = false;
};

TEST(Context, goes_to_and_fro_and_ends) {
  std::vector<int> steps;
  Fiber fiber([&](auto& self) {
    steps.push_back(1);
    self.suspend();
    steps.push_back(3);
  });
  fiber.resume();
  steps.push_back(2);
  EXPECT_FALSE(fiber.done());
  fiber.resume();
  EXPECT_TRUE(fiber.done());
  EXPECT_EQ(steps, (std::vector<int>{1, 2, 3}));
}

TEST(Context, starts_with_no_error_and_no_exception_and_keeps_its_own) {
  errno = 7;
  try {
    throw std::runtime_error("outside");
  } catch (...) {
    Fiber fiber([&](auto& self) {
      EXPECT_EQ(errno, 0);
      EXPECT_EQ(std::current_exception(), nullptr);
      try {
        throw std::logic_error("inside");
      } catch (...) {
        errno = 99;
        self.suspend();
        EXPECT_EQ(errno, 99);
        EXPECT_THROW(throw, std::logic_error);
      }
    });
    fiber.resume();
    EXPECT_EQ(errno, 7);
    EXPECT_THROW(std::rethrow_exception(std::current_exception()), std::runtime_error);
    errno = 8;
    fiber.resume();
    EXPECT_TRUE(fiber.done());
    EXPECT_EQ(errno, 8);
    EXPECT_THROW(throw, std::runtime_error);
  }
}

TEST(Context, a_switch_while_a_stack_unwinds_is_nobody_elses_business) {
  Fiber fiber([&](auto& self) {
    struct Switches {
      decltype(self) fiber;
      ~Switches() {
        EXPECT_EQ(std::uncaught_exceptions(), 1);
        fiber.suspend();
        EXPECT_EQ(std::uncaught_exceptions(), 1);
      }
    };
    try {
      Switches object{self};
      throw std::runtime_error("x");
    } catch (const std::runtime_error&) {
    }
  });
  fiber.resume();
  EXPECT_EQ(std::uncaught_exceptions(), 0);
  fiber.resume();
  EXPECT_TRUE(fiber.done());
}

TEST(Context, keeps_rounding_modes_apart_and_starts_with_its_makers) {
  volatile double one = 1;
  volatile double three = 3;
  std::fesetround(FE_UPWARD);
  Fiber fiber([&](auto& self) {
    EXPECT_EQ(std::fegetround(), FE_UPWARD);
    std::fesetround(FE_DOWNWARD);
    self.suspend();
    EXPECT_EQ(std::fegetround(), FE_DOWNWARD);
    EXPECT_LT(one / three * three, 1);
  });
  std::fesetround(FE_TONEAREST);
  fiber.resume();
  EXPECT_EQ(std::fegetround(), FE_TONEAREST);
  EXPECT_EQ(one / three * three, 1);
  fiber.resume();
  EXPECT_EQ(std::fegetround(), FE_TONEAREST);
}

TEST(Context, keeps_the_flags_of_floating_point_exceptions_apart) {
#ifdef RUNNING_ON_VALGRIND
  if (RUNNING_ON_VALGRIND > 0) GTEST_SKIP() << "Valgrind has no such flags";
#endif
  volatile double one = 1;
  volatile double zero = 0;
  std::feclearexcept(FE_ALL_EXCEPT);
  Fiber fiber([&](auto& self) {
    volatile double infinite = one / zero;
    static_cast<void>(infinite);
    EXPECT_TRUE(std::fetestexcept(FE_DIVBYZERO));
    self.suspend();
    EXPECT_TRUE(std::fetestexcept(FE_DIVBYZERO));
  });
  fiber.resume();
  EXPECT_FALSE(std::fetestexcept(FE_DIVBYZERO));
  fiber.resume();
  EXPECT_FALSE(std::fetestexcept(FE_DIVBYZERO));
}

/// Enough live values to fill every register that a switch could spoil.
template <typename F>
double many_values(double seed, F&& between) {
  double d[12];
  std::uint64_t n[12];
  for (int i = 0; i < 12; ++i) {
    d[i] = seed + i;
    n[i] = static_cast<std::uint64_t>(seed) * 31 + static_cast<std::uint64_t>(i);
  }
  between();
  double sum = 0;
  for (int i = 0; i < 12; ++i) sum += d[i] * (i + 1) + static_cast<double>(n[i] % 97);
  return sum;
}

TEST(Context, keeps_what_is_in_registers) {
  const double expected_inside = many_values(1000, [] {});
  const double expected_outside = many_values(2000, [] {});
  Fiber fiber([&](auto& self) {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(many_values(1000, [&] { self.suspend(); }), expected_inside);
  });
  for (int i = 0; i < 4; ++i) EXPECT_EQ(many_values(2000, [&] { fiber.resume(); }), expected_outside);
  EXPECT_TRUE(fiber.done());
}

TEST(Context, exceptions_pass_frames_below_a_switch) {
  Fiber fiber([](auto& self) {
    const auto suspend_and_throw = [&](int depth, auto& again) -> void {
      if (depth > 0) return again(depth - 1, again);
      self.suspend();
      throw std::runtime_error("from below");
    };
    EXPECT_THROW(suspend_and_throw(5, suspend_and_throw), std::runtime_error);
  });
  fiber.resume();
  fiber.resume();
  EXPECT_TRUE(fiber.done());
}

TEST(Context, a_suspended_one_tells_where_it_stands) {
  Fiber fiber([](auto& self) { self.suspend(); });
  fiber.resume();
  const verdin::fiber::Suspension at = fiber.context().suspension();
  const auto* pointer = static_cast<const char*>(at.stack_pointer);
  EXPECT_GE(pointer, fiber.context().stack().base);
  EXPECT_LT(pointer, fiber.context().stack().top());
#if defined(__x86_64__)
  EXPECT_NE(at.instruction, nullptr);
#endif
  fiber.resume();
}

TEST(StackPool, gives_aligned_writable_stacks_and_reuses_the_last_one_first) {
  StackPool pool(64 * 1024);
  const Stack a = pool.take();
  const Stack b = pool.take();
  EXPECT_EQ(pool.in_use(), 2u);
  EXPECT_NE(a.base, b.base);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(a.top()) % 16, 0u);
  EXPECT_LE(a.size, 64 * 1024 - 4096u);
  EXPECT_GE(a.size, 64 * 1024 - 2 * 4096u);
  for (const Stack& stack : {a, b}) {
    stack.base[0] = 'x';
    stack.top()[-1] = 'y';
  }
  pool.give_back(a);
  pool.give_back(b);
  EXPECT_EQ(pool.take().base, b.base);
  EXPECT_EQ(pool.take().base, a.base);
  pool.give_back(a);
  pool.give_back(b);
  EXPECT_EQ(pool.in_use(), 0u);
}

TEST(StackPool, of_a_size_that_no_machine_has_gives_no_stack) {
  for (const std::size_t size : {~std::size_t{0}, ~std::size_t{0} / 64 + 1, std::size_t{1} << 58}) {
    StackPool pool(size);
    EXPECT_THROW(pool.take(), std::system_error);
  }
}

TEST(StackPool, idle_stacks_beyond_the_warm_ones_give_their_memory_back) {
  StackPool pool(64 * 1024);
  std::vector<Stack> all;
  for (int i = 0; i < 2000; ++i) {
    all.push_back(pool.take());
    all.back().base[100] = 'x';
  }
  EXPECT_EQ(pool.in_use(), 2000u);
  for (const Stack& stack : all) pool.give_back(stack);
  EXPECT_EQ(pool.in_use(), 0u);
  EXPECT_EQ(all.back().base[100], 'x') << "the last to come back: still warm";
  EXPECT_EQ(all.front().base[100], '\0') << "the first: cold, and given back";
  const auto warm = std::count_if(all.begin(), all.end(), [](const Stack& s) { return s.base[100] == 'x'; });
  EXPECT_LE(warm, 512);
  EXPECT_GE(warm, 256);
}

TEST(StackPool, keeps_as_many_warm_as_it_was_told_until_it_is_trimmed) {
  StackPool pool(64 * 1024, 1000);
  std::vector<Stack> all;
  for (int i = 0; i < 2000; ++i) {
    all.push_back(pool.take());
    all.back().base[100] = 'x';
  }
  for (const Stack& stack : all) pool.give_back(stack);
  const auto warm = [&all] {
    return std::count_if(all.begin(), all.end(), [](const Stack& s) { return s.base[100] == 'x'; });
  };
  const auto before = warm();
  EXPECT_GE(before, 1000);
  EXPECT_LE(before, 1256);
  int steps = 0;
  while (pool.trim()) ++steps;
  EXPECT_GE(steps, 2) << "a little at a time";
  EXPECT_LE(warm(), 512);
  EXPECT_GE(warm(), 256);
  EXPECT_EQ(pool.in_use(), 0u);
}

TEST(StackPool, keeps_the_memory_of_stacks_between_idle_ones) {
  StackPool pool(64 * 1024);
  std::vector<Stack> all;
  for (int i = 0; i < 2000; ++i) {
    all.push_back(pool.take());
    all.back().base[100] = 'x';
    all.back().top()[-1] = 'y';
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i % 7 != 0) pool.give_back(all[i]);
  }
  for (std::size_t i = 0; i < all.size(); i += 7) {
    ASSERT_EQ(all[i].base[100], 'x') << i;
    ASSERT_EQ(all[i].top()[-1], 'y') << i;
    pool.give_back(all[i]);
  }
  EXPECT_EQ(pool.in_use(), 0u);
}

TEST(StackPool, does_not_put_all_stacks_into_the_same_sets_of_the_caches) {
  StackPool pool;
  std::set<std::uintptr_t> offsets;
  std::vector<Stack> all;
  for (int i = 0; i < 64; ++i) {
    all.push_back(pool.take());
    const auto top = reinterpret_cast<std::uintptr_t>(all.back().top());
    EXPECT_EQ(top % 64, 0u);
    offsets.insert(top % 4096);
  }
  EXPECT_GE(offsets.size(), 16u);
  for (const Stack& stack : all) pool.give_back(stack);
}

TEST(StackPool, a_page_below_each_stack_cannot_be_touched) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "death tests fork, which ThreadSanitizer dislikes";
#else
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  StackPool pool;
  const Stack stack = pool.take();
  EXPECT_DEATH(*const_cast<volatile char*>(stack.base - 1) = 'x', "");
  EXPECT_DEATH(*const_cast<volatile char*>(stack.base - 4096) = 'x', "");
  pool.give_back(stack);
#endif
}

TEST(StackPool, says_so_when_address_space_is_out) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers reserve terabytes";
#else
  StackPool pool(std::size_t{1} << 42);  // 64 of them are more than a process can have
  EXPECT_THROW(pool.take(), std::system_error);
  EXPECT_EQ(pool.in_use(), 0u);
#endif
}

}  // namespace
