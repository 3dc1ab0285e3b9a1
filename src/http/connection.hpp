// Connection: the state machine between one stream and the exchanges on it. Internal.
//
//   idle -> head -> body -> answering -> idle ...      any state -> ending -> closed
//
// One that ends politely is in `ending` until the kernel has all that was queued for its peer, and counts
// until then: max_connections, write_timeout, write_rate and stop_grace hold for it as for any other. What
// still comes in is dropped.
//
// One request is in flight at a time; what a pipelining peer sends meanwhile is held (at most what one read
// of the loop gave) and the stream is paused. An idle connection owns no buffer and no exchange: about 200
// octets beside its stream.
//
// Ownership: the server's list holds one reference until the connection is closed; every entry from outside
// takes another, for a callback may close it. All on the hub's thread; nothing blocks.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/http/exchange.hpp>
#include <verdin/loop/loop.hpp>

namespace verdin::http {

class Server;

class Connection final : public loop::StreamHandler, public RefCounted<Connection> {
 public:
  Connection(Server& server, loop::StreamPtr stream, bool secure);

  void open();
  /// The server stops: closes if idle, else behind the response in flight.
  void begin_stop();
  /// Closes at once; whoever answers is told.
  void drop();

  // For Exchange. `exchange` is the one in flight.
  void respond(Exchange& exchange, int status, std::span<const Header> headers, std::string_view body);
  void respond(Exchange& exchange, int status, std::span<const Header> headers, const SharedBuffer& body);
  void respond(Exchange& exchange, int status, std::span<const Header> headers, FileBody body);
  void abandon(Exchange& exchange);
  /// Its answer, which was started, will not come to its end.
  void cut(const Exchange& exchange);
  // In pieces (connection_stream.cpp).
  void start(Exchange& exchange, int status, std::span<const Header> headers,
             std::optional<std::uint64_t> size);
  void send_piece(Exchange& exchange, std::string_view piece);
  void end(Exchange& exchange);
  /// Octets of the body that are here; 0: it has ended; none: they are still to come.
  std::optional<std::size_t> take_body(Exchange& exchange, std::span<char> into);
  void await_body(Exchange& exchange);
  void stop_awaiting_body(Exchange& exchange);
  /// So much waits for the peer that no more should be made.
  bool output_is_high();
  /// The same, when the kernel has taken what it would: on_drained() follows then.
  bool output_is_full();
  void abort_if_half_closed();
  loop::StreamPtr give_stream(Exchange& exchange, std::string& leftover);
  Server& server() const noexcept { return *server_; }

  // Links of the server's list.
  Connection* next = nullptr;
  Connection* prev = nullptr;

 private:
  enum class Phase : std::uint8_t { fresh, idle, head, body, answering, ending, closed };

  void on_data(std::span<char> data) override;
  void on_eof() override;
  void on_error(std::error_code reason) override;
  void on_drained() override;

  // Reading (connection.cpp).
  void run(std::string_view data);
  void use(std::string_view data);
  void read_head(std::string_view& data);
  void head_done(bool body_has_begun);
  void read_body(std::string_view& data);
  void begin_answer(Exchange& exchange);
  void request_done();
  void body_too_large();
  void refuse(int status);
  void hold(std::string_view data);
  void go_on();
  void go_on_later();
  bool can_read() const noexcept { return phase_ < Phase::answering; }
  bool body_is_streamed() const noexcept { return answering_ && answering_->reads_body_; }
  void end_body(Exchange& exchange);
  void fail_body(Exchange& exchange, int status);

  // Answering (connection_answer.cpp).
  /// `size` by reference: a copy would load in one what was stored in two, and wait until it is in the cache.
  bool write_head(Exchange& exchange, int status, std::span<const Header> headers,
                  const std::optional<std::uint64_t>& size, std::string_view body = {});
  void end_exchange(Exchange& exchange, bool is_noted = true);
  ExchangePtr cut_file();
  void answered(bool keep);
  void pump_file();
  void pump_pieces_of_file();
  template <typename F>
  void or_drop(F&& send);
  bool send_unread(FileBody& file);
  void pump_file_later();
  void note_queued(std::size_t unsent_before);
  void send_uncounted(std::string_view octets);
  void abort_exchange();
  void close_politely();
  void await_output();
  ExchangePtr forget_input() noexcept;
  void leave_server();

  // Timeouts (connection_timeouts.cpp).
  void enter(Phase phase);
  void on_timer();
  void on_time();
  template <typename F>
  void guarded(F&& call);
  void check_body_rate(std::chrono::milliseconds elapsed);
  void check_idle(std::chrono::milliseconds elapsed);
  void check_peer_takes();
  void start_timer(std::chrono::milliseconds delay);
  /// It stays on the wheel: the next phase puts it off, which costs less.
  void stop_timer() noexcept { timed_ = false; }

  const IntrusivePtr<Server> server_;  // hooks, which may destroy the App, are called from everywhere
  loop::StreamPtr stream_;
  IntrusivePtr<Exchange> reading_;
  Exchange* answering_ = nullptr;     // the one in flight; whoever answers owns it
  std::string_view* rest_ = nullptr;  // while run() is on the stack: what it has not read yet
  std::string held_;
  struct FileAnswer {
    FileBody body;
    ExchangePtr noted;  // if somebody wants to know what was sent
  };
  std::unique_ptr<FileAnswer> file_;
  loop::Timer timer_;
  loop::Clock::time_point phase_began_;
  loop::Clock::time_point taken_at_;  // when the peer's taking was last looked at
  std::uint64_t queued_ = 0;          // octets given to the stream so far
  std::uint64_t taken_ = 0;           // of those, taken by the kernel at taken_at_
  std::uint32_t mark_ = 0;            // as much more may wait: see output_is_high()
  Phase phase_ = Phase::fresh;
  bool timed_ : 1 = false;  // else the timer means nothing
  bool eof_ : 1 = false;
  bool paused_ : 1 = false;
  bool discards_input_ : 1 = false;
  bool keep_behind_file_ : 1 = false;
  bool sends_unread_ : 1 = false;  // the file
  const bool secure_ : 1;          // the stream is carried by TLS
};

}  // namespace verdin::http
