// json::Writer: appends JSON text to a string, in place.
//
// The caller says what comes; the writer puts commas, quotes and escapes. It does not check the order of
// calls: begin_ and end_ must pair, and in an object each value follows a key().
//
// Text: strings are written as UTF-8 and escaped as JSON.stringify does; octets that are not UTF-8 (a mistake
// of the application) become U+FFFD, so that the text is always valid. Numbers are the shortest that read
// back the same, in JSON.stringify's form (whole
// ones below 2^64 with all their digits); NaN and infinities become null, -0 becomes 0. Binary data becomes
// a Socket.IO placeholder, its bytes going to the list of attachments, or a base64 string where there is no
// such list.
//
// A writer belongs to one thread; it does not own the string. Throws only std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <verdin/base/shared_buffer.hpp>

namespace verdin::json {

class Writer {
 public:
  /// `attachments`, if given, is appended to; numbering starts at 0 for this writer.
  explicit Writer(std::string& out, std::vector<SharedBuffer>* attachments = nullptr) noexcept
      : out_(out), attachments_(attachments), first_attachment_(attachments ? attachments->size() : 0) {}
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void null() { word("null"); }
  void boolean(bool value) { word(value ? std::string_view("true") : std::string_view("false")); }
  void integer(std::int64_t value);
  void integer_unsigned(std::uint64_t value);
  void real(double value);
  void real(float value);
  void string(std::string_view text) {
    separate();
    quoted(text);
    comma_ = true;
  }
  void binary(const SharedBuffer& bytes);
  void binary(std::string_view bytes);

  void begin_array() { open('['); }
  void end_array() { close(']'); }
  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void key(std::string_view text) {
    separate();
    quoted(text);
    out_.push_back(':');
    comma_ = false;
  }

  /// JSON text as it is: exactly one value, which the caller vouches for.
  void raw(std::string_view json) { word(json); }

  /// Attachments that this writer added.
  std::size_t attachment_count() const noexcept {
    return attachments_ ? attachments_->size() - first_attachment_ : 0;
  }
  std::string& out() noexcept { return out_; }

 private:
  void separate() {
    if (comma_) out_.push_back(',');
  }
  void word(std::string_view text) {
    separate();
    out_.append(text);
    comma_ = true;
  }
  void open(char bracket) {
    separate();
    out_.push_back(bracket);
    comma_ = false;
  }
  void close(char bracket) {
    out_.push_back(bracket);
    comma_ = true;
  }
  void quoted(std::string_view text);
  void placeholder();

  std::string& out_;
  std::vector<SharedBuffer>* attachments_;
  std::size_t first_attachment_;
  bool comma_ = false;
};

/// Appends `text` as a JSON string, quotes included.
void append_quoted(std::string& out, std::string_view text);

/// RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF.
bool is_utf8(std::string_view text) noexcept;

}  // namespace verdin::json
