// json::Document: the result of parsing one JSON text, to be read through Views. Made to be reused: one a
// hub.
//
// The grammar is RFC 8259's, with what JSON.parse of ECMAScript does where the RFC leaves a choice: an
// integer beyond 64 bits becomes a real, a number beyond the range of a double an infinite one (which is
// written as null), and an escaped lone surrogate, which no UTF-8 can hold, becomes U+FFFD. UTF-8 is checked.
// Nesting is limited (so that nobody behind the parser needs a recursion without a bound), and the parser
// itself does not recurse.
//
// One thread at a time. Nothing blocks. parse() throws nothing; a lack of memory is ParseError::memory. In
// the steady state it does not allocate: the working memory (about 16 octets for each octet of the longest
// text) is kept, and given back once kShrinkAfter short texts in a row did not need it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include <verdin/base/shared_buffer.hpp>
#include <verdin/protocol/json/view.hpp>

namespace verdin::json {

/// parse_padded() may read so many octets behind the text (their content does not matter).
inline constexpr std::size_t kPadding = 64;
inline constexpr std::size_t kDefaultMaxDepth = 512;
/// The largest limit a Document takes; a larger one is cut to it.
inline constexpr std::size_t kMaxDepthLimit = 1024;

/// attach() takes no more than this.
inline constexpr std::size_t kMaxAttachments = 1024;

enum class ParseError : std::uint8_t {
  none,
  empty,      ///< nothing but white space
  syntax,     ///< not JSON
  number,     ///< a malformed number
  string,     ///< a malformed string: a control character, a bad escape, no end
  utf8,       ///< not UTF-8
  depth,      ///< nested deeper than allowed
  too_large,  ///< 4 GiB or more
  memory,     ///< out of memory
};
std::string_view describe(ParseError error) noexcept;

class Document {
 public:
  /// `[[1]]` has depth 2; an empty array or object does not count.
  explicit Document(std::size_t max_depth = kDefaultMaxDepth);
  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  ~Document();

  /// Replaces what was parsed before (Views of it become invalid, also on an error). Copies `text` first.
  ParseError parse(std::string_view text) noexcept;
  /// The same without the copy: kPadding octets behind `text` must be readable. `text` is not needed
  /// afterwards.
  ParseError parse_padded(std::string_view text) noexcept;

  /// Forgets what was parsed, not the memory.
  void clear() noexcept;

  /// The value; missing if nothing was parsed or the last parse failed.
  View root() const noexcept;

  /// Whether the placeholders ({"_placeholder":true,"num":i}) are exactly 0..count-1, each once, in any
  /// order.
  bool placeholders_match(std::size_t count) const noexcept;
  /// Binds the placeholders: from now on they read as Kind::binary. False, with nothing changed, unless
  /// placeholders_match(attachments.size()). `attachments` must live as long as the Views are used. Call it
  /// at most once after a parse. Without it a placeholder reads as the plain object it is.
  bool attach(std::span<const SharedBuffer> attachments) noexcept;

  /// Octets of text that can be parsed without an allocation.
  std::size_t capacity() const noexcept;

  static constexpr std::size_t kKeptCapacity = 64 * 1024;
  static constexpr unsigned kShrinkAfter = 64;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace verdin::json
