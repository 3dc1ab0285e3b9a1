#include <algorithm>
#include <array>
#include <limits>

#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/cookie.hpp>
#include <verdin/protocol/http1/cookie_jar.hpp>

namespace verdin::protocol::http1 {

namespace {

/// `host` is `domain`, or below it.
bool domain_matches(std::string_view host, std::string_view domain) noexcept {
  if (host == domain) return true;
  return host.size() > domain.size() && host.substr(host.size() - domain.size()) == domain &&
         host[host.size() - domain.size() - 1] == '.';
}

bool path_matches(std::string_view path, std::string_view of_cookie) noexcept {
  if (path.substr(0, of_cookie.size()) != of_cookie) return false;
  return path.size() == of_cookie.size() || of_cookie.back() == '/' || path[of_cookie.size()] == '/';
}

bool is_address(std::string_view host) noexcept {
  return host.find(':') != host.npos || host.find_first_not_of("0123456789.") == host.npos;
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = to_lower(c);
  return lower;
}

std::string default_path(const Url& url) {
  const std::string_view path = url.path();
  const std::size_t last = path.rfind('/');
  return last == 0 || last == path.npos ? "/" : std::string(path.substr(0, last));
}

std::optional<std::time_t> expiry_by_age(std::string_view text, std::time_t now) noexcept {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.remove_prefix(1);
  if (text.empty() || text.find_first_not_of("0123456789") != text.npos) return std::nullopt;
  if (negative) return 0;
  std::time_t age = 0;
  for (char c : text.substr(0, 12)) age = age * 10 + (c - '0');
  return age == 0 ? 0 : now + age;
}

/// Up to `most` digits at the front; -1 if there are none, or more.
int leading_number(std::string_view& text, std::size_t least, std::size_t most) noexcept {
  int value = 0;
  std::size_t count = 0;
  for (; count < text.size() && is_digit(text[count]); ++count) {
    if (count == most) return -1;
    value = value * 10 + (text[count] - '0');
  }
  if (count < least) return -1;
  text.remove_prefix(count);
  return value;
}

bool take_time(std::string_view token, std::tm& parts) noexcept {
  const int hour = leading_number(token, 1, 2);
  if (hour < 0 || token.empty() || token[0] != ':') return false;
  token.remove_prefix(1);
  const int minute = leading_number(token, 1, 2);
  if (minute < 0 || token.empty() || token[0] != ':') return false;
  token.remove_prefix(1);
  const int second = leading_number(token, 1, 2);
  if (second < 0) return false;
  parts.tm_hour = hour;
  parts.tm_min = minute;
  parts.tm_sec = second;
  return true;
}

int month_of(std::string_view token) noexcept {
  constexpr std::string_view kNames = "janfebmaraprmayjunjulaugsepoctnovdec";
  if (token.size() < 3) return -1;
  for (std::size_t i = 0; i < kNames.size(); i += 3) {
    if (equals_ignoring_case(token.substr(0, 3), kNames.substr(i, 3))) return static_cast<int>(i / 3);
  }
  return -1;
}

bool is_date_delimiter(char c) noexcept {
  return !(is_digit(c) || is_alpha(c) || c == ':' || static_cast<unsigned char>(c) >= 0x7f);
}

}  // namespace

std::optional<std::time_t> parse_cookie_date(std::string_view text) noexcept {
  std::tm parts{};
  bool has_time = false, has_day = false, has_month = false, has_year = false;
  while (!text.empty()) {
    std::size_t size = 0;
    while (size < text.size() && !is_date_delimiter(text[size])) ++size;
    const std::string_view token = text.substr(0, size);
    text.remove_prefix(std::max<std::size_t>(size, 1));
    if (token.empty()) continue;
    std::string_view number = token;
    if (!has_time && take_time(token, parts)) {
      has_time = true;
    } else if (int day = -1; !has_day && (day = leading_number(number, 1, 2)) >= 0) {
      has_day = true;
      parts.tm_mday = day;
    } else if (int month = -1; !has_month && (month = month_of(token)) >= 0) {
      has_month = true;
      parts.tm_mon = month;
    } else if (int year = -1; number = token, !has_year && (year = leading_number(number, 2, 4)) >= 0) {
      has_year = true;
      parts.tm_year = year < 70 ? year + 2000 : year < 100 ? year + 1900 : year;
    }
  }
  if (!has_time || !has_day || !has_month || !has_year || parts.tm_mday < 1 || parts.tm_mday > 31 ||
      parts.tm_year < 1601 || parts.tm_hour > 23 || parts.tm_min > 59 || parts.tm_sec > 59) {
    return std::nullopt;
  }
  parts.tm_year -= 1900;
  return ::timegm(&parts);
}

bool CookieJar::Cookie::matches(const Url& url, std::time_t now) const {
  if (expires && *expires <= now) return false;
  if (secure && !url.secure) return false;
  return (host_only ? url.host == domain : domain_matches(url.host, domain)) &&
         path_matches(url.path(), path);
}

void CookieJar::store(const Url& url, std::string_view set_cookie, std::time_t now) {
  if (set_cookie.size() > kMostOctets || text_prefix(set_cookie) != set_cookie.size()) return;
  Cookie cookie;
  cookie.domain = url.host;
  cookie.path = default_path(url);
  std::size_t end = std::min(set_cookie.find(';'), set_cookie.size());
  const std::string_view pair = set_cookie.substr(0, end);
  const std::size_t equals = pair.find('=');
  if (equals == pair.npos) return;
  cookie.name = trim(pair.substr(0, equals));
  cookie.value = trim(pair.substr(equals + 1));
  if (cookie.name.empty()) return;
  bool has_age = false, has_path = false;
  while (end < set_cookie.size()) {
    set_cookie.remove_prefix(end + 1);
    end = std::min(set_cookie.find(';'), set_cookie.size());
    const std::string_view attribute = set_cookie.substr(0, end);
    const std::size_t mark = std::min(attribute.find('='), attribute.size());
    const std::string_view name = trim(attribute.substr(0, mark));
    std::string_view value = trim(attribute.substr(std::min(mark + 1, attribute.size())));
    if (equals_ignoring_case(name, "secure")) {
      cookie.secure = true;
    } else if (equals_ignoring_case(name, "path")) {
      has_path = !value.empty() && value[0] == '/';
      cookie.path = has_path ? std::string(value) : default_path(url);
    } else if (equals_ignoring_case(name, "domain")) {
      if (!value.empty() && value[0] == '.') value.remove_prefix(1);
      if (value.empty()) continue;
      cookie.domain = lower_case(value);
      cookie.host_only = false;
    } else if (equals_ignoring_case(name, "max-age")) {
      if (const auto expires = expiry_by_age(value, now)) {
        cookie.expires = expires;
        has_age = true;
      }
    } else if (equals_ignoring_case(name, "expires") && !has_age) {
      if (const auto expires = parse_cookie_date(value)) cookie.expires = expires;
    }
  }
  if (!accepts(cookie, url)) return;
  const bool host_prefix = cookie_is_named(cookie.name, kHostPrefix);
  if (host_prefix && (!cookie.secure || !cookie.host_only || !has_path || cookie.path != "/")) return;
  if (cookie_is_named(cookie.name, kSecurePrefix) && !cookie.secure) return;
  if (is_address(url.host) || cookie.domain.find('.') == std::string::npos) cookie.host_only = true;
  cookie.used = now;
  std::erase_if(cookies_, [&](const Cookie& known) { return known.expires && *known.expires <= now; });
  const auto known = std::find_if(cookies_.begin(), cookies_.end(), [&](const Cookie& other) {
    return other.name == cookie.name && other.domain == cookie.domain && other.path == cookie.path;
  });
  const bool lives = !cookie.expires || *cookie.expires > now;
  if (known != cookies_.end()) {
    if (lives) {
      *known = std::move(cookie);
    } else {
      cookies_.erase(known);
    }
  } else if (lives) {
    cookies_.push_back(std::move(cookie));
    keep_bounds(std::string(cookies_.back().domain));
  }
}

bool CookieJar::accepts(const Cookie& cookie, const Url& url) const {
  if (cookie.secure && !url.secure) return false;
  if (!cookie.host_only) {
    if (cookie.domain.starts_with('.') || cookie.domain.ends_with('.')) return false;
    if (!domain_matches(url.host, cookie.domain)) return false;
    if (cookie.domain != url.host && (is_address(url.host) || cookie.domain.find('.') == std::string::npos))
      return false;
  }
  // What was set over TLS is not overwritten, or shadowed, by who listens in between.
  return url.secure || std::none_of(cookies_.begin(), cookies_.end(), [&](const Cookie& known) {
           return known.secure && known.name == cookie.name &&
                  (domain_matches(known.domain, cookie.domain) ||
                   domain_matches(cookie.domain, known.domain)) &&
                  path_matches(cookie.path, known.path);
         });
}

// The excess of a domain goes by RFC 6265bis section 5.7's priorities, that of all by use alone.
void CookieJar::keep_bounds(const std::string& domain) {
  const auto of_domain = [&](const Cookie& cookie) { return cookie.domain == domain; };
  while (static_cast<std::size_t>(std::count_if(cookies_.begin(), cookies_.end(), of_domain)) >
         kMostOfDomain) {
    const auto goes_before = [&](const Cookie& a, const Cookie& b) {
      if (of_domain(a) != of_domain(b)) return of_domain(a);
      return a.secure != b.secure ? b.secure : a.used < b.used;
    };
    cookies_.erase(std::min_element(cookies_.begin(), cookies_.end(), goes_before));
  }
  while (cookies_.size() > kMost) {
    cookies_.erase(std::min_element(cookies_.begin(), cookies_.end(),
                                    [](const Cookie& a, const Cookie& b) { return a.used < b.used; }));
  }
}

std::string CookieJar::header_for(const Url& url, std::time_t now) const {
  std::vector<const Cookie*> wanted;
  for (const Cookie& cookie : cookies_) {
    if (!cookie.matches(url, now)) continue;
    cookie.used = now;
    wanted.push_back(&cookie);
  }
  std::stable_sort(wanted.begin(), wanted.end(),
                   [](const Cookie* a, const Cookie* b) { return a->path.size() > b->path.size(); });
  std::string header;
  for (const Cookie* cookie : wanted) {
    if (!header.empty()) header += "; ";
    header.append(cookie->name).append("=").append(cookie->value);
  }
  return header;
}

}  // namespace verdin::protocol::http1
