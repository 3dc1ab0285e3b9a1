#include <algorithm>
#include <ctime>
#include <stdexcept>

#include <verdin/net/error.hpp>
#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/response_head.hpp>

#include "http/client/dial.hpp"
#include "http/client/exchange.hpp"
#include "http/client/no_proxy.hpp"
#include "http/client/request_head.hpp"

namespace verdin::http {

namespace {

constexpr std::size_t kDrain = 64 * 1024;  // of a body that nobody wants, to keep its connection
constexpr std::size_t kReadPiece = 16 * 1024;
constexpr int kExpectationFailed = 417;

net::Deadline in(std::chrono::milliseconds limit) {
  return limit.count() > 0 ? net::Deadline(limit) : net::Deadline::never();
}

net::Deadline earlier(net::Deadline a, net::Deadline b) {
  const auto due = b.due();
  return due ? a.earlier(*due) : a;
}

}  // namespace

ClientStream::ClientStream(ClientHead head, std::unique_ptr<ClientExchange> exchange)
    : ClientHead(std::move(head)), exchange_(std::move(exchange)) {}
ClientStream::ClientStream(ClientStream&&) noexcept = default;
ClientStream& ClientStream::operator=(ClientStream&&) noexcept = default;
ClientStream::~ClientStream() = default;

std::size_t ClientStream::read(std::span<char> into) { return exchange_->read(into); }

std::string ClientStream::read(std::size_t most) {
  std::string text(std::min(most, kReadPiece), '\0');
  text.resize(exchange_->read(std::span(text)));
  return text;
}

std::string ClientStream::read_all(std::size_t limit) {
  std::string text;
  std::string piece(kReadPiece, '\0');
  while (const std::size_t size = exchange_->read(std::span(piece))) {
    if (size > limit - text.size()) {
      close();
      throw ClientError(ClientError::Kind::too_large, "the answer's body is too large");
    }
    text.append(piece, 0, size);
  }
  return text;
}

http1::HeaderBlock ClientStream::trailers() const noexcept { return exchange_->trailers(); }

void ClientStream::close() noexcept { exchange_->close(); }

std::unique_ptr<net::StreamSocket> ClientStream::take_stream(std::string& leftover) {
  return exchange_->take_stream(leftover);
}

Client::Client(ClientOptions options) : options_(std::move(options)) {
  if (!options_.proxy.empty()) {
    proxy_ = http1::parse_url(options_.proxy);
    if (!proxy_ || proxy_->secure) throw std::invalid_argument("a proxy is \"http://host:port\"");
  }
  no_proxy_ = std::make_unique<NoProxy>(options_.no_proxy);
  http1::check_header("User-Agent", options_.user_agent);
  pool_ = IntrusivePtr<ClientPool>(new ClientPool({std::max<std::size_t>(options_.connections, 1),
                                                   std::max<std::size_t>(options_.connections_per_origin, 1),
                                                   options_.idle_connections, options_.idle_time}));
}

Client::~Client() { pool_->close(); }

std::size_t Client::idle() const noexcept { return pool_->idle(); }
void Client::close_idle() noexcept { pool_->close_idle(); }

ClientResponse Client::get(std::string url) {
  ClientRequest wanted;
  wanted.url = std::move(url);
  return request(std::move(wanted));
}

ClientResponse Client::post(std::string url, std::string body, std::string_view content_type) {
  ClientRequest wanted;
  wanted.method = "POST";
  wanted.url = std::move(url);
  wanted.body = std::move(body);
  wanted.headers.emplace_back("Content-Type",
                              content_type.empty() ? "application/octet-stream" : content_type);
  return request(std::move(wanted));
}

ClientResponse Client::request(ClientRequest request) {
  const net::Deadline limit = in(request.total.value_or(options_.total));
  ClientStream answer = follow(request, limit, limit);
  ClientResponse response;
  response.body_ = answer.read_all(options_.body_limit);
  response.trailers_ = answer.trailers().text();
  static_cast<ClientHead&>(response) = std::move(answer);
  return response;
}

ClientStream Client::open(ClientRequest request) {
  const net::Deadline limit = in(request.total.value_or(options_.total));
  return follow(request, limit, request.total ? limit : net::Deadline::never());
}

ClientStream Client::follow(ClientRequest& request, net::Deadline until_head, net::Deadline limit) {
  std::optional<http1::Url> url = http1::parse_url(request.url);
  if (!url) throw ClientError(ClientError::Kind::bad_request, "not a URL of http or https");
  check_request(request);
  for (int redirects = 0;; ++redirects) {
    ClientStream answer = ask(request, *url, until_head);
    if (options_.redirects == 0 || !redirect(answer, request, *url)) {
      answer.exchange_->set_limit(limit);
      return answer;
    }
    if (redirects == options_.redirects) throw ClientError(ClientError::Kind::redirect, "too many redirects");
    try {
      answer.exchange_->finish_or_close(kDrain);
    } catch (const ClientError&) {  // it was of no interest
    } catch (const std::system_error&) {
    }
  }
}

const std::optional<http1::Url>& Client::proxy_for(const http1::Url& url) const {
  static const std::optional<http1::Url> none;
  return proxy_ && no_proxy_->matches(url) ? none : proxy_;
}

// One request and the head of its answer; twice, where that does no harm.
ClientStream Client::ask(ClientRequest& request, const http1::Url& url, net::Deadline limit) {
  const std::optional<http1::Url>& proxy = proxy_for(url);
  const bool by_proxy = proxy && !url.secure;
  const std::string origin = by_proxy ? "proxy" : url.origin();
  const ClientExchange::Settings settings{options_.limits, options_.silence,
                                          asks_for_codings(request, options_)};
  bool expects = is_announced(request, options_);
  for (bool again = false;; again = true) {
    ClientPool::Lease lease = pool_->acquire(origin, limit, !again);
    const bool kept = static_cast<bool>(lease);
    if (!kept) {
      lease.set(std::make_unique<ClientConnection>(
          dial(options_, proxy, url, earlier(in(options_.connect), limit))));
    }
    auto exchange = std::make_unique<ClientExchange>(std::move(lease), settings, limit);
    const std::string cookies =
        options_.cookies ? cookies_.header_for(url, std::time(nullptr)) : std::string();
    const std::string head =
        request_head(request, url, options_,
                     {cookies, by_proxy ? proxy_authorization(options_) : std::string(), by_proxy, expects});
    try {
      ClientHead answer;
      answer.url_ = url;
      const bool is_sent = expects ? exchange->send_when_wanted(head, request, options_.continue_wait)
                                   : exchange->send(head, request);
      exchange->read_head(request.method, answer);
      if (expects && answer.status() == kExpectationFailed && (!is_sent || !request.upload)) {
        expects = false;
        exchange->close();
        continue;
      }
      if (options_.cookies) note_cookies(answer);
      return ClientStream(std::move(answer), std::move(exchange));
    } catch (const net::TimedOut&) {
      throw;
    } catch (const std::system_error&) {
      // A kept connection that its peer closed just now.
      if (!kept || again || exchange->answered() || !may_repeat(request)) throw;
    }
  }
}

void Client::note_cookies(const ClientHead& head) {
  const std::time_t now = std::time(nullptr);
  for (const http1::HeaderField& field : head.headers()) {
    if (http1::equals_ignoring_case(field.name, "set-cookie")) cookies_.store(head.url(), field.value, now);
  }
}

// Makes `request` and `url` those of the next step. False: the answer is for the application.
bool Client::redirect(const ClientHead& answer, ClientRequest& request, http1::Url& url) const {
  const int status = answer.status();
  if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308) return false;
  const auto location = answer.header("Location");
  if (!location) return false;
  const bool to_get =
      (status == 303 && request.method != "HEAD") || (status <= 302 && request.method == "POST");
  if (!to_get && request.upload) return false;  // made once, and gone
  std::optional<http1::Url> next = http1::resolve_url(url, *location);
  if (!next) throw ClientError(ClientError::Kind::redirect, "redirected to what is no URL of http or https");
  if (url.secure && !next->secure && !options_.insecure_redirects)
    throw ClientError(ClientError::Kind::redirect, "redirected from https to http");
  if (to_get) make_get(request);
  if (!next->same_origin(url)) forget_secrets(request);
  url = std::move(*next);
  return true;
}

}  // namespace verdin::http
