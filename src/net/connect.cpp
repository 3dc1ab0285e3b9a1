#include <algorithm>
#include <cerrno>
#include <list>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include <verdin/base/log.hpp>
#include <verdin/net/connect.hpp>
#include <verdin/net/error.hpp>
#include <verdin/net/poll.hpp>
#include <verdin/net/resolver.hpp>
#include <verdin/runtime/timeout.hpp>

namespace verdin::net {
namespace {

using Clock = loop::Clock;

class Race {
 public:
  Race(std::vector<Address> addresses, Deadline limit, const ConnectOptions& options)
      : addresses_(std::move(addresses)), limit_(limit), options_(options) {}

  Socket run() {
    while (!winner_.open() && (next_ < addresses_.size() || !attempts_.empty())) {
      const bool time_for_next = attempts_.empty() || Clock::now() >= next_start_;
      if (next_ < addresses_.size() && time_for_next) {
        begin(addresses_[next_++]);
        next_start_ = Clock::now() + options_.stagger;
      } else {
        wait();
      }
    }
    // The first one's reason stands at the end: system_error writes its code's there.
    if (!winner_.open())
      throw std::system_error(failures_.front().second,
                              "verdin: connect: " + others_failures() + failures_.front().first.to_string());
    return std::move(winner_);
  }

 private:
  struct Attempt {
    Socket socket;
    Address to;
  };

  void begin(const Address& to) {
    try {
      Socket socket(to.family(), SocketType::stream);
      if (options_.no_delay && to.is_ip()) socket.set(option::no_delay, true);
      if (options_.prepare) options_.prepare(socket);
      if (options_.local && options_.local->family() == to.family()) socket.bind(*options_.local);
      if (to.is_unix()) {  // there or not: nothing to race with
        socket.connect(to, limit_);
        winner_ = std::move(socket);
        return;
      }
      if (::connect(socket.fd(), to.data(), to.size()) == 0) return finish(socket, to);
      if (errno != EINPROGRESS && errno != EINTR) return note(to, {errno, std::generic_category()});
      attempts_.push_back({std::move(socket), to});
      poller_.add(attempts_.back().socket.fd(), loop::Interest::write, &attempts_.back());
    } catch (const TimedOut&) {
      throw;
    } catch (const std::system_error& error) {
      note(to, error.code());
    }
  }

  /// Until an attempt has an end, or the next may begin.
  void wait() {
    const bool more = next_ < addresses_.size();
    const auto events = poller_.wait(more ? limit_.earlier(next_start_) : limit_);
    for (const Poller::Event& event : events) {
      if (!winner_.open()) settle(*static_cast<Attempt*>(event.context));
    }
    if (events.empty() && limit_.passed())
      throw TimedOut("verdin: connect" + (failures_.empty()
                                              ? std::string()
                                              : ": " + others_failures() + text_of(failures_.front())));
  }

  void settle(Attempt& attempt) {
    poller_.remove(attempt.socket.fd());
    if (const std::error_code error = attempt.socket.take_error()) {
      note(attempt.to, error);
    } else {
      finish(attempt.socket, attempt.to);
    }
    attempts_.remove_if([&](const Attempt& other) { return &other == &attempt; });
  }

  void finish(Socket& socket, const Address& to) {
    // A port that is connected to itself: see Socket::connect().
    if (to.is_loopback() && socket.local_address() == socket.peer_address())
      return note(to, std::make_error_code(std::errc::connection_refused));
    winner_ = std::move(socket);
  }

  void note(const Address& to, std::error_code error) {
    failures_.emplace_back(to, error);
    next_start_ = Clock::now();  // no reason to wait for the next
  }

  using Failure = std::pair<Address, std::error_code>;
  static std::string text_of(const Failure& failure) {
    return failure.first.to_string() + ": " + failure.second.message();
  }
  std::string others_failures() const {
    std::string text;
    for (std::size_t i = 1; i < failures_.size(); ++i) text += text_of(failures_[i]) + "; ";
    return text;
  }

  std::vector<Address> addresses_;
  std::size_t next_ = 0;
  Deadline limit_;
  const ConnectOptions& options_;
  Clock::time_point next_start_{};
  std::list<Attempt> attempts_;
  Poller poller_;  // goes before the sockets that it watches
  Socket winner_;
  std::vector<Failure> failures_;
};

}  // namespace

std::vector<Address> interleave(std::span<const Address> addresses) {
  std::vector<Address> first;
  std::vector<Address> others;
  for (const Address& address : addresses)
    (address.family() == addresses.front().family() ? first : others).push_back(address);
  std::vector<Address> mixed;
  for (std::size_t i = 0; i < std::max(first.size(), others.size()); ++i) {
    if (i < first.size()) mixed.push_back(first[i]);
    if (i < others.size()) mixed.push_back(others[i]);
  }
  return mixed;
}

Socket connect(std::span<const Address> addresses, Deadline limit, const ConnectOptions& options) {
  if (addresses.empty()) throw std::invalid_argument("verdin: nothing to connect to");
  return Race(interleave(addresses), limit.or_in(std::nullopt), options).run();
}

Socket connect(std::string_view host, std::uint16_t port, Deadline limit, const ConnectOptions& options) {
  const auto look_up = [](std::string_view name, std::uint16_t service, Deadline) {
    return net::resolve(name, service);
  };
  return connect(host, port, look_up, limit, options);
}

Socket connect(std::string_view host, std::uint16_t port, const ResolveFunction& resolve, Deadline limit,
               const ConnectOptions& options) {
  if (const auto literal = Address::try_parse_ip(host, port)) return connect({&*literal, 1}, limit, options);
  std::vector<Address> addresses;
  const auto ask = [&] { addresses = resolve(host, port, limit); };
  if (!limit.limited()) {
    ask();
  } else if (!with_timeout(loop::time_until(*limit.due()), ask)) {
    throw TimedOut("verdin: no answer in time to who this is: " + printable(host));
  }
  if (addresses.empty())
    throw std::system_error(std::make_error_code(std::errc::address_not_available),
                            "verdin: the name has no addresses: " + printable(host));
  return connect(addresses, limit, options);
}

}  // namespace verdin::net
