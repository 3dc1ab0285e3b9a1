#include "http/html_context_url.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <utility>

#include <verdin/protocol/http1/chars.hpp>

namespace verdin::http {

namespace {

constexpr std::array<std::string_view, 4> kSafeSchemes{"http", "https", "mailto", "tel"};
constexpr std::size_t kLongestScheme = 64;

// Those of the HTML standard (section 13.5) that stand for an octet of kDecides, or one that URLs leave out.
constexpr std::array<std::string_view, 8> kDecidingNames{"colon", "sol",    "bsol", "quest",
                                                         "num",   "percnt", "Tab",  "NewLine"};
constexpr std::string_view kDecides = ":/\\?#%";
constexpr std::size_t kLongestReference = 16;  // more zeros nobody writes, and no such name is longer

bool is_digit_of(char c, bool hex) noexcept {
  return (c >= '0' && c <= '9') || (hex && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')));
}

/// As browsers read "&#58", "&#x3a" (with or without a semicolon): what comes before the first that is none.
bool is_deciding_number(std::string_view digits) {
  const bool hex = !digits.empty() && (digits.front() == 'x' || digits.front() == 'X');
  if (hex) digits.remove_prefix(1);
  const std::size_t size = static_cast<std::size_t>(
      std::ranges::find_if_not(digits, [hex](char c) { return is_digit_of(c, hex); }) - digits.begin());
  if (size == 0) return false;
  unsigned code = 0;
  if (std::from_chars(digits.data(), digits.data() + size, code, hex ? 16 : 10).ec != std::errc())
    return false;
  return code <= 0x20 || (code < 0x80 && kDecides.find(static_cast<char>(code)) != kDecides.npos);
}

bool is_of_reference(char c) noexcept {
  return c == '#' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

}  // namespace

bool is_html_space(char c) noexcept { return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f'; }

bool is_safe_scheme(std::string_view scheme) noexcept {
  return std::ranges::any_of(kSafeSchemes, [scheme](std::string_view known) {
    return protocol::http1::equals_ignoring_case(scheme, known);
  });
}

// A reference is the author's: values are escaped. What it may stand for is an octet that no rule looks at;
// for those that decide where a URL leads the author can write the octet itself.
const char* UrlContext::feed(char c) {
  if (!fixed_ && is_html_space(c)) return nullptr;
  fixed_ = true;
  if (in_reference()) {
    if (is_of_reference(c)) {
      if (reference_.size() < kLongestReference) {
        reference_ += c;
      } else if (reference_[1] == '#') {
        return "a character reference that is too long";
      }
      return nullptr;
    }
    if (const char* const why = end_reference(c == ';')) return why;
    if (c == ';') return nullptr;
  }
  if (c == '&' && !query_) reference_ = c;
  if (c == '?' || c == '#') query_ = true;
  note_escape(c);
  note_host(c);
  return note_scheme(c);
}

const char* UrlContext::end() { return end_reference(false); }

const char* UrlContext::end_reference(bool by_semicolon) {
  const std::string reference = std::exchange(reference_, {});
  const std::string_view name =
      std::string_view(reference).substr(std::min<std::size_t>(reference.size(), 1));
  const bool decides = name.starts_with('#')
                           ? is_deciding_number(name.substr(1))
                           : by_semicolon && std::ranges::find(kDecidingNames, name) != kDecidingNames.end();
  return decides ? "write what decides where a URL leads as it is, not as a character reference" : nullptr;
}

// A reference may stand for a digit, and for anything else: it is not known where the escape ends.
void UrlContext::note_escape(char c) noexcept {
  if (c == '%' && !query_) {
    escape_ = 2;
  } else if (c != '&' && escape_ > 0) {
    escape_ = is_digit_of(c, true) ? static_cast<std::uint8_t>(escape_ - 1) : 0;
  }
}

void UrlContext::note_host(char c) noexcept {
  if (host_ == Host::settled || host_ == Host::unknown || is_html_space(c)) return;
  if (c == '?' || c == '#') {
    host_ = Host::settled;
  } else if (c == '&') {
    host_ = Host::unknown;
  } else if (c == ':') {
    host_ = Host::wanted;
  } else if (c == '/' || c == '\\') {
    const bool named = host_ == Host::name || host_ == Host::relative;
    host_ = named ? Host::settled : host_ == Host::start ? Host::slash : Host::wanted;
  } else {
    host_ = host_ == Host::start    ? Host::relative
            : host_ == Host::slash  ? Host::settled
            : host_ == Host::wanted ? Host::name
                                    : host_;
  }
}

/// A reference may stand for any letter: no scheme is made of one. Whatever stands before: what ends in
/// "https:" is not run. So only the text since the last boundary counts, and it has to be the whole name.
const char* UrlContext::note_scheme(char c) {
  if (scheme_done_) return nullptr;
  if (c == '/' || c == '?' || c == '#') {
    scheme_done_ = true;
  } else if (c == '&') {
    bad_ = true;
  } else if (beginning_.size() >= kLongestScheme) {
    scheme_done_ = bad_ = true;
  } else if (c == ':') {
    scheme_done_ = true;
    bad_ = bad_ || !is_safe_scheme(beginning_);
    if (bad_ && valued_) return "a value must not be the scheme of a URL";
  } else {
    beginning_ += c;
  }
  return nullptr;
}

void UrlContext::boundary() {
  touched_ = true;
  beginning_.clear();
  if (host_ != Host::settled && host_ != Host::unknown) host_ = Host::wanted;
}

void UrlContext::hole() {
  // Behind "a" without a ":", which is refused from here on.
  const Host host = host_ == Host::relative ? Host::settled : host_;
  boundary();
  if (host == Host::settled) host_ = Host::settled;
  fixed_ = valued_ = true;
}

const char* UrlContext::end_section(const UrlContext& begin) {
  if (bad_ && !begin.bad_) return "a section must not end the scheme of a URL";
  if (in_escape()) return "a section must not end in a percent-escape";
  boundary();
  scheme_done_ = begin.scheme_done_;
  query_ = begin.query_;
  if (begin.host_ != Host::settled && host_ == Host::settled) host_ = Host::wanted;
  return nullptr;
}

}  // namespace verdin::http
