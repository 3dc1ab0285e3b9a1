// SHA-1 (FIPS 180-4), for the handshake's accept key only: RFC 6455 asks for it as a checksum, not as a
// secret.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace verdin::protocol::websocket {

using Sha1Digest = std::array<std::uint8_t, 20>;

Sha1Digest sha1(std::string_view text) noexcept;

}  // namespace verdin::protocol::websocket
