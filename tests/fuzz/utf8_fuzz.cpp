// The incremental validator agrees with itself however the text is cut, and with simdjson's on the whole.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <simdjson.h>

#include <verdin/protocol/utf8.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::size_t piece = 1 + data[0];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool expected = simdjson::validate_utf8(text.data(), text.size());
  verdin::protocol::Utf8Validator in_pieces, by_octet;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    const std::string_view part = text.substr(at, piece);
    const bool good = in_pieces.feed(part);
    bool good_by_octet = true;
    for (char octet : part) good_by_octet = by_octet.feed({&octet, 1});
    if (good != good_by_octet) std::abort();
  }
  if (in_pieces.complete() != expected || by_octet.complete() != expected) std::abort();
  if (verdin::protocol::is_utf8(text) != expected) std::abort();
  return 0;
}
