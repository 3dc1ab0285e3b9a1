// What servers may put into a client's cookies: any Set-Cookie lines from a few places, at times that the
// input chooses. What is kept stays within the jar's bounds, a cookie goes only where it may, and what is
// written can be read. Each line: an octet that says from where and when, then the value.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/cookie.hpp>
#include <verdin/protocol/http1/cookie_jar.hpp>
#include <verdin/protocol/http1/url.hpp>

namespace {

namespace http1 = verdin::protocol::http1;

constexpr std::string_view kPlaces[] = {"http://example.org/",
                                        "https://example.org/a/b",
                                        "https://www.example.org/a/",
                                        "http://127.0.0.1/",
                                        "https://org/",
                                        "http://other.test/a",
                                        "http://[::1]/",
                                        "https://a.b.example.org/"};

void require(bool holds) {
  if (!holds) std::abort();
}

/// One of ours, read as a client's Cookie header would bring it back.
void check_own(std::string_view text) {
  const std::size_t middle = text.size() / 2;
  const std::string_view name = text.substr(0, middle), value = text.substr(middle);
  http1::CookieAttributes attributes;
  attributes.same_site = static_cast<http1::SameSite>(text.size() % 4);
  attributes.secure = text.size() % 3 == 0;
  if (text.size() % 5 == 0) attributes.domain = value;
  if (text.size() % 7 == 0) attributes.path = name;
  if (text.size() % 2 == 0) attributes.max_age = std::chrono::seconds(text.size());
  std::string written;
  try {
    written = http1::set_cookie_value(name, value, attributes);
  } catch (const std::invalid_argument&) {
    return;
  }
  require(http1::text_prefix(written) == written.size());
  const std::string_view pair = std::string_view(written).substr(0, written.find(';'));
  require(http1::cookie_value(pair, name) == value);
  http1::cookie_value(text, "io");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  http1::CookieJar jar;
  std::time_t now = 1'700'000'000;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.empty()) continue;
    const auto choice = static_cast<unsigned char>(line.front());
    const auto url = http1::parse_url(kPlaces[choice % std::size(kPlaces)]);
    require(url.has_value());
    now += choice / 16;
    const std::string_view value = line.substr(1);
    // As often as it says: a jar is filled up by many of them.
    for (int i = 0; i < (choice >= 0xF0 ? 60 : 1); ++i) {
      jar.store(*url, choice >= 0xF0 ? std::to_string(i) + std::string(value) : std::string(value), now);
    }
    if (const auto when = http1::parse_cookie_date(value)) require(*when >= -11'644'473'600);
    check_own(value);
    require(jar.size() <= http1::CookieJar::kMost);
    for (const std::string_view place : kPlaces) {
      const std::string header = jar.header_for(*http1::parse_url(place), now);
      require(http1::text_prefix(header) == header.size());
      // What is only for TLS does not leave without.
      if (place.starts_with("http:"))
        require(!header.starts_with("__Secure-") && header.find("; __Secure-") == header.npos);
    }
  }
  http1::CookieJar empty = jar;
  empty.clear();
  require(empty.size() == 0);
  return 0;
}
