// What waits for a socket whose handler blocks: copies of the packets, in order.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include <verdin/socketio/impl/socket_state.hpp>

namespace verdin::sio::impl {

struct SocketState::Mail {
  std::string text;  // the packet's, json::kPadding octets behind it
  std::size_t size = 0;
  std::vector<SharedBuffer> attachments;
};

struct SocketState::Mailbox {
  std::deque<Mail> mails;
};

}  // namespace verdin::sio::impl
