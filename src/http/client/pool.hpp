// ClientPool: the connections of a Client: how many there may be, and those that are kept. Internal.
//
// Counted, because what a Client gave may outlive it for a while. All on one hub's thread.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/loop/loop.hpp>
#include <verdin/net/deadline.hpp>
#include <verdin/net/stream_socket.hpp>
#include <verdin/runtime/semaphore.hpp>

namespace verdin::http {

/// One connection, with what came in and was not used yet.
class ClientConnection {
 public:
  explicit ClientConnection(std::unique_ptr<net::StreamSocket> stream) : stream_(std::move(stream)) {}

  net::StreamSocket& stream() noexcept { return *stream_; }
  std::unique_ptr<net::StreamSocket> take_stream() noexcept { return std::move(stream_); }
  /// What is there, not used yet.
  std::string_view unread() const noexcept { return std::string_view(buffer_.data(), end_).substr(begin_); }
  void use(std::size_t size) noexcept { begin_ += size; }
  /// Waits for more, when unread() is empty. False at the end of the stream, and with an error.
  bool fill(net::Deadline limit, std::error_code& error);
  /// The same without waiting. False: nothing is there (or the end, which fill() finds).
  bool look();
  /// Nothing has come since the last answer, not even the end.
  bool is_fresh();
  /// An idle connection needs no buffer.
  void free_buffer() noexcept { buffer_ = {}; }

 private:
  std::unique_ptr<net::StreamSocket> stream_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

class ClientPool final : public RefCounted<ClientPool> {
 public:
  struct Limits {
    std::size_t all;
    std::size_t per_origin;
    std::size_t idle;
    std::chrono::milliseconds idle_time;
  };

 private:
  struct Origin;

 public:
  /// The right to have one connection to an origin, and that connection once there is one.
  class Lease {
   public:
    Lease() noexcept = default;
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&& other) noexcept;
    ~Lease() { drop(); }

    explicit operator bool() const noexcept { return connection_ != nullptr; }
    ClientConnection& operator*() const noexcept { return *connection_; }
    ClientConnection* operator->() const noexcept { return connection_.get(); }
    void set(std::unique_ptr<ClientConnection> connection) noexcept { connection_ = std::move(connection); }
    /// Closes the connection and gives up the right.
    void drop() noexcept;
    /// Keeps the connection for the next who wants one.
    void give_back();

   private:
    friend class ClientPool;
    IntrusivePtr<ClientPool> pool_;
    Origin* origin_ = nullptr;
    std::unique_ptr<ClientConnection> connection_;
  };

  explicit ClientPool(const Limits& limits);
  ~ClientPool();

  /// Waits until there may be one more connection to the origin of that `name`. With a kept one if there is
  /// one that lives (and `may_reuse`); otherwise the caller makes one. net::TimedOut.
  Lease acquire(const std::string& name, net::Deadline limit, bool may_reuse);
  std::size_t idle() const noexcept { return idle_.size(); }
  void close_idle() noexcept;
  /// Keeps nothing any more.
  void close() noexcept;

 private:
  struct Origin {
    explicit Origin(std::size_t most) : permits(most) {}
    Semaphore permits;
    std::size_t users = 0;  // those who have a lease or wait for one
    std::map<std::string, std::unique_ptr<Origin>>::iterator place;
  };
  struct Idle {
    Origin* origin;
    std::unique_ptr<ClientConnection> connection;
    loop::Clock::time_point since;
  };

  std::unique_ptr<ClientConnection> take_idle(const Origin& origin);
  void leave(Origin& origin) noexcept;
  void pop_idle() noexcept;
  void look_after_idle();

  Limits limits_;
  std::map<std::string, std::unique_ptr<Origin>> origins_;
  std::deque<Idle> idle_;  // the one that has been idle longest first
  Semaphore permits_;
  std::unique_ptr<loop::Timer> timer_;
  bool closed_ = false;
};

}  // namespace verdin::http
