#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include <simdjson.h>

#include <verdin/protocol/base64.hpp>
#include <verdin/protocol/json/writer.hpp>

#include "protocol/json/number_text.hpp"

namespace verdin::json {
namespace {

constexpr std::uint64_t kOnes = 0x0101010101010101;
constexpr std::uint64_t kTops = 0x8080808080808080;

// Non-zero if one of the 8 octets is a control character, a quote or a backslash. (Bit tricks for "less than
// n" and "equal to n" from Sean Anderson's collection; exact as far as being non-zero goes.)
constexpr std::uint64_t needs_escape(std::uint64_t word) {
  const std::uint64_t quote = word ^ (kOnes * '"');
  const std::uint64_t backslash = word ^ (kOnes * '\\');
  return (((word - kOnes * 0x20) & ~word) | ((quote - kOnes) & ~quote) | ((backslash - kOnes) & ~backslash)) &
         kTops;
}

constexpr bool needs_escape(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

std::uint64_t load(const char* from) {
  std::uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// Length of the run at the start of `text` that can be copied as it is.
template <bool kStopAtNonAscii>
std::size_t clean_run(std::string_view text) {
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    const std::uint64_t word = load(text.data() + at);
    if (needs_escape(word) || (kStopAtNonAscii && (word & kTops))) break;
  }
  for (; at < text.size(); ++at) {
    if (needs_escape(text[at]) || (kStopAtNonAscii && static_cast<unsigned char>(text[at]) >= 0x80)) break;
  }
  return at;
}

void append_escape(std::string& out, char c) {
  constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out.append("\\\"");
      return;
    case '\\':
      out.append("\\\\");
      return;
    case '\b':
      out.append("\\b");
      return;
    case '\f':
      out.append("\\f");
      return;
    case '\n':
      out.append("\\n");
      return;
    case '\r':
      out.append("\\r");
      return;
    case '\t':
      out.append("\\t");
      return;
    default: {
      const char text[6] = {'\\', 'u', '0', '0', kHex[(c >> 4) & 1], kHex[c & 15]};
      out.append(text, sizeof text);
    }
  }
}

void append_escaped(std::string& out, std::string_view utf8) {
  while (true) {
    const std::size_t run = clean_run<false>(utf8);
    out.append(utf8.substr(0, run));
    if (run == utf8.size()) return;
    append_escape(out, utf8[run]);
    utf8.remove_prefix(run + 1);
  }
}

// Length of the longest prefix of `text` that begins a well-formed sequence (Unicode, table 3-7), and whether
// it is one.
struct Sequence {
  std::size_t length;
  bool complete;
};
Sequence sequence_at(std::string_view text) {
  const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = octet(0);
  if (lead < 0x80) return {1, true};
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4) return {1, false};
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  for (std::size_t i = 1; i < size; ++i) {
    if (i == text.size() || octet(i) < low || octet(i) > high) return {i, false};
    low = 0x80;
    high = 0xBF;
  }
  return {size, true};
}

void append_replaced(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const Sequence sequence = sequence_at(text);
    if (sequence.complete) {
      append_escaped(out, text.substr(0, sequence.length));
    } else {
      out.append("\xEF\xBF\xBD");  // U+FFFD for each maximal part, as the Unicode standard and browsers do
    }
    text.remove_prefix(sequence.length);
  }
}

template <typename T>
void append_integer(std::string& out, T value) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

}  // namespace

bool is_utf8(std::string_view text) noexcept { return simdjson::validate_utf8(text.data(), text.size()); }

void append_quoted(std::string& out, std::string_view text) {
  out.push_back('"');
  const std::size_t run = clean_run<true>(text);
  out.append(text.substr(0, run));
  if (run != text.size()) {
    text.remove_prefix(run);
    if (is_utf8(text)) {
      append_escaped(out, text);
    } else {
      append_replaced(out, text);
    }
  }
  out.push_back('"');
}

void Writer::quoted(std::string_view text) { append_quoted(out_, text); }

void Writer::integer(std::int64_t value) {
  separate();
  append_integer(out_, value);
  comma_ = true;
}

void Writer::integer_unsigned(std::uint64_t value) {
  separate();
  append_integer(out_, value);
  comma_ = true;
}

void Writer::real(double value) {
  std::array<char, kNumberTextSize> text;
  word(number_text(value, text));
}

void Writer::real(float value) {
  std::array<char, kNumberTextSize> text;
  word(number_text(value, text));
}

void Writer::placeholder() {
  separate();
  out_.append(R"({"_placeholder":true,"num":)");
  append_integer(out_, attachment_count());
  out_.push_back('}');
  comma_ = true;
}

void Writer::binary(const SharedBuffer& bytes) {
  if (!attachments_) return binary(bytes.view());
  placeholder();
  attachments_->push_back(bytes);
}

void Writer::binary(std::string_view bytes) {
  if (attachments_) return binary(SharedBuffer::copy(bytes));
  separate();
  out_.push_back('"');
  protocol::append_base64(out_, bytes);
  out_.push_back('"');
  comma_ = true;
}

}  // namespace verdin::json
