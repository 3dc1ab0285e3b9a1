#include <algorithm>
#include <charconv>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include <verdin/base/log.hpp>
#include <verdin/net/pipe.hpp>
#include <verdin/net/resolver.hpp>
#include <verdin/runtime/hub.hpp>

#include "net/name_lookup.hpp"
#include "net/resolver_cache.hpp"

namespace verdin::net {
namespace {

class ResolveCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "verdin.resolve"; }
  std::string message(int code) const override {
    switch (static_cast<ResolveErrc>(code)) {
      case ResolveErrc::no_such_name:
        return "there is no such name";
      case ResolveErrc::no_address:
        return "the name has no address of that family";
      case ResolveErrc::no_such_service:
        return "there is no such service";
      case ResolveErrc::bad_name:
        return "this cannot be a name";
      case ResolveErrc::try_again:
        return "no name server knew for the time being";
      case ResolveErrc::timed_out:
        return "no name server answered";
      case ResolveErrc::refused:
        return "there is no name server";
      case ResolveErrc::bad_answer:
        return "the name server sent nonsense";
      case ResolveErrc::failed:
        return "the name server has failed";
      case ResolveErrc::unsupported:
        return "Verdin was built without c-ares";
    }
    return "unknown";
  }
};

constexpr std::size_t kLongestName = 254;  // RFC 1035, with a dot at the end

/// Lower case, without a dot at the end; empty for what cannot be a name.
std::string normal_form(std::string_view host) {
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  if (host.empty() || host.size() > kLongestName || host.front() == '.') return {};
  std::string name(host);
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) return {};
  }
  return name.find("..") == name.npos ? name : std::string();
}

bool is_localhost(std::string_view name) {
  constexpr std::string_view kName = "localhost";
  if (!name.ends_with(kName)) return false;
  name.remove_suffix(kName.size());
  return name.empty() || name.back() == '.';
}

bool has_ipv6_loopback() {
  const Descriptor probe(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const Address loopback = Address::loopback_ipv6(9);
  return probe && ::connect(probe.get(), loopback.data(), loopback.size()) == 0;  // sends nothing
}

std::vector<Address> localhost(std::uint16_t port, Family family) {
  std::vector<Address> addresses;
  if (family == Family::ipv6 || (family == Family::none && has_ipv6_loopback()))
    addresses.push_back(Address::loopback_ipv6(port));
  if (family != Family::ipv6) addresses.push_back(Address::loopback_ipv4(port));
  return addresses;
}

std::optional<std::uint16_t> as_number(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

bool is_lasting(ResolveErrc error) {
  return error == ResolveErrc::no_such_name || error == ResolveErrc::no_address;
}

}  // namespace

const std::error_category& resolve_category() noexcept {
  static const ResolveCategory category;
  return category;
}

ResolveError::ResolveError(ResolveErrc code, const std::string& name)
    : std::system_error(make_error_code(code), "verdin: resolve " + name) {}

namespace impl {

class ResolverState {
 public:
  explicit ResolverState(ResolverOptions options)
      : options_(std::move(options)), hub_(Hub::current().ref()), cache_(options_.cache_size) {
    lookup_ = options_.backend == ResolverBackend::ares ? make_ares_lookup(options_) : make_system_lookup();
  }

  void check_hub() const {
    if (!hub_.is_current()) throw WrongThread("verdin: a Resolver was used on a thread other than its hub's");
  }

  std::vector<Address> resolve(const std::string& name, std::uint16_t port, Family family) {
    std::string key = name + '/' + static_cast<char>('0' + static_cast<int>(family));
    if (const LookupAnswer* const known = cache_.find(key, loop::Clock::now()))
      return with_port(name, *known, port);
    LookupAnswer answer = lookup_->addresses(name, family);
    keep(std::move(key), answer);
    return with_port(name, answer, port);
  }

  HostName name_of(const Address& address, Transport transport) {
    ReverseAnswer answer = lookup_->name_of(address, transport);
    if (answer.error) throw ResolveError(*answer.error, address.to_string());
    return std::move(answer.name);
  }

  ResolverCache& cache() noexcept { return cache_; }

 private:
  static std::vector<Address> with_port(const std::string& name, const LookupAnswer& answer,
                                        std::uint16_t port) {
    if (answer.error) throw ResolveError(*answer.error, name);
    std::vector<Address> addresses;
    for (const Address& each : answer.addresses) addresses.push_back(each.with_port(port));
    return addresses;
  }

  void keep(std::string key, const LookupAnswer& answer) {
    if (answer.error && !is_lasting(*answer.error)) return;
    std::chrono::seconds ttl = answer.error ? options_.negative_ttl : options_.cache_ttl;
    if (answer.ttl) ttl = std::min(ttl, *answer.ttl);
    if (ttl.count() > 0) cache_.put(std::move(key), answer, loop::Clock::now() + ttl);
  }

  ResolverOptions options_;
  HubRef hub_;
  ResolverCache cache_;
  std::unique_ptr<NameLookup> lookup_;
};

}  // namespace impl

namespace {

/// `state`: makes or gives the one that is to be asked; not called for what is known here.
template <typename State>
std::vector<Address> resolve_by(State state, std::string_view host, std::uint16_t port, Family family) {
  if (const auto literal = Address::try_parse_ip(host, port)) {
    if (family != Family::none && literal->family() != family)
      throw ResolveError(ResolveErrc::no_address, std::string(host));
    return {*literal};
  }
  const std::string name = normal_form(host);
  if (name.empty() || family == Family::unix_domain)
    throw ResolveError(ResolveErrc::bad_name, printable(host));
  if (is_localhost(name)) return localhost(port, family);
  return state()->resolve(name, port, family);
}

std::uint16_t port_of(std::string_view service, Transport transport) {
  if (const auto number = as_number(service)) return *number;
  // A number that is none of a port would be cut to one by some systems.
  const bool sound = service.find_first_not_of("0123456789") != service.npos && service.size() < 64 &&
                     service.find('\0') == service.npos;
  const auto port = sound ? impl::service_port(std::string(service), transport) : std::nullopt;
  if (!port) throw ResolveError(ResolveErrc::no_such_service, printable(service));
  return *port;
}

void check_reverse(const Address& address) {
  if (!address.is_ip()) throw ResolveError(ResolveErrc::bad_name, address.to_string());
}

std::shared_ptr<impl::ResolverState> system_state() {
  return std::make_shared<impl::ResolverState>(ResolverOptions{});
}

}  // namespace

Resolver::Resolver(ResolverOptions options)
    : state_(std::make_shared<impl::ResolverState>(std::move(options))) {}
Resolver::Resolver(Resolver&&) noexcept = default;
Resolver& Resolver::operator=(Resolver&&) noexcept = default;
Resolver::~Resolver() = default;

std::vector<Address> Resolver::resolve(std::string_view host, std::uint16_t port, Family family) {
  const auto state = state_;  // who waits in it keeps it
  state->check_hub();
  return resolve_by([&] { return state.get(); }, host, port, family);
}

std::vector<Address> Resolver::resolve(std::string_view host, std::string_view service, Family family,
                                       Transport transport) {
  const auto state = state_;
  state->check_hub();
  const std::uint16_t port = port_of(service, transport);
  return resolve_by([&] { return state.get(); }, host, port, family);
}

HostName Resolver::name_of(const Address& address, Transport transport) {
  const auto state = state_;
  state->check_hub();
  check_reverse(address);
  return state->name_of(address, transport);
}

void Resolver::clear_cache() { state_->cache().clear(); }
std::size_t Resolver::cached() const noexcept { return state_->cache().size(); }

std::vector<Address> resolve(std::string_view host, std::uint16_t port, Family family) {
  return resolve_by(system_state, host, port, family);
}

std::vector<Address> resolve(std::string_view host, std::string_view service, Family family,
                             Transport transport) {
  return resolve_by(system_state, host, port_of(service, transport), family);
}

HostName name_of(const Address& address, Transport transport) {
  check_reverse(address);
  return system_state()->name_of(address, transport);
}

}  // namespace verdin::net
