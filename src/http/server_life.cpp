// The half of Server that begins and ends: listeners, the list of connections, the graceful stop.
#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <verdin/net/pipe.hpp>
#include <verdin/protocol/http1/response_head.hpp>
#include <verdin/runtime/hub.hpp>

#include "http/server.hpp"

namespace verdin::http {

namespace {

constexpr std::chrono::milliseconds kFirstEndCheck{1};  // most have nothing in flight
constexpr std::chrono::milliseconds kEndCheck{10};

struct AddressList {
  addrinfo* first = nullptr;
  ~AddressList() {
    if (first) ::freeaddrinfo(first);
  }
};

class ResolveCategory final : public std::error_category {
  const char* name() const noexcept override { return "getaddrinfo"; }
  std::string message(int code) const override { return ::gai_strerror(code); }
};

void look_up(const Address& address, AddressList& list) {
  static const ResolveCategory category;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  const std::string service = std::to_string(address.port);
  const char* host = address.host.empty() ? nullptr : address.host.c_str();
  const int error = ::getaddrinfo(host, service.c_str(), &hints, &list.first);
  if (error != 0) throw std::system_error(error, category, "listen on " + address.host);
}

/// Bound, with its port; or errno says why not.
Descriptor bound_socket(const addrinfo& to, int backlog, std::uint16_t& port) {
  Descriptor bound(::socket(to.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!bound) return bound;
  const int on = 1;
  ::setsockopt(bound.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::bind(bound.get(), to.ai_addr, to.ai_addrlen) != 0 || ::listen(bound.get(), backlog) != 0 ||
      ::getsockname(bound.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    const int error = errno;
    bound.reset();
    errno = error;
    return bound;
  }
  port = ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<sockaddr_in&>(address).sin_port);
  return bound;
}

}  // namespace

Server::~Server() { shut_down(); }

void Server::listen(const Address& address) {
  AddressList list;
  look_up(address, list);
  std::uint16_t port = 0;
  Descriptor bound = bound_socket(*list.first, options_.backlog, port);
  if (!bound) {
    const int error = errno;
    throw std::system_error(error, std::generic_category(),
                            "listen on " + address.host + ":" + std::to_string(address.port));
  }
  listeners_.reserve(listeners_.size() + 1);
  listeners_.push_back({bound.release(), port, nullptr, nullptr});
}

std::uint16_t Server::port() const {
  if (listeners_.empty()) throw std::logic_error("the app does not listen");
  return listeners_.front().port;
}

void Server::start() {
  if (stopping_) return;
  for (Listener& listener : listeners_) {
    if (listener.fd < 0) continue;
    loop::AcceptHandler& handler = listener.tls ? static_cast<loop::AcceptHandler&>(*listener.tls) : *this;
    listener.watch = Hub::current().loop().accept(std::exchange(listener.fd, -1), handler);
  }
}

void Server::serve(loop::StreamPtr stream, bool secure) {
  if (connection_count_ >= options_.max_connections || stopping_) {
    stream->send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    return loop::retire(std::move(stream));
  }
  const IntrusivePtr<Connection> connection(new Connection(*this, std::move(stream), secure));
  connection->add_ref();  // the list's; dropped by forget()
  connection->next = first_;
  if (first_) first_->prev = connection.get();
  first_ = connection.get();
  ++connection_count_;
  connection->open();
}

void Server::forget(Connection& connection) {
  if (connection.prev) {
    connection.prev->next = connection.next;
  } else {
    first_ = connection.next;
  }
  if (connection.next) connection.next->prev = connection.prev;
  --connection_count_;
  connection.release();
}

template <typename F>
void Server::for_each_endpoint(F&& call) const {
  // One that is called may destroy the App: then there are no more.
  for (std::size_t i = 0; i < mounts_.size(); ++i) call(*std::shared_ptr(mounts_[i].endpoint));
  for (std::size_t i = 0; i < routed_endpoints_.size(); ++i) call(*std::shared_ptr(routed_endpoints_[i]));
}

void Server::add_stop_hook(UniqueFunction<void()> hook) {
  if (stopping_) {  // also by a hook
    guarded(nullptr, hook);
  } else {
    stop_hooks_.push_back(std::move(hook));
  }
}

void Server::stop() {
  const IntrusivePtr<Server> self(this);
  if (stopping_) return;
  stopping_ = true;
  stop_listening();
  if (!Hub::current_or_null()) return stopped_.set();
  auto hooks = std::exchange(stop_hooks_, {});
  for (UniqueFunction<void()>& hook : hooks) guarded(nullptr, hook);
  for_each_endpoint([this](Endpoint& endpoint) { guarded(nullptr, [&] { endpoint.on_stop(); }); });
  if (stopped()) return;  // one of them has destroyed the App
  for (Connection* connection = first_; connection;) {
    Connection* const following = connection->next;
    connection->begin_stop();
    connection = following;
  }
  loop::Loop& loop = Hub::current().loop();
  stop_began_ = loop.update_now();
  end_timer_ = std::make_unique<loop::Timer>(loop, loop::on_timer<&Server::watch_the_end>, this);
  end_timer_->start(kFirstEndCheck);
}

bool Server::endpoints_are_done() const {
  bool done = true;
  for_each_endpoint([&](Endpoint& endpoint) { done = done && endpoint.active() == 0; });
  return done;
}

void Server::watch_the_end() {
  const IntrusivePtr<Server> self(this);  // what it drops may tell hooks that destroy the App
  const bool grace_is_over = Hub::current().loop().now() - stop_began_ >= options_.stop_grace;
  if (grace_is_over) {
    while (first_) first_->drop();
  }
  if (grace_is_over || (connection_count_ == 0 && endpoints_are_done())) {
    end_endpoints();
    stopped_.set();
  } else {
    end_timer_->start(kEndCheck);
  }
}

void Server::end_endpoints() noexcept {
  for_each_endpoint([this](Endpoint& endpoint) { guarded(nullptr, [&] { endpoint.on_end(); }); });
}

void Server::forget_endpoints() noexcept {
  mounts_.clear();
  routed_endpoints_.clear();
}

void Server::stop_now() {
  options_.stop_grace = std::chrono::milliseconds(0);
  stop();  // if it has begun already, the next look ends it
}

void Server::shut_down() noexcept {
  stopping_ = true;
  stop_listening();
  while (first_) first_->drop();
  end_timer_.reset();
}

void Server::stop_listening() noexcept {
  for (Listener& listener : listeners_) {
    if (listener.fd >= 0) ::close(std::exchange(listener.fd, -1));
    listener.watch.reset();
  }
}

}  // namespace verdin::http
