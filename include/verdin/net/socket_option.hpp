// The options of sockets, with types: what Socket::set() and Socket::get() take.
//
//   socket.set(net::option::no_delay, true);
//   socket.set(net::option::linger, std::optional(0s));         // close() resets the connection
//   int octets = socket.get(net::option::receive_buffer);       // Linux tells twice what was set
//
// Those that a system has not are refused with ENOPROTOOPT. The names are of POSIX, RFC 1122, RFC 3493 and
// Linux's tcp(7), ip(7), ipv6(7). Socket::set_option() takes what is not here. Constants, for any thread.
#pragma once

#include <chrono>
#include <optional>

namespace verdin::net {

template <typename T>
struct Option {
  int level;
  int name;
};

namespace option {

extern const Option<bool> reuse_address;
extern const Option<bool> reuse_port;  ///< several listeners share a port; the kernel spreads connections
extern const Option<bool> broadcast;
extern const Option<bool> do_not_route;
extern const Option<bool> keep_alive;
extern const Option<int> receive_buffer;
extern const Option<int> send_buffer;
extern const Option<int> receive_low_water;
/// What close() does with data that is not sent: nullopt: it goes on being sent; 0 s: the connection is
/// reset; more: the kernel goes on for so long (close() does not wait: the descriptor does not block).
extern const Option<std::optional<std::chrono::seconds>> linger;

extern const Option<bool> no_delay;  ///< small writes leave at once (Nagle's algorithm off)
extern const Option<bool> cork;      ///< nothing but full segments leaves until it is taken away
extern const Option<bool> quick_ack;
extern const Option<std::chrono::seconds> keep_alive_idle;      ///< silence before the first probe
extern const Option<std::chrono::seconds> keep_alive_interval;  ///< between probes
extern const Option<int> keep_alive_count;                      ///< probes without answer until it is broken
/// Sent, and not acknowledged for so long: broken.
extern const Option<std::chrono::milliseconds> user_timeout;
extern const Option<std::chrono::seconds> defer_accept;
extern const Option<int> fast_open;
extern const Option<int> not_sent_low_water;

extern const Option<int> ttl;              ///< of IPv4
extern const Option<int> type_of_service;  ///< of IPv4
extern const Option<bool> free_bind;       ///< an address that this host has not (yet)
extern const Option<int> multicast_ttl;
extern const Option<bool> multicast_loop;
extern const Option<bool> v6_only;  ///< false: IPv4 peers come in too, as mapped addresses
extern const Option<int> unicast_hops;
extern const Option<int> traffic_class;
extern const Option<int> multicast_hops;
extern const Option<bool> multicast_loop_v6;

}  // namespace option
}  // namespace verdin::net
