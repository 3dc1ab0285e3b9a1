// Writing the head of a response (RFC 9112 section 4), and the checks that keep an application's values out
// of it.
//
// The functions append to a string, such as the tail of a stream's queue. No thread rules (the cached date is
// kept by thread). A name or value that could end its line early is refused before anything is written:
// std::invalid_argument.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace verdin::protocol::http1 {

/// One header of a response; the views need to live as long as the call they are given to.
struct Header {
  std::string_view name;
  std::string_view value;
};

/// "Not Found"; empty for a status without a registered phrase.
std::string_view reason_phrase(int status) noexcept;

/// Whether the response carries no body whatever the request was: 1xx, 204 and 304.
constexpr bool status_has_no_body(int status) noexcept {
  return status < 200 || status == 204 || status == 304;
}
/// The same, or one that is to say so by a length of 0 (RFC 9110 section 15.3.6).
constexpr bool status_has_no_content(int status) noexcept {
  return status_has_no_body(status) || status == 205;
}

bool is_valid_header_name(std::string_view name) noexcept;
/// No CR, LF, NUL or other control character but HTAB, and no blank at an end.
bool is_valid_header_value(std::string_view value) noexcept;
/// Throws std::invalid_argument that names the header (not the value).
void check_header(std::string_view name, std::string_view value);

/// "HTTP/1.1 200 OK" CRLF. Throws std::invalid_argument unless 100 <= status <= 999.
void append_status_line(std::string& to, int status);
/// "name: value" CRLF; not checked.
void append_header(std::string& to, std::string_view name, std::string_view value);
void append_content_length(std::string& to, std::uint64_t length);
/// "Date: ..." CRLF, formatted once a second.
void append_date(std::string& to);

}  // namespace verdin::protocol::http1
