// HeaderBlock: a view of header lines as they stand in a request ("Name: value CRLF" each).
//
// Two words and no index: it is searched by walking the lines, which a head of at most 16 KB affords, and
// which lets a session keep the headers of its handshake as one string. It expects lines that a HeadParser
// accepted; on other text it yields nonsense but never reads outside. Valid while the text lives. Nothing
// throws or allocates.
#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <string_view>

namespace verdin::protocol::http1 {

struct HeaderField {
  std::string_view name;   // as sent; compare with equals_ignoring_case()
  std::string_view value;  // without blanks at its ends
};

class HeaderBlock {
 public:
  class Iterator {
   public:
    using value_type = HeaderField;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::forward_iterator_tag;

    Iterator() = default;
    explicit Iterator(std::string_view rest) : rest_(rest) { read(); }
    const HeaderField& operator*() const noexcept { return field_; }
    const HeaderField* operator->() const noexcept { return &field_; }
    Iterator& operator++() noexcept {
      rest_.remove_prefix(line_);
      read();
      return *this;
    }
    Iterator operator++(int) noexcept {
      Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) noexcept {
      return a.rest_.size() == b.rest_.size();
    }

   private:
    void read() noexcept;
    std::string_view rest_;
    std::size_t line_ = 0;
    HeaderField field_;
  };

  HeaderBlock() = default;
  explicit HeaderBlock(std::string_view lines) : lines_(lines) {}

  Iterator begin() const noexcept { return Iterator(lines_); }
  Iterator end() const noexcept { return {}; }
  bool empty() const noexcept { return lines_.empty(); }
  std::string_view text() const noexcept { return lines_; }

  /// The first value of that name (any case).
  std::optional<std::string_view> find(std::string_view name) const noexcept;
  std::size_t count(std::string_view name) const noexcept;

 private:
  std::string_view lines_;
};

}  // namespace verdin::protocol::http1
