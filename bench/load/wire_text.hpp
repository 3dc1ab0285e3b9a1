// The texts that scenarios send: what a client of socket.io-client 4.x would write, octet for octet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bench {

/// `size` octets that need no escape in JSON and differ from message to message and from client to client.
void append_payload(std::string& out, std::size_t size, std::size_t client, std::uint64_t sequence);

/// 42ID["echo","PAYLOAD"]
void append_echo_event(std::string& out, std::uint64_t id, std::string_view payload);
/// 43ID["PAYLOAD"]
void append_ack(std::string& out, std::uint64_t id, std::string_view payload);
/// 42["cast","PAYLOAD"]
void append_cast_event(std::string& out, std::string_view payload);
/// 42["room","PAYLOAD"], which asks for that
void append_room_event(std::string& out, std::string_view payload);

}  // namespace bench
