// NoProxy: which hosts a client asks straight, as the NO_PROXY of an environment lists them. Internal.
//
// See ClientOptions::no_proxy. A value; matching neither blocks nor throws, and looks up no name.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <verdin/protocol/http1/url.hpp>

namespace verdin::http {

class NoProxy {
 public:
  NoProxy() = default;
  /// std::invalid_argument for an entry that is none.
  explicit NoProxy(std::string_view list);

  bool matches(const protocol::http1::Url& url) const noexcept;

 private:
  using Octets = std::array<std::uint8_t, 16>;  // IPv4 as ::ffff:a.b.c.d

  struct Entry {
    std::string name{};  // in lower case; empty: a network
    Octets network{};
    unsigned bits = 0;
    std::uint16_t port = 0;  // 0: any
  };

  static bool read_address(std::string_view text, Octets& to) noexcept;
  static Entry read_entry(std::string_view text);

  std::vector<Entry> entries_;
  bool all_ = false;
};

}  // namespace verdin::http
