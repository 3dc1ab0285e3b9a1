// Origins: of whose pages a browser may bring requests here. One rule for CORS, WebSocket and Engine.IO,
// because browsers hold WebSockets to none: there the server must ask.
//
// The list is exact: scheme, host and port as browsers write them ("https://example.org:8443", no path, a
// default port left out), or "*" alone for everybody, but never with credentials. A page of the server's own
// origin is welcome without being listed: of the Host header's host and port, and of https where the request
// came over TLS (what comes without may have come over TLS to a proxy: there the scheme is not compared). So
// is who has no Origin: that is no page's script.
//
// What answers say of it is the Fetch standard's (section 3.2): a list makes each answer depend on the
// Origin, which caches are told by Vary, also where no Origin came; "*" is said to everybody alike, and needs
// none.
//
// A value, for any thread that does not change it. Nothing blocks. The constructor throws
// std::invalid_argument for what no browser would write ("https://a.test/", "HTTPS://a.test",
// "https://a.test:443"), for "null" (anybody's sandboxed frame has that), and for "*" beside others or with
// credentials.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <verdin/http/exchange.hpp>

namespace verdin::http {

class Origins {
 public:
  /// The server's own pages only.
  Origins() = default;
  explicit Origins(std::vector<std::string> list, bool credentials = false);
  /// Everybody: the list "*".
  static Origins any() noexcept;

  /// No Origin, the server's own, or one of the list: others get 403.
  bool welcome(const Request& request) const;
  /// One of the list, or everybody is: its pages may read what is answered.
  bool has(std::string_view origin) const;
  bool everybody() const noexcept { return everybody_; }

  /// Vary, Access-Control-Allow-Origin and -Credentials, as far as they are due. They refer to `request`.
  void append_headers(const Request& request, std::vector<Header>& to) const;

 private:
  std::vector<std::string> list_;
  bool credentials_ = false;
  bool everybody_ = false;
};

}  // namespace verdin::http
