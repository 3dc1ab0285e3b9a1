// ClientExchange: one request on one connection, and its answer. Internal.
//
// It outlives its Client if need be. Whatever leaves it by an exception has closed the connection; only an
// answer that was read to its end gives the connection back.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <verdin/http/client.hpp>
#include <verdin/protocol/http1/body_decoder.hpp>
#include <verdin/protocol/http1/content_coding.hpp>
#include <verdin/protocol/http1/response_parser.hpp>

#include "http/client/pool.hpp"

namespace verdin::http {

class ClientExchange {
 public:
  struct Settings {
    http1::Limits limits;
    std::chrono::milliseconds silence;
    bool decode;
  };

  ClientExchange(ClientPool::Lease lease, const Settings& settings, net::Deadline limit)
      : lease_(std::move(lease)), settings_(settings), limit_(limit) {}
  ClientExchange(const ClientExchange&) = delete;
  ClientExchange& operator=(const ClientExchange&) = delete;

  // Sending (send.cpp).
  /// True: the body went with it (as far as the peer took it).
  bool send(std::string_view head, ClientRequest& request);
  /// The body goes once it is wanted, or nothing was heard for so long. False: an answer came instead.
  bool send_when_wanted(std::string_view head, ClientRequest& request, std::chrono::milliseconds most);

  // Receiving (receive.cpp).
  void read_head(std::string_view method, ClientHead& to);
  /// Whether any octet of an answer came in.
  bool answered() const noexcept { return answered_; }
  std::size_t read(std::span<char> into);
  /// Reads up to `most` octets to the end, so that the connection can be used again; else closes it.
  void finish_or_close(std::size_t most);
  void close() noexcept;
  std::unique_ptr<net::StreamSocket> take_stream(std::string& leftover);
  void set_limit(net::Deadline limit) noexcept { limit_ = limit; }
  http1::HeaderBlock trailers() const noexcept { return body_.trailers(); }

 private:
  bool may_send(std::size_t size, net::Deadline::Clock::time_point now);
  bool send_piece(std::span<const std::string_view> pieces);
  void send_upload(std::string_view head, ClientRequest& request);
  std::string last_chunk(ClientRequest& request) const;
  bool is_wanted(net::Deadline until);
  bool is_refused();
  bool feed_head();
  void read_one_head(std::optional<net::Deadline> until);
  void forget_interim();
  net::Deadline step(net::Deadline::Clock::time_point now = net::Deadline::Clock::now()) const;
  void check_limit() const;
  void begin_body(std::string_view method);
  std::size_t read_some(std::span<char> into);
  std::size_t decode(std::span<char> into);
  void next_piece();
  void end();

  ClientPool::Lease lease_;
  Settings settings_;
  net::Deadline limit_;
  std::size_t for_nothing_ = 0;  // coded octets since the last that stood for something
  std::error_code send_error_;
  std::size_t unlooked_ = 0;  // octets sent since an answer was looked for
  net::Deadline::Clock::time_point looked_at_{};
  http1::ResponseParser head_;
  int interim_ = 0;  // answers before the answer
  http1::BodyDecoder body_;
  http1::ContentDecoder content_;
  std::string_view piece_;  // of the body, as it came; lies in the connection's buffer
  std::string decoded_;
  bool coded_ = false;
  bool decoder_is_full_ = false;  // it may have more without another octet
  bool until_close_ = false;
  bool has_head_ = false;   // the answer's, and not an interim one's
  bool body_kept_ = false;  // the request's: what was announced will not come
  bool keeps_ = false;
  bool answered_ = false;
  bool ended_ = false;
};

}  // namespace verdin::http
