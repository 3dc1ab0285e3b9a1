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

ClientStream::ClientStream(ClientHead head, std::shared_ptr<ClientExchange> exchange)
    : ClientHead(std::move(head)), exchange_(std::move(exchange)) {}
ClientStream::ClientStream(ClientStream&&) noexcept = default;

ClientStream& ClientStream::operator=(ClientStream&& other) noexcept {
  if (this == &other) return *this;
  if (exchange_) exchange_->close();
  exchange_ = std::move(other.exchange_);
  ClientHead::operator=(std::move(other));
  return *this;
}

ClientStream::~ClientStream() {
  if (exchange_) exchange_->close();
}

bool ClientStream::write(std::string_view piece) { return exchange_->write(piece); }
bool ClientStream::finish() { return exchange_->finish(); }

void ClientStream::wait_head() {
  if (status() == 0) exchange_->read_head(*this);
}

std::size_t ClientStream::read(std::span<char> into) {
  wait_head();
  return exchange_->read(into);
}

std::string ClientStream::read(std::size_t most) {
  std::string text(std::min(most, kReadPiece), '\0');
  text.resize(read(std::span(text)));
  return text;
}

std::string ClientStream::read_all(std::size_t limit) {
  std::string text;
  std::string piece(kReadPiece, '\0');
  while (const std::size_t size = read(std::span(piece))) {
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
  cookies_ = std::make_shared<http1::CookieJar>();
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
  ClientStream answer = follow(std::make_shared<ClientRequest>(std::move(request)), limit, limit);
  ClientResponse response;
  response.body_ = answer.read_all(options_.body_limit);
  response.trailers_ = answer.trailers().text();
  static_cast<ClientHead&>(response) = std::move(answer);
  return response;
}

ClientStream Client::open(ClientRequest request) {
  const net::Deadline limit = in(request.total.value_or(options_.total));
  const net::Deadline after = request.total ? limit : net::Deadline::never();
  return follow(std::make_shared<ClientRequest>(std::move(request)), limit, after);
}

ClientStream Client::begin(ClientRequest request) {
  if (request.upload || !request.body.empty())
    throw ClientError(ClientError::Kind::bad_request, "a body that is there, where it is to be written");
  const net::Deadline limit = in(request.total.value_or(options_.total));
  const net::Deadline after = request.total ? limit : net::Deadline::never();
  request.upload = [](std::string&) { return false; };  // framed as one; nobody calls it
  const http1::Url url = check(request);
  const auto shared = std::make_shared<ClientRequest>(std::move(request));
  ClientStream stream = ask(shared, url, limit, true);
  stream.exchange_->set_limit(after);
  return stream;
}

http1::Url Client::check(const ClientRequest& request) {
  std::optional<http1::Url> url = http1::parse_url(request.url);
  if (!url) throw ClientError(ClientError::Kind::bad_request, "not a URL of http or https");
  check_request(request);
  return std::move(*url);
}

ClientStream Client::follow(const std::shared_ptr<ClientRequest>& request, net::Deadline until_head,
                            net::Deadline limit) {
  http1::Url url = check(*request);
  for (int redirects = 0;; ++redirects) {
    ClientStream answer = ask(request, url, until_head, false);
    std::optional<http1::Url> next;
    if (options_.redirects != 0) next = redirected(answer, *request, url);
    if (!next) {
      answer.exchange_->set_limit(limit);
      return answer;
    }
    if (redirects == options_.redirects) throw ClientError(ClientError::Kind::redirect, "too many redirects");
    try {
      answer.exchange_->finish_or_close(kDrain);
    } catch (const ClientError&) {  // it was of no interest
    } catch (const std::system_error&) {
    }
    if (becomes_get(answer.status(), *request)) make_get(*request);
    if (!next->same_origin(url)) forget_secrets(*request);
    url = std::move(*next);
  }
}

const std::optional<http1::Url>& Client::proxy_for(const http1::Url& url) const {
  static const std::optional<http1::Url> none;
  return proxy_ && no_proxy_->matches(url) ? none : proxy_;
}

// One request and the head of its answer (unless it only `begins`); twice, where that does no harm.
ClientStream Client::ask(const std::shared_ptr<ClientRequest>& request, const http1::Url& url,
                         net::Deadline limit, bool begins) {
  const std::optional<http1::Url>& proxy = proxy_for(url);
  const bool by_proxy = proxy && !url.secure;
  const std::string origin = by_proxy ? "proxy" : url.origin();
  const ClientExchange::Settings settings{options_.limits, options_.silence,
                                          asks_for_codings(*request, options_),
                                          options_.cookies ? cookies_ : nullptr};
  bool expects = is_announced(*request, options_);
  for (bool again = false;; again = true) {
    ClientPool::Lease lease = pool_->acquire(origin, limit, !again);
    const bool kept = static_cast<bool>(lease);
    if (!kept) {
      lease.set(std::make_unique<ClientConnection>(
          dial(options_, proxy, url, earlier(in(options_.connect), limit))));
    }
    const auto exchange = std::make_shared<ClientExchange>(std::move(lease), settings, limit, request);
    const std::string cookies =
        options_.cookies ? cookies_->header_for(url, std::time(nullptr)) : std::string();
    const std::string whole_head =
        request_head(*request, url, options_,
                     {cookies, by_proxy ? proxy_authorization(options_) : std::string(), by_proxy, expects});
    std::string_view head = whole_head;
    ClientStream answer({}, exchange);
    answer.url_ = url;
    try {
      const bool is_wanted = !expects || exchange->announce(std::exchange(head, {}), options_.continue_wait);
      if (begins) {
        exchange->begin(head);
        if (is_wanted) return answer;
      } else if (is_wanted) {
        exchange->send(head);
      }
      exchange->read_head(answer);
      if (expects && answer.status() == kExpectationFailed && (!is_wanted || !request->upload)) {
        expects = false;
        continue;
      }
      return answer;
    } catch (const net::TimedOut&) {
      throw;
    } catch (const std::system_error&) {
      // A kept connection that its peer closed just now.
      if (!kept || again || exchange->answered() || !may_repeat(*request)) throw;
    }
  }
}

bool Client::becomes_get(int status, const ClientRequest& request) noexcept {
  return (status == 303 && request.method != "HEAD") || (status <= 302 && request.method == "POST");
}

// Where the next step leads. None: the answer is for the application.
std::optional<http1::Url> Client::redirected(const ClientHead& answer, const ClientRequest& request,
                                             const http1::Url& url) const {
  const int status = answer.status();
  if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308) return std::nullopt;
  const auto location = answer.header("Location");
  if (!location) return std::nullopt;
  if (!becomes_get(status, request) && request.upload) return std::nullopt;  // made once, and gone
  std::optional<http1::Url> next = http1::resolve_url(url, *location);
  if (!next) throw ClientError(ClientError::Kind::redirect, "redirected to what is no URL of http or https");
  if (url.secure && !next->secure && !options_.insecure_redirects)
    throw ClientError(ClientError::Kind::redirect, "redirected from https to http");
  return next;
}

}  // namespace verdin::http
