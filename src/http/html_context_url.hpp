// UrlContext: what the author of a template wrote of one URL, as far as it decides about holes. Internal.
//
// A section may be there any number of times. So what is known at its end is what was known at its
// beginning, and one that would make the URL worse than it was there is refused: what holds at the beginning
// then holds for each of its rounds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace verdin::http {

class UrlContext {
 public:
  /// Null, or why the octet must not stand there.
  const char* feed(char c);
  /// The same of the value's end.
  const char* end();
  /// A value stands here, and it is not refused.
  void hole();
  void begin_section() { boundary(); }
  /// Null, or why one that began at `begin` must not end here.
  const char* end_section(const UrlContext& begin);

  bool is_empty() const noexcept { return !fixed_; }
  bool is_bad() const noexcept { return bad_; }
  /// A value or a section here would be in the middle of a character reference.
  bool in_reference() const noexcept { return !reference_.empty(); }
  /// One here would be in the middle of a percent-escape, and might make "%2e" of it: a dot that climbs.
  bool in_escape() const noexcept { return escape_ > 0; }
  /// What is behind "?" or "#" whatever the sections do.
  bool in_query() const noexcept { return query_; }
  /// No value behind this can say which host it is.
  bool has_host() const noexcept { return host_ == Host::settled || host_ == Host::relative; }
  /// Text that comes here may become "//" with what a value or a section left before it.
  bool may_join() const noexcept { return touched_ && host_ != Host::settled; }

 private:
  /// By the literal text since the last value or edge of a section, unless it is settled.
  enum class Host : std::uint8_t {
    start,     // nothing at all
    slash,     // "/"
    relative,  // "a": nothing before it, so it is a path if no ":" follows
    wanted,    // whatever stands before: a name is wanted, and then a "/"
    name,      // of a host or a directory
    settled,
    unknown,  // behind a reference
  };

  void boundary();
  void note_escape(char c) noexcept;
  void note_host(char c) noexcept;
  const char* note_scheme(char c);
  const char* end_reference(bool by_semicolon);

  std::string reference_{};   // "&" and what follows, until it ends; not in the query
  std::string beginning_{};   // literal text where a scheme may be, since the last boundary; lower case
  std::uint8_t escape_ = 0;   // octets that a percent-escape still wants; not in the query
  bool fixed_ = false;        // something may stand before
  bool touched_ = false;      // by a value or a section
  bool valued_ = false;       // by a value
  bool scheme_done_ = false;  // it is known whether there is a scheme
  bool bad_ = false;          // and it is none of those that are known
  bool query_ = false;
  Host host_ = Host::start;
};

bool is_html_space(char c) noexcept;
/// Whether a URL may begin so. `scheme` in any case.
bool is_safe_scheme(std::string_view scheme) noexcept;

}  // namespace verdin::http
