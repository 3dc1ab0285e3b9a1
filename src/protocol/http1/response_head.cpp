#include <charconv>
#include <stdexcept>

#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/date.hpp>
#include <verdin/protocol/http1/response_head.hpp>

namespace verdin::protocol::http1 {

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 203:
      return "Non-Authoritative Information";
    case 204:
      return "No Content";
    case 205:
      return "Reset Content";
    case 206:
      return "Partial Content";
    case 300:
      return "Multiple Choices";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

bool is_valid_header_name(std::string_view name) noexcept { return is_token(name); }

bool is_valid_header_value(std::string_view value) noexcept {
  if (text_prefix(value) != value.size()) return false;
  return value.empty() || (!is_blank(value.front()) && !is_blank(value.back()));
}

void check_header(std::string_view name, std::string_view value) {
  if (!is_valid_header_name(name)) throw std::invalid_argument("bad header name");
  if (!is_valid_header_value(value)) throw std::invalid_argument("bad value for header " + std::string(name));
}

void append_status_line(std::string& to, int status) {
  if (status == 200) {
    to += "HTTP/1.1 200 OK\r\n";
    return;
  }
  if (status < 100 || status > 999) throw std::invalid_argument("HTTP status out of range");
  to += "HTTP/1.1 ";
  to += static_cast<char>('0' + status / 100);
  to += static_cast<char>('0' + status / 10 % 10);
  to += static_cast<char>('0' + status % 10);
  to += ' ';
  to += reason_phrase(status);
  to += "\r\n";
}

void append_header(std::string& to, std::string_view name, std::string_view value) {
  to += name;
  to += ": ";
  to += value;
  to += "\r\n";
}

void append_content_length(std::string& to, std::uint64_t length) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, length).ptr;
  append_header(to, "Content-Length", {digits, static_cast<std::size_t>(end - digits)});
}

void append_date(std::string& to) { append_header(to, "Date", current_date()); }

}  // namespace verdin::protocol::http1
