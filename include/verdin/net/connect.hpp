// connect(): a stream to whichever of several addresses answers first.
//
// As RFC 8305 ("happy eyeballs") has it: the addresses are tried in their order, with the families taking
// turns; the next is begun when the one before has failed, or has not answered for 250 ms, and the first that
// answers wins; the others are closed. One address is just connected to. Blocks the greenlet at most for
// `limit`, in all. Throws TimedOut; when all have failed, std::system_error with the error of the first,
// which names each; what the resolver throws; std::invalid_argument for no addresses at all.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <verdin/net/socket.hpp>

namespace verdin::net {

struct ConnectOptions {
  std::chrono::milliseconds stagger{250};  ///< how long an attempt is alone
  bool no_delay = true;
  std::optional<Address> local{};          ///< whence, for the addresses of its family
  std::function<void(Socket&)> prepare{};  ///< called before each attempt: for options
};

/// Makes addresses of a name (and may block): of a Resolver with options of its own, say.
using ResolveFunction =
    std::function<std::vector<Address>(std::string_view host, std::uint16_t port, Deadline limit)>;

Socket connect(std::span<const Address> addresses, Deadline limit = {}, const ConnectOptions& options = {});
/// Asks the system's resolver (resolver.hpp), within `limit`. A literal address is not resolved.
Socket connect(std::string_view host, std::uint16_t port, Deadline limit = {},
               const ConnectOptions& options = {});
Socket connect(std::string_view host, std::uint16_t port, const ResolveFunction& resolve, Deadline limit = {},
               const ConnectOptions& options = {});

/// The order of the attempts: as given, with the families taking turns.
std::vector<Address> interleave(std::span<const Address> addresses);

}  // namespace verdin::net
