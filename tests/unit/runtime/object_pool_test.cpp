#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <new>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#include <verdin/runtime/greenlet.hpp>
#include <verdin/runtime/impl/object_pool.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>

namespace {

using verdin::impl::allocate_object;
using verdin::impl::allocate_pooled;
using verdin::impl::free_object;
using verdin::impl::free_pooled;
using verdin::impl::slabs_of_this_thread;

constexpr std::size_t kSize = 250;
constexpr std::size_t kMoreThanASlab = 10'000;

template <typename F>
void on_a_thread(F function) {
  std::thread(std::move(function)).join();
}

std::vector<void*> allocate(std::size_t count) {
  std::vector<void*> all;
  all.reserve(count);
  for (std::size_t i = 0; i < count; ++i) all.push_back(allocate_pooled(kSize));
  return all;
}

void free_all(const std::vector<void*>& all) {
  for (void* const object : all) free_pooled(object);
}

TEST(ObjectPool, gives_memory_that_nobody_else_has) {
  on_a_thread([] {
    std::vector<std::pair<unsigned char*, std::size_t>> all;
    for (std::size_t size = 1; size <= verdin::impl::kMostPooled; ++size) {
      auto* const object = static_cast<unsigned char*>(allocate_pooled(size));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(object) % alignof(std::max_align_t), 0u);
      std::memset(object, static_cast<int>(size % 251), size);
      all.emplace_back(object, size);
    }
    for (const auto& [object, size] : all) {
      const auto expected = static_cast<unsigned char>(size % 251);
      ASSERT_TRUE(std::all_of(object, object + size, [&](unsigned char c) { return c == expected; })) << size;
      free_pooled(object);
    }
  });
}

TEST(ObjectPool, reuses_what_was_freed_last) {
  on_a_thread([] {
    void* const a = allocate_pooled(kSize);
    void* const b = allocate_pooled(kSize);
    free_pooled(a);
    EXPECT_EQ(allocate_pooled(kSize - 1), a) << "one of the same few sizes";
    void* const other = allocate_pooled(kSize / 2);
    EXPECT_NE(other, b);
    free_pooled(other);
    free_pooled(a);
    free_pooled(b);
    EXPECT_EQ(allocate_pooled(kSize), b);
    EXPECT_EQ(allocate_pooled(kSize), a);
    free_pooled(a);
    free_pooled(b);
  });
}

TEST(ObjectPool, keeps_little_of_a_crowd_that_has_gone) {
  on_a_thread([] {
    for (int round = 0; round < 3; ++round) {
      std::vector<void*> crowd = allocate(5 * kMoreThanASlab);
      EXPECT_GE(slabs_of_this_thread(), 6u);
      EXPECT_LE(slabs_of_this_thread(), 8u);
      if (round > 0) std::reverse(crowd.begin(), crowd.end());
      const std::size_t most = slabs_of_this_thread();
      free_all(crowd);
      EXPECT_LE(slabs_of_this_thread(), most);
      EXPECT_GE(slabs_of_this_thread(), 6u) << "for the next crowd";
      if (round == 1) continue;
      while (verdin::impl::trim_objects()) {
      }
      EXPECT_LE(slabs_of_this_thread(), 2u) << "one for the next, and one spare";
    }
  });
}

TEST(ObjectPool, keeps_no_more_than_64_mebibytes_for_the_next_crowd) {
  on_a_thread([] {
    const std::vector<void*> crowd = allocate(40 * kMoreThanASlab);
    EXPECT_GT(slabs_of_this_thread(), 45u);
    free_all(crowd);
    EXPECT_LE(slabs_of_this_thread(), 33u);
    EXPECT_GE(slabs_of_this_thread(), 32u);
  });
}

TEST(ObjectPool, is_emptied_by_a_hub_that_has_nothing_to_do) {
  on_a_thread([] {
    free_all(allocate(5 * kMoreThanASlab));
    EXPECT_GE(slabs_of_this_thread(), 6u);
    verdin::run([] {  // one slab a turn; greenlets may have had one of their own
      for (int i = 0; i < 10'000 && slabs_of_this_thread() > 3; ++i) {
        verdin::sleep(std::chrono::milliseconds(1));
      }
    });
    EXPECT_LE(slabs_of_this_thread(), 3u);
  });
}

TEST(ObjectPool, is_emptied_by_a_hub_that_ends) {
  on_a_thread([] {
    verdin::run([] { free_all(allocate(5 * kMoreThanASlab)); });
    EXPECT_LE(slabs_of_this_thread(), 3u) << "greenlets may have had one of their own";
  });
}

TEST(ObjectPool, fills_the_holes_that_a_crowd_has_left) {
  on_a_thread([] {
    std::vector<void*> crowd = allocate(4 * kMoreThanASlab);
    const std::size_t most = slabs_of_this_thread();
    std::vector<void*> kept;
    for (std::size_t i = 0; i < crowd.size(); ++i) {
      if (i % 2 == 0) {
        kept.push_back(crowd[i]);
      } else {
        free_pooled(crowd[i]);
      }
    }
    const std::vector<void*> others = allocate(crowd.size() - kept.size());
    EXPECT_EQ(slabs_of_this_thread(), most);
    std::set<void*> different(kept.begin(), kept.end());
    different.insert(others.begin(), others.end());
    EXPECT_EQ(different.size(), crowd.size());
    free_all(kept);
    free_all(others);
  });
}

TEST(ObjectPool, uses_again_what_other_threads_have_returned) {
  on_a_thread([] {
    std::vector<void*> crowd = allocate(2 * kMoreThanASlab);
    const std::size_t most = slabs_of_this_thread();
    for (int round = 0; round < 5; ++round) {
      std::array<std::thread, 2> strangers;
      for (std::size_t i = 0; i < strangers.size(); ++i) {
        strangers[i] = std::thread([&crowd, i] {
          for (std::size_t k = i; k < crowd.size(); k += 2) free_pooled(crowd[k]);
        });
      }
      for (std::thread& stranger : strangers) stranger.join();
      crowd = allocate(crowd.size());
      EXPECT_LE(slabs_of_this_thread(), most + 1) << "and not twice as many";
      EXPECT_EQ(std::set<void*>(crowd.begin(), crowd.end()).size(), crowd.size());
    }
    free_all(crowd);
  });
}

TEST(ObjectPool, takes_what_others_return_while_it_is_used) {
  on_a_thread([] {
    constexpr std::size_t kTurns = 40;
    std::size_t most = 0;
    std::thread stranger;
    for (std::size_t round = 0; round < kTurns; ++round) {
      std::vector<void*> crowd = allocate(kMoreThanASlab);
      for (void* const object : crowd) std::memset(object, static_cast<int>(round), kSize);
      if (stranger.joinable()) stranger.join();
      most = std::max(most, slabs_of_this_thread());
      stranger = std::thread([crowd = std::move(crowd), round] {
        for (void* const object : crowd) {
          const auto* const octets = static_cast<const unsigned char*>(object);
          EXPECT_EQ(octets[0], round);
          EXPECT_EQ(octets[kSize - 1], round);
          free_pooled(object);
        }
      });
    }
    stranger.join();
    EXPECT_LE(most, 6u);
  });
}

TEST(ObjectPool, outlives_its_thread) {
  std::vector<void*> crowd;
  on_a_thread([&crowd] {
    crowd = allocate(2 * kMoreThanASlab);
    for (void* const object : crowd) std::memset(object, 'x', kSize);
  });
  std::array<std::thread, 2> heirs;
  for (std::size_t i = 0; i < heirs.size(); ++i) {
    heirs[i] = std::thread([&crowd, i] {
      for (std::size_t k = i; k < crowd.size(); k += 2) {
        EXPECT_EQ(static_cast<const char*>(crowd[k])[kSize - 1], 'x');
        free_pooled(crowd[k]);
      }
    });
  }
  for (std::thread& heir : heirs) heir.join();
}

TEST(ObjectPool, takes_returns_while_its_thread_ends) {
  for (int round = 0; round < 20; ++round) {
    std::vector<void*> crowd;
    std::thread stranger;
    on_a_thread([&] {
      crowd = allocate(500);
      stranger = std::thread([&crowd] { free_all(crowd); });
    });
    stranger.join();
  }
}

TEST(ObjectPool, leaves_large_objects_to_the_general_allocator) {
  on_a_thread([] {
    void* const object = allocate_object(verdin::impl::kMostPooled + 1);
    EXPECT_EQ(slabs_of_this_thread(), 0u);
    free_object(object, verdin::impl::kMostPooled + 1);
  });
}

TEST(ObjectPool, lets_sanitizers_see_each_object) {
  void* const object = allocate_object(kSize);
  free_object(object, kSize);
#if defined(__SANITIZE_ADDRESS__)
  EXPECT_TRUE(__asan_address_is_poisoned(object));
#elif !defined(__SANITIZE_THREAD__)
#ifdef RUNNING_ON_VALGRIND
  if (RUNNING_ON_VALGRIND > 0) return;
#endif
  void* const again = allocate_object(kSize);
  EXPECT_EQ(again, object);
  free_object(again, kSize);
#endif
}

struct alignas(128) OverAligned {
  char octets[128];
};

TEST(ObjectPool, does_not_hold_what_is_over_aligned) {
  verdin::run([] {
    OverAligned wanted{};
    auto greenlet = verdin::spawn([wanted] { return reinterpret_cast<std::uintptr_t>(&wanted) % 128; });
    EXPECT_EQ(greenlet.get(), 0u);
  });
}

TEST(ObjectPool, says_so_when_memory_is_out_and_works_on) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers reserve terabytes";
#else
#ifdef RUNNING_ON_VALGRIND
  if (RUNNING_ON_VALGRIND > 0) GTEST_SKIP() << "the limit would be Valgrind's, too";
#endif
  on_a_thread([] {
    std::vector<void*> all;
    all.reserve(100 * kMoreThanASlab);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
    rlimit little = before;
    little.rlim_cur = 1 << 20;  // less than there is already
    free_pooled(allocate_pooled(kSize));
    ASSERT_EQ(::setrlimit(RLIMIT_AS, &little), 0);
    bool refused = false;
    try {
      while (all.size() < all.capacity()) all.push_back(allocate_pooled(kSize));
    } catch (const std::bad_alloc&) {
      refused = true;
    }
    ASSERT_EQ(::setrlimit(RLIMIT_AS, &before), 0);
    EXPECT_TRUE(refused);
    EXPECT_EQ(slabs_of_this_thread(), 1u);
    all.push_back(allocate_pooled(kSize));
    EXPECT_EQ(slabs_of_this_thread(), 2u);
    free_all(all);
    EXPECT_LE(slabs_of_this_thread(), 2u);
  });
#endif
}

}  // namespace
