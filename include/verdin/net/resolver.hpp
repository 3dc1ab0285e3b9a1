// resolve(), Resolver: from names to addresses and back, without stalling the hub.
//
//   for (const auto& address : verdin::net::resolve("example.org", 443)) ...
//   verdin::net::Resolver resolver({.backend = ResolverBackend::ares, .cache_size = 1000});
//   auto addresses = resolver.resolve("example.org", "https");
//
// resolve() asks the system's resolver (getaddrinfo: /etc/hosts, DNS, whatever nsswitch.conf names) on at
// most 8 threads of the process that do nothing else. The backend `ares` (where Verdin was built with c-ares)
// asks the name servers itself in the hub's loop, with no thread and no limit but memory's. Addresses written
// as such, and "localhost" with all below it (RFC 6761), are answered at once and ask nobody.
//
// A greenlet that is killed or times out stops waiting at once; a look-up that no thread has begun is dropped
// then. Without a Timeout the system resolver's own limits count (resolv.conf), c-ares' with that.
//
// The cache, off by default, belongs to a Resolver. It keeps what there is for as long as the answer says
// (c-ares) and cache_ttl at most, and that there is nothing for negative_ttl; beyond cache_size names the
// oldest goes. Names are looked up without regard to case. At most 64 addresses of a name are returned.
//
// Threads: a Resolver belongs to the hub it was made on (WrongThread elsewhere) and does not outlive it;
// several greenlets may use it at once. Errors are ResolveError. Names beyond ASCII work where the system
// knows IDNA; c-ares takes their ASCII form only. The order of the addresses is that of RFC 6724.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <verdin/net/address.hpp>

namespace verdin::net {

namespace impl {
class ResolverState;
}

enum class ResolveErrc {
  no_such_name = 1,  ///< nobody has that name
  no_address,        ///< the name is there, but no address of that family
  no_such_service,
  bad_name,     ///< it cannot be a name
  try_again,    ///< no server knew for the time being
  timed_out,    ///< no server answered
  refused,      ///< there is no server
  bad_answer,   ///< the server sent nonsense
  failed,       ///< the server has failed
  unsupported,  ///< Verdin was built without this
};

const std::error_category& resolve_category() noexcept;
inline std::error_code make_error_code(ResolveErrc code) noexcept {
  return {static_cast<int>(code), resolve_category()};
}

struct ResolveError : std::system_error {
  ResolveError(ResolveErrc code, const std::string& name);
};

enum class Transport : std::uint8_t { tcp, udp };
enum class ResolverBackend : std::uint8_t { system, ares };

struct ResolverOptions {
  ResolverBackend backend = ResolverBackend::system;
  std::size_t cache_size = 0;               ///< names; 0: no cache
  std::chrono::seconds cache_ttl{60};       ///< at most
  std::chrono::seconds negative_ttl{5};     ///< that there is no such name, or no address
  std::vector<Address> servers{};           ///< of c-ares; empty: those of resolv.conf. At most 16
  std::chrono::milliseconds timeout{2000};  ///< of c-ares, for the first try; later ones get more
  int tries = 3;                            ///< of c-ares, for each server
  bool use_hosts_file = true;               ///< of c-ares
  bool search = true;                       ///< of c-ares: the domains of resolv.conf
};

struct HostName {
  std::string host;
  std::string service;  ///< its name, or the port's number
};

class Resolver {
 public:
  /// ResolveError (unsupported, failed) if there can be none like this.
  explicit Resolver(ResolverOptions options = {});
  Resolver(Resolver&&) noexcept;
  Resolver& operator=(Resolver&&) noexcept;
  ~Resolver();

  /// At least one. Family::none: of both.
  std::vector<Address> resolve(std::string_view host, std::uint16_t port, Family family = Family::none);
  /// `service`: a number, or a name of /etc/services.
  std::vector<Address> resolve(std::string_view host, std::string_view service, Family family = Family::none,
                               Transport transport = Transport::tcp);
  /// Whose address it is.
  HostName name_of(const Address& address, Transport transport = Transport::tcp);

  void clear_cache();
  std::size_t cached() const noexcept;

 private:
  std::shared_ptr<impl::ResolverState> state_;
};

/// With the system's resolver and no cache.
std::vector<Address> resolve(std::string_view host, std::uint16_t port, Family family = Family::none);
std::vector<Address> resolve(std::string_view host, std::string_view service, Family family = Family::none,
                             Transport transport = Transport::tcp);
HostName name_of(const Address& address, Transport transport = Transport::tcp);

}  // namespace verdin::net

template <>
struct std::is_error_code_enum<verdin::net::ResolveErrc> : std::true_type {};
