// What the backends do alike with a descriptor.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace verdin::loop {

/// How long a retired stream waits for its peer to close too.
inline constexpr std::chrono::seconds kFinishTime{5};

/// Small writes leave at once. A Unix socket refuses: no harm.
void set_no_delay(int fd) noexcept;

std::string peer_address_of(int fd);

/// Whether the peer has sent FIN or the connection is broken, unread data or not.
bool peer_gone_of(int fd) noexcept;

/// What Stream::room() says.
std::size_t room_of(int fd) noexcept;

}  // namespace verdin::loop
