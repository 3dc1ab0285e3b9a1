// NameLookup: what asks for names: the system's resolver or c-ares. Of one hub; its calls suspend the
// greenlet.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <verdin/net/resolver.hpp>

namespace verdin::net::impl {

struct LookupAnswer {
  std::vector<Address> addresses{};  // with port 0
  std::optional<ResolveErrc> error{};
  std::optional<std::chrono::seconds> ttl{};  // none: nothing is known of it
};

struct ReverseAnswer {
  HostName name{};
  std::optional<ResolveErrc> error{};
};

/// What a peer can make us keep.
inline constexpr std::size_t kMostAddresses = 64;

class NameLookup {
 public:
  NameLookup() = default;
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;
  virtual ~NameLookup() = default;

  virtual LookupAnswer addresses(const std::string& host, Family family) = 0;
  virtual ReverseAnswer name_of(const Address& address, Transport transport) = 0;
};

std::unique_ptr<NameLookup> make_system_lookup();
/// Throws ResolveError. A build without c-ares always does.
std::unique_ptr<NameLookup> make_ares_lookup(const ResolverOptions& options);

/// The port of a service's name; suspends.
std::optional<std::uint16_t> service_port(const std::string& name, Transport transport);

}  // namespace verdin::net::impl
