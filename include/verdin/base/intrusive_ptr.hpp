// IntrusivePtr<T>: a counted reference to an object that carries its own count (RefCounted).
//
// One word a reference and no control block: what makes a connection cheap. The count of RefCounted<T> is
// plain (one thread only); that of SharedRefCounted<T> is atomic (references may be copied and dropped on any
// thread; the object is destroyed on the thread that drops the last one). Nothing here blocks or throws.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace verdin {

template <typename T>
class RefCounted {
 public:
  void add_ref() const noexcept { ++refs_; }
  void release() const noexcept {
    if (--refs_ == 0) delete static_cast<const T*>(this);
  }
  std::uint32_t ref_count() const noexcept { return refs_; }

 protected:
  RefCounted() = default;
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;
  ~RefCounted() = default;

 private:
  mutable std::uint32_t refs_ = 0;
};

template <typename T>
class SharedRefCounted {
 public:
  void add_ref() const noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
  void release() const noexcept {
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete static_cast<const T*>(this);
  }
  std::uint32_t ref_count() const noexcept { return refs_.load(std::memory_order_relaxed); }

 protected:
  SharedRefCounted() = default;
  SharedRefCounted(const SharedRefCounted&) = delete;
  SharedRefCounted& operator=(const SharedRefCounted&) = delete;
  ~SharedRefCounted() = default;

 private:
  mutable std::atomic<std::uint32_t> refs_{0};
};

template <typename T>
class IntrusivePtr {
 public:
  IntrusivePtr() noexcept = default;
  IntrusivePtr(std::nullptr_t) noexcept {}
  IntrusivePtr(T* object) noexcept : object_(object) {
    if (object_) object_->add_ref();
  }
  IntrusivePtr(const IntrusivePtr& other) noexcept : IntrusivePtr(other.object_) {}
  IntrusivePtr(IntrusivePtr&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <typename U>
  requires std::is_convertible_v<U*, T*> IntrusivePtr(const IntrusivePtr<U>& other)
  noexcept : IntrusivePtr(other.get()) {}
  ~IntrusivePtr() {
    if (object_) object_->release();
  }
  IntrusivePtr& operator=(IntrusivePtr other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }

  T* get() const noexcept { return object_; }
  T* operator->() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  void reset() noexcept { IntrusivePtr().swap(*this); }
  void swap(IntrusivePtr& other) noexcept { std::swap(object_, other.object_); }

  friend bool operator==(const IntrusivePtr& a, const IntrusivePtr& b) noexcept {
    return a.object_ == b.object_;
  }

 private:
  T* object_ = nullptr;
};

template <typename T, typename... Args>
IntrusivePtr<T> make_intrusive(Args&&... args) {
  return IntrusivePtr<T>(new T(std::forward<Args>(args)...));
}

}  // namespace verdin
