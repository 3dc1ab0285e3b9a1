// The system's resolver, on threads that do nothing else.
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include <netdb.h>
#include <sys/socket.h>

#include "net/background_threads.hpp"
#include "net/name_lookup.hpp"

namespace verdin::net::impl {
namespace {

constinit verdin::impl::BackgroundThreads all_dns_threads(8);

ResolveErrc error_of_system(int code) {
  switch (code) {
#ifdef EAI_NODATA
    case EAI_NODATA:
#endif
#ifdef EAI_ADDRFAMILY
    case EAI_ADDRFAMILY:
#endif
    case EAI_FAMILY:
      return ResolveErrc::no_address;
    case EAI_NONAME:
      return ResolveErrc::no_such_name;
    case EAI_AGAIN:
      return ResolveErrc::try_again;
    case EAI_SERVICE:
      return ResolveErrc::no_such_service;
#ifdef EAI_IDN_ENCODE
    case EAI_IDN_ENCODE:
      return ResolveErrc::bad_name;
#endif
    default:
      return ResolveErrc::failed;
  }
}

int family_of(Family family) {
  return family == Family::ipv4 ? AF_INET : family == Family::ipv6 ? AF_INET6 : AF_UNSPEC;
}

/// On a thread.
LookupAnswer ask(const std::string& host, Family family) {
  addrinfo hints{};
  hints.ai_family = family_of(family);
  hints.ai_socktype = SOCK_STREAM;  // else each address comes once for each kind
#ifdef AI_IDN
  hints.ai_flags = AI_IDN;
#endif
  addrinfo* list = nullptr;
  const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, ::freeaddrinfo);
  LookupAnswer answer;
  if (code != 0) {
    answer.error = error_of_system(code);
    return answer;
  }
  for (const addrinfo* each = list; each && answer.addresses.size() < kMostAddresses; each = each->ai_next) {
    const Address address(each->ai_addr, each->ai_addrlen);
    if (address.is_ip()) answer.addresses.push_back(address);
  }
  if (answer.addresses.empty()) answer.error = ResolveErrc::no_address;
  return answer;
}

/// On a thread.
ReverseAnswer ask_back(const Address& address, Transport transport) {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> service{};
  const int flags = NI_NAMEREQD | (transport == Transport::udp ? NI_DGRAM : 0);
  const int code = ::getnameinfo(address.data(), address.size(), host.data(), host.size(), service.data(),
                                 service.size(), flags);
  ReverseAnswer answer;
  if (code != 0) {
    answer.error = error_of_system(code);
  } else {
    answer.name = {host.data(), service.data()};
  }
  return answer;
}

class SystemLookup final : public NameLookup {
 public:
  LookupAnswer addresses(const std::string& host, Family family) override {
    return all_dns_threads.call([host, family] { return ask(host, family); });
  }
  ReverseAnswer name_of(const Address& address, Transport transport) override {
    return all_dns_threads.call([address, transport] { return ask_back(address, transport); });
  }
};

}  // namespace

std::unique_ptr<NameLookup> make_system_lookup() { return std::make_unique<SystemLookup>(); }

std::optional<std::uint16_t> service_port(const std::string& name, Transport transport) {
  return all_dns_threads.call([name, transport]() -> std::optional<std::uint16_t> {
    addrinfo hints{};
    hints.ai_family = AF_INET;
    hints.ai_socktype = transport == Transport::tcp ? SOCK_STREAM : SOCK_DGRAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* list = nullptr;
    if (::getaddrinfo(nullptr, name.c_str(), &hints, &list) != 0) return std::nullopt;
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, ::freeaddrinfo);
    return Address(list->ai_addr, list->ai_addrlen).port();
  });
}

}  // namespace verdin::net::impl
