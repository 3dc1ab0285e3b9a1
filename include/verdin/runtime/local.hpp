// Local<T>: a variable of which every greenlet has a value of its own. ContextVar<T>: one whose value a
// greenlet can hand on to those it spawns.
//
//   verdin::Local<int> depth;                        // each greenlet starts with int()
//   verdin::Local<Random> dice{[] { return Random(seed()); }};
//   ++*depth;
//
//   verdin::ContextVar<std::string> request_id{"none"};
//   request_id.set("42");
//   verdin::spawn(verdin::inherit_context, handle);  // sees "42"; what it sets, its parent does not see
//
// A Local's value is made when a greenlet first asks for it, and destroyed when that greenlet ends (on its
// own stack; the destructor may block, and is not interrupted by a kill) or when the Local dies. At the end
// of a greenlet the values go in the reverse order of their making, so that a destructor finds those that are
// older than its own; one that asks for another makes it anew, and it goes next (where that has no end, they
// are left, and an error is logged). What the greenlet has returned, if nobody can ask for it any more, goes
// before all of them, and what its function was given before that. A task of
// Hub::start_now() counts as a greenlet. Outside greenlets (in a callback of the hub, in a thread without
// one) there is one value for the thread, destroyed with the thread.
//
// Threads: a Local may be a global that several hubs use; each value belongs to its greenlet's thread. A
// Local that dies destroys the values of its own thread's greenlets; those of other hubs go with their
// greenlets. Its `make` function is called on any thread that uses it. Greenlets without locals pay nothing;
// a value is found by its index.
//
// A new greenlet starts with an empty context (every ContextVar at its default) unless it is spawned with
// inherit_context, which costs one reference: the context is copied only when either side changes it. Values
// of a ContextVar live as long as a context holds them, even after the ContextVar.
//
// Nothing here blocks. Throws what making a T throws.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <verdin/runtime/greenlet.hpp>
#include <verdin/runtime/impl/local_store.hpp>

namespace verdin {

template <typename T>
class Local {
 public:
  Local() requires std::is_default_constructible_v<T> : key_(impl::new_local_key()) {}
  /// `make()` gives the value that a greenlet begins with.
  explicit Local(std::function<T()> make) : key_(impl::new_local_key()), make_(std::move(make)) {}
  Local(const Local&) = delete;
  Local& operator=(const Local&) = delete;
  ~Local() {
    impl::drop_local(key_);
    impl::free_local_slot(key_);
  }

  /// The running greenlet's value.
  T& get() const {
    if (T* const value = find()) return *value;
    return make_ ? put(std::unique_ptr<T>(new T(make_()))) : put_default();
  }
  T& operator*() const { return get(); }
  T* operator->() const { return &get(); }
  /// Null if the running greenlet has none (yet).
  T* find() const noexcept {
    impl::LocalStore* const store = impl::current_locals();
    return store ? static_cast<T*>(store->find(key_)) : nullptr;
  }
  T& set(T value) const { return put(std::make_unique<T>(std::move(value))); }
  /// The running greenlet's value goes; the next get() makes a new one.
  void reset() const noexcept {
    if (impl::LocalStore* const store = impl::current_locals()) store->erase(key_);
  }

 private:
  T& put_default() const {
    if constexpr (std::is_default_constructible_v<T>) {
      return put(std::make_unique<T>());
    } else {
      throw std::bad_function_call();  // made with an empty function
    }
  }
  T& put(std::unique_ptr<T> value) const {
    impl::make_current_locals().set(key_, value.get(),
                                    [](void* object) noexcept { delete static_cast<T*>(object); });
    return *value.release();
  }

  impl::LocalKey key_;
  std::function<T()> make_;
};

template <typename T>
class ContextVar {
 public:
  ContextVar() requires std::is_default_constructible_v<T> : ContextVar(T()) {}
  explicit ContextVar(T default_value) : key_(impl::new_local_key()), default_(std::move(default_value)) {}
  ContextVar(const ContextVar&) = delete;
  ContextVar& operator=(const ContextVar&) = delete;
  ~ContextVar() { impl::free_local_slot(key_); }

  /// The value in the running greenlet's context, or the default. Valid until it is set again there.
  const T& get() const noexcept {
    const Value* const value = find();
    return value ? value->value : default_;
  }
  const T& operator*() const noexcept { return get(); }
  const T* operator->() const noexcept { return &get(); }
  bool is_set() const noexcept { return find() != nullptr; }
  void set(T value) const {
    impl::make_current_locals().own_context().set(key_.key, make_intrusive<Value>(std::move(value)));
  }
  /// Back to the default.
  void reset() const {
    if (is_set()) impl::make_current_locals().own_context().erase(key_.key);
  }

 private:
  struct Value final : impl::ContextValue {
    explicit Value(T v) : value(std::move(v)) {}
    T value;
  };
  const Value* find() const noexcept {
    const impl::LocalStore* const store = impl::current_locals();
    if (!store || !store->context()) return nullptr;
    return static_cast<const Value*>(store->context()->find(key_.key));
  }

  impl::LocalKey key_;
  T default_;
};

/// For one block: the value before is put back when it is left.
template <typename T>
class ContextScope {
 public:
  ContextScope(const ContextVar<T>& var, T value) : var_(var) {
    if (var.is_set()) before_ = var.get();
    var.set(std::move(value));
  }
  ContextScope(const ContextScope&) = delete;
  ContextScope& operator=(const ContextScope&) = delete;
  ~ContextScope() {
    if (before_) {
      var_.set(std::move(*before_));
    } else {
      var_.reset();
    }
  }

 private:
  const ContextVar<T>& var_;
  std::optional<T> before_{};
};

struct InheritContext {};
inline constexpr InheritContext inherit_context{};

namespace impl {
/// One that was just spawned; without memory for that, it never runs.
void inherit_context_into(GreenletBase& greenlet);
}  // namespace impl

/// As spawn(function, args...); the greenlet begins with the context of the one that spawns it.
template <typename F, typename... Args>
requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
auto spawn(InheritContext, F&& function, Args&&... args) {
  auto greenlet = spawn(std::forward<F>(function), std::forward<Args>(args)...);
  impl::inherit_context_into(greenlet.base());
  return greenlet;
}

}  // namespace verdin
