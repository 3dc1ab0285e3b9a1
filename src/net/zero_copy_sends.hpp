// ZeroCopySends: the buffers that the kernel still reads from, of one socket.
//
// Linux numbers the sends of a socket with MSG_ZEROCOPY and tells in its error queue which it is done with
// (Documentation/networking/msg_zerocopy.rst).
#pragma once

#include <cstdint>
#include <list>

#include <verdin/base/shared_buffer.hpp>

#include "net/socket_state.hpp"

namespace verdin::net {

struct ZeroCopySends {
  /// In a child of fork() the numbers go on in the parent, which gets the notices.
  loop::ProcessMark made{};
  struct Send {
    std::uint32_t number;
    SharedBuffer buffer;
    bool done = false;
  };
  std::list<Send> pending;
  std::uint32_t next = 0;
  bool refused = false;  // the kernel cannot, or it copies anyway
};

/// Before the descriptor is closed: what the kernel has not sent would be read from memory that is used for
/// something else then, so the connection is reset.
void abort_zero_copies(SocketState& state) noexcept;

}  // namespace verdin::net
