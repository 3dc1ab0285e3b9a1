// Limits of one HTTP/1.1 request's head and framing, and how a parser reports what it refused.
//
// All sizes are octets as they come in on the wire. Plain data: no thread rules, nothing throws.
#pragma once

#include <cstdint>

namespace verdin::protocol::http1 {

struct Limits {
  std::uint32_t head = 16 * 1024;              // request line and headers, with their line ends: else 431
  std::uint32_t target = 8 * 1024;             // request target: else 414
  std::uint32_t method = 32;                   // else 400
  std::uint32_t headers = 100;                 // header lines: else 431
  std::uint32_t chunk_extensions = 16 * 1024;  // of all chunks of one body together: else 400
  std::uint32_t trailers = 8 * 1024;           // else 431
};

/// What the peer did wrong: the status to answer and a short reason for logs. The connection cannot be used
/// further.
struct ParseError {
  int status = 0;
  const char* reason = "";
};

}  // namespace verdin::protocol::http1
