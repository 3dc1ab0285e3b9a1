#include <cerrno>
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

std::size_t round_to_pages(std::size_t size) { return (size + kPage - 1) / kPage * kPage; }

}  // namespace

StackPool::StackPool(std::size_t stack_size)
    : stack_size_(round_to_pages(stack_size < 4 * kPage ? 4 * kPage : stack_size)) {}

StackPool::~StackPool() {
  // A fiber that was given up still has frames, and others pointers into them.
  if (in_use() > 0) return;
  for (char* slab : slabs_) ::munmap(slab, stack_size_ * kStacksASlab);
}

void StackPool::add_slab() {
  slabs_.reserve(slabs_.size() + 1);
  idle_.reserve(made_ + kStacksASlab);
  const std::size_t size = stack_size_ * kStacksASlab;
  void* memory =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
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
    idle_.push_back({lowest + kPage, stack_size_ - kPage});
  }
  made_ += kStacksASlab;
}

void StackPool::guard(char* page) noexcept {
  if (::madvise(page, kPage, MADV_GUARD_INSTALL) == 0) return;
  if (protected_ < kProtectedGuards && ::mprotect(page, kPage, PROT_NONE) == 0) ++protected_;
}

Stack StackPool::take() {
  if (idle_.empty()) add_slab();
  const Stack stack = idle_.back();
  idle_.pop_back();
  return stack;
}

void StackPool::give_back(Stack stack) noexcept {
  // The vector has room for every stack there is: see add_slab().
  if (idle_.size() >= kWarm) ::madvise(stack.base, stack.size, MADV_DONTNEED);
  idle_.push_back(stack);
}

}  // namespace verdin::fiber
