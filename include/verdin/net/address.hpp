// Address: where a socket is, or where it is to go: IPv4, IPv6 (with a zone) or Unix (a path, an abstract
// name).
//
// A value without resources: copied freely, any thread. Nothing here blocks or asks a name server: parse()
// takes literals only; net/resolver.hpp turns names into addresses. Invalid text is std::invalid_argument
// (the try_ forms give nullopt). What is printed is read back by parse() as the same address:
//
//   127.0.0.1:80   [::1]:80   [fe80::1%eth0]:80   unix:/run/app.sock   unix:@abstract-name
//
// Two are equal when family, port, octets and zone (or the Unix name) are. The texts are those of RFC 5952
// (IPv6), RFC 4007 (zones) and RFC 3986 (brackets).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <sys/socket.h>

namespace verdin::net {

enum class Family : std::uint8_t { none, ipv4, ipv6, unix_domain };

class Address {
 public:
  /// Of no family: nowhere.
  Address() noexcept = default;
  /// As the system gives it. One of another family, or too short, becomes Address().
  Address(const sockaddr* address, socklen_t size) noexcept;

  static Address any_ipv4(std::uint16_t port) noexcept;
  static Address any_ipv6(std::uint16_t port) noexcept;
  static Address loopback_ipv4(std::uint16_t port) noexcept;
  static Address loopback_ipv6(std::uint16_t port) noexcept;
  /// A socket in the file system. Throws std::invalid_argument if `path` is empty, too long (107 octets) or
  /// has a NUL in it.
  static Address unix_path(std::string_view path);
  /// A name that is in no file system (Linux); it may have any octets in it, 107 at most. Throws
  /// std::invalid_argument for a longer one.
  static Address unix_abstract(std::string_view name);

  /// A literal without a port: "192.0.2.1", "::1", "fe80::1%eth0", also in brackets.
  static std::optional<Address> try_parse_ip(std::string_view literal, std::uint16_t port);
  /// Any of the texts above. One without a port gets `default_port`, or is invalid if there is none.
  static std::optional<Address> try_parse(std::string_view text,
                                          std::optional<std::uint16_t> default_port = std::nullopt);
  static Address parse(std::string_view text, std::optional<std::uint16_t> default_port = std::nullopt);

  Family family() const noexcept;
  bool is_ip() const noexcept { return family() == Family::ipv4 || family() == Family::ipv6; }
  bool is_unix() const noexcept { return family() == Family::unix_domain; }
  /// In an abstract name space (Unix).
  bool is_abstract() const noexcept;
  /// 0.0.0.0 or ::, whatever the port.
  bool is_unspecified() const noexcept;
  bool is_loopback() const noexcept;
  bool is_multicast() const noexcept;
  bool is_link_local() const noexcept;
  /// ::ffff:192.0.2.1 and the like: how an IPv4 peer is seen through a dual-stack socket.
  bool is_ipv4_mapped() const noexcept;
  /// The IPv4 address of a mapped one; any other as it is.
  Address unmapped() const noexcept;

  /// 0 for Unix.
  std::uint16_t port() const noexcept;
  Address with_port(std::uint16_t port) const noexcept;
  /// The zone of an IPv6 address: the number of an interface; 0: none.
  std::uint32_t scope_id() const noexcept;
  /// Of an IP address: 4 or 16 octets, in the order of the network. Else empty. Valid while this lives.
  std::span<const std::uint8_t> ip() const noexcept;
  /// Of an IP address, without port and brackets: "127.0.0.1", "fe80::1%eth0". Else empty.
  std::string host() const;
  /// Of a Unix one: the path, or the abstract name without its leading NUL; empty for one without a name.
  std::string path() const;
  /// As on top; "unix:" for a Unix socket without a name, "-" for Address().
  std::string to_string() const;

  /// For system calls. At least this many octets are there: sizeof(sockaddr_storage).
  const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const noexcept { return size_; }
  static constexpr socklen_t kCapacity = sizeof(sockaddr_storage);

  explicit operator bool() const noexcept { return size_ != 0; }
  friend bool operator==(const Address& a, const Address& b) noexcept { return std::is_eq(a <=> b); }
  friend std::strong_ordering operator<=>(const Address& a, const Address& b) noexcept;

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

}  // namespace verdin::net
