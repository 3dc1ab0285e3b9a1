// StreamSocket: a connection as a greenlet sees it, whatever carries it: Socket is one, and so is TLS.
//
// The seam between servers and what they speak over: a handler that takes a StreamSocket& serves both. A
// small virtual base and no template, since one indirect call is nothing beside a system call, and handlers
// can be compiled once. Here is what can be said of every stream; do_recv() and its like are what a carrier
// adds.
//
// Calls suspend the greenlet until they are done; they try first, so what can be done at once is done without
// a switch (after 64 such calls in a row others get their turn). One greenlet may read while another writes;
// a second reader or writer gets ConcurrentUse. close() may be called meanwhile, by any greenlet of the hub:
// whoever waits gets Closed. A kill, or a Timeout scope that ends a call, leaves the connection usable: what
// was read meanwhile stays for the next call; of what was to be sent, an unknown part is sent.
//
// Threads: of one hub. It must not be destroyed or moved while another greenlet is in a call of it. Throws as
// error.hpp says; the overloads with an std::error_code& store what has failed there instead.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <verdin/loop/fork_generation.hpp>
#include <verdin/net/deadline.hpp>

namespace verdin::net {

class Address;

class StreamSocket {
 public:
  StreamSocket(const StreamSocket&) = delete;
  StreamSocket& operator=(const StreamSocket&) = delete;
  virtual ~StreamSocket() = default;

  /// What there is, at least one octet; 0: the peer sends no more.
  std::size_t recv(std::span<char> into, Deadline limit = {});
  std::size_t recv(std::span<char> into, std::error_code& error, Deadline limit = {});
  /// The same, `most` octets at most, as a string.
  std::string recv(std::size_t most, Deadline limit = {});

  // These four keep what they have got when they fail: the next call begins with it.

  /// Fills `into`; EndOfStream if the peer ends before.
  void recv_exactly(std::span<char> into, Deadline limit = {});
  std::string recv_exactly(std::size_t size, Deadline limit = {});
  /// What comes before `delimiter`, which is taken and dropped. TooLong when there is none in the first
  /// `most` octets, EndOfStream if the peer ends before.
  std::string recv_until(std::string_view delimiter, std::size_t most, Deadline limit = {});
  /// Up to the end. TooLong beyond `most` octets.
  std::string recv_all(std::size_t most, Deadline limit = {});
  /// Octets that were received, and not yet asked for.
  std::size_t buffered() const noexcept { return unread_.size() - consumed_; }

  void send_all(std::string_view data, Deadline limit = {});
  /// How many octets the kernel took: fewer than all only with `error`.
  std::size_t send_all(std::string_view data, std::error_code& error, Deadline limit = {});
  /// Several pieces, one behind the other, without a copy.
  void send_all(std::span<const std::string_view> pieces, Deadline limit = {});
  std::size_t send_all(std::span<const std::string_view> pieces, std::error_code& error, Deadline limit = {});

  /// Tells the peer that no more comes (FIN; a TLS carrier sends close_notify first). Receiving goes on.
  void shutdown_write(Deadline limit = {});
  /// Twice is once. What the kernel has taken is still delivered, unless something received is unread (then
  /// it sends RST): see close_politely().
  void close() noexcept { do_close(); }
  /// shutdown_write(), then drops what comes until the peer has closed too, and close(): so the peer surely
  /// gets what was sent. At most `limit`. Throws nothing but kills and Timeouts, which close, too.
  void close_politely(Deadline limit = std::chrono::seconds(5));

  virtual bool open() const noexcept = 0;
  /// -1 when it is closed.
  virtual int fd() const noexcept = 0;
  virtual Address local_address() const = 0;
  virtual Address peer_address() const = 0;

  /// For each call that has no limit of its own. nullopt: none.
  void set_timeout(std::optional<loop::Clock::duration> timeout) noexcept { timeout_ = timeout; }
  std::optional<loop::Clock::duration> timeout() const noexcept { return timeout_; }

 protected:
  StreamSocket() = default;
  StreamSocket(StreamSocket&& other) noexcept;
  StreamSocket& operator=(StreamSocket&& other) noexcept;

  // For carriers. `limit` is what the call that began it has left; `error` comes in clear.
  virtual std::size_t do_recv(std::span<char> into, Deadline limit, std::error_code& error) = 0;
  /// As many octets as were sent.
  virtual std::size_t do_send_all(std::span<const std::string_view> pieces, Deadline limit,
                                  std::error_code& error) = 0;
  virtual void do_shutdown_write(Deadline limit, std::error_code& error) = 0;
  virtual void do_close() noexcept = 0;

 private:
  class Collecting;
  std::size_t take_unread(std::span<char> into);
  std::string take_unread(std::size_t size, std::size_t dropped);
  std::size_t receive_more(std::size_t most, Deadline limit, const char* what);

  std::optional<loop::Clock::duration> timeout_;
  std::string unread_;  // received by a call that wanted more than there was
  std::size_t consumed_ = 0;
  loop::LocalFlag collecting_;  // a call has a claim on what is unread
};

}  // namespace verdin::net
