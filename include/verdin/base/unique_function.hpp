// UniqueFunction<R(Args...)>: std::function for callables that can only be moved (C++23's
// move_only_function).
//
// Small callables (up to three words) are stored inside. Calling an empty one throws std::bad_function_call.
#pragma once

#include <cstddef>
#include <functional>
#include <new>
#include <type_traits>
#include <utility>

namespace verdin {

template <typename Signature, std::size_t Words = 3>
class UniqueFunction;

template <typename R, typename... Args, std::size_t Words>
class UniqueFunction<R(Args...), Words> {
 public:
  UniqueFunction() noexcept = default;
  UniqueFunction(std::nullptr_t) noexcept {}

  template <typename F>
  requires(!std::is_same_v<std::decay_t<F>, UniqueFunction> &&
           std::is_invocable_r_v<R, std::decay_t<F>&, Args...>) UniqueFunction(F&& function) {
    using Callable = std::decay_t<F>;
    if constexpr (fits_inside<Callable>) {
      new (&storage_) Callable(std::forward<F>(function));
    } else {
      *reinterpret_cast<Callable**>(&storage_) = new Callable(std::forward<F>(function));
    }
    table_ = &table_of<Callable>;
  }

  UniqueFunction(UniqueFunction&& other) noexcept : table_(other.table_) {
    if (table_) table_->relocate(&other.storage_, &storage_);
    other.table_ = nullptr;
  }
  UniqueFunction& operator=(UniqueFunction&& other) noexcept {
    if (this != &other) {
      reset();
      table_ = other.table_;
      if (table_) table_->relocate(&other.storage_, &storage_);
      other.table_ = nullptr;
    }
    return *this;
  }
  UniqueFunction& operator=(std::nullptr_t) noexcept {
    reset();
    return *this;
  }
  ~UniqueFunction() { reset(); }

  R operator()(Args... args) {
    if (!table_) throw std::bad_function_call();
    return table_->call(&storage_, std::forward<Args>(args)...);
  }
  explicit operator bool() const noexcept { return table_ != nullptr; }

 private:
  struct Table {
    R (*call)(void*, Args&&...);
    void (*relocate)(void* from, void* to) noexcept;
    void (*destroy)(void*) noexcept;
  };

  template <typename F>
  static constexpr bool fits_inside = sizeof(F) <= Words * sizeof(void*) &&
                                      alignof(F) <= alignof(void*) && std::is_nothrow_move_constructible_v<F>;

  template <typename F>
  static F* target(void* storage) noexcept {
    if constexpr (fits_inside<F>) {
      return std::launder(reinterpret_cast<F*>(storage));
    } else {
      return *static_cast<F**>(storage);
    }
  }

  template <typename F>
  static constexpr Table table_of{[](void* storage, Args&&... args) -> R {
                                    return std::invoke(*target<F>(storage), std::forward<Args>(args)...);
                                  },
                                  [](void* from, void* to) noexcept {
                                    if constexpr (fits_inside<F>) {
                                      new (to) F(std::move(*target<F>(from)));
                                      target<F>(from)->~F();
                                    } else {
                                      *static_cast<F**>(to) = target<F>(from);
                                    }
                                  },
                                  [](void* storage) noexcept {
                                    if constexpr (fits_inside<F>) {
                                      target<F>(storage)->~F();
                                    } else {
                                      delete target<F>(storage);
                                    }
                                  }};

  void reset() noexcept {
    if (table_) table_->destroy(&storage_);
    table_ = nullptr;
  }

  const Table* table_ = nullptr;
  alignas(void*) std::byte storage_[Words * sizeof(void*)];
};

}  // namespace verdin
