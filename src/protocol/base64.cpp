#include <array>
#include <cstdint>

#include <verdin/protocol/base64.hpp>

namespace verdin::protocol {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kInvalid = 0xFF;

constexpr std::array<std::uint8_t, 256> kValues = [] {
  std::array<std::uint8_t, 256> values;
  values.fill(kInvalid);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}();

std::uint32_t value_of(char c) { return kValues[static_cast<unsigned char>(c)]; }

// Decodes `text` to `to`, which may be the same place (writing never overtakes reading).
std::optional<std::size_t> decode(std::string_view text, char* to) noexcept {
  if (text.size() % 4 != 0) return std::nullopt;
  if (text.empty()) return 0;
  const char* from = text.data();
  const char* const last = from + text.size() - 4;
  char* const start = to;
  for (; from != last; from += 4) {
    const std::uint32_t a = value_of(from[0]), b = value_of(from[1]), c = value_of(from[2]),
                        d = value_of(from[3]);
    if ((a | b | c | d) == kInvalid) return std::nullopt;
    const std::uint32_t bits = a << 18 | b << 12 | c << 6 | d;
    *to++ = static_cast<char>(bits >> 16);
    *to++ = static_cast<char>(bits >> 8);
    *to++ = static_cast<char>(bits);
  }
  const int padding = last[3] != '=' ? 0 : last[2] != '=' ? 1 : 2;
  const std::uint32_t a = value_of(last[0]), b = value_of(last[1]);
  const std::uint32_t c = padding == 2 ? 0 : value_of(last[2]);
  const std::uint32_t d = padding >= 1 ? 0 : value_of(last[3]);
  if ((a | b | c | d) == kInvalid) return std::nullopt;
  if ((padding == 2 && (b & 15) != 0) || (padding == 1 && (c & 3) != 0)) return std::nullopt;
  const std::uint32_t bits = a << 18 | b << 12 | c << 6 | d;
  *to++ = static_cast<char>(bits >> 16);
  if (padding < 2) *to++ = static_cast<char>(bits >> 8);
  if (padding < 1) *to++ = static_cast<char>(bits);
  return static_cast<std::size_t>(to - start);
}

}  // namespace

void append_base64(std::string& out, std::string_view bytes) {
  const std::size_t start = out.size();
  out.resize(start + base64_size(bytes.size()));
  char* to = out.data() + start;
  const auto octet = [&](std::size_t i) -> std::uint32_t { return static_cast<unsigned char>(bytes[i]); };
  std::size_t at = 0;
  for (; at + 3 <= bytes.size(); at += 3) {
    const std::uint32_t bits = octet(at) << 16 | octet(at + 1) << 8 | octet(at + 2);
    *to++ = kAlphabet[bits >> 18];
    *to++ = kAlphabet[bits >> 12 & 63];
    *to++ = kAlphabet[bits >> 6 & 63];
    *to++ = kAlphabet[bits & 63];
  }
  if (at == bytes.size()) return;
  const bool two = at + 2 == bytes.size();
  const std::uint32_t bits = octet(at) << 16 | (two ? octet(at + 1) << 8 : 0);
  *to++ = kAlphabet[bits >> 18];
  *to++ = kAlphabet[bits >> 12 & 63];
  *to++ = two ? kAlphabet[bits >> 6 & 63] : '=';
  *to = '=';
}

std::optional<std::size_t> decode_base64_in_place(std::span<char> text) noexcept {
  return decode({text.data(), text.size()}, text.data());
}

std::optional<Bytes> decode_base64(std::string_view text) {
  Bytes bytes(text.size() / 4 * 3);
  const auto size = decode(text, reinterpret_cast<char*>(bytes.data()));
  if (!size) return std::nullopt;
  bytes.resize(*size);
  return bytes;
}

}  // namespace verdin::protocol
