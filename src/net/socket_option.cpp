#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <verdin/net/socket.hpp>

#include "net/socket_state.hpp"

namespace verdin::net {

namespace option {

const Option<bool> reuse_address{SOL_SOCKET, SO_REUSEADDR};
const Option<bool> reuse_port{SOL_SOCKET, SO_REUSEPORT};
const Option<bool> broadcast{SOL_SOCKET, SO_BROADCAST};
const Option<bool> do_not_route{SOL_SOCKET, SO_DONTROUTE};
const Option<bool> keep_alive{SOL_SOCKET, SO_KEEPALIVE};
const Option<int> receive_buffer{SOL_SOCKET, SO_RCVBUF};
const Option<int> send_buffer{SOL_SOCKET, SO_SNDBUF};
const Option<int> receive_low_water{SOL_SOCKET, SO_RCVLOWAT};
const Option<std::optional<std::chrono::seconds>> linger{SOL_SOCKET, SO_LINGER};
const Option<bool> no_delay{IPPROTO_TCP, TCP_NODELAY};
const Option<bool> cork{IPPROTO_TCP, TCP_CORK};
const Option<bool> quick_ack{IPPROTO_TCP, TCP_QUICKACK};
const Option<std::chrono::seconds> keep_alive_idle{IPPROTO_TCP, TCP_KEEPIDLE};
const Option<std::chrono::seconds> keep_alive_interval{IPPROTO_TCP, TCP_KEEPINTVL};
const Option<int> keep_alive_count{IPPROTO_TCP, TCP_KEEPCNT};
const Option<std::chrono::milliseconds> user_timeout{IPPROTO_TCP, TCP_USER_TIMEOUT};
const Option<std::chrono::seconds> defer_accept{IPPROTO_TCP, TCP_DEFER_ACCEPT};
const Option<int> fast_open{IPPROTO_TCP, TCP_FASTOPEN};
const Option<int> not_sent_low_water{IPPROTO_TCP, TCP_NOTSENT_LOWAT};
const Option<int> ttl{IPPROTO_IP, IP_TTL};
const Option<int> type_of_service{IPPROTO_IP, IP_TOS};
const Option<bool> free_bind{IPPROTO_IP, IP_FREEBIND};
const Option<int> multicast_ttl{IPPROTO_IP, IP_MULTICAST_TTL};
const Option<bool> multicast_loop{IPPROTO_IP, IP_MULTICAST_LOOP};
const Option<bool> v6_only{IPPROTO_IPV6, IPV6_V6ONLY};
const Option<int> unicast_hops{IPPROTO_IPV6, IPV6_UNICAST_HOPS};
const Option<int> traffic_class{IPPROTO_IPV6, IPV6_TCLASS};
const Option<int> multicast_hops{IPPROTO_IPV6, IPV6_MULTICAST_HOPS};
const Option<bool> multicast_loop_v6{IPPROTO_IPV6, IPV6_MULTICAST_LOOP};

}  // namespace option

namespace {

/// All options of the system but few are an int.
void set_int(Socket& socket, int level, int name, std::chrono::seconds::rep value) {
  const int native = static_cast<int>(value);
  if (native != value) throw std::invalid_argument("verdin: the value of a socket option is too large");
  socket.set_option(level, name, std::as_bytes(std::span(&native, 1)));
}

int get_int(const Socket& socket, int level, int name) {
  int value = 0;
  socket.get_option(level, name, std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

}  // namespace

void Socket::set_option(int level, int name, std::span<const std::byte> value) {
  if (::setsockopt(descriptor(), level, name, value.data(), static_cast<socklen_t>(value.size())) != 0)
    fail("setsockopt");
}

std::size_t Socket::get_option(int level, int name, std::span<std::byte> value) const {
  auto size = static_cast<socklen_t>(value.size());
  if (::getsockopt(descriptor(), level, name, value.data(), &size) != 0) fail("getsockopt");
  return size;
}

void Socket::set(Option<bool> option, bool value) {
  set_int(*this, option.level, option.name, value ? 1 : 0);
}
void Socket::set(Option<int> option, int value) { set_int(*this, option.level, option.name, value); }
void Socket::set(Option<std::chrono::seconds> option, std::chrono::seconds value) {
  set_int(*this, option.level, option.name, value.count());
}
void Socket::set(Option<std::chrono::milliseconds> option, std::chrono::milliseconds value) {
  set_int(*this, option.level, option.name, value.count());
}
void Socket::set(Option<std::optional<std::chrono::seconds>> option,
                 std::optional<std::chrono::seconds> value) {
  ::linger native{};
  native.l_onoff = value ? 1 : 0;
  native.l_linger = static_cast<int>(value.value_or(std::chrono::seconds(0)).count());
  set_option(option.level, option.name, std::as_bytes(std::span(&native, 1)));
}

bool Socket::get(Option<bool> option) const { return get_int(*this, option.level, option.name) != 0; }
int Socket::get(Option<int> option) const { return get_int(*this, option.level, option.name); }
std::chrono::seconds Socket::get(Option<std::chrono::seconds> option) const {
  return std::chrono::seconds(get_int(*this, option.level, option.name));
}
std::chrono::milliseconds Socket::get(Option<std::chrono::milliseconds> option) const {
  return std::chrono::milliseconds(get_int(*this, option.level, option.name));
}
std::optional<std::chrono::seconds> Socket::get(Option<std::optional<std::chrono::seconds>> option) const {
  ::linger native{};
  get_option(option.level, option.name, std::as_writable_bytes(std::span(&native, 1)));
  if (native.l_onoff == 0) return std::nullopt;
  return std::chrono::seconds(native.l_linger);
}

void Socket::set_keep_alive(const std::optional<KeepAlive>& probes) {
  if (probes) {
    set(option::keep_alive_idle, probes->idle);
    set(option::keep_alive_interval, probes->interval);
    set(option::keep_alive_count, probes->count);
  }
  set(option::keep_alive, probes.has_value());
}

void Socket::join_group(const Address& group, unsigned interface) { change_group(group, interface, true); }
void Socket::leave_group(const Address& group, unsigned interface) { change_group(group, interface, false); }

void Socket::change_group(const Address& group, unsigned interface, bool join) {
  if (!group.is_multicast() || group.is_ipv4_mapped())
    throw std::invalid_argument("verdin: not a multicast group: " + group.to_string());
  if (group.family() == Family::ipv4) {
    ip_mreqn request{};
    request.imr_multiaddr = reinterpret_cast<const sockaddr_in*>(group.data())->sin_addr;
    request.imr_ifindex = static_cast<int>(interface);
    set_option(IPPROTO_IP, join ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP,
               std::as_bytes(std::span(&request, 1)));
    return;
  }
  ipv6_mreq request{};
  request.ipv6mr_multiaddr = reinterpret_cast<const sockaddr_in6*>(group.data())->sin6_addr;
  request.ipv6mr_interface = interface != 0 ? interface : group.scope_id();
  set_option(IPPROTO_IPV6, join ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP, std::as_bytes(std::span(&request, 1)));
}

}  // namespace verdin::net
