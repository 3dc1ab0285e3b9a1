#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <verdin/base/log.hpp>
#include <verdin/net/address.hpp>

namespace verdin::net {
namespace {

constexpr std::size_t kPathOffset = offsetof(sockaddr_un, sun_path);
constexpr std::size_t kPathLimit = sizeof(sockaddr_un::sun_path) - 1;
constexpr std::string_view kUnix = "unix:";

// The storage holds what the family says, and these structures are made to be read through each other.
template <typename T>
const T& as(const sockaddr_storage& storage) noexcept {
  return *reinterpret_cast<const T*>(&storage);
}
template <typename T>
T& as(sockaddr_storage& storage) noexcept {
  return *reinterpret_cast<T*>(&storage);
}

/// What the kernel must have given for a family; 0 for one that is not known.
std::size_t least_size(sa_family_t family) noexcept {
  switch (family) {
    case AF_INET:
      return sizeof(sockaddr_in);
    case AF_INET6:
      return sizeof(sockaddr_in6);
    case AF_UNIX:
      return kPathOffset;
    default:
      return 0;
  }
}

Address make_ipv4(in_addr ip, std::uint16_t port) noexcept {
  sockaddr_in native{};
  native.sin_family = AF_INET;
  native.sin_port = htons(port);
  native.sin_addr = ip;
  return {reinterpret_cast<const sockaddr*>(&native), sizeof native};
}

Address make_ipv6(const in6_addr& ip, std::uint16_t port, std::uint32_t scope) noexcept {
  sockaddr_in6 native{};
  native.sin6_family = AF_INET6;
  native.sin6_port = htons(port);
  native.sin6_addr = ip;
  native.sin6_scope_id = scope;
  return {reinterpret_cast<const sockaddr*>(&native), sizeof native};
}

Address make_unix(std::string_view name, bool abstract) {
  if (name.size() > kPathLimit) throw std::invalid_argument("verdin: the name of a Unix socket is too long");
  sockaddr_un native{};
  native.sun_family = AF_UNIX;
  std::copy(name.begin(), name.end(), native.sun_path + (abstract ? 1 : 0));
  return {reinterpret_cast<const sockaddr*>(&native), static_cast<socklen_t>(kPathOffset + name.size() + 1)};
}

template <typename T>
std::optional<T> number(std::string_view text) noexcept {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

/// An interface by its name or number.
std::optional<std::uint32_t> parse_zone(std::string_view zone) {
  if (const auto index = number<std::uint32_t>(zone)) return index;
  if (zone.empty() || zone.size() >= IF_NAMESIZE || zone.find('\0') != zone.npos) return std::nullopt;
  const unsigned index = ::if_nametoindex(std::string(zone).c_str());
  return index == 0 ? std::nullopt : std::optional<std::uint32_t>(index);
}

std::optional<Address> parse_ipv6(std::string_view text, std::uint16_t port) {
  std::uint32_t scope = 0;
  if (const auto percent = text.find('%'); percent != text.npos) {
    const auto zone = parse_zone(text.substr(percent + 1));
    if (!zone) return std::nullopt;
    scope = *zone;
    text = text.substr(0, percent);
  }
  in6_addr ip;
  if (::inet_pton(AF_INET6, std::string(text).c_str(), &ip) != 1) return std::nullopt;
  return make_ipv6(ip, port, scope);
}

std::optional<Address> parse_unix(std::string_view name) {
  if (name.empty() || name.size() > kPathLimit + (name.front() == '@' ? 1U : 0U)) return std::nullopt;
  if (name.front() == '@') return make_unix(name.substr(1), true);
  if (name.find('\0') != name.npos) return std::nullopt;
  return make_unix(name, false);
}

}  // namespace

Address::Address(const sockaddr* address, socklen_t size) noexcept {
  if (!address || size < sizeof(sa_family_t)) return;
  const std::size_t least = least_size(address->sa_family);
  if (least == 0 || size < least) return;
  // Of a path the kernel counts the NUL at its end, or not: here it is always counted.
  size_ = std::min<socklen_t>(
      size, static_cast<socklen_t>(address->sa_family == AF_UNIX ? sizeof(sockaddr_un) : least));
  std::memcpy(&storage_, address, size_);
  if (address->sa_family != AF_UNIX || size_ <= kPathOffset) return;
  const char* const path = as<sockaddr_un>(storage_).sun_path;
  if (path[0] != '\0') {
    size_ = static_cast<socklen_t>(
        kPathOffset + std::min<std::size_t>(::strnlen(path, size_ - kPathOffset), kPathLimit) + 1);
    as<sockaddr_un>(storage_).sun_path[size_ - kPathOffset - 1] = '\0';
  }
}

Address Address::any_ipv4(std::uint16_t port) noexcept { return make_ipv4(in_addr{INADDR_ANY}, port); }
Address Address::any_ipv6(std::uint16_t port) noexcept { return make_ipv6(in6addr_any, port, 0); }
Address Address::loopback_ipv4(std::uint16_t port) noexcept {
  return make_ipv4(in_addr{htonl(INADDR_LOOPBACK)}, port);
}
Address Address::loopback_ipv6(std::uint16_t port) noexcept { return make_ipv6(in6addr_loopback, port, 0); }

Address Address::unix_path(std::string_view path) {
  if (path.empty() || path.find('\0') != path.npos)
    throw std::invalid_argument("verdin: not a path of a Unix socket: '" + printable(path) + "'");
  return make_unix(path, false);
}

Address Address::unix_abstract(std::string_view name) { return make_unix(name, true); }

std::optional<Address> Address::try_parse_ip(std::string_view literal, std::uint16_t port) {
  if (literal.find('\0') != literal.npos) return std::nullopt;
  if (literal.size() > 2 && literal.front() == '[' && literal.back() == ']')
    return parse_ipv6(literal.substr(1, literal.size() - 2), port);
  if (literal.find(':') != literal.npos) return parse_ipv6(literal, port);
  in_addr ip;
  if (::inet_pton(AF_INET, std::string(literal).c_str(), &ip) != 1) return std::nullopt;
  return make_ipv4(ip, port);
}

std::optional<Address> Address::try_parse(std::string_view text, std::optional<std::uint16_t> default_port) {
  if (text.starts_with(kUnix)) return parse_unix(text.substr(kUnix.size()));
  const std::size_t colon = text.rfind(':');
  const bool bracketed = text.starts_with('[');
  // Without brackets, an address of IPv6 has no port: its last group would be taken for one.
  const bool has_port =
      colon != text.npos && (bracketed ? colon > 0 && text[colon - 1] == ']' : text.find(':') == colon);
  if (!has_port) return default_port ? try_parse_ip(text, *default_port) : std::nullopt;
  const auto port = number<std::uint16_t>(text.substr(colon + 1));
  return port ? try_parse_ip(text.substr(0, colon), *port) : std::nullopt;
}

Address Address::parse(std::string_view text, std::optional<std::uint16_t> default_port) {
  if (const auto address = try_parse(text, default_port)) return *address;
  throw std::invalid_argument("verdin: not an address: '" + printable(text) + "'");
}

Family Address::family() const noexcept {
  if (size_ == 0) return Family::none;
  switch (storage_.ss_family) {
    case AF_INET:
      return Family::ipv4;
    case AF_INET6:
      return Family::ipv6;
    default:
      return Family::unix_domain;
  }
}

bool Address::is_abstract() const noexcept {
  return is_unix() && size_ > kPathOffset && as<sockaddr_un>(storage_).sun_path[0] == '\0';
}

bool Address::is_unspecified() const noexcept {
  return is_ip() && std::ranges::all_of(ip(), [](std::uint8_t octet) { return octet == 0; });
}

bool Address::is_loopback() const noexcept {
  const Address plain = unmapped();
  if (plain.family() == Family::ipv4) return plain.ip()[0] == 127;
  return plain.family() == Family::ipv6 && IN6_IS_ADDR_LOOPBACK(&as<sockaddr_in6>(storage_).sin6_addr);
}

bool Address::is_multicast() const noexcept {
  const Address plain = unmapped();
  if (plain.family() == Family::ipv4) return (plain.ip()[0] & 0xf0) == 0xe0;
  return plain.family() == Family::ipv6 && plain.ip()[0] == 0xff;
}

bool Address::is_link_local() const noexcept {
  const Address plain = unmapped();
  if (plain.family() == Family::ipv4) return plain.ip()[0] == 169 && plain.ip()[1] == 254;
  return plain.family() == Family::ipv6 && plain.ip()[0] == 0xfe && (plain.ip()[1] & 0xc0) == 0x80;
}

bool Address::is_ipv4_mapped() const noexcept {
  return family() == Family::ipv6 && IN6_IS_ADDR_V4MAPPED(&as<sockaddr_in6>(storage_).sin6_addr);
}

Address Address::unmapped() const noexcept {
  if (!is_ipv4_mapped()) return *this;
  in_addr ip;
  std::memcpy(&ip, as<sockaddr_in6>(storage_).sin6_addr.s6_addr + 12, sizeof ip);
  return make_ipv4(ip, port());
}

std::uint16_t Address::port() const noexcept {
  switch (family()) {
    case Family::ipv4:
      return ntohs(as<sockaddr_in>(storage_).sin_port);
    case Family::ipv6:
      return ntohs(as<sockaddr_in6>(storage_).sin6_port);
    default:
      return 0;
  }
}

Address Address::with_port(std::uint16_t port) const noexcept {
  Address changed = *this;
  if (family() == Family::ipv4) as<sockaddr_in>(changed.storage_).sin_port = htons(port);
  if (family() == Family::ipv6) as<sockaddr_in6>(changed.storage_).sin6_port = htons(port);
  return changed;
}

std::uint32_t Address::scope_id() const noexcept {
  return family() == Family::ipv6 ? as<sockaddr_in6>(storage_).sin6_scope_id : 0;
}

std::span<const std::uint8_t> Address::ip() const noexcept {
  switch (family()) {
    case Family::ipv4:
      return {reinterpret_cast<const std::uint8_t*>(&as<sockaddr_in>(storage_).sin_addr), sizeof(in_addr)};
    case Family::ipv6:
      return {as<sockaddr_in6>(storage_).sin6_addr.s6_addr, sizeof(in6_addr)};
    default:
      return {};
  }
}

std::string Address::host() const {
  if (!is_ip()) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(storage_.ss_family, ip().data(), text.data(), text.size());
  std::string host = text.data();
  if (const std::uint32_t scope = scope_id()) {
    std::array<char, IF_NAMESIZE> name{};
    host += '%';
    host += ::if_indextoname(scope, name.data()) ? std::string(name.data()) : std::to_string(scope);
  }
  return host;
}

std::string Address::path() const {
  if (!is_unix() || size_ <= kPathOffset) return {};
  const char* const path = as<sockaddr_un>(storage_).sun_path;
  const std::size_t octets = size_ - kPathOffset - 1;
  return is_abstract() ? std::string(path + 1, octets) : std::string(path, octets);
}

std::string Address::to_string() const {
  switch (family()) {
    case Family::none:
      return "-";
    case Family::ipv4:
      return host() + ':' + std::to_string(port());
    case Family::ipv6:
      return '[' + host() + "]:" + std::to_string(port());
    case Family::unix_domain:
      break;
  }
  return std::string(kUnix) + (is_abstract() ? "@" : "") + path();
}

std::strong_ordering operator<=>(const Address& a, const Address& b) noexcept {
  if (const auto order = a.family() <=> b.family(); std::is_neq(order)) return order;
  const auto octets = [](const Address& address) {
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(&address.storage_);
    if (address.is_ip()) return address.ip();
    return std::span<const std::uint8_t>(bytes, address.is_unix() ? address.size_ : 0);
  };
  const auto left = octets(a);
  const auto right = octets(b);
  if (const auto order = left.size() <=> right.size(); std::is_neq(order)) return order;
  if (const int order = left.empty() ? 0 : std::memcmp(left.data(), right.data(), left.size()); order != 0)
    return order <=> 0;
  if (const auto order = a.scope_id() <=> b.scope_id(); std::is_neq(order)) return order;
  return a.port() <=> b.port();
}

}  // namespace verdin::net
