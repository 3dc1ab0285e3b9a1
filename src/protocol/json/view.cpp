#include <array>

#include <verdin/protocol/json/convert_traits.hpp>
#include <verdin/protocol/json/document.hpp>
#include <verdin/protocol/json/view.hpp>

#include "protocol/json/view_access.hpp"

namespace verdin::json {

Kind View::kind() const noexcept {
  switch (tag()) {
    case 'n':
      return Kind::null;
    case 't':
    case 'f':
      return Kind::boolean;
    case 'l':
      return Kind::int64;
    case 'u':
      return Kind::uint64;
    case 'd':
      return Kind::real;
    case '"':
      return Kind::string;
    case 'b':
      return Kind::binary;
    case '[':
      return Kind::array;
    case '{':
      return Kind::object;
    default:
      return Kind::missing;
  }
}

std::size_t View::size() const noexcept {
  if (!is_array() && !is_object()) return 0;
  constexpr std::size_t kSaturated = 0xFFFFFF;
  const std::size_t count = tape_->high(at_);
  if (count < kSaturated) return count;
  std::size_t counted = 0;
  for (auto at = array().begin(); at != array().end(); ++at) ++counted;
  for (auto at = object().begin(); at != object().end(); ++at) ++counted;
  return counted;
}

View View::at(std::size_t index) const noexcept {
  for (View element : array()) {
    if (index-- == 0) return element;
  }
  return {};
}

View View::operator[](std::string_view key) const noexcept {
  View found;
  for (auto [name, value] : object()) {
    if (name == key) found = value;
  }
  return found;
}

std::string_view describe(Kind kind) noexcept {
  switch (kind) {
    case Kind::missing:
      return "nothing";
    case Kind::null:
      return "null";
    case Kind::boolean:
      return "a boolean";
    case Kind::int64:
    case Kind::uint64:
    case Kind::real:
      return "a number";
    case Kind::string:
      return "a string";
    case Kind::binary:
      return "binary data";
    case Kind::array:
      return "an array";
    case Kind::object:
      return "an object";
  }
  return "nothing";
}

namespace {

// What encloses the place where a walk over the tape is: one bit a level, set for an object.
class Enclosing {
 public:
  void enter(bool object) noexcept {
    const std::uint64_t bit = std::uint64_t{1} << (depth_ % 64);
    std::uint64_t& word = words_[depth_ / 64];
    word = object ? word | bit : word & ~bit;
    ++depth_;
  }
  void leave() noexcept { --depth_; }
  bool object() const noexcept {
    return depth_ > 0 && (words_[(depth_ - 1) / 64] >> ((depth_ - 1) % 64) & 1) != 0;
  }

 private:
  std::array<std::uint64_t, kMaxDepthLimit / 64 + 1> words_{};  // and an empty one inside the deepest
  std::size_t depth_ = 0;
};

void write_number(Writer& writer, const detail::Tape& tape, std::size_t at) {
  if (tape.tag(at) == 'l') return writer.integer(static_cast<std::int64_t>(tape.words[at + 1]));
  if (tape.tag(at) == 'u') return writer.integer_unsigned(tape.words[at + 1]);
  writer.real(detail::ViewAccess::real(tape, at));
}

// Everything that opens or closes nothing.
void write_scalar(Writer& writer, const detail::Tape& tape, std::size_t at) {
  switch (tape.tag(at)) {
    case 't':
      return writer.boolean(true);
    case 'f':
      return writer.boolean(false);
    case '"':
      return writer.string(tape.text(at));
    case 'b':
      return writer.binary(tape.attachments[tape.high(at)]);
    case 'l':
    case 'u':
    case 'd':
      return write_number(writer, tape, at);
    default:
      return writer.null();
  }
}

}  // namespace

void write(Writer& writer, View view) {
  if (!view) return writer.null();
  const detail::Tape& tape = detail::ViewAccess::tape(view);
  std::size_t at = detail::ViewAccess::at(view);
  const std::size_t end = tape.behind(at);
  Enclosing enclosing;
  bool key_is_next = false;
  while (at < end) {
    const char tag = tape.tag(at);
    if (key_is_next && tag == '"') {
      writer.key(tape.text(at++));
      key_is_next = false;
      continue;
    }
    if (tag == '[' || tag == '{') {
      tag == '[' ? writer.begin_array() : writer.begin_object();
      enclosing.enter(tag == '{');
      ++at;
    } else if (tag == ']' || tag == '}') {
      enclosing.leave();
      tag == ']' ? writer.end_array() : writer.end_object();
      ++at;
    } else {
      write_scalar(writer, tape, at);
      at = tape.behind(at);
    }
    key_is_next = enclosing.object();
  }
}

}  // namespace verdin::json
