#include <array>
#include <cstdio>

#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/date.hpp>

namespace verdin::protocol::http1 {

namespace {

constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
constexpr std::size_t kDateSize = 29;  // "Sun, 06 Nov 1994 08:49:37 GMT"
constexpr std::size_t kDateName = 6;   // "Date: "

void write_digits(char* to, int value, int digits) {
  for (int i = digits - 1; i >= 0; --i) {
    to[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

void write_date(char* to, std::time_t when) {
  constexpr std::time_t kYear0 = -62167219200, kYear9999 = 253402300799;
  when = when < kYear0 ? kYear0 : when > kYear9999 ? kYear9999 : when;
  std::tm parts{};
  gmtime_r(&when, &parts);
  std::string_view("Sun, 06 Nov 1994 08:49:37 GMT").copy(to, kDateSize);
  kDays.copy(to, 3, static_cast<std::size_t>(parts.tm_wday) * 3);
  write_digits(to + 5, parts.tm_mday, 2);
  kMonths.copy(to + 8, 3, static_cast<std::size_t>(parts.tm_mon) * 3);
  write_digits(to + 12, parts.tm_year + 1900, 4);
  write_digits(to + 17, parts.tm_hour, 2);
  write_digits(to + 20, parts.tm_min, 2);
  write_digits(to + 23, parts.tm_sec, 2);
}

/// The number of `digits` digits at `text[at]`, or -1.
int read_digits(std::string_view text, std::size_t at, std::size_t digits) {
  int value = 0;
  for (std::size_t i = at; i < at + digits; ++i) {
    if (!is_digit(text[i])) return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

/// Index of a three-letter name, or -1.
int index_of(std::string_view names, std::string_view name) {
  for (std::size_t i = 0; i < names.size(); i += 3) {
    if (names.substr(i, 3) == name) return static_cast<int>(i / 3);
  }
  return -1;
}

}  // namespace

std::string format_date(std::time_t when) {
  std::string text(kDateSize, '\0');
  write_date(text.data(), when);
  return text;
}

std::optional<std::time_t> parse_date(std::string_view text) noexcept {
  constexpr std::string_view kShape = "aaa, 00 aaa 0000 00:00:00 GMT";
  if (text.size() != kDateSize) return std::nullopt;
  for (std::size_t i = 0; i < kDateSize; ++i) {
    const char shape = kShape[i];
    if (shape == '0' ? !is_digit(text[i]) : shape == 'a' ? !is_alpha(text[i]) : text[i] != shape)
      return std::nullopt;
  }
  std::tm parts{};
  parts.tm_mday = read_digits(text, 5, 2);
  parts.tm_mon = index_of(kMonths, text.substr(8, 3));
  parts.tm_year = read_digits(text, 12, 4) - 1900;
  parts.tm_hour = read_digits(text, 17, 2);
  parts.tm_min = read_digits(text, 20, 2);
  parts.tm_sec = read_digits(text, 23, 2);
  if (parts.tm_mon < 0 || index_of(kDays, text.substr(0, 3)) < 0 || parts.tm_mday < 1 || parts.tm_mday > 31 ||
      parts.tm_hour > 23 || parts.tm_min > 59 || parts.tm_sec > 60) {
    return std::nullopt;
  }
  return timegm(&parts);
}

const DateLine& current_date_line() {
  struct Cache {
    std::time_t second;
    DateLine line;
  };
  static thread_local constinit Cache cache{-1, {}};
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);  // 5 ns: no system call
  if (now.tv_sec != cache.second) {
    std::string_view("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n").copy(cache.line.data(), cache.line.size());
    write_date(cache.line.data() + kDateName, now.tv_sec);
    cache.second = now.tv_sec;
  }
  return cache.line;
}

std::string_view current_date() { return {current_date_line().data() + kDateName, kDateSize}; }

}  // namespace verdin::protocol::http1
