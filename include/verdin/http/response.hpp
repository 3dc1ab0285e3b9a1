// Response: what a handler fills in and sends.
//
// For one handler on one greenlet of the hub's thread. The first of send(), json(), html(), redirect(),
// send_file() and render() sends; a handler that returns without one sends the status and headers with an
// empty body. The setters throw std::invalid_argument for a name or value that could split the response (CR,
// LF, NUL, ...), and std::logic_error once the response is sent. send_file() blocks (it opens a file),
// write() and peer_leaves() suspend the greenlet.
#pragma once

#include <concepts>
#include <cstdint>
#include <ctime>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <verdin/http/exchange.hpp>
#include <verdin/http/impl/header_list.hpp>
#include <verdin/http/template.hpp>
#include <verdin/protocol/http1/content_coding.hpp>
#include <verdin/protocol/http1/cookie.hpp>
#include <verdin/protocol/json/convert.hpp>

struct stat;

namespace verdin::http {

class Response {
 public:
  explicit Response(ExchangePtr exchange) : exchange_(std::move(exchange)) {}
  Response(const Response&) = delete;
  Response& operator=(const Response&) = delete;

  int status() const noexcept { return status_; }
  Response& status(int code);
  /// Sets a header, in place of one of that name.
  Response& header(std::string_view name, std::string_view value);
  /// Adds a header beside those of that name.
  Response& add_header(std::string_view name, std::string_view value);
  /// Adds a header that stays: on the answer to what the handler throws, too, be it plain or an error page.
  /// What a middleware says of every answer (CORS, say) is such. header() replaces it all the same on the
  /// handler's own answer, unless it is Vary: of that there may always be more.
  Response& lasting_header(std::string_view name, std::string_view value);
  /// Sets Content-Type.
  Response& type(std::string_view media_type) { return header("Content-Type", media_type); }
  Response& cookie(std::string_view name, std::string_view value,
                   const http1::CookieAttributes& attributes = {});
  Response& close();

  /// Sets ETag (`etag` with its quotes; empty: none) and Last-Modified. If the request's conditions on them
  /// (If-Match, If-None-Match, ...) settle it, it is answered with 304 or 412, and true: the handler is done.
  /// Where the status was set to another than 2xx, no condition counts: nothing is set, and false.
  bool settled_by(std::string_view etag, std::optional<std::time_t> changed = std::nullopt);

  /// As text/plain unless a type is set.
  void send(std::string_view body);
  void send(const SharedBuffer& body);
  void send() { send(std::string_view()); }
  void html(std::string_view page);
  /// Anything that json::encode() takes, as application/json unless a type is set: a json::Value, numbers, a
  /// struct with json_fields(), vectors. A text becomes a string of JSON, quoted and escaped.
  template <typename T>
  void json(const T& value) {
    if constexpr (std::convertible_to<const T&, std::string_view>) {
      json_text(verdin::json::to_text(std::string_view(value)));
    } else {
      json_text(verdin::json::to_text(value));
    }
  }
  /// What is JSON already, as it is: nothing that a peer has sent.
  void json_text(std::string_view text);
  /// Relative or absolute; written as given, so it must be percent-encoded.
  void redirect(std::string_view location, int status = 302);
  /// Answers with a regular file: type by its name, ETag, Last-Modified, conditions, one range (the whole to
  /// who asks for several); type and content alone with another status than 2xx, that of an error page.
  /// 404 and false if there is no such file that can be read. The name is trusted: see
  /// http1::safe_file_path() for names that peers choose. std::system_error where there are no descriptors.
  bool send_file(const std::string& file_name);
  void render(const Template& page, std::span<const TemplateValue> values);
  void render(const Template& page, std::initializer_list<TemplateValue> values) {
    render(page, std::span(values.begin(), values.size()));
  }
  /// A template so that braces are never taken for a Value.
  template <std::same_as<verdin::json::Value> T>
  void render(const Template& page, const T& data) {
    html(page.render(data));
  }

  /// The pieces of write() will be so many octets in all: a client can show how far it is, and one of
  /// HTTP/1.0 knows where the end is. Such an answer is not compressed. A piece beyond is std::length_error,
  /// and so is an end before: if it leaves the handler it is reported as any failure, and answered 500 if
  /// nothing has been sent. Else the connection is cut, and the peer of one that was too short knows that; of
  /// one that would have been too long it has what was announced, and takes that for whole.
  Response& length(std::uint64_t octets);
  /// Sends the next piece of an answer: chunked, unless its length() is set; the first one sends the status
  /// and headers (as text/plain unless a type is set). Waits while the peer takes too little; false: it has
  /// gone, and nothing more need be made. The answer ends when the handler returns, or by end(); if the
  /// handler throws, the connection is cut, and the peer knows that it has not got all (one of HTTP/1.0 can
  /// only know where there is a length()). Where it is
  /// compressed (see Options::compress_from), what the peer has got it can read: each piece is flushed.
  bool write(std::string_view piece);
  /// A field behind the body (a checksum, say), between the first write() and the end: see
  /// Exchange::trailer(). False: the peer has not asked for trailers, and gets none.
  bool trailer(std::string_view name, std::string_view value) {
    return !gone_ && exchange_->trailer(name, value);
  }
  void end();
  /// Waits, `limit` at most, for the peer to go away; true if it has, and at once when the app stops: whoever
  /// writes now and then returns, and the answer ends whole. One that has not begun can still be sent.
  bool peer_leaves(loop::Clock::duration limit) { return exchange_->peer_leaves(limit); }

  bool sent() const noexcept { return sent_; }
  /// For what is not here.
  Exchange& exchange() noexcept { return *exchange_; }

 private:
  class Checked;
  friend class Server;
  friend class StaticFiles;
  /// send_file() of one that is open; `info` is of it.
  bool send_opened(const std::string& file_name, FileBody file, const struct ::stat& info);
  void check_unsent() const;
  bool has_header(std::string_view name) const noexcept;
  /// One whose value `is_such`.
  template <typename Judge>
  bool has_header(std::string_view name, const Judge& is_such) const;
  bool has_type() const noexcept { return has_type_ || has_header("Content-Type"); }
  using HeaderPair = std::pair<std::string, std::string>;
  using LastingList = std::vector<HeaderPair>;
  /// For a call.
  class HeaderViews {
   public:
    HeaderViews(std::span<const Header> headers, std::span<const HeaderPair> lasting) : all_(headers) {
      if (!lasting.empty()) join(lasting);
    }
    HeaderViews(const HeaderViews&) = delete;
    HeaderViews& operator=(const HeaderViews&) = delete;
    operator std::span<const Header>() const noexcept {  // NOLINT(google-explicit-constructor)
      return all_;
    }

   private:
    void join(std::span<const HeaderPair> lasting);
    std::span<const Header> all_;
    std::vector<Header> joined_;
  };
  /// Those that nothing has replaced.
  std::span<const HeaderPair> lasting() const noexcept {
    return lasting_ ? std::span<const HeaderPair>(*lasting_).first(lasting_->size() - replaced_)
                    : std::span<const HeaderPair>();
  }
  HeaderViews header_views() const { return HeaderViews(headers_.all(), lasting()); }
  /// For the answer to what the handler threw: none but those that last, and these as they were.
  void forget_headers() noexcept {
    headers_.clear();
    has_type_ = false;
    replaced_ = 0;
  }
  void append_header(std::string_view name, std::string_view value);
  bool may_be_compressed(std::size_t size) const;
  void vary_by_coding();
  void set_coding(http1::ContentCoding coding);
  void choose_coding_of_pieces();
  bool write_coded(std::string_view piece);

  ExchangePtr exchange_;
  HeaderList headers_;
  std::unique_ptr<LastingList> lasting_;  // none: nobody wants any
  std::size_t replaced_ = 0;              // of those, at their end, by header(): until the handler throws
  std::size_t compress_from_ = 0;
  std::optional<std::uint64_t> length_;  // of an answer in pieces
  int status_ = 200;
  bool compress_events_ = false;
  http1::ContentCoding coding_ = http1::ContentCoding::identity;  // of an answer in pieces
  std::unique_ptr<http1::ContentEncoder> encoder_;                // once there is a piece
  bool sent_ = false;
  bool has_type_ = false;  // among headers_
  bool gone_ = false;      // the peer, before the first write()
};

}  // namespace verdin::http
