#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <new>
#include <optional>
#include <string>

#include <simdjson.h>

#include <verdin/protocol/json/document.hpp>

#include "protocol/json/repair.hpp"

namespace verdin::json {
namespace {

static_assert(kPadding >= simdjson::SIMDJSON_PADDING);

constexpr std::size_t kSmallestCapacity = 1024;

ParseError translate(simdjson::error_code error) noexcept {
  switch (error) {
    case simdjson::SUCCESS:
      return ParseError::none;
    case simdjson::EMPTY:
      return ParseError::empty;
    case simdjson::NUMBER_ERROR:
      return ParseError::number;
    case simdjson::STRING_ERROR:
    case simdjson::UNCLOSED_STRING:
    case simdjson::UNESCAPED_CHARS:
      return ParseError::string;
    case simdjson::UTF8_ERROR:
      return ParseError::utf8;
    case simdjson::DEPTH_ERROR:
      return ParseError::depth;
    case simdjson::CAPACITY:
      return ParseError::too_large;
    case simdjson::MEMALLOC:
      return ParseError::memory;
    default:
      return ParseError::syntax;
  }
}

// Which of 0..count-1 have been seen.
class SeenNumbers {
 public:
  explicit SeenNumbers(std::size_t count) noexcept : missing_(count), count_(count) {}

  bool add(std::uint64_t number) noexcept {
    if (number >= count_) return false;
    std::uint64_t& word = words_[number / 64];
    const std::uint64_t bit = std::uint64_t{1} << (number % 64);
    if (word & bit) return false;
    word |= bit;
    --missing_;
    return true;
  }
  bool all() const noexcept { return missing_ == 0; }

 private:
  std::array<std::uint64_t, kMaxAttachments / 64> words_{};
  std::size_t missing_;
  std::size_t count_;
};

struct Placeholder {
  bool found = false;
  std::optional<std::uint64_t> number;
};

// Looks at the members of the object at `at` only, not into them; the last of a name counts.
Placeholder placeholder_at(const detail::Tape& tape, std::size_t at) noexcept {
  Placeholder result;
  const std::size_t end = tape.low(at) - 1;
  for (std::size_t key = at + 1; key < end; key = tape.behind(key + 1)) {
    const std::string_view name = tape.text(key);
    if (name == "_placeholder") {
      result.found = tape.tag(key + 1) == 't';
    } else if (name == "num") {
      result.number.reset();
      const bool positive = tape.tag(key + 1) == 'l' && static_cast<std::int64_t>(tape.words[key + 2]) >= 0;
      if (positive) result.number = tape.words[key + 2];
    }
  }
  return result;
}

// Calls found(index on the tape, its number) for each placeholder, in order, until that returns false.
template <typename Found>
bool for_each_placeholder(const detail::Tape& tape, Found found) noexcept {
  const std::size_t end = tape.low(0);
  for (std::size_t at = 1; at < end;) {
    switch (tape.tag(at)) {
      case '{': {
        const Placeholder placeholder = placeholder_at(tape, at);
        if (!placeholder.found) {
          ++at;
          break;
        }
        const std::size_t behind = tape.low(at);
        if (!placeholder.number || !found(at, *placeholder.number)) return false;
        at = behind;
        break;
      }
      case 'l':
      case 'u':
      case 'd':
        at += 2;
        break;
      default:
        ++at;
    }
  }
  return true;
}

}  // namespace

struct Document::Impl {
  // simdjson refuses what reaches its limit, so it gets one level more.
  explicit Impl(std::size_t max_depth) noexcept
      : levels(std::clamp<std::size_t>(max_depth, 1, kMaxDepthLimit) + 1) {}

  simdjson::error_code make_room(std::size_t size) noexcept;
  simdjson::error_code parse(std::string_view text) noexcept;
  std::optional<ParseError> parse_repaired(std::string_view text) noexcept;
  bool set_infinities(const Infinities& infinities) noexcept;

  simdjson::dom::parser parser;
  std::string copy;
  detail::Tape tape;
  std::size_t levels;
  unsigned short_texts = 0;  // in a row, while the capacity is above kKeptCapacity
};

simdjson::error_code Document::Impl::make_room(std::size_t size) noexcept {
  const bool large = parser.capacity() > kKeptCapacity;
  if (size <= parser.capacity()) {
    short_texts = large && size <= kKeptCapacity ? short_texts + 1 : 0;
    if (short_texts < kShrinkAfter) return simdjson::SUCCESS;
    size = kKeptCapacity;
  }
  short_texts = 0;
  const std::size_t capacity = std::bit_ceil(std::max(size, kSmallestCapacity));
  if (const auto error = parser.allocate(0, levels)) return error;
  if (const auto error = parser.doc.allocate(0)) return error;
  if (const auto error = parser.allocate(capacity, levels)) return error;
  return parser.doc.allocate(capacity);
}

simdjson::error_code Document::Impl::parse(std::string_view text) noexcept {
  if (const auto error = make_room(text.size())) return error;
  return parser.parse(text.data(), text.size(), false).error();
}

// Integers beyond 64 bits, infinities and lone surrogates are rare: they may cost a second pass. Nothing if
// there is nothing to repair.
std::optional<ParseError> Document::Impl::parse_repaired(std::string_view text) noexcept {
  try {
    std::string repaired;
    repaired.reserve(text.size() + text.size() / 8 + kPadding);
    Infinities infinities;
    if (!repair(text, repaired, infinities)) return std::nullopt;
    const std::size_t size = repaired.size();
    repaired.append(kPadding, '\0');
    const simdjson::error_code error = parse({repaired.data(), size});
    if (error == simdjson::SUCCESS && !set_infinities(infinities)) return ParseError::number;
    return translate(error);
  } catch (const std::bad_alloc&) {
    return ParseError::memory;
  }
}

// False if there are fewer numbers than were counted in the text: a peer chose it, so nothing is written
// where the two disagree.
bool Document::Impl::set_infinities(const Infinities& infinities) noexcept {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::uint64_t* const words = parser.doc.tape.get();
  const std::size_t end = detail::Tape{words, nullptr, nullptr}.low(0);
  auto place = infinities.places.begin();
  std::size_t number = 0;
  for (std::size_t at = 1; at < end && place != infinities.places.end(); ++at) {
    const char tag = static_cast<char>(words[at] >> 56);
    if (tag != 'l' && tag != 'u' && tag != 'd') continue;
    ++at;  // its value
    if (number++ != place->number) continue;
    words[at] = std::bit_cast<std::uint64_t>(place->negative ? -kInfinity : kInfinity);
    ++place;
  }
  return place == infinities.places.end();
}

Document::Document(std::size_t max_depth) : impl_(std::make_unique<Impl>(max_depth)) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

ParseError Document::parse(std::string_view text) noexcept {
  impl_->tape.words = nullptr;
  if (text.size() > std::numeric_limits<std::uint32_t>::max() - 2 * kPadding) return ParseError::too_large;
  try {
    if (impl_->copy.capacity() > 2 * kKeptCapacity && impl_->parser.capacity() <= kKeptCapacity) {
      std::string().swap(impl_->copy);  // the parser has shrunk before
    }
    impl_->copy.reserve(text.size() + kPadding);
    impl_->copy.assign(text);
    impl_->copy.append(kPadding, '\0');
  } catch (const std::bad_alloc&) {
    return ParseError::memory;
  }
  return parse_padded({impl_->copy.data(), text.size()});
}

ParseError Document::parse_padded(std::string_view text) noexcept {
  Impl& impl = *impl_;
  impl.tape.words = nullptr;
  impl.tape.attachments = nullptr;
  if (text.size() > std::numeric_limits<std::uint32_t>::max() - 2 * kPadding) return ParseError::too_large;
  std::optional<ParseError> error;
  if (has_many_long_numbers(text)) error = impl.parse_repaired(text);
  if (!error) {
    const simdjson::error_code first = impl.parse(text);
    if (first == simdjson::NUMBER_ERROR || first == simdjson::STRING_ERROR) error = impl.parse_repaired(text);
    if (!error) error = translate(first);
  }
  if (*error != ParseError::none) return *error;
  impl.tape.words = impl.parser.doc.tape.get();
  impl.tape.strings = impl.parser.doc.string_buf.get();
  return ParseError::none;
}

void Document::clear() noexcept { impl_->tape.words = nullptr; }

View Document::root() const noexcept {
  if (!impl_->tape.words) return {};
  return {&impl_->tape, 1};
}

bool Document::placeholders_match(std::size_t count) const noexcept {
  if (!impl_->tape.words || count > kMaxAttachments) return false;
  SeenNumbers seen(count);
  return for_each_placeholder(impl_->tape,
                              [&](std::size_t, std::uint64_t number) { return seen.add(number); }) &&
         seen.all();
}

bool Document::attach(std::span<const SharedBuffer> attachments) noexcept {
  if (!placeholders_match(attachments.size())) return false;
  std::uint64_t* words = impl_->parser.doc.tape.get();
  const detail::Tape& tape = impl_->tape;
  for_each_placeholder(tape, [&](std::size_t at, std::uint64_t number) {
    words[at] = std::uint64_t{'b'} << 56 | number << 32 | tape.low(at);
    return true;
  });
  impl_->tape.attachments = attachments.data();
  return true;
}

std::size_t Document::capacity() const noexcept { return impl_->parser.capacity(); }

std::string_view describe(ParseError error) noexcept {
  switch (error) {
    case ParseError::none:
      return "no error";
    case ParseError::empty:
      return "no JSON text";
    case ParseError::syntax:
      return "not JSON";
    case ParseError::number:
      return "a malformed number";
    case ParseError::string:
      return "a malformed string";
    case ParseError::utf8:
      return "not UTF-8";
    case ParseError::depth:
      return "nested too deep";
    case ParseError::too_large:
      return "too large";
    case ParseError::memory:
      return "out of memory";
  }
  return "unknown error";
}

}  // namespace verdin::json
