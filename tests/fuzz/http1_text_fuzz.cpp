// The helpers that read one header value or target: no read outside it, and what they promise of their
// results holds.
#include <cstdint>
#include <cstdlib>
#include <string>

#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/cookie.hpp>
#include <verdin/protocol/http1/date.hpp>
#include <verdin/protocol/http1/header_block.hpp>
#include <verdin/protocol/http1/media.hpp>
#include <verdin/protocol/http1/negotiation.hpp>
#include <verdin/protocol/http1/response_head.hpp>
#include <verdin/protocol/http1/uri.hpp>
#include <verdin/protocol/http1/url.hpp>

namespace {

namespace http1 = verdin::protocol::http1;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_paths(std::string_view text) {
  const std::string normal = http1::remove_dot_segments(text);
  require(normal.front() == '/' && normal.size() <= text.size() + 1);
  require(http1::remove_dot_segments(normal) == normal);
  const std::string canonical = http1::canonical_escapes(text);
  require(http1::canonical_escapes(canonical) == canonical);
  if (const auto decoded = http1::percent_decode(text)) require(http1::percent_decode(canonical) == decoded);
  if (const auto file = http1::safe_file_path(text)) {
    require(("/" + *file + "/").find("/../") == std::string::npos && file->find('\0') == std::string::npos);
  }
  require(http1::percent_decode(http1::percent_encode(text)) == text || text.find('\0') != text.npos);
}

void check_url(const std::optional<http1::Url>& url) {
  if (!url) return;
  require(!url->host.empty() && url->port != 0 && url->target.front() == '/');
  for (char c : url->target) require(c > ' ' && c < 0x7f);
  const auto again = http1::parse_url(url->text());
  if (url->text().size() < 8000) require(again && again->text() == url->text() && again->same_origin(*url));
}

void check_urls(std::string_view text) {
  check_url(http1::parse_url(text));
  check_url(http1::resolve_url(*http1::parse_url("https://example.org/a/b?c"), text));
}

void check_headers(std::string_view text) {
  std::size_t lines = 0;
  for (const http1::HeaderField& field : http1::HeaderBlock(text))
    lines += 1 + (field.value.size() > text.size());
  require(lines <= text.size());
  http1::HeaderBlock(text).find("host");
  http1::HeaderBlock(text).find("");
  require(http1::HeaderBlock(text).count("host") <= lines);
  if (http1::is_valid_header_value(text))
    require(text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos);
}

void check_values(std::string_view text) {
  http1::query_value(text, "transport");
  require(http1::parse_query(text, 10).size() <= 10);
  http1::cookie_value(text, "io");
  // Who matches strongly matches weakly too.
  const bool matches = http1::etag_matches(text, "\"etag\"");
  require(matches || !http1::etag_matches_strongly(text, "\"etag\""));
  require(!http1::etag_matches_strongly(text, "W/\"etag\"") || http1::trim(text) == "*");
  require(!http1::media_type(text).empty());
  const int weight = http1::encoding_weight(text, "gzip");
  require(weight >= 0 && weight <= 1000);
  http1::ByteRange part;
  if (http1::match_range(text, 1000, part) == http1::RangeResult::part) {
    require(part.size > 0 && part.first < 1000 && part.size <= 1000 - part.first);
  }
  if (const auto when = http1::parse_date(text)) http1::format_date(*when);
  require(http1::escape_html(text).find_first_of("<>\"'") == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_paths(text);
  check_urls(text);
  check_headers(text);
  check_values(text);
  return 0;
}
