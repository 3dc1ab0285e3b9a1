// Internal. LocalStore: the values that one greenlet (or one thread, outside greenlets) has of Locals and
// ContextVars. A greenlet gets one with its first value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <verdin/base/intrusive_ptr.hpp>

namespace verdin::impl {

/// Which Local: its slot is used again after its death, its key never.
struct LocalKey {
  std::size_t slot = 0;
  std::uint64_t key = 0;
};
/// Any thread.
LocalKey new_local_key();
void free_local_slot(LocalKey key) noexcept;

/// A value of a ContextVar; contexts share it.
struct ContextValue : RefCounted<ContextValue> {
  virtual ~ContextValue() = default;
};

/// The values of ContextVars, by key. Shared between greenlets until one of them changes it.
class Context : public RefCounted<Context> {
 public:
  struct Entry {
    std::uint64_t key;
    IntrusivePtr<ContextValue> value;
  };
  ContextValue* find(std::uint64_t key) const noexcept;
  void set(std::uint64_t key, IntrusivePtr<ContextValue> value);
  void erase(std::uint64_t key) noexcept;
  IntrusivePtr<Context> copy() const;

 private:
  std::vector<Entry> entries_;  // sorted by key
};

class LocalStore {
 public:
  using Destroy = void (*)(void*) noexcept;
  static constexpr std::uint32_t kNone = static_cast<std::uint32_t>(-1);
  struct Value {
    void* object = nullptr;
    Destroy destroy = nullptr;
    std::uint64_t key = 0;
    std::uint32_t older = kNone;  // slots of those that were made before and after it
    std::uint32_t newer = kNone;
  };
  static void destroy(Value value) noexcept {
    if (value.object) value.destroy(value.object);
  }

  LocalStore() = default;
  LocalStore(const LocalStore&) = delete;
  LocalStore& operator=(const LocalStore&) = delete;
  ~LocalStore() { clear(); }

  void* find(LocalKey key) const noexcept {
    if (key.slot >= values_.size() || values_[key.slot].key != key.key) return nullptr;
    return values_[key.slot].object;
  }
  /// Destroys what was there, even of a Local that is dead.
  void set(LocalKey key, void* object, Destroy destroy);
  void erase(LocalKey key) noexcept;
  /// What find() found, for the caller to destroy.
  Value take(LocalKey key) noexcept { return take_at(key.slot); }
  /// Destroys everything, the newest first, and what the destructors make meanwhile.
  void clear() noexcept;

  const IntrusivePtr<Context>& context() const noexcept { return context_; }
  void set_context(IntrusivePtr<Context> context) noexcept { context_ = std::move(context); }
  /// One that nobody else sees.
  Context& own_context();

 private:
  Value take_at(std::size_t slot) noexcept;
  std::uint32_t& newer_of(std::uint32_t slot) noexcept {
    return slot == kNone ? oldest_ : values_[slot].newer;
  }
  std::uint32_t& older_of(std::uint32_t slot) noexcept {
    return slot == kNone ? newest_ : values_[slot].older;
  }

  std::vector<Value> values_;  // by slot
  std::uint32_t oldest_ = kNone;
  std::uint32_t newest_ = kNone;
  IntrusivePtr<Context> context_;
};

/// Of the running greenlet, or of this thread where none runs. The first may be null.
LocalStore* current_locals() noexcept;
LocalStore& make_current_locals();
/// Destroys the values of a Local that dies, in the greenlets of this thread.
void drop_local(LocalKey key) noexcept;

}  // namespace verdin::impl
