#include "http/client/no_proxy.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>

#include <verdin/base/log.hpp>
#include <verdin/protocol/http1/chars.hpp>

namespace verdin::http {

namespace {

constexpr unsigned kAllBits = 128, kBitsBeforeV4 = 96;

bool read_number(std::string_view text, unsigned most, unsigned& number) noexcept {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number <= most;
}

bool is_name_char(char c) noexcept {
  return protocol::http1::is_alpha(c) || protocol::http1::is_digit(c) || c == '-' || c == '.' || c == '_';
}

}  // namespace

bool NoProxy::read_address(std::string_view text, Octets& to) noexcept {
  std::array<char, INET6_ADDRSTRLEN> copy{};  // with a NUL
  if (text.size() >= copy.size()) return false;
  text.copy(copy.data(), text.size());
  if (::inet_pton(AF_INET6, copy.data(), to.data()) == 1) return true;
  to = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};
  return ::inet_pton(AF_INET, copy.data(), to.data() + kBitsBeforeV4 / 8) == 1;
}

NoProxy::Entry NoProxy::read_entry(std::string_view text) {
  const auto refuse = [given = text] {
    throw std::invalid_argument("verdin: no entry of a no_proxy list: " + printable(given));
  };
  Entry entry;
  if (const std::size_t slash = text.find('/'); slash != text.npos) {
    const std::string_view address = text.substr(0, slash);
    const bool is_v6 = address.find(':') != address.npos;
    const unsigned most = is_v6 ? kAllBits : kAllBits - kBitsBeforeV4;
    if (!read_address(address, entry.network) || !read_number(text.substr(slash + 1), most, entry.bits))
      refuse();
    if (!is_v6) entry.bits += kBitsBeforeV4;
    return entry;
  }
  std::string_view host = text, port;
  if (text.starts_with('[')) {
    const std::size_t end = std::min(text.find(']'), text.size());
    host = text.substr(1, end - 1);
    port = text.substr(std::min(end + 1, text.size()));
    if (end == text.size() || (!port.empty() && !port.starts_with(':'))) refuse();
  } else if (const std::size_t colon = text.find(':'); colon != text.npos && colon == text.rfind(':')) {
    host = text.substr(0, colon);
    port = text.substr(colon);
  }
  if (!port.empty()) {
    unsigned number = 0;
    if (!read_number(port.substr(1), 65535, number) || number == 0) refuse();
    entry.port = static_cast<std::uint16_t>(number);
  }
  entry.bits = kAllBits;
  // That of the root: matches() takes it off what the URL has, too.
  if (host.size() > 1 && host.ends_with('.') && host.find(':') == host.npos) host.remove_suffix(1);
  if (read_address(host, entry.network)) return entry;
  if (host.starts_with("*.")) host.remove_prefix(1);
  if (host.starts_with('.')) host.remove_prefix(1);
  if (host.empty() || !std::all_of(host.begin(), host.end(), is_name_char)) refuse();
  for (const char c : host) entry.name += protocol::http1::to_lower(c);
  return entry;
}

NoProxy::NoProxy(std::string_view list) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find_first_of(", \t"), list.size());
    const std::string_view entry = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    if (entry.empty()) continue;
    if (entry == "*") {
      all_ = true;
    } else {
      entries_.push_back(read_entry(entry));
    }
  }
}

bool NoProxy::matches(const protocol::http1::Url& url) const noexcept {
  if (all_) return true;
  std::string_view host = url.host;
  if (host.size() > 1 && host.ends_with('.')) host.remove_suffix(1);
  Octets address{};
  const bool is_address = !entries_.empty() && read_address(host, address);
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    if (entry.port != 0 && entry.port != url.port) return false;
    if (!entry.name.empty()) {
      return !is_address && host.ends_with(entry.name) &&
             (host.size() == entry.name.size() || host[host.size() - entry.name.size() - 1] == '.');
    }
    if (!is_address) return false;
    const unsigned whole = entry.bits / 8, rest = entry.bits % 8;
    if (std::memcmp(address.data(), entry.network.data(), whole) != 0) return false;
    return rest == 0 || ((address[whole] ^ entry.network[whole]) >> (8 - rest)) == 0;
  });
}

}  // namespace verdin::http
