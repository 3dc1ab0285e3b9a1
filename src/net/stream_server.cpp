#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <verdin/base/log.hpp>
#include <verdin/net/error.hpp>
#include <verdin/net/pipe.hpp>
#include <verdin/net/stream_server.hpp>
#include <verdin/runtime/any_greenlet.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/pool.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>

#include "net/socket_state.hpp"

namespace verdin::net {
namespace {

enum class Trouble { short_of_something, listener_unusable };

Trouble kind_of(std::error_code error) {
  const bool unusable = error == Errc::closed || error == std::errc::bad_file_descriptor ||
                        error == std::errc::invalid_argument || error == std::errc::not_a_socket ||
                        error == std::errc::operation_not_supported;
  return unusable ? Trouble::listener_unusable : Trouble::short_of_something;
}

}  // namespace

/// The address of a peer in the room that an IP address needs: each connection keeps one.
class ShortAddress {
 public:
  explicit ShortAddress(const Address& address) noexcept
      : size_(address.size() <= bytes_.size() ? static_cast<std::uint8_t>(address.size()) : 0) {
    if (size_ > 0) std::memcpy(bytes_.data(), address.data(), size_);
  }
  Address of(const Socket& socket) const {
    return size_ > 0 ? Address(reinterpret_cast<const sockaddr*>(bytes_.data()), size_)
                     : socket.peer_address();
  }

 private:
  alignas(sockaddr_in6) std::array<char, sizeof(sockaddr_in6)> bytes_{};
  std::uint8_t size_;
};

/// A descriptor to give up when there are no others, so that a connection can be taken and closed.
class Reserve {
 public:
  void refill() noexcept {
    if (!spare_) spare_ = Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  void turn_one_away(int listener) noexcept {
    spare_.reset();
    const Descriptor turned_away(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    (void)turned_away;
  }

 private:
  Descriptor spare_;
};

/// Who serves a connection; lies on its stack, where an idle one has room in the page that it has anyway.
struct Served {
  Served(Served*& all, verdin::impl::GreenletBase& who) noexcept : first(all), greenlet(who), next(all) {
    if (next) next->prev = this;
    first = this;
  }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;
  ~Served() {
    if (made.is_parents()) return;  // the list is, too
    (prev ? prev->next : first) = next;
    if (next) next->prev = prev;
  }

  Served*& first;
  verdin::impl::GreenletBase& greenlet;
  Served* next;
  Served* prev = nullptr;
  loop::ProcessMark made;
};

class StreamServer::State : public RefCounted<State> {
 public:
  State(const Address& where, Handler what, const StreamServerOptions& how)
      : address(where), handler(std::move(what)), options(how) {
    if (!handler) throw std::invalid_argument("verdin: a server without a handler");
    if (options.max_accept < 1) throw std::invalid_argument("verdin: a server that accepts nothing");
    if (options.max_connections != Pool::kUnlimited) own_pool.emplace(options.max_connections);
  }

  void start();
  void stop() noexcept;
  bool end_connections(loop::Clock::duration limit);
  /// In a child of fork(): the acceptor and the connections are the parent's, and so is the path. The
  /// listener is anybody's.
  void look_for_fork() noexcept;

  Address address;
  Handler handler;
  StreamServerOptions options;
  Socket listener;
  Event stopped;
  std::size_t connections = 0;
  std::size_t rests = 0;
  bool draining = false;
  bool running = false;

 private:
  class Connection;

  void kill_connections();
  bool current(unsigned round) const noexcept { return running && round == round_; }
  void accept_until_stopped(unsigned round);
  void accept_one();
  void rest(const std::error_code& why);
  template <typename Task>
  void spawn_connection(Task task);

  std::optional<Pool> own_pool;
  Served* served_ = nullptr;
  Event empty_;  // no connections
  int killing_ = 0;
  unsigned round_ = 0;  // of start(): the acceptor of an earlier one has nothing to say any more
  Reserve reserve_;
  std::chrono::milliseconds next_rest_{0};
  std::string made_path_;
  loop::ForkMark forks_;
};

/// What a greenlet begins with, and no more than that: it is kept in each one for its whole life.
class StreamServer::State::Connection {
 public:
  Connection(State& state, Socket&& socket, const Address& peer)
      : state_(&state), socket_(std::move(socket.state_)), peer_(peer) {
    if (state_->connections++ == 0) state_->empty_.clear();
  }
  Connection(Connection&& other) noexcept = default;
  Connection& operator=(Connection&&) = delete;
  ~Connection() {
    if (!state_) return;  // moved
    if (socket_) socket_->close();
    if (made_.is_parents()) return;
    if (--state_->connections == 0) state_->empty_.set();
  }

  void operator()() {
    if (state_->killing_ > 0) return;
    const Served served(state_->served_, *Hub::current().running());
    Socket socket(std::move(socket_));  // closed here, unless the handler takes it
    state_->handler(socket, peer_.of(socket));
  }

 private:
  IntrusivePtr<State> state_;
  IntrusivePtr<SocketState> socket_;
  ShortAddress peer_;
  loop::ProcessMark made_;
};

void StreamServer::State::look_for_fork() noexcept {
  if (!forks_.in_new_child()) [[likely]]
    return;
  running = draining = false;
  connections = 0;
  served_ = nullptr;
  killing_ = 0;
  ++round_;
  made_path_.clear();
}

void StreamServer::State::start() {
  if (running) return;
  if (!listener.open()) {
    std::string path =
        address.is_unix() && !address.is_abstract() ? std::string(address.path()) : std::string();
    listener = Socket::listen(address, options.listen);
    made_path_ = std::move(path);
  }
  address = listener.local_address();
  next_rest_ = options.first_rest;
  draining = false;
  stopped.clear();
  reserve_.refill();
  running = true;
  spawn([state = IntrusivePtr<State>(this), round = ++round_] { state->accept_until_stopped(round); });
}

void StreamServer::State::stop() noexcept {
  running = false;
  if (!listener.open()) return;
  listener.close();  // the acceptor ends of it
  if (!made_path_.empty()) ::unlink(made_path_.c_str());
  made_path_.clear();
  stopped.set();
}

void StreamServer::State::accept_until_stopped(unsigned round) {
  // Whatever ends it: nobody may wait for connections that are not taken.
  struct AtEnd {
    State& state;
    unsigned round;
    ~AtEnd() {
      if (state.current(round)) state.stop();
    }
  } at_end{*this, round};
  for (int accepted = 0; current(round); ++accepted) {
    if (accepted == options.max_accept) {
      accepted = 0;
      yield();
    }
    std::error_code trouble;
    try {
      if (own_pool) own_pool->wait_available();
      if (options.pool) options.pool->wait_available();
      accept_one();
      next_rest_ = options.first_rest;
      continue;
    } catch (const std::system_error& error) {
      trouble = error.code();
    } catch (const std::bad_alloc&) {
      trouble = std::make_error_code(std::errc::not_enough_memory);
    }
    if (!current(round)) return;
    if (kind_of(trouble) == Trouble::listener_unusable)
      return Hub::current().report_error("StreamServer",
                                         std::make_exception_ptr(std::system_error(trouble, "accept")));
    rest(trouble);
  }
}

void StreamServer::State::accept_one() {
  Address peer;
  Socket socket = listener.accept(peer, Deadline::never());
  spawn_connection(Connection(*this, std::move(socket), peer));
}

template <typename Task>
void StreamServer::State::spawn_connection(Task task) {
  // A pool is full again if others use it, too; then this waits with the connection in its hands.
  Pool* const pool = options.pool ? options.pool : own_pool ? &*own_pool : nullptr;
  pool ? static_cast<void>(pool->spawn(std::move(task))) : static_cast<void>(spawn(std::move(task)));
}

void StreamServer::State::rest(const std::error_code& why) {
  ++rests;
  Hub::current().report_error("StreamServer", std::make_exception_ptr(std::system_error(why, "accept")));
  if (why == std::errc::too_many_files_open || why == std::errc::too_many_files_open_in_system)
    reserve_.turn_one_away(listener.fd());
  sleep(next_rest_);
  next_rest_ = std::min(next_rest_ * 2, options.longest_rest);
  reserve_.refill();
}

bool StreamServer::State::end_connections(loop::Clock::duration limit) {
  stop();
  if (connections == 0 || empty_.wait_for(limit)) return true;
  kill_connections();
  return false;
}

/// Those that come meanwhile end at once.
void StreamServer::State::kill_connections() {
  const struct Killing {
    explicit Killing(int& count) : killing(count) { ++killing; }
    Killing(const Killing&) = delete;
    Killing& operator=(const Killing&) = delete;
    ~Killing() { --killing; }
    int& killing;
  } killing(killing_);
  std::vector<AnyGreenlet> all;  // killing one may end others
  for (Served* each = served_; each; each = each->next) all.emplace_back(each->greenlet);
  for (const AnyGreenlet& each : all) each.kill_async();
  if (connections > 0) empty_.wait();
}

StreamServer::StreamServer(const Address& address, Handler handler, const StreamServerOptions& options)
    : state_(make_intrusive<State>(address, std::move(handler), options)) {}

StreamServer::StreamServer(Socket listener, Handler handler, const StreamServerOptions& options)
    : StreamServer(listener.local_address(), std::move(handler), options) {
  if (!listener.is_listening()) throw std::invalid_argument("verdin: a server needs a socket that listens");
  state_->listener = std::move(listener);
}

StreamServer::~StreamServer() { stop(); }

StreamServer::State& StreamServer::state() const noexcept {
  state_->look_for_fork();
  return *state_;
}

void StreamServer::start() { state().start(); }
bool StreamServer::started() const noexcept { return state().running; }
const Address& StreamServer::address() const noexcept { return state_->address; }
void StreamServer::stop() noexcept { state().stop(); }
bool StreamServer::draining() const noexcept { return state().draining; }
std::size_t StreamServer::connections() const noexcept { return state().connections; }
std::size_t StreamServer::rests() const noexcept { return state_->rests; }

void StreamServer::serve_forever() {
  const IntrusivePtr<State> state(&this->state());
  state->start();
  struct AtEnd {
    State& state;
    ~AtEnd() { state.stop(); }
  } at_end{*state};
  state->stopped.wait();
}

bool StreamServer::stop(loop::Clock::duration limit) {
  return IntrusivePtr<State>(&state())->end_connections(limit);
}

bool StreamServer::drain(loop::Clock::duration limit) {
  state().draining = true;
  return stop(limit);
}

Address listening_address(std::string_view text) {
  const std::string_view port_only = text.starts_with("*:")  ? text.substr(2)
                                     : text.starts_with(':') ? text.substr(1)
                                                             : std::string_view();
  std::optional<Address> address;
  if (!port_only.empty()) {
    address = Address::try_parse("0.0.0.0:" + std::string(port_only));
  } else if (text.find_first_not_of("0123456789") == text.npos) {
    address = Address::try_parse("[::]:" + std::string(text));
  } else {
    address = Address::try_parse(text);
  }
  if (!address) throw std::invalid_argument("verdin: not an address to listen at: '" + printable(text) + "'");
  return *address;
}

std::vector<Socket> listen_together(const Address& address, std::size_t count, ListenOptions options) {
  options.reuse_port = true;
  std::vector<Socket> listeners;
  for (std::size_t i = 0; i < count; ++i)
    listeners.push_back(Socket::listen(i == 0 ? address : listeners.front().local_address(), options));
  return listeners;
}

}  // namespace verdin::net
