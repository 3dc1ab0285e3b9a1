#include <verdin/http/impl/header_list.hpp>

namespace verdin::http {

void HeaderList::add_to_many(std::string_view name, std::string_view value) {
  if (many_.empty()) many_.reserve(2 * kFew);
  std::string text;
  text.reserve(name.size() + value.size());
  text.append(name).append(value);
  const bool were_few = many_.empty();
  if (were_few) many_.assign(few_.headers.data(), few_.headers.data() + size_);  // into what is reserved
  try {
    many_.emplace_back();
    texts_.push_front(std::move(text));
  } catch (...) {
    resize(size_);
    throw;
  }
  const std::string_view kept = texts_.front();
  many_.back() = {kept.substr(0, name.size()), kept.substr(name.size())};
  ++size_;
}

std::size_t HeaderList::memory() const noexcept {
  std::size_t sum = 0;
  for (const std::string& text : texts_) sum += text.capacity();
  return sum;
}

void HeaderList::forget_text(const char* text) noexcept {
  for (auto before = texts_.before_begin(), at = texts_.begin(); at != texts_.end(); before = at++) {
    if (at->data() == text) {
      texts_.erase_after(before);
      return;
    }
  }
}

/// To no more than there are.
void HeaderList::resize(std::size_t size) noexcept {
  size_ = size;
  if (size == 0) used_ = 0;
  if (!many_.empty()) many_.resize(size);
}

}  // namespace verdin::http
