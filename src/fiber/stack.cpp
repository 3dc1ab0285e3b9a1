#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include <sys/mman.h>
#include <unistd.h>

#include <verdin/fiber/stack.hpp>

namespace verdin::fiber {
namespace {

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

const std::size_t kPage = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));

// All stacks end at the same offset in a page, so their busiest lines would share a few sets of the caches.
// They are moved apart by two lines each; what one page holds of an idle greenlet still fits in it.
constexpr std::size_t kColours = 16;
constexpr std::size_t kColourStep = 128;

// Stacks must not take the last of the address space: whoever is told that there are none needs some memory.
constexpr std::size_t kRoomForOthers = std::size_t{16} << 20;

/// MAP_FAILED if it would leave less than that.
void* map_leaving_room(std::size_t size) {
  void* const room = ::mmap(nullptr, size + kRoomForOthers, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) return room;
  ::munmap(room, kRoomForOthers);  // the lower part: what is mapped next then adjoins, as one mapping
  return static_cast<char*>(room) + kRoomForOthers;
}

std::size_t round_to_pages(std::size_t size) { return (size + kPage - 1) / kPage * kPage; }

/// The kernel refuses more than there is; here it is only seen to that no sum wraps around.
std::size_t possible_size(std::size_t stack_size, std::size_t stacks_a_slab) {
  const std::size_t most = (SIZE_MAX - kRoomForOthers) / stacks_a_slab - kPage;
  return round_to_pages(std::clamp(stack_size, 4 * kPage, most));
}

}  // namespace

StackPool::StackPool(std::size_t stack_size, std::size_t most_warm)
    : stack_size_(possible_size(stack_size, kStacksASlab)), most_warm_(most_warm) {}

StackPool::~StackPool() {
  // A fiber that was given up still has frames, and others pointers into them.
  if (in_use() > 0) return;
  for (char* slab : slabs_) ::munmap(slab, stack_size_ * kStacksASlab);
}

void StackPool::add_slab() {
  slabs_.reserve(slabs_.size() + 1);
  // Room for every stack there is, so that one can come back without an allocation.
  if (clean_.capacity() < made_ + kStacksASlab) clean_.reserve(2 * (made_ + kStacksASlab));
  const std::size_t most = std::min(made_ + kStacksASlab, most_warm_ + kBatch);
  if (warm_.capacity() < most) warm_.reserve(2 * most);
  const std::size_t size = stack_size_ * kStacksASlab;
  void* memory = map_leaving_room(size);
  if (memory == MAP_FAILED) {
    throw std::system_error(errno, std::generic_category(),
                            "verdin: no address space for more stacks (see vm.max_map_count and ulimit -v)");
  }
  // A huge page would make each stack cost 2 MiB.
  ::madvise(memory, size, MADV_NOHUGEPAGE);
  auto* slab = static_cast<char*>(memory);
  slabs_.push_back(slab);
  for (std::size_t i = kStacksASlab; i-- > 0;) {
    char* lowest = slab + i * stack_size_;
    guard(lowest);
    const std::size_t colour = i % kColours * kColourStep;
    clean_.push_back({lowest + kPage, stack_size_ - kPage - colour});
  }
  made_ += kStacksASlab;
}

void StackPool::guard(char* page) noexcept {
  if (::madvise(page, kPage, MADV_GUARD_INSTALL) == 0) return;
  if (protected_ < kProtectedGuards && ::mprotect(page, kPage, PROT_NONE) == 0) ++protected_;
}

Stack StackPool::take_clean() {
  if (clean_.empty()) add_slab();
  const Stack stack = clean_.back();
  clean_.pop_back();
  return stack;
}

/// Those that have been idle for longest, with one call for each run of neighbours: a call a stack would cost
/// more than the rest of a greenlet's life.
void StackPool::clean_coldest() noexcept {
  const auto first = warm_.begin();
  const auto last = first + kBatch;
  std::sort(first, last, [](const Stack& a, const Stack& b) { return a.base < b.base; });
  for (auto run = first; run != last;) {
    auto next = run + 1;
    while (next != last && next->base == (next - 1)->base + stack_size_) ++next;
    // Guards in between stay.
    ::madvise(run->base, static_cast<std::size_t>((next - 1)->base - run->base) + stack_size_ - kPage,
              MADV_DONTNEED);
    run = next;
  }
  clean_.insert(clean_.end(), std::make_reverse_iterator(last), std::make_reverse_iterator(first));
  warm_.erase(first, last);
}

}  // namespace verdin::fiber
