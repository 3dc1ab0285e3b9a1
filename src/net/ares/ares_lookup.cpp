// c-ares, driven by the hub's loop: it names the descriptors that it waits for and the time when it wants to
// be called next.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>
#include <new>
#include <utility>

#include <ares.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <verdin/loop/fork_generation.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/impl/if_lost.hpp>

#include "net/name_lookup.hpp"

namespace verdin::net::impl {
namespace {

constexpr std::size_t kMostServers = 16;

ResolveErrc error_of_ares(int status) {
  switch (status) {
    case ARES_ENOTFOUND:
      return ResolveErrc::no_such_name;
    case ARES_ENODATA:
      return ResolveErrc::no_address;
    case ARES_EBADNAME:
    case ARES_EBADSTR:
      return ResolveErrc::bad_name;
    case ARES_ETIMEOUT:
      return ResolveErrc::timed_out;
    case ARES_ECONNREFUSED:
      return ResolveErrc::refused;
    case ARES_EBADRESP:
    case ARES_EFORMERR:
      return ResolveErrc::bad_answer;
    case ARES_ESERVICE:
      return ResolveErrc::no_such_service;
    default:
      return ResolveErrc::failed;
  }
}

/// One question. The channel holds a reference until it has called back, which may be long after the greenlet
/// has given up.
template <typename Answer>
struct Query : RefCounted<Query<Answer>> {
  const loop::ProcessMark asked{};
  Event done;
  Answer answer;
  bool no_memory = false;  // for the answer

  void finish() {
    if (asked.is_parents()) return;  // who wants to know is not in this process
    done.set();
    this->release();
  }
};

void fill_in(LookupAnswer& answer, const ares_addrinfo& result) {
  std::chrono::seconds ttl = std::chrono::seconds::max();
  for (const ares_addrinfo_node* each = result.nodes; each; each = each->ai_next) {
    if (answer.addresses.size() == kMostAddresses) break;
    const Address address(each->ai_addr, static_cast<socklen_t>(each->ai_addrlen));
    if (address.is_ip()) answer.addresses.push_back(address);
    ttl = std::min(ttl, std::chrono::seconds(each->ai_ttl));
  }
  for (const ares_addrinfo_cname* each = result.cnames; each; each = each->next)
    ttl = std::min(ttl, std::chrono::seconds(each->ttl));
  answer.ttl = ttl;
  if (answer.addresses.empty()) answer.error = ResolveErrc::no_address;
}

/// A channel of c-ares and what it waits for.
class Channel {
 public:
  explicit Channel(const ResolverOptions& options) : loop_(Hub::current().loop()) {
    ares_options wanted{};
    int mask = ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS;
    std::array<char, 3> lookups{"fb"};
    std::array<char, 2> servers_only{"b"};
    wanted.sock_state_cb = &Channel::on_state;
    wanted.sock_state_cb_data = this;
    wanted.timeout =
        static_cast<int>(std::clamp<std::chrono::milliseconds::rep>(options.timeout.count(), 1, 60'000));
    wanted.tries = std::clamp(options.tries, 1, 10);
    wanted.lookups = options.use_hosts_file ? lookups.data() : servers_only.data();
    if (!options.search) mask |= ARES_OPT_DOMAINS;
    if (const int status = ares_init_options(&channel_, &wanted, mask); status != ARES_SUCCESS)
      throw ResolveError(error_of_ares(status), ares_strerror(status));
    ares_set_socket_configure_callback(channel_, &Channel::check_socket, nullptr);
    try {
      set_servers(options.servers);
    } catch (...) {
      ares_destroy(channel_);
      throw;
    }
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel() {
    ending_ = true;
    watches_.clear();
    timer_.stop();
    ares_destroy(channel_);  // calls back for each query that is left
  }

  ares_channel get() const noexcept { return channel_; }
  bool is_of_parent() const noexcept { return made_.is_parents(); }
  /// In a forked child: the parent asks on, and gets the answers.
  void forget() noexcept {
    watches_.clear();
    timer_.stop();
  }

  /// After each call of c-ares: when does it want to be called again?
  void set_timer() {
    if (ending_) return;
    if (std::exchange(deaf_, false)) ares_cancel(channel_);  // calls back
    timeval wait{};
    if (!ares_timeout(channel_, nullptr, &wait)) return timer_.stop();
    timer_.start(loop::Clock::now() + std::chrono::seconds(wait.tv_sec) +
                 std::chrono::microseconds(wait.tv_usec + 1));
  }

 private:
  /// c-ares does not look whether that has worked, and would hold the hub in recvfrom().
  static int check_socket(ares_socket_t fd, int /*type*/, void*) noexcept {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0) return -1;
    return flags & O_NONBLOCK || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 ? 0 : -1;
  }

  void set_servers(const std::vector<Address>& servers) {
    if (servers.empty()) return;
    std::string list;
    for (std::size_t i = 0; i < std::min(servers.size(), kMostServers); ++i)
      list += (i == 0 ? "" : ",") + servers[i].to_string();
    if (const int status = ares_set_servers_ports_csv(channel_, list.c_str()); status != ARES_SUCCESS)
      throw ResolveError(ResolveErrc::failed, "with the servers " + list);
  }

  /// What is thrown must not pass through C: without the watch nobody would ever be told, so all that is
  /// under way is given up when c-ares has returned.
  static void on_state(void* self, ares_socket_t fd, int read, int write) noexcept {
    auto& channel = *static_cast<Channel*>(self);
    try {
      channel.watch(fd, read != 0, write != 0);
    } catch (const std::exception&) {
      channel.deaf_ = true;
    }
  }

  void watch(int fd, bool read, bool write) {
    watches_.erase(fd);
    if (ending_ || (!read && !write)) return;
    const auto interest = read && write ? loop::Interest::read_write
                          : read        ? loop::Interest::read
                                        : loop::Interest::write;
    watches_[fd] = loop_.watch(fd, interest, [this, fd, read, write] {
      if (is_of_parent()) return forget();
      ares_process_fd(channel_, read ? fd : ARES_SOCKET_BAD, write ? fd : ARES_SOCKET_BAD);
      set_timer();
    });
  }

  static void on_due(void* self) {
    auto& channel = *static_cast<Channel*>(self);
    if (channel.is_of_parent()) return;
    ares_process_fd(channel.channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    channel.set_timer();
  }

  loop::Loop& loop_;
  ares_channel channel_ = nullptr;
  std::map<int, loop::WatchPtr> watches_;
  loop::DeadlineTimer timer_{loop_, &Channel::on_due, this};
  const loop::ProcessMark made_;
  bool ending_ = false;
  bool deaf_ = false;  // a descriptor could not be watched
};

class AresLookup final : public NameLookup {
 public:
  explicit AresLookup(ResolverOptions options)
      : options_(std::move(options)), channel_(std::make_unique<Channel>(options_)) {}

  LookupAnswer addresses(const std::string& host, Family family) override {
    ares_addrinfo_hints hints{};
    hints.ai_family = family == Family::ipv4 ? AF_INET : family == Family::ipv6 ? AF_INET6 : AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    return ask<LookupAnswer>([&](Query<LookupAnswer>* query) {
      ares_getaddrinfo(channel().get(), host.c_str(), nullptr, &hints, &AresLookup::on_addresses, query);
    });
  }

  ReverseAnswer name_of(const Address& address, Transport transport) override {
    const int flags = ARES_NI_NAMEREQD | ARES_NI_LOOKUPHOST | ARES_NI_LOOKUPSERVICE |
                      (transport == Transport::udp ? ARES_NI_UDP : ARES_NI_TCP);
    return ask<ReverseAnswer>([&](Query<ReverseAnswer>* query) {
      ares_getnameinfo(channel().get(), address.data(), address.size(), flags, &AresLookup::on_name, query);
    });
  }

 private:
  Channel& channel() {
    if (channel_->is_of_parent())
      channel_ = std::make_unique<Channel>(options_);  // may throw, and is tried again then
    return *channel_;
  }

  template <typename Answer, typename Start>
  Answer ask(Start start) {
    if (Hub::current().in_hub())
      throw BlockingSwitchOutError("verdin: a call that blocks was made in the hub");
    channel();  // may throw
    const IntrusivePtr<Query<Answer>> query(new Query<Answer>);
    query->add_ref();
    start(query.get());
    channel_->set_timer();
    const verdin::impl::IfLost lost([](void* channel) noexcept { static_cast<Channel*>(channel)->forget(); },
                                    channel_.get());
    query->done.wait();
    if (query->no_memory) throw std::bad_alloc();
    return std::move(query->answer);
  }

  static void on_addresses(void* to, int status, int /*timeouts*/, ares_addrinfo* result) {
    auto& query = *static_cast<Query<LookupAnswer>*>(to);
    if (status == ARES_SUCCESS && result) {
      try {
        fill_in(query.answer, *result);
      } catch (const std::bad_alloc&) {  // not through C
        query.no_memory = true;
      }
    } else {
      query.answer.error = error_of_ares(status);
    }
    if (result) ares_freeaddrinfo(result);
    query.finish();
  }

  // The type is c-ares'. NOLINTNEXTLINE(readability-non-const-parameter)
  static void on_name(void* to, int status, int /*timeouts*/, char* host, char* service) {
    auto& query = *static_cast<Query<ReverseAnswer>*>(to);
    if (status == ARES_SUCCESS && host) {
      try {
        query.answer.name = {host, service ? service : ""};
      } catch (const std::bad_alloc&) {
        query.no_memory = true;
      }
    } else {
      query.answer.error = status == ARES_SUCCESS ? ResolveErrc::no_such_name : error_of_ares(status);
    }
    query.finish();
  }

  ResolverOptions options_;
  std::unique_ptr<Channel> channel_;
};

}  // namespace

std::unique_ptr<NameLookup> make_ares_lookup(const ResolverOptions& options) {
  static std::once_flag once;  // of which a child that was forked meanwhile makes its own
  static constinit std::atomic<int> status{ARES_SUCCESS};
  std::call_once(once, [] { status = ares_library_init(ARES_LIB_INIT_ALL); });
  if (status != ARES_SUCCESS) throw ResolveError(ResolveErrc::failed, ares_strerror(status));
  return std::make_unique<AresLookup>(options);
}

}  // namespace verdin::net::impl
