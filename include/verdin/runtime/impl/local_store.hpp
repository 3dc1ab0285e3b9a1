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
  struct Value {
    void* object = nullptr;
    Destroy destroy = nullptr;
    std::uint64_t key = 0;
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
  Value take(LocalKey key) noexcept { return std::exchange(values_[key.slot], Value{}); }
  /// Destroys everything, and what the destructors make meanwhile.
  void clear() noexcept;

  const IntrusivePtr<Context>& context() const noexcept { return context_; }
  void set_context(IntrusivePtr<Context> context) noexcept { context_ = std::move(context); }
  /// One that nobody else sees.
  Context& own_context();

 private:
  std::vector<Value> values_;  // by slot
  IntrusivePtr<Context> context_;
};

/// Of the running greenlet, or of this thread where none runs. The first may be null.
LocalStore* current_locals() noexcept;
LocalStore& make_current_locals();
/// Destroys the values of a Local that dies, in the greenlets of this thread.
void drop_local(LocalKey key) noexcept;

}  // namespace verdin::impl
