// ClientExchange: one request on one connection, and its answer. Internal.
//
// The two directions are independent: a body that does not go out at once is sent by a greenlet of its own
// (the sender), or by write(), while read_head() and read() take the answer. Whatever leaves it by an
// exception has closed the connection; only a request that was sent to its end and an answer that was read to
// its end give it back. It outlives its Client if need be.
#pragma once

#include <exception>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <verdin/http/client.hpp>
#include <verdin/protocol/http1/body_decoder.hpp>
#include <verdin/protocol/http1/content_coding.hpp>
#include <verdin/protocol/http1/response_parser.hpp>
#include <verdin/runtime/greenlet.hpp>

#include "http/client/pool.hpp"

namespace verdin::http {

class ClientExchange : public std::enable_shared_from_this<ClientExchange> {
 public:
  struct Settings {
    http1::Limits limits;
    std::chrono::milliseconds silence;
    bool decode;
    std::shared_ptr<http1::CookieJar> cookies;  // null: none are kept
  };

  ClientExchange(ClientPool::Lease lease, Settings settings, net::Deadline limit,
                 std::shared_ptr<ClientRequest> request)
      : lease_(std::move(lease)),
        settings_(std::move(settings)),
        limit_(limit),
        request_(std::move(request)) {}
  ClientExchange(const ClientExchange&) = delete;
  ClientExchange& operator=(const ClientExchange&) = delete;

  // Sending (send.cpp, sender.cpp).
  /// Sends the head, and has the body sent: by the sender, unless it goes at once.
  void send(std::string_view head);
  /// The head alone: the body is written.
  void begin(std::string_view head);
  /// Sends the head and waits until the body is wanted, or nothing was heard for so long. False: an answer
  /// came instead.
  bool announce(std::string_view head, std::chrono::milliseconds most);
  /// False: the peer takes no more.
  bool write(std::string_view piece);
  bool finish();
  /// No more of the body is sent. Waits for the sender's end.
  void stop_sending() noexcept;

  // Receiving (receive.cpp).
  void read_head(ClientHead& to);
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
  using Clock = net::Deadline::Clock;
  static constexpr int kFirstError = 400;
  class InUse;
  enum class Sending : std::uint8_t {
    open,
    done,     // all of the request is with the kernel
    stopped,  // and never will be
  };

  bool in_use() const noexcept { return writing_ || reading_ || looking_; }
  bool may_send(std::size_t size, Clock::time_point now);
  bool send_piece(std::span<const std::string_view> pieces);
  bool send_chunk(std::string_view piece);
  bool send_end();
  void note_send_error(std::error_code error);
  bool stop();
  bool too_late(Clock::time_point since, Clock::time_point now) const;
  bool is_wanted(net::Deadline until);
  bool is_refused();
  void spawn_sender();
  void run_sender() noexcept;
  void send_rest();
  void send_upload();
  void rethrow_failure();

  bool feed_head();
  void read_one_head(std::optional<net::Deadline> until);
  bool fill(std::optional<net::Deadline> until);
  void say_end();
  void forget_interim();
  net::Deadline step(Clock::time_point since) const;
  void check_limit() const;
  void begin_body();
  std::size_t read_some(std::span<char> into);
  std::size_t decode(std::span<char> into);
  void next_piece();
  void wait_for_sender();
  void end();

  ClientPool::Lease lease_;
  Settings settings_;
  net::Deadline limit_;
  std::shared_ptr<ClientRequest> request_;

  Sending sending_ = Sending::open;
  bool written_ = false;   // by write(), not by the sender
  bool stopping_ = false;  // the sender is being killed
  bool writing_ = false;   // somebody is in a call of the connection that sends
  bool reading_ = false;   // or in one that receives
  bool looking_ = false;   // a writer looks for an answer
  bool closed_ = false;
  Greenlet<> sender_;
  std::exception_ptr failure_;  // of the upload
  std::error_code send_error_;
  std::string_view body_rest_;  // for the sender, as is the rest of the head
  std::string head_rest_;
  std::uint64_t upload_left_ = 0;  // of an upload whose size was said
  std::size_t unlooked_ = 0;       // octets sent since an answer was looked for
  Clock::time_point looked_at_{};
  Clock::time_point moved_at_{};  // when octets went last, in either direction

  std::size_t for_nothing_ = 0;  // coded octets since the last that stood for something
  http1::ResponseParser head_;
  int interim_ = 0;  // answers before the answer
  int status_ = 0;   // of the answer, when read_head() has given it
  http1::BodyDecoder body_;
  http1::ContentDecoder content_;
  std::string_view piece_;  // of the body, as it came; lies in the connection's buffer
  std::string decoded_;
  bool coded_ = false;
  bool decoder_is_full_ = false;  // it may have more without another octet
  bool until_close_ = false;
  bool has_head_ = false;  // the answer's, and not an interim one's
  bool keeps_ = false;
  bool said_end_ = false;  // to who refused the body, and waits for the rest of it all the same
  bool answered_ = false;
  bool ended_ = false;
};

/// Somebody is in a call of the connection: it is closed meanwhile, and destroyed behind it.
class ClientExchange::InUse {
 public:
  InUse(ClientExchange& exchange, bool& flag) noexcept : exchange_(exchange), flag_(flag) { flag_ = true; }
  InUse(const InUse&) = delete;
  InUse& operator=(const InUse&) = delete;
  ~InUse() {
    flag_ = false;
    if (exchange_.closed_ && !exchange_.in_use()) exchange_.lease_.drop();
  }

 private:
  ClientExchange& exchange_;
  bool& flag_;
};

}  // namespace verdin::http
