#include <cerrno>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <verdin/net/datagram_server.hpp>
#include <verdin/net/error.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/semaphore.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>

#include "net/datagram_batch.hpp"

namespace verdin::net {
namespace {

constexpr std::chrono::milliseconds kRest{10};  // after an error of the socket
constexpr unsigned kMostErrors = 16;            // in a row, before that

bool wants_to_wait(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }

}  // namespace

class DatagramServer::State : public RefCounted<State> {
 public:
  State(const Address& where, Handler what, const DatagramServerOptions& how)
      : address(where), handler(std::move(what)), options(how), free(how.max_handlers), outgoing(how.batch) {
    if (!handler) throw std::invalid_argument("verdin: a server without a handler");
    if (options.batch == 0 || options.max_handlers == 0 || options.max_queued == 0)
      throw std::invalid_argument("verdin: a server that is allowed nothing");
  }

  void start();
  void stop() noexcept;
  /// In a child of fork(): who receives, handles and sends is in the parent. The socket is anybody's.
  void look_for_fork() noexcept;
  void send(std::string_view data, const Address& to);

  Address address;
  Handler handler;
  DatagramServerOptions options;
  Socket socket;
  Event stopped;
  Semaphore free;
  OutgoingDatagrams outgoing;
  Event room;  // in the queue
  std::size_t refused = 0;
  std::size_t at_work = 0;
  bool running = false;

 private:
  void receive_until_stopped(unsigned round);
  bool receive_some(ReceiveBatch& batch);
  void handle(std::string_view data, const Address& from);
  void flush();
  void wait_for_room();

  unsigned round_ = 0;
  unsigned errors_ = 0;  // of receiving, in a row
  bool flushing_ = false;
  loop::ForkMark forks_;
};

void DatagramServer::State::look_for_fork() noexcept {
  if (!forks_.in_new_child()) [[likely]]
    return;
  running = flushing_ = false;
  ++round_;
  outgoing.clear();
  for (; at_work > 0; --at_work) free.release();
}

void DatagramServer::State::start() {
  if (running) return;
  if (!socket.open()) {
    socket = Socket(address.family(), SocketType::datagram);
    if (options.reuse_port) socket.set(option::reuse_port, true);
    if (address.family() == Family::ipv6) socket.set(option::v6_only, !address.is_unspecified());
    socket.bind(address);
  }
  address = socket.local_address();
  stopped.clear();
  running = true;
  spawn([state = IntrusivePtr<State>(this), round = ++round_] { state->receive_until_stopped(round); });
}

void DatagramServer::State::stop() noexcept {
  running = false;
  socket.close();
  outgoing.clear();
  room.set();
  stopped.set();
}

void DatagramServer::State::receive_until_stopped(unsigned round) {
  const auto current = [&] { return running && round == round_; };
  struct AtEnd {
    decltype(current)& still;
    State& state;
    ~AtEnd() {
      if (still()) state.stop();
    }
  } at_end{current, *this};
  ReceiveBatch batch(options.batch);
  while (current()) {
    try {
      free.wait();
      if (!receive_some(batch)) socket.wait_read(Deadline::never());
      yield();  // the handlers' turn
    } catch (const Closed&) {
      if (current()) throw;
    } catch (const std::exception&) {
      if (!current()) return;
      Hub::current().report_error("DatagramServer", std::current_exception());
      sleep(kRest);
    }
  }
}

/// False if nothing is there.
bool DatagramServer::State::receive_some(ReceiveBatch& batch) {
  const int count = batch.receive(socket.fd());
  if (count < 0) {
    // Errors that the network has told of what was sent belong to nobody here: the next call goes on.
    if (!wants_to_wait(errno) && ++errors_ < kMostErrors) return true;
    errors_ = 0;
    if (wants_to_wait(errno)) return false;
    throw std::system_error(errno, std::generic_category(), "verdin: receive datagrams");
  }
  errors_ = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count) && running; ++i) {
    if (options.in_turn) {
      handle(batch.data(i), batch.from(i));
      continue;
    }
    free.acquire();
    ++at_work;
    struct Place {
      explicit Place(State& owner) : state(&owner) {}
      Place(Place&&) noexcept = default;
      Place& operator=(Place&&) noexcept = default;
      ~Place() {
        if (!state || made.is_parents()) return;
        --state->at_work;
        state->free.release();
      }
      IntrusivePtr<State> state;
      loop::ProcessMark made;
    };
    spawn_detached([place = Place(*this), data = std::string(batch.data(i)),
                    from = batch.from(i)] { place.state->handle(data, from); },
                   "datagram");
  }
  return true;
}

void DatagramServer::State::handle(std::string_view data, const Address& from) {
  try {
    Datagram datagram(data, from, *this);
    handler(datagram);
  } catch (const Interrupt&) {
    throw;
  } catch (...) {
    Hub::report_error_of("DatagramServer", std::current_exception());
  }
}

void DatagramServer::State::send(std::string_view data, const Address& to) {
  look_for_fork();
  while (outgoing.size() >= options.max_queued && running) {
    room.clear();
    room.wait();
  }
  if (!socket.open()) throw_error(Errc::closed, "send");
  outgoing.push(data, to);
  if (flushing_) return;
  spawn_detached([state = IntrusivePtr<State>(this)] { state->flush(); }, "datagrams to be sent");
  flushing_ = true;
}

/// Runs behind the handlers that are ready, and so finds what they all have to say.
void DatagramServer::State::flush() {
  struct AtEnd {
    State& state;
    ~AtEnd() {
      state.flushing_ = false;
      state.room.set();
    }
  } at_end{*this};
  while (outgoing.size() > 0 && running) {
    const int sent = outgoing.send(socket.fd());
    if (sent > 0) {
      outgoing.drop(static_cast<std::size_t>(sent));
    } else if (wants_to_wait(errno)) {
      wait_for_room();
    } else if (errno != EINTR) {
      outgoing.drop(1);  // too long, no way there, no memory: the others go on
      ++refused;
    }
    room.set();
  }
}

/// Until there is room in the socket, or it was closed (and another may have taken its place).
void DatagramServer::State::wait_for_room() {
  try {
    socket.wait_write(Deadline::never());
  } catch (const Closed&) {
  }
}

void DatagramServer::Datagram::reply(std::string_view answer) { server_->send(answer, from); }

DatagramServer::DatagramServer(const Address& address, Handler handler, const DatagramServerOptions& options)
    : state_(make_intrusive<State>(address, std::move(handler), options)) {}

DatagramServer::DatagramServer(Socket socket, Handler handler, const DatagramServerOptions& options)
    : DatagramServer(socket.local_address(), std::move(handler), options) {
  if (socket.type() != SocketType::datagram || !socket.is_bound())
    throw std::invalid_argument("verdin: a datagram server needs a datagram socket that is bound");
  state_->socket = std::move(socket);
}

DatagramServer::~DatagramServer() { stop(); }

DatagramServer::State& DatagramServer::state() const noexcept {
  state_->look_for_fork();
  return *state_;
}

void DatagramServer::start() { state().start(); }
bool DatagramServer::started() const noexcept { return state().running; }
void DatagramServer::stop() noexcept { state().stop(); }
const Address& DatagramServer::address() const noexcept { return state_->address; }
void DatagramServer::send(std::string_view data, const Address& to) { state_->send(data, to); }
std::size_t DatagramServer::refused() const noexcept { return state_->refused; }
std::size_t DatagramServer::handlers() const noexcept { return state().at_work; }

void DatagramServer::serve_forever() {
  const IntrusivePtr<State> state(&this->state());
  state->start();
  struct AtEnd {
    State& state;
    ~AtEnd() { state.stop(); }
  } at_end{*state};
  state->stopped.wait();
}

}  // namespace verdin::net
