// permessage-deflate: what both ends agree on (RFC 7692, section 7.1), as pure functions over header values.
// No I/O, nothing thrown but std::bad_alloc; input is the peer's, and each octet of it is read once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace verdin::protocol::websocket {

/// What a server wants. A context that is not taken over costs a connection nothing: all of a thread share
/// one. One that is costs up to 44 KB to receive and 2^(window bits + 2) + 2^(memory level + 9) octets
/// (262 KB by default) to send, from the first compressed message to the connection's end.
struct DeflateOptions {
  /// Messages below this are sent as they are; and, where nothing is taken over, parts of messages, too.
  std::size_t threshold = 1024;
  /// zlib's: 1 (fast) to 9 (small).
  int level = 6;
  /// zlib's: 1 to 9.
  int memory_level = 8;
  /// Whether each message stands alone, even where the client would have it otherwise.
  bool server_no_context_takeover = true;
  bool client_no_context_takeover = true;
  /// 9 to 15. The client's wish counts if it is less.
  int server_max_window_bits = 15;
  /// 8 to 15 (a client's own: 9 to 15); only asked of a client that offers to obey.
  int client_max_window_bits = 15;
};

/// What was agreed on.
struct DeflateParams {
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  int server_max_window_bits = 15;
  int client_max_window_bits = 15;
};

struct DeflateAgreement {
  DeflateParams params;
  std::string answer;  // the value of the answer's Sec-WebSocket-Extensions
};

/// Takes the first of the client's `offers` (Sec-WebSocket-Extensions, a list that is_extension_list()
/// passed) that can be honoured in full; none if there is no such. An offer with an unknown, repeated or
/// wrong parameter is declined, and so is server_max_window_bits=8, which zlib cannot do.
std::optional<DeflateAgreement> agree_on_deflate(std::string_view offers, const DeflateOptions& options);

}  // namespace verdin::protocol::websocket
