#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/uri.hpp>

#include "octet_runs.hpp"

namespace verdin::protocol::http1 {

namespace {

/// The octet that "%XX" at `text[at]` stands for, or -1.
int percent_value(std::string_view text, std::size_t at) noexcept {
  if (at + 2 >= text.size()) return -1;
  const int high = hex_value(text[at + 1]), low = hex_value(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/// 1 for "." and 2 for "..", with any dot as "%2e"; 0 for other segments.
int dots_in(std::string_view segment) noexcept {
  int dots = 0;
  for (std::size_t i = 0; i < segment.size(); ++dots) {
    if (dots == 2) return 0;
    if (segment[i] == '.') {
      i += 1;
    } else if (segment[i] == '%' && percent_value(segment, i) == '.') {
      i += 3;
    } else {
      return 0;
    }
  }
  return dots;
}

/// Takes the next "name=value" off a query. False at the end.
bool next_pair(std::string_view& query, std::string_view& name, std::string_view& value) noexcept {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end < query.size() ? end + 1 : end);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    name = pair.substr(0, equals);
    value = equals == pair.npos ? std::string_view() : pair.substr(equals + 1);
    return true;
  }
  return false;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int octet = percent_value(text, i);
    if (octet <= 0) return std::nullopt;
    decoded += static_cast<char>(octet);
    i += 2;
  }
  return decoded;
}

bool is_plain_path(std::string_view raw_path) noexcept {
  if (raw_path.empty() || raw_path[0] != '/') return false;
  for (std::size_t at = runs::prefix<runs::PlainPath>(raw_path); at < raw_path.size(); ++at) {
    if (raw_path[at] == '%' || (raw_path[at] == '.' && raw_path[at - 1] == '/')) return false;
  }
  return true;
}

std::string remove_dot_segments(std::string_view raw_path) {
  std::string path;
  path.reserve(raw_path.size() + 1);
  if (raw_path.empty() || raw_path[0] != '/') path += '/';
  if (!raw_path.empty() && raw_path[0] == '/') raw_path.remove_prefix(1), path += '/';
  // `path` always ends with the "/" behind which the next segment goes.
  while (true) {
    const std::size_t end = std::min(raw_path.find('/'), raw_path.size());
    const std::string_view segment = raw_path.substr(0, end);
    const int dots = dots_in(segment);
    if (dots == 2 && path.size() > 1) {
      path.pop_back();
      path.erase(path.rfind('/') + 1);
    }
    if (dots == 0) path += segment;
    if (end == raw_path.size()) return path;
    if (dots == 0) path += '/';
    raw_path.remove_prefix(end + 1);
  }
}

std::string canonical_escapes(std::string_view text) {
  std::string to;
  to.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      to += text[i];
      continue;
    }
    const int octet = percent_value(text, i);
    if (octet < 0 || octet == '%') {
      to += "%25";
    } else if (octet == '/') {
      to += "%2F";
    } else {
      to += static_cast<char>(octet);
    }
    if (octet >= 0) i += 2;
  }
  return to;
}

std::optional<std::string> safe_file_path(std::string_view raw_path) {
  for (std::size_t i = 0; i < raw_path.size(); ++i) {
    if (raw_path[i] != '%') continue;
    const int octet = percent_value(raw_path, i);
    if (octet == '/' || octet == '\\') return std::nullopt;
  }
  std::optional<std::string> path = percent_decode(raw_path);
  if (!path || path->empty() || path->front() != '/') return std::nullopt;
  std::string_view rest = std::string_view(*path).substr(1);
  if (rest.find('\\') != rest.npos || rest.find('\0') != rest.npos) return std::nullopt;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    const std::string_view segment = rest.substr(0, end);
    if (segment.empty() || segment == "." || segment == "..") return std::nullopt;
    rest.remove_prefix(end < rest.size() ? end + 1 : end);
  }
  return path;
}

std::string decode_query_part(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int octet = text[i] == '%' ? percent_value(text, i) : -1;
    if (octet >= 0) {
      decoded += static_cast<char>(octet);
      i += 2;
    } else {
      decoded += text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

std::optional<std::string> query_value(std::string_view query, std::string_view key) {
  std::string_view name, value;
  while (next_pair(query, name, value)) {
    const bool encoded = name.find_first_of("%+") != name.npos;
    if (encoded ? decode_query_part(name) == key : name == key) return decode_query_part(value);
  }
  return std::nullopt;
}

std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query, std::size_t limit) {
  std::vector<std::pair<std::string, std::string>> pairs;
  std::string_view name, value;
  while (pairs.size() < limit && next_pair(query, name, value)) {
    pairs.emplace_back(decode_query_part(name), decode_query_part(value));
  }
  return pairs;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  for (char c : text) {
    if (is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      encoded += c;
    } else {
      const auto octet = static_cast<unsigned char>(c);
      encoded += '%';
      encoded += kHex[octet >> 4];
      encoded += kHex[octet & 15];
    }
  }
  return encoded;
}

}  // namespace verdin::protocol::http1
