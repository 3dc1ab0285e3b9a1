// What a request's conditional and negotiating headers ask for (RFC 9110 sections 12.5.3, 13.1 and 14.1).
//
// Pure functions of linear time over one header value; malformed parts count as absent. Nothing throws or
// allocates.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace verdin::protocol::http1 {

/// Whether an If-None-Match value names `etag` (with its quotes, perhaps with W/), compared weakly; "*"
/// matches all.
bool etag_matches(std::string_view if_none_match, std::string_view etag) noexcept;
/// Whether an If-Match value names `etag`, compared strongly: a weak one is never the same.
bool etag_matches_strongly(std::string_view if_match, std::string_view etag) noexcept;

/// The weight that an Accept-Encoding value gives to `coding`, in thousandths; 0: not acceptable. A coding
/// that is not named gets the weight of "*", else 0, but "identity" gets 1000 then.
int encoding_weight(std::string_view accept_encoding, std::string_view coding) noexcept;

/// The same of what is named, "*" aside; -1 if it is not.
int named_weight(std::string_view accept_encoding, std::string_view coding) noexcept;

struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t size = 0;
};
enum class RangeResult { whole, part, unsatisfiable };
/// A Range value of one range against a body of `size` octets. Several ranges, other units and bad syntax ask
/// for the whole, as the RFC allows.
RangeResult match_range(std::string_view range, std::uint64_t size, ByteRange& part) noexcept;

}  // namespace verdin::protocol::http1
