#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <utility>

#include <sys/mman.h>

#include <verdin/runtime/impl/object_pool.hpp>

#include "fiber/sanitizers.hpp"

namespace verdin::impl {
namespace {

constexpr std::size_t kSlabSize = std::size_t{2} << 20;  // and their alignment: an object finds its slab so
constexpr std::size_t kStep = 64;                        // a cache line: no two objects share one
constexpr std::size_t kClasses = kMostPooled / kStep;
constexpr std::size_t kMostSpare = 32;  // 64 MiB: the objects of 250,000 greenlets

class ObjectPool;

struct FreeSlot {
  FreeSlot* next;
};
FreeSlot thread_has_ended{nullptr};

/// Its header; objects follow from the second line on.
struct alignas(kStep) Slab {
  FreeSlot* free = nullptr;  // of those that were used before
  char* fresh;               // from here on none was
  char* end;                 // where no whole object fits any more
  std::size_t used = 0;
  Slab* next = nullptr;  // among those of its class that have room
  Slab* prev = nullptr;
  ObjectPool* pool;
  std::size_t slot_size;

  Slab(ObjectPool& owner, std::size_t size)
      : fresh(reinterpret_cast<char*>(this) + sizeof(Slab)), pool(&owner), slot_size(size) {
    end = fresh + (kSlabSize - sizeof(Slab)) / size * size;
  }
  bool full() const noexcept { return !free && fresh == end; }
  void* take() noexcept {
    ++used;
    if (free) return std::exchange(free, free->next);
    return std::exchange(fresh, fresh + slot_size);
  }
  void put(void* object) noexcept {
    --used;
    free = ::new (object) FreeSlot{free};
  }
};
static_assert(sizeof(Slab) == kStep);

Slab& slab_of(void* object) noexcept {
  const std::size_t offset = reinterpret_cast<std::uintptr_t>(object) % kSlabSize;
  return *reinterpret_cast<Slab*>(static_cast<char*>(object) - offset);
}

void* map_memory(std::size_t size) {
  void* const memory =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return memory;
}

void* map_slab() {
  void* const lucky = map_memory(kSlabSize);  // newer kernels align what may become a huge page
  if (reinterpret_cast<std::uintptr_t>(lucky) % kSlabSize == 0) return lucky;
  ::munmap(lucky, kSlabSize);
  char* const room = static_cast<char*>(map_memory(2 * kSlabSize));
  const std::size_t before = -reinterpret_cast<std::uintptr_t>(room) % kSlabSize;
  if (before > 0) ::munmap(room, before);
  ::munmap(room + before + kSlabSize, kSlabSize - before);
  return room + before;
}

class ObjectPool {
 public:
  ObjectPool() = default;
  ObjectPool(const ObjectPool&) = delete;
  ObjectPool& operator=(const ObjectPool&) = delete;

  void* allocate(std::size_t size) {
    const std::size_t size_class = (size - 1) / kStep;
    Slab* slab = roomy_[size_class];
    if (!slab) [[unlikely]]
      slab = &add_slab(size_class);
    void* const object = slab->take();
    ++objects_;
    if (slab->full()) [[unlikely]]
      unlist(*slab);
    return object;
  }

  /// On its own thread.
  void free(Slab& slab, void* object) noexcept {
    const bool was_full = slab.full();
    slab.put(object);
    --objects_;
    if (was_full) [[unlikely]]
      list(slab);
    if (slab.used == 0) [[unlikely]]
      emptied(slab);
  }

  /// On another thread, or when its own has ended.
  void free_from_outside(Slab& slab, void* object) noexcept {
    auto* const slot = ::new (object) FreeSlot{returned_.load(std::memory_order_acquire)};
    while (slot->next != &thread_has_ended) {
      if (returned_.compare_exchange_weak(slot->next, slot, std::memory_order_acq_rel)) return;
    }
    std::unique_lock lock(mutex_);
    free(slab, object);
    if (objects_ > 0) return;
    lock.unlock();
    delete this;
  }

  /// Its thread ends. What is still there goes with the last object.
  void close() noexcept {
    std::unique_lock lock(mutex_);
    take_returned(&thread_has_ended);
    closed_ = true;
    for (Slab*& first : roomy_) {
      for (Slab* slab = first; slab;) {
        Slab* const next = slab->next;
        if (slab->used == 0) emptied(*slab);
        slab = next;
      }
    }
    while (spare_) unmap_spare();
    if (objects_ > 0) return;
    lock.unlock();
    delete this;
  }

  /// Gives one slab back to the system; false if there is none but what is kept.
  bool trim() noexcept {
    if (spares_ <= 1) return false;
    unmap_spare();
    return true;
  }

  std::size_t slabs() const noexcept { return std::accumulate(slabs_.begin(), slabs_.end(), spares_); }

 private:
  ~ObjectPool() = default;

  [[gnu::noinline]] Slab& add_slab(std::size_t size_class) {
    take_returned(nullptr);
    if (roomy_[size_class]) return *roomy_[size_class];
    void* memory = take_spare();
    if (!memory) {
      memory = map_slab();
      // The first may stay nearly empty, and should not cost a huge page where the system likes them.
      ::madvise(memory, kSlabSize, slabs_[size_class] == 0 ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
    }
    ++slabs_[size_class];
    auto* const slab = ::new (memory) Slab(*this, (size_class + 1) * kStep);
    list(*slab);
    return *slab;
  }

  void take_returned(FreeSlot* leave) noexcept {
    FreeSlot* slot = returned_.exchange(leave, std::memory_order_acq_rel);
    while (slot) {
      FreeSlot* const next = slot->next;
      free(slab_of(slot), slot);
      slot = next;
    }
  }

  Slab*& first_roomy(const Slab& slab) noexcept { return roomy_[slab.slot_size / kStep - 1]; }

  void list(Slab& slab) noexcept {
    Slab*& first = first_roomy(slab);
    slab.prev = nullptr;
    slab.next = first;
    if (first) first->prev = &slab;
    first = &slab;
  }

  void unlist(Slab& slab) noexcept {
    (slab.prev ? slab.prev->next : first_roomy(slab)) = slab.next;
    if (slab.next) slab.next->prev = slab.prev;
  }

  /// Kept if it is the only one with room of its class: the next object is made there.
  void emptied(Slab& slab) noexcept {
    if (!closed_ && !slab.next && !slab.prev) return;
    unlist(slab);
    --slabs_[slab.slot_size / kStep - 1];
    if (closed_ || spares_ >= kMostSpare) {
      ::munmap(&slab, kSlabSize);
    } else {
      spare_ = ::new (static_cast<void*>(&slab)) FreeSlot{spare_};
      ++spares_;
    }
  }

  /// Null if there is none.
  void* take_spare() noexcept {
    if (!spare_) return nullptr;
    --spares_;
    return std::exchange(spare_, spare_->next);
  }

  void unmap_spare() noexcept { ::munmap(take_spare(), kSlabSize); }

  std::array<Slab*, kClasses> roomy_{};
  std::array<std::size_t, kClasses> slabs_{};
  FreeSlot* spare_ = nullptr;  // slabs without objects
  std::size_t spares_ = 0;
  std::size_t objects_ = 0;
  bool closed_ = false;
  std::atomic<FreeSlot*> returned_ = nullptr;  // by strangers; thread_has_ended: they free it themselves
  std::mutex mutex_;                           // of all but that, from close() on
};

thread_local constinit ObjectPool* pool_of_thread = nullptr;
thread_local constinit bool thread_ends = false;

struct AtThreadEnd {
  explicit AtThreadEnd(ObjectPool& pool) : owned(&pool) {}
  AtThreadEnd(const AtThreadEnd&) = delete;
  AtThreadEnd& operator=(const AtThreadEnd&) = delete;
  ~AtThreadEnd() {
    pool_of_thread = nullptr;
    thread_ends = true;
    owned->close();
  }
  ObjectPool* owned;
};

[[gnu::noinline]] ObjectPool& make_pool() {
  pool_of_thread = new ObjectPool;
  // One that is made later still, by the destructor of a static object, stays until the process ends.
  if (!thread_ends) thread_local const AtThreadEnd end(*pool_of_thread);
  return *pool_of_thread;
}

/// Who watches memory must see each object come and go.
bool unwatched() noexcept {
#if defined(VERDIN_ASAN) || defined(VERDIN_TSAN)
  return false;
#elif defined(VERDIN_VALGRIND)
  static const bool watched = RUNNING_ON_VALGRIND > 0;
  return !watched;
#else
  return true;
#endif
}

}  // namespace

void* allocate_pooled(std::size_t size) {
  ObjectPool* const pool = pool_of_thread;
  return (pool ? *pool : make_pool()).allocate(size);
}

void free_pooled(void* object) noexcept {
  Slab& slab = slab_of(object);
  if (slab.pool == pool_of_thread) return slab.pool->free(slab, object);
  slab.pool->free_from_outside(slab, object);
}

bool trim_objects() noexcept { return pool_of_thread && pool_of_thread->trim(); }

std::size_t slabs_of_this_thread() noexcept { return pool_of_thread ? pool_of_thread->slabs() : 0; }

void* allocate_object(std::size_t size) {
  return size <= kMostPooled && unwatched() ? allocate_pooled(size) : ::operator new(size);
}

void free_object(void* object, std::size_t size) noexcept {
  if (size <= kMostPooled && unwatched()) return free_pooled(object);
  ::operator delete(object);
}

}  // namespace verdin::impl
