// Client: HTTP/1.1 requests as a greenlet makes them: one call, and the answer is there.
//
//   http::Client client;
//   http::ClientResponse page = client.get("https://example.org/");
//   if (page.status() == 200) use(page.body());
//
// Connections are kept and used again, a few to each origin; who wants one more waits. Names race
// (net/connect.hpp), "https" is TLS. Redirects are followed, brotli, gzip and deflate are undone (but not in
// parts of something: where a Range is asked for, the octets are those that came), cookies are kept where
// that is asked for. open() gives the answer when its head is there: its body is read in pieces, and the peer
// waits while nobody reads. Uploads may be made piece by piece, too.
//
// Both directions go at once: an answer is read while its request's body is still being sent, so a peer that
// answers as it reads holds nobody up. begin() gives the whole exchange: pieces are written, and read, as it
// goes on, by one greenlet or by one for each direction. An answer of 400 or more, or one that has come to
// its end, ends the sending of a body, and what was not sent to its end is the connection's last (RFC 9112
// sections 9.3 and 9.5).
//
// A request on a kept connection that turns out to be closed is sent once more, on a new one, if its method
// is idempotent (GET, HEAD, PUT, DELETE, OPTIONS, TRACE), nothing came back, and its body can be sent again;
// nothing else is ever sent twice. A connection is used again only behind an answer that was read to its end:
// kills, Timeouts, limits and errors close it.
//
// Threads: of one hub; many greenlets may use one Client. It, and what it gave, must be destroyed before the
// hub. Calls block the greenlet. They throw ClientError for what is wrong with the request or the answer,
// net::TimedOut for limits, net::ResolveError, net::TlsError and std::system_error for connections. An answer
// of any status is an answer: 404 throws nothing.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/base/unique_function.hpp>
#include <verdin/net/connect.hpp>
#include <verdin/net/stream_socket.hpp>
#include <verdin/net/tls_context.hpp>
#include <verdin/protocol/http1/cookie_jar.hpp>
#include <verdin/protocol/http1/header_block.hpp>
#include <verdin/protocol/http1/limits.hpp>
#include <verdin/protocol/http1/url.hpp>
#include <verdin/protocol/json/parse.hpp>

namespace verdin::http {

namespace http1 = protocol::http1;

struct ClientError : std::runtime_error {
  enum class Kind {
    bad_request,  ///< the URL, the method or a header of the request
    protocol,     ///< the answer is no HTTP/1.1, or its framing is ambiguous
    truncated,    ///< the connection ended before the answer did
    too_large,    ///< the answer's head or body is above a limit
    content,      ///< its Content-Encoding cannot be undone
    redirect,     ///< too many, to nowhere, or from https to http
    proxy,        ///< the proxy does not lead there
  };
  ClientError(Kind error_kind, const std::string& what) : std::runtime_error(what), kind(error_kind) {}
  Kind kind;
};

/// A time of zero means no limit.
struct ClientOptions {
  std::chrono::milliseconds total{60'000};    ///< of a request with its redirects, to the end of its answer
  std::chrono::milliseconds connect{10'000};  ///< of looking up, connecting, TLS and the proxy together
  /// Of each wait for the peer, in which it neither sends nor takes anything. It does not count while the
  /// body is still being made, nor while the sending waits for somebody to read the answer.
  std::chrono::milliseconds silence{30'000};
  http1::Limits limits{64 * 1024, 0, 0, 200, 16 * 1024, 8 * 1024};  ///< of heads and framing of answers
  std::size_t body_limit = 16'000'000;  ///< of a body that is collected, as it is when it is inflated

  bool decompress = true;           ///< asks for brotli, gzip and deflate, and undoes them
  int redirects = 10;               ///< followed at most; 0: they are answers like others
  bool insecure_redirects = false;  ///< from https to http
  bool cookies = false;             ///< kept and sent back
  std::string user_agent{};         ///< empty: none

  std::size_t connections = 100;               ///< in use at once, in all
  std::size_t connections_per_origin = 8;      ///< and to each origin
  std::size_t idle_connections = 50;           ///< kept, in all
  std::chrono::milliseconds idle_time{9'000};  ///< how long; less than what servers commonly allow

  std::string proxy{};  ///< "http://host:port" for all requests: asked in full, or by CONNECT for https
  std::string proxy_user{};
  std::string proxy_password{};
  /// Hosts that are asked straight, as NO_PROXY lists them: "localhost, example.org, .a.test, 10.0.0.0/8,
  /// [::1]:8080". A name is that host and all below it (a dot in front or behind changes nothing), an address
  /// or a network is compared with addresses in URLs (no name is looked up), a port means that one alone, "*"
  /// is everything.
  std::string no_proxy{};

  /// Bodies from so many octets on, and uploads of unknown size, are announced by "Expect: 100-continue", and
  /// sent when the server wants them, or has said nothing for `continue_wait`. An answer that comes instead
  /// is the answer, and the body is not sent; but behind 417 all is asked once more without. 0: never.
  std::uint64_t expect_from = 0;
  std::chrono::milliseconds continue_wait{1'000};

  std::optional<net::TlsContext> tls{};  ///< instead of one that trusts what the system trusts
  net::ResolveFunction resolve{};        ///< instead of the system's resolver
};

/// Makes the next piece of a body; false: there is none. It runs on a greenlet of its own (with the context
/// of the one that asks, see local.hpp), which is killed if no more is wanted, and has ended when the call
/// that has the answer, or the ClientStream, has. What it throws comes out there.
using Upload = UniqueFunction<bool(std::string& piece)>;

struct ClientRequest {
  std::string method = "GET";
  std::string url{};
  std::vector<std::pair<std::string, std::string>> headers{};  ///< without framing
  std::string body{};
  Upload upload{};                             ///< instead of `body`; it is made once, so never sent again
  std::optional<std::uint64_t> upload_size{};  ///< octets of all its pieces, if known; chunked otherwise
  /// Fields behind a chunked upload (a checksum, say), made when all of it has been sent. Announce them by a
  /// Trailer header where the server wants that.
  UniqueFunction<std::vector<std::pair<std::string, std::string>>()> trailers{};
  bool ask_trailers = false;  ///< says "TE: trailers": servers that know it may send some behind the body
  std::optional<std::chrono::milliseconds> total{};  ///< instead of the client's
};

/// What the head of an answer says.
class ClientHead {
 public:
  int status() const noexcept { return status_; }
  bool ok() const noexcept { return status_ >= 200 && status_ < 300; }
  const std::string& reason() const noexcept { return reason_; }
  http1::HeaderBlock headers() const noexcept { return http1::HeaderBlock(lines_); }
  /// The first of that name, in any case.
  std::optional<std::string_view> header(std::string_view name) const noexcept {
    return headers().find(name);
  }
  /// Whose answer it is: behind redirects another than was asked for.
  const http1::Url& url() const noexcept { return url_; }

 private:
  friend class Client;
  friend class ClientExchange;
  int status_ = 0;
  std::string reason_;
  std::string lines_;
  http1::Url url_;
};

class ClientResponse : public ClientHead {
 public:
  const std::string& body() const& noexcept { return body_; }
  std::string body() && noexcept { return std::move(body_); }
  /// The body as JSON: see Request::json().
  template <typename T = verdin::json::Value>
  std::optional<T> json(verdin::json::DecodeError* error = nullptr) const {
    return verdin::json::parse<T>(body_, error);
  }
  /// Fields that came behind the body, and may: see Request::trailers().
  http1::HeaderBlock trailers() const noexcept { return http1::HeaderBlock(trailers_); }

 private:
  friend class Client;
  std::string body_;
  std::string trailers_;
};

class ClientExchange;

/// An answer whose body is still to be read. Destroyed before its end, it closes the connection. One greenlet
/// may write while another reads (ConcurrentUse for a second of a kind, and not moved or destroyed
/// meanwhile); a kill or an exception that leaves a call of either closes the connection.
class ClientStream : public ClientHead {
 public:
  ClientStream(ClientStream&& other) noexcept;
  ClientStream& operator=(ClientStream&& other) noexcept;
  ~ClientStream();

  // Of begin() only; std::logic_error otherwise, and behind finish().

  /// The next octets of the request's body, when the kernel has taken them; waits while the peer takes none.
  /// False: it wants no more, and its answer (if it gave one) says why. It may take 200 ms to see that.
  bool write(std::string_view piece);
  /// The body has ended. ClientError (bad_request) if that is not where `upload_size` has it.
  bool finish();

  /// Waits for the answer's head, as read() does. Until then status() is 0; open() has done it.
  void wait_head();
  /// The next octets, at least one; 0: the body has ended, and was whole.
  std::size_t read(std::span<char> into);
  /// The same, `most` at most, as a string; empty at the end.
  std::string read(std::size_t most);
  /// What is left. ClientError (too_large) beyond `limit` octets.
  std::string read_all(std::size_t limit);
  /// Fields behind the body; there once read() has given 0.
  http1::HeaderBlock trailers() const noexcept;
  /// What is left is not wanted.
  void close() noexcept;
  /// Behind 101 (or any answer whose connection has another use now): the connection, and what came in behind
  /// the head. The request must have had "Connection: upgrade".
  std::unique_ptr<net::StreamSocket> take_stream(std::string& leftover);

 private:
  friend class Client;
  ClientStream(ClientHead head, std::shared_ptr<ClientExchange> exchange);
  std::shared_ptr<ClientExchange> exchange_;
};

class ClientPool;
class NoProxy;

class Client {
 public:
  /// std::invalid_argument for a proxy that is no URL, a no_proxy with an entry that is none, or a user agent
  /// that is no header.
  explicit Client(ClientOptions options = {});
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  ClientResponse get(std::string url);
  /// As application/octet-stream unless a type is given.
  ClientResponse post(std::string url, std::string body, std::string_view content_type = {});
  ClientResponse request(ClientRequest request);
  /// The answer when its head is there. `total` limits that alone, unless the request has one of its own.
  ClientStream open(ClientRequest request);
  /// The exchange when the request's head is sent (and, where `expect_from` has it announced, when the body
  /// is wanted): its body is written, its answer read, in any order. It has a chunked body (or `upload_size`
  /// octets of one) and `trailers`, but no `body` and no `upload`. Redirects are answers like others. `total`
  /// limits the connecting alone, unless the request has one of its own.
  ClientStream begin(ClientRequest request);

  http1::CookieJar& cookies() noexcept { return *cookies_; }
  const ClientOptions& options() const noexcept { return options_; }
  /// Connections that are kept for later.
  std::size_t idle() const noexcept;
  /// Closes those.
  void close_idle() noexcept;

 private:
  ClientStream follow(const std::shared_ptr<ClientRequest>& request, net::Deadline until_head,
                      net::Deadline limit);
  ClientStream ask(const std::shared_ptr<ClientRequest>& request, const http1::Url& url, net::Deadline limit,
                   bool begins);
  static http1::Url check(const ClientRequest& request);
  static bool becomes_get(int status, const ClientRequest& request) noexcept;
  std::optional<http1::Url> redirected(const ClientHead& answer, const ClientRequest& request,
                                       const http1::Url& url) const;
  const std::optional<http1::Url>& proxy_for(const http1::Url& url) const;

  ClientOptions options_;
  std::optional<http1::Url> proxy_;
  std::unique_ptr<const NoProxy> no_proxy_;
  IntrusivePtr<ClientPool> pool_;
  std::shared_ptr<http1::CookieJar> cookies_;  // what is begun may outlive its Client
};

}  // namespace verdin::http
