// Base64 with the standard alphabet and padding (RFC 4648, section 4). No thread rules, nothing blocks.
//
// Decoding is strict: the length is a multiple of four, padding is where it must be, the bits it covers are
// zero, and nothing else is in between; so each sequence of octets has exactly one text.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <verdin/base/bytes.hpp>

namespace verdin::protocol {

constexpr std::size_t base64_size(std::size_t octets) noexcept { return (octets + 2) / 3 * 4; }

/// Appends; throws only std::bad_alloc. `bytes` must not lie in `out`.
void append_base64(std::string& out, std::string_view bytes);

/// Decodes over its own text. The number of octets, or nothing (and `text` is spoilt) if it is malformed.
std::optional<std::size_t> decode_base64_in_place(std::span<char> text) noexcept;

std::optional<Bytes> decode_base64(std::string_view text);

}  // namespace verdin::protocol
