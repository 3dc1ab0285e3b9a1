// Bytes: owned binary data, as an application passes it to emit() and receives it in handlers.
//
// A plain vector: value semantics, no thread rules of its own. In the Socket.IO and JSON layers a
// std::vector<std::uint8_t> always means binary data, never an array of numbers.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace verdin {

using Bytes = std::vector<std::uint8_t>;

inline std::string_view as_text(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline Bytes to_bytes(std::string_view text) { return Bytes(text.begin(), text.end()); }

}  // namespace verdin
