// Request targets: percent-decoding, normalisation of paths, and queries (RFC 3986; queries as HTML forms
// write them).
//
// Pure functions of linear time without recursion; only the results allocate. Nothing throws but
// std::bad_alloc.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace verdin::protocol::http1 {

/// Strict: none for "%" without two hex digits and for an encoded NUL.
std::optional<std::string> percent_decode(std::string_view text);

/// Most paths: percent_decode() and remove_dot_segments() would give the very same.
bool is_plain_path(std::string_view raw_path) noexcept;

/// A path with its dot segments resolved ("/a/./b/../c" is "/a/c"; "%2e" counts as a dot; ".." never climbs
/// over the root), still percent-encoded, and always starting with "/". Empty segments are kept.
std::string remove_dot_segments(std::string_view raw_path);

/// Every escape decoded but those of "/" and "%", which stay "%2F" and "%25" (a "%" that is no escape gets
/// one): two paths of the same meaning are the same then (RFC 3986 section 6.2.2), and percent_decode() of a
/// part of one is that part's.
std::string canonical_escapes(std::string_view text);

/// A normalised, decoded path that is safe to append to a directory: starts with "/", and has no segment that
/// is empty,
/// "." or "..", no NUL, no backslash, and no "/" that was encoded. None for anything else.
std::optional<std::string> safe_file_path(std::string_view raw_path);

/// "a=1&b=x+y": "+" is a blank, wrong percent sequences stand for themselves (as in browsers).
std::string decode_query_part(std::string_view text);
/// The first value of `key`; "" for a key without "=".
std::optional<std::string> query_value(std::string_view query, std::string_view key);
/// All pairs in order; those behind the first `limit` are dropped.
std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query,
                                                             std::size_t limit = 1000);

/// Everything but unreserved characters as %XX: for building a path segment or a query value.
std::string percent_encode(std::string_view text);

}  // namespace verdin::protocol::http1
