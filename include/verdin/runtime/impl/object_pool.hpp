// Internal. Memory for the objects of greenlets: made and freed in crowds, all of a few sizes.
//
// Each thread has slabs of 2 MiB, one size of objects in each. A slab whose last object has gone is kept for
// the next crowd, whatever its size, up to 64 MiB of such; a hub that has nothing to do gives them back to
// the system, except one that each size keeps and one spare. Beyond the first slab of a size the system is
// asked for huge pages: a crowd of greenlets then costs a page fault for 2 MiB, and few TLB misses.
//
// Threads: an object may be freed on another thread than the one that made it, even when that has ended; what
// was returned so is used again by its own thread before it takes another slab. Nothing here blocks, but for
// a lock that frees objects of threads that have ended. AddressSanitizer, ThreadSanitizer and Valgrind see
// the general allocator instead, so that they know what is in use.
#pragma once

#include <cstddef>

namespace verdin::impl {

/// Larger objects are the general allocator's.
constexpr std::size_t kMostPooled = 1024;

/// Aligned for anything that is not over-aligned. Throws std::bad_alloc.
void* allocate_object(std::size_t size);
/// `size` is what was asked for.
void free_object(void* object, std::size_t size) noexcept;

/// Of what this thread keeps and does not use, a part goes back to the system; false if there is no more.
bool trim_objects() noexcept;

/// The same for at most kMostPooled octets, whoever watches. For tests, as what follows.
void* allocate_pooled(std::size_t size);
void free_pooled(void* object) noexcept;
/// That this thread has from the system.
std::size_t slabs_of_this_thread() noexcept;

}  // namespace verdin::impl
