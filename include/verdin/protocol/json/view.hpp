// json::View: one value of a parsed Document, read in place.
//
// Two words, trivially copyable, pass it by value. Valid while its Document lives and is not parsed into
// again; what as_string() and binary() return lives as long. A View that refers to nothing (a key that is not
// there, an index beyond the end) has kind `missing`, is false, and every as_...() of it is empty. Nothing
// here allocates, blocks or throws; reading is safe from several threads at once.
//
// Costs: kind and scalars are O(1), operator[] is linear, iteration steps are O(1) whatever an element
// contains. Objects keep their order and their duplicate keys; a lookup finds the last one, as JavaScript
// does.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <optional>
#include <string_view>

#include <verdin/base/shared_buffer.hpp>

namespace verdin::json {

/// A number is int64 if it is an integer that fits, else uint64 if that fits, else real.
enum class Kind : std::uint8_t { missing, null, boolean, int64, uint64, real, string, binary, array, object };

/// "an array", "a string", ...: for messages.
std::string_view describe(Kind kind) noexcept;

class Array;
class Object;

namespace detail {

// The parsed form: simdjson's tape (one 64-bit word a value: the tag in the top octet, 56 bits of payload;
// numbers take a second word), to which we add 'b', a placeholder bound to an attachment: bits 0..31 the
// index behind it, bits 32..55 the attachment's number.
struct Tape {
  const std::uint64_t* words = nullptr;
  const unsigned char* strings = nullptr;  // each string: 4 octets of length in native order, its text
  const SharedBuffer* attachments = nullptr;

  char tag(std::size_t at) const noexcept { return static_cast<char>(words[at] >> 56); }
  std::size_t low(std::size_t at) const noexcept { return static_cast<std::uint32_t>(words[at]); }
  std::size_t high(std::size_t at) const noexcept { return (words[at] >> 32) & 0xFFFFFF; }

  std::string_view text(std::size_t at) const noexcept {
    const unsigned char* from = strings + (words[at] & 0x00FFFFFFFFFFFFFF);
    std::uint32_t size;
    std::memcpy(&size, from, sizeof size);
    return {reinterpret_cast<const char*>(from + sizeof size), size};
  }

  std::size_t behind(std::size_t at) const noexcept {
    switch (tag(at)) {
      case 'l':
      case 'u':
      case 'd':
        return at + 2;
      case '[':
      case '{':
      case 'b':
        return low(at);
      default:
        return at + 1;
    }
  }
};

/// The integer that `value` is exactly, if it is one and fits.
inline std::optional<std::int64_t> exact_int64(double value) noexcept {
  if (!(value >= -0x1p63 && value < 0x1p63) || value != std::trunc(value)) return std::nullopt;
  return static_cast<std::int64_t>(value);
}
inline std::optional<std::uint64_t> exact_uint64(double value) noexcept {
  if (!(value >= 0 && value < 0x1p64) || value != std::trunc(value)) return std::nullopt;
  return static_cast<std::uint64_t>(value);
}

struct ViewAccess;  // for code in src/ that walks the tape itself

}  // namespace detail

class View {
 public:
  View() noexcept = default;

  Kind kind() const noexcept;
  explicit operator bool() const noexcept { return tape_ != nullptr; }

  bool is_null() const noexcept { return tag() == 'n'; }
  bool is_string() const noexcept { return tag() == '"'; }
  bool is_number() const noexcept { return tag() == 'l' || tag() == 'u' || tag() == 'd'; }
  bool is_array() const noexcept { return tag() == '['; }
  bool is_object() const noexcept { return tag() == '{'; }
  bool is_binary() const noexcept { return tag() == 'b'; }

  std::optional<bool> as_bool() const noexcept {
    if (tag() == 't') return true;
    if (tag() == 'f') return false;
    return std::nullopt;
  }
  /// A number whose value is exactly an integer of that range (5 and 5.0 alike).
  std::optional<std::int64_t> as_int64() const noexcept;
  std::optional<std::uint64_t> as_uint64() const noexcept;
  /// Any number; integers beyond 2^53 are rounded.
  std::optional<double> as_double() const noexcept;
  std::optional<std::string_view> as_string() const noexcept {
    if (!is_string()) return std::nullopt;
    return tape_->text(at_);
  }
  /// The attachment that a placeholder stands for, or nullptr.
  const SharedBuffer* binary() const noexcept {
    return is_binary() ? tape_->attachments + tape_->high(at_) : nullptr;
  }

  /// For ranges: `for (View element : view.array())`, `for (auto [key, value] : view.object())`.
  /// Empty for a value of another kind.
  Array array() const noexcept;
  Object object() const noexcept;

  /// Number of elements or members; 0 for scalars. Linear beyond 2^24 of them.
  std::size_t size() const noexcept;
  View at(std::size_t index) const noexcept;
  View operator[](std::integral auto index) const noexcept { return at(static_cast<std::size_t>(index)); }
  View operator[](std::string_view key) const noexcept;

 private:
  friend class Document;
  friend class Array;
  friend class Object;
  friend struct detail::ViewAccess;
  View(const detail::Tape* tape, std::size_t at) noexcept : tape_(tape), at_(at) {}

  char tag() const noexcept { return tape_ ? tape_->tag(at_) : '\0'; }

  const detail::Tape* tape_ = nullptr;
  std::size_t at_ = 0;
};

struct Member {
  std::string_view key;
  View value;
};

/// The elements of an array, as a range of View.
class Array {
 public:
  class iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = View;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = View;

    iterator() noexcept = default;
    View operator*() const noexcept { return {tape_, at_}; }
    iterator& operator++() noexcept {
      at_ = tape_->behind(at_);
      return *this;
    }
    iterator operator++(int) noexcept {
      iterator old = *this;
      ++*this;
      return old;
    }
    friend bool operator==(const iterator& a, const iterator& b) noexcept { return a.at_ == b.at_; }

   private:
    friend class Array;
    iterator(const detail::Tape* tape, std::size_t at) noexcept : tape_(tape), at_(at) {}
    const detail::Tape* tape_ = nullptr;
    std::size_t at_ = 0;
  };

  iterator begin() const noexcept { return {tape_, first_}; }
  iterator end() const noexcept { return {tape_, end_}; }
  bool empty() const noexcept { return first_ == end_; }

 private:
  friend class View;
  Array(const detail::Tape* tape, std::size_t first, std::size_t end) noexcept
      : tape_(tape), first_(first), end_(end) {}
  const detail::Tape* tape_;
  std::size_t first_;
  std::size_t end_;
};

/// The members of an object, in order, as a range of Member.
class Object {
 public:
  class iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Member;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = Member;

    iterator() noexcept = default;
    Member operator*() const noexcept { return {tape_->text(at_), View(tape_, at_ + 1)}; }
    iterator& operator++() noexcept {
      at_ = tape_->behind(at_ + 1);
      return *this;
    }
    iterator operator++(int) noexcept {
      iterator old = *this;
      ++*this;
      return old;
    }
    friend bool operator==(const iterator& a, const iterator& b) noexcept { return a.at_ == b.at_; }

   private:
    friend class Object;
    iterator(const detail::Tape* tape, std::size_t at) noexcept : tape_(tape), at_(at) {}
    const detail::Tape* tape_ = nullptr;
    std::size_t at_ = 0;
  };

  iterator begin() const noexcept { return {tape_, first_}; }
  iterator end() const noexcept { return {tape_, end_}; }
  bool empty() const noexcept { return first_ == end_; }

 private:
  friend class View;
  Object(const detail::Tape* tape, std::size_t first, std::size_t end) noexcept
      : tape_(tape), first_(first), end_(end) {}
  const detail::Tape* tape_;
  std::size_t first_;
  std::size_t end_;
};

inline Array View::array() const noexcept {
  if (!is_array()) return {nullptr, 0, 0};
  return {tape_, at_ + 1, tape_->low(at_) - 1};
}

inline Object View::object() const noexcept {
  if (!is_object()) return {nullptr, 0, 0};
  return {tape_, at_ + 1, tape_->low(at_) - 1};
}

inline std::optional<double> View::as_double() const noexcept {
  switch (tag()) {
    case 'l':
      return static_cast<double>(static_cast<std::int64_t>(tape_->words[at_ + 1]));
    case 'u':
      return static_cast<double>(tape_->words[at_ + 1]);
    case 'd': {
      double value;
      std::memcpy(&value, &tape_->words[at_ + 1], sizeof value);
      return value;
    }
    default:
      return std::nullopt;
  }
}

inline std::optional<std::int64_t> View::as_int64() const noexcept {
  if (tag() == 'l') return static_cast<std::int64_t>(tape_->words[at_ + 1]);
  if (tag() == 'd') return detail::exact_int64(*as_double());
  return std::nullopt;
}

inline std::optional<std::uint64_t> View::as_uint64() const noexcept {
  if (tag() == 'u') return tape_->words[at_ + 1];
  if (tag() == 'd') return detail::exact_uint64(*as_double());
  if (tag() == 'l' && static_cast<std::int64_t>(tape_->words[at_ + 1]) >= 0) return tape_->words[at_ + 1];
  return std::nullopt;
}

}  // namespace verdin::json
