// NameServer: a DNS server (RFC 1035) on 127.0.0.1, UDP and TCP, that answers as a test says: well, wrongly,
// late or never. Runs on a thread of its own.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <verdin/net/address.hpp>

namespace verdin::test {

struct NameRecord {
  std::uint16_t type;
  std::string data;  // on the wire
  std::uint32_t ttl = 300;
};

/// What is said of a name.
struct NameAnswer {
  std::vector<NameRecord> records{};
  unsigned code = 0;           // RCODE
  bool only_over_tcp = false;  // over UDP it is truncated
  bool silent = false;
  bool garbage = false;
};

class NameServer {
 public:
  static constexpr std::uint16_t kA = 1, kCname = 5, kPtr = 12, kAaaa = 28;

  /// `at_start` is called on the server's thread.
  explicit NameServer(void (*at_start)() = nullptr) {
    udp_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    tcp_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // The same number for both: the kernel's choice for one may be taken for the other.
    for (int tries = 0; tries < 100; ++tries) {
      here.sin_port = 0;
      socklen_t size = sizeof here;
      if (::bind(tcp_, reinterpret_cast<sockaddr*>(&here), sizeof here) != 0) break;
      ::getsockname(tcp_, reinterpret_cast<sockaddr*>(&here), &size);
      if (::bind(udp_, reinterpret_cast<sockaddr*>(&here), sizeof here) == 0) break;
      ::close(tcp_);
      tcp_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    }
    ::listen(tcp_, 16);
    port_ = ntohs(here.sin_port);
    thread_ = std::thread([this, at_start] {
      if (at_start) at_start();
      serve();
    });
  }
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;
  ~NameServer() {
    stop_ = true;
    thread_.join();
    ::close(udp_);
    ::close(tcp_);
  }

  net::Address address() const { return net::Address::loopback_ipv4(port_); }
  void say(const std::string& name, NameAnswer answer) {
    const std::scoped_lock lock(mutex_);
    answers_[name] = std::move(answer);
  }
  /// How often it was asked.
  int asked() const noexcept { return asked_; }
  int asked_over_tcp() const noexcept { return asked_over_tcp_; }

  static NameRecord a(const char* text, std::uint32_t ttl = 300) {
    in_addr address{};
    ::inet_pton(AF_INET, text, &address);
    return {kA, std::string(reinterpret_cast<const char*>(&address), 4), ttl};
  }
  static NameRecord aaaa(const char* text) {
    in6_addr address{};
    ::inet_pton(AF_INET6, text, &address);
    return {kAaaa, std::string(reinterpret_cast<const char*>(&address), 16)};
  }
  static NameRecord cname(std::string_view target) { return {kCname, labels(target)}; }
  static NameRecord ptr(std::string_view target) { return {kPtr, labels(target)}; }

 private:
  static std::string labels(std::string_view name) {
    std::string wire;
    while (!name.empty()) {
      const std::size_t end = std::min(name.find('.'), name.size());
      wire += static_cast<char>(end);
      wire += name.substr(0, end);
      name.remove_prefix(std::min(end + 1, name.size()));
    }
    return wire + '\0';
  }

  static void put16(std::string& to, unsigned value) {
    to += static_cast<char>(value >> 8);
    to += static_cast<char>(value);
  }

  void serve() {
    std::array<char, 4096> buffer;
    while (!stop_) {
      pollfd entries[] = {{udp_, POLLIN, 0}, {tcp_, POLLIN, 0}};
      if (::poll(entries, 2, 10) <= 0) continue;
      if (entries[0].revents) {
        sockaddr_in from{};
        socklen_t size = sizeof from;
        const ssize_t n =
            ::recvfrom(udp_, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
        const std::string reply =
            answer({buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))}, false);
        if (!reply.empty())
          ::sendto(udp_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
      }
      if (entries[1].revents) serve_tcp(buffer);
    }
  }

  void serve_tcp(std::array<char, 4096>& buffer) {
    const int peer = ::accept4(tcp_, nullptr, nullptr, SOCK_CLOEXEC);
    if (peer < 0) return;
    const auto read_all = [&](std::size_t wanted) {
      return ::recv(peer, buffer.data(), wanted, MSG_WAITALL) == static_cast<ssize_t>(wanted);
    };
    if (read_all(2)) {
      const auto size = static_cast<std::size_t>(static_cast<unsigned char>(buffer[0]) << 8 |
                                                 static_cast<unsigned char>(buffer[1]));
      if (size <= buffer.size() && read_all(size)) {
        const std::string reply = answer({buffer.data(), size}, true);
        std::string framed;
        put16(framed, static_cast<unsigned>(reply.size()));
        framed += reply;
        if (!reply.empty()) static_cast<void>(::send(peer, framed.data(), framed.size(), MSG_NOSIGNAL));
      }
    }
    ::close(peer);
  }

  /// Empty: none.
  std::string answer(std::string_view query, bool tcp) {
    if (query.size() < 17) return {};
    std::string name;
    std::size_t at = 12;
    while (at < query.size() && query[at] != 0) {
      const auto length = static_cast<unsigned char>(query[at]);
      name += (name.empty() ? "" : ".") + std::string(query.substr(at + 1, length));
      at += 1U + length;
    }
    if (at + 5 > query.size()) return {};
    const unsigned type = static_cast<unsigned char>(query[at + 2]);
    NameAnswer found{.code = 3};
    {
      const std::scoped_lock lock(mutex_);
      if (const auto it = answers_.find(name); it != answers_.end()) found = it->second;
    }
    ++asked_;
    asked_over_tcp_ += tcp;
    if (found.silent) return {};
    return encode(query.substr(0, 2), query.substr(12, at + 5 - 12), type, found,
                  found.only_over_tcp && !tcp);
  }

  static std::string encode(std::string_view id, std::string_view question, unsigned type,
                            const NameAnswer& found, bool truncate) {
    std::vector<NameRecord> records;
    for (const NameRecord& each : found.records) {
      if (!truncate && (each.type == type || each.type == kCname)) records.push_back(each);
    }
    std::string reply(id);
    put16(reply, 0x8180 | (truncate ? 0x200U : 0) | found.code);
    put16(reply, 1);
    put16(reply, found.garbage ? 7 : static_cast<unsigned>(records.size()));
    put16(reply, 0);
    put16(reply, 0);
    reply += question;
    if (found.garbage) return reply + "\xc0\xff\x7f garbage that is no record \xff\xff\xff";
    std::string owner(question.substr(0, question.size() - 4));
    for (const NameRecord& each : records) {
      reply += owner;
      put16(reply, each.type);
      put16(reply, 1);
      put16(reply, each.ttl >> 16);
      put16(reply, each.ttl);
      put16(reply, static_cast<unsigned>(each.data.size()));
      reply += each.data;
      if (each.type == kCname) owner = each.data;
    }
    return reply;
  }

  int udp_;
  int tcp_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<int> asked_{0};
  std::atomic<int> asked_over_tcp_{0};
  std::mutex mutex_;
  std::map<std::string, NameAnswer> answers_;
  std::thread thread_;
};

}  // namespace verdin::test
