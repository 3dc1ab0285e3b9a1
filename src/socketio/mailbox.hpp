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

  std::size_t octets() const noexcept {
    std::size_t octets = sizeof(Mail) + text.capacity();
    for (const SharedBuffer& attachment : attachments) octets += attachment.size();
    return octets;
  }
};

struct SocketState::Mailbox {
  std::deque<Mail> mails;
  std::size_t octets = 0;
};

}  // namespace verdin::sio::impl
