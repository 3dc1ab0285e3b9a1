#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/uri.hpp>
#include <verdin/protocol/http1/url.hpp>

#include "authority.hpp"

namespace verdin::protocol::http1 {

namespace {

constexpr std::size_t kLongest = 8000;
constexpr std::size_t kLongestHost = 255;

bool starts_with_any_case(std::string_view text, std::string_view prefix) noexcept {
  return equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

bool is_name_char(char c) noexcept {
  return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/// "http:" or another scheme in front.
bool has_scheme(std::string_view text) noexcept {
  if (text.empty() || !is_alpha(text[0])) return false;
  for (char c : text) {
    if (c == ':') return true;
    if (!is_alpha(c) && !is_digit(c) && c != '+' && c != '-' && c != '.') return false;
  }
  return false;
}

bool parse_port(std::string_view text, std::uint16_t& port) noexcept {
  unsigned value = 0;
  if (!is_port(text)) return false;
  for (char c : text) value = value * 10 + static_cast<unsigned>(c - '0');
  port = static_cast<std::uint16_t>(value);
  return value > 0;
}

bool parse_authority(std::string_view text, Url& url) {
  std::size_t end = 0;
  if (!text.empty() && text[0] == '[') {
    end = text.find(']');
    if (end == text.npos || !is_valid_host(text.substr(0, end + 1))) return false;
    url.host = text.substr(1, end - 1);
    // An address has two colons at least, and no more than eight groups.
    if (url.host.size() > 45 || url.host.find(':') == url.host.rfind(':')) return false;
    ++end;
  } else {
    while (end < text.size() && is_name_char(text[end])) ++end;
    if (end == 0 || end > kLongestHost) return false;
    url.host = text.substr(0, end);
  }
  for (char& c : url.host) c = to_lower(c);
  if (end == text.size()) return true;
  if (text[end] != ':') return false;
  return end + 1 == text.size() || parse_port(text.substr(end + 1), url.port);
}

/// Path and query with what does not belong there encoded. None for blanks, controls, bad percent sequences.
std::optional<std::string> clean(std::string_view text) {
  constexpr std::string_view kEncoded = "\"<>\\^`{|}";
  std::string target;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!is_text_char(c) || is_blank(c)) return std::nullopt;
    if (c == '%' && (i + 2 >= text.size() || hex_value(text[i + 1]) < 0 || hex_value(text[i + 2]) < 0))
      return std::nullopt;
    if (static_cast<unsigned char>(c) >= 0x80 || kEncoded.find(c) != kEncoded.npos) {
      target += percent_encode({&c, 1});
    } else {
      target += c;
    }
  }
  return target;
}

std::optional<Url> with_target(Url url, std::string_view path_and_query) {
  const std::size_t mark = std::min(path_and_query.find('?'), path_and_query.size());
  const std::string path = remove_dot_segments(path_and_query.substr(0, mark));
  std::optional<std::string> target = clean(path + std::string(path_and_query.substr(mark)));
  if (!target || target->size() > 3 * kLongest) return std::nullopt;
  url.target = std::move(*target);
  return url;
}

/// Behind "http:" or "https:".
std::optional<Url> parse_rest(std::string_view text, bool secure) {
  if (text.substr(0, 2) != "//") return std::nullopt;
  text.remove_prefix(2);
  Url url;
  url.secure = secure;
  url.port = secure ? 443 : 80;
  const std::size_t end = std::min(text.find_first_of("/?"), text.size());
  if (!parse_authority(text.substr(0, end), url)) return std::nullopt;
  return with_target(std::move(url), text.substr(end));
}

}  // namespace

std::string Url::authority() const {
  const std::string full = host_and_port();
  return default_port() ? full.substr(0, full.rfind(':')) : full;
}

std::string Url::host_and_port() const {
  const bool address = host.find(':') != host.npos;
  return (address ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string Url::origin() const { return std::string(scheme()) + "://" + authority(); }

std::optional<Url> parse_url(std::string_view text) {
  if (text.size() > kLongest) return std::nullopt;
  text = text.substr(0, text.find('#'));
  if (starts_with_any_case(text, "http:")) return parse_rest(text.substr(5), false);
  if (starts_with_any_case(text, "https:")) return parse_rest(text.substr(6), true);
  return std::nullopt;
}

std::optional<Url> resolve_url(const Url& base, std::string_view reference) {
  if (reference.size() > kLongest) return std::nullopt;
  if (has_scheme(reference)) return parse_url(reference);
  reference = reference.substr(0, reference.find('#'));
  if (reference.substr(0, 2) == "//") return parse_rest(reference, base.secure);
  if (reference.empty()) return base;
  const std::string path(base.path());
  if (reference[0] == '/') return with_target(base, reference);
  if (reference[0] == '?') return with_target(base, path + std::string(reference));
  return with_target(base, path.substr(0, path.rfind('/') + 1) + std::string(reference));
}

}  // namespace verdin::protocol::http1
