// Internal. IncomingItem: the iterator of a range-for over a queue or a channel, which ends when that is
// closed.
#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>

namespace verdin::impl {

struct EndOfItems {};

template <typename T, typename Source>
class IncomingItem {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = T;
  using difference_type = std::ptrdiff_t;
  using pointer = T*;
  using reference = T&;

  explicit IncomingItem(Source& source) : source_(&source), item_(source.next()) {}

  T& operator*() noexcept { return *item_; }
  T* operator->() noexcept { return &*item_; }
  IncomingItem& operator++() {
    item_.reset();  // what the last item holds goes before the next one is waited for
    std::optional<T> next = source_->next();
    if (next) item_.emplace(std::move(*next));
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const IncomingItem& a, EndOfItems) noexcept { return !a.item_; }

 private:
  Source* source_;
  std::optional<T> item_;
};

}  // namespace verdin::impl
