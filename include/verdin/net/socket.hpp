// Socket: TCP, UDP and Unix sockets for greenlets.
//
//   net::Socket server = net::Socket::listen(net::Address::any_ipv6(8080));
//   net::Socket client = server.accept();
//   std::string line = client.recv_until("\r\n", 8192, 10s);
//   client.send_all("HTTP/1.0 200 OK\r\n\r\n");
//
// A Socket owns its descriptor, which closes on exec and does not block. Calls that would block suspend the
// greenlet; without a greenlet (in callbacks of the hub, outside run()) everything works that needs no wait:
// BlockingSwitchOutError else. What streams have in common is in stream_socket.hpp: recv(), send_all(),
// close(), and who may do what at once; for datagrams recv() gets one.
//
// close() wakes whoever waits in a call, here or on the writing side, with Closed; the number is given back
// to the system when nobody waits for it any more, so no call ever meets its next owner. SIGPIPE is never
// raised: a peer that has gone is EPIPE. Threads: of the hub on which it first waited (WrongThread
// elsewhere); before that it may go to another, and release() takes it from its hub. What the system refuses
// is std::system_error; all times are limits of the whole call (deadline.hpp).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/net/address.hpp>
#include <verdin/net/deadline.hpp>
#include <verdin/net/socket_option.hpp>
#include <verdin/net/stream_socket.hpp>

namespace verdin {
class SharedBuffer;
}

namespace verdin::net {

class SocketState;

enum class SocketType : std::uint8_t { stream, datagram, seqpacket };

struct ListenOptions {
  int backlog = 1024;         ///< connections that wait for accept(); the system may allow fewer
  bool reuse_address = true;  ///< a port of which old connections are not forgotten yet
  bool reuse_port = false;    ///< several sockets listen at one port
  bool no_delay = true;       ///< for the connections that are accepted
  /// Of IPv6: IPv4 peers are let in, too. nullopt: for the unspecified address (::) only.
  std::optional<bool> dual_stack{};
};

/// A datagram that has come.
struct Received {
  std::size_t size = 0;  ///< what is in the buffer
  Address from{};
  bool truncated = false;  ///< the buffer was too small: the rest is lost
};

struct KeepAlive {
  std::chrono::seconds idle{60};      ///< silence before the first probe
  std::chrono::seconds interval{10};  ///< between probes
  int count = 6;                      ///< probes without answer until the connection is broken
};

class Socket final : public StreamSocket {
 public:
  /// None: closed.
  Socket() noexcept;
  Socket(Family family, SocketType type);
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;
  ~Socket() override;

  static std::pair<Socket, Socket> pair(SocketType type = SocketType::stream);
  /// Takes over a descriptor, and sets O_NONBLOCK (which others who share the open socket will see).
  static Socket adopt(int fd);
  /// Bound and listening. A Unix path must not exist.
  static Socket listen(const Address& address, const ListenOptions& options = {});
  /// A datagram socket, bound.
  static Socket bound(const Address& address, SocketType type = SocketType::datagram);
  /// A stream, connected, with no_delay.
  static Socket connected(const Address& address, Deadline limit = {});

  // ---- State.

  bool open() const noexcept override;
  bool closed() const noexcept { return !open(); }
  int fd() const noexcept override;
  bool is_bound() const;
  bool is_listening() const;
  bool is_connected() const;
  /// Would recv() (accept()), or send_all() of little, return at once? Errors count as ready.
  bool readable() const;
  bool writable() const;
  Family family() const;
  SocketType type() const;
  /// Of no family if there is none.
  Address local_address() const override;
  Address peer_address() const override;
  /// The error that the kernel keeps for it (SO_ERROR), which is cleared.
  std::error_code take_error();

  // ---- Life.

  void bind(const Address& address);
  void listen(int backlog = 1024);
  /// One connection.
  Socket accept(Deadline limit = {});
  Socket accept(Address& peer, Deadline limit = {});
  /// After a failure the socket is of no more use. For a datagram socket: where send_all() sends to, and
  /// from whom recv() takes.
  void connect(const Address& address, Deadline limit = {});
  /// No more comes in; who waits gets what is there, then 0.
  void shutdown_read();
  /// A second socket for the same open connection.
  Socket duplicate() const;
  /// Gives the descriptor away; who waits gets Closed. -1 if it is closed. It still does not block.
  int release() noexcept;
  /// Does a program that this one becomes or starts have it?
  void set_inheritable(bool inheritable);

  // ---- Without waiting, from anywhere: -1 if nothing can be done now.

  std::ptrdiff_t try_recv(std::span<char> into);
  std::ptrdiff_t try_send(std::string_view data);
  /// nullopt if none waits.
  std::optional<Socket> try_accept(Address* peer = nullptr);

  /// Waits until it is readable; false if `limit` is over.
  bool wait_read(Deadline limit = {});
  bool wait_write(Deadline limit = {});

  // ---- Datagrams.

  void send_to(std::string_view data, const Address& to, Deadline limit = {});
  Received recv_from(std::span<char> into, Deadline limit = {});

  // ---- Much at once.

  /// `size` octets of a file from `offset`, sent by the kernel; fewer if the file ends. The file is read
  /// while the hub waits, so it should be in memory or on a fast disk.
  std::size_t send_file(int file, std::uint64_t offset, std::size_t size, Deadline limit = {});
  /// Sends without copying where the kernel can (MSG_ZEROCOPY; worth it from some 10 KB on), and waits until
  /// it needs the data no more. A kill or a limit ends the wait only, and the socket keeps the buffer; if it
  /// is closed then, the connection is reset.
  void send_zero_copy(const SharedBuffer& data, Deadline limit = {});

  // ---- Options: see socket_option.hpp.

  void set(Option<bool> option, bool value);
  void set(Option<int> option, int value);
  void set(Option<std::chrono::seconds> option, std::chrono::seconds value);
  void set(Option<std::chrono::milliseconds> option, std::chrono::milliseconds value);
  void set(Option<std::optional<std::chrono::seconds>> option, std::optional<std::chrono::seconds> value);
  bool get(Option<bool> option) const;
  int get(Option<int> option) const;
  std::chrono::seconds get(Option<std::chrono::seconds> option) const;
  std::chrono::milliseconds get(Option<std::chrono::milliseconds> option) const;
  std::optional<std::chrono::seconds> get(Option<std::optional<std::chrono::seconds>> option) const;
  /// nullopt: off.
  void set_keep_alive(const std::optional<KeepAlive>& probes);
  /// Datagrams sent to `group` come in, through an interface (its number; 0: the system chooses).
  void join_group(const Address& group, unsigned interface = 0);
  void leave_group(const Address& group, unsigned interface = 0);
  void set_option(int level, int name, std::span<const std::byte> value);
  /// How many octets of `value` were filled.
  std::size_t get_option(int level, int name, std::span<std::byte> value) const;

 private:
  friend class StreamServer;
  explicit Socket(IntrusivePtr<SocketState> state) noexcept;
  explicit Socket(int fd, SocketType type);

  std::size_t do_recv(std::span<char> into, Deadline limit, std::error_code& error) override;
  std::size_t do_send_all(std::span<const std::string_view> pieces, Deadline limit,
                          std::error_code& error) override;
  void do_shutdown_write(Deadline limit, std::error_code& error) override;
  void do_close() noexcept override;
  SocketState& state() const;
  int descriptor() const;
  void change_group(const Address& group, unsigned interface, bool join);

  IntrusivePtr<SocketState> state_;
};

}  // namespace verdin::net
