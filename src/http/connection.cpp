#include "http/connection.hpp"

#include <algorithm>

#include <verdin/protocol/http1/uri.hpp>
#include <verdin/runtime/hub.hpp>

#include "http/server.hpp"

namespace verdin::http {

namespace {
constexpr std::size_t kLittleOutput = 8 * 1024;
constexpr std::chrono::seconds kShortOfMemory(1);
constexpr std::size_t kMostBodyHeld = 64 * 1024;  // of one that a handler reads
}  // namespace

// What every open connection costs beside its stream.
static_assert(sizeof(Connection) <= 256);

Connection::Connection(Server& server, loop::StreamPtr stream, bool secure)
    : server_(&server),
      stream_(std::move(stream)),
      timer_(stream_->loop(), loop::on_timer<&Connection::on_timer>, this),
      secure_(secure) {}

void Connection::open() {
  enter(Phase::fresh);
  stream_->set_handler(this);
}

void Connection::on_data(std::span<char> data) { run({data.data(), data.size()}); }

/// For what the loop calls: what fails (for want of memory) is one connection less.
template <typename F>
void Connection::guarded(F&& call) {
  const IntrusivePtr<Connection> self(this);
  if (server_->guarded(nullptr, call)) return;
  rest_ = nullptr;
  drop();
}

void Connection::on_eof() {
  guarded([&] {
    eof_ = true;
    if (phase_ == Phase::ending) return;  // it may still read
    if (phase_ != Phase::answering) return close_politely();
    if (body_is_streamed()) answering_->wake();
    abort_if_half_closed();
  });
}

void Connection::on_error(std::error_code) { drop(); }

void Connection::on_drained() {
  guarded([&] {
    if (phase_ == Phase::ending) return close_politely();
    if (file_) return pump_file();
    if (answering_ && answering_->started_) return answering_->wake();
    go_on();
  });
}

void Connection::run(std::string_view data) {
  guarded([&] { use(data); });
}

void Connection::on_timer() {
  guarded([&] { on_time(); });
}

// Reads as far as possible: until a request is in flight, the octets are used up, or the peer leaves too much
// unread.
void Connection::use(std::string_view data) {
  rest_ = &data;
  while (!data.empty() && can_read() && !output_is_full()) {
    if (phase_ == Phase::body) {
      read_body(data);
    } else {
      read_head(data);
    }
  }
  rest_ = nullptr;
  if (phase_ >= Phase::ending) return;
  if (!data.empty()) {
    hold(data);
  } else if (paused_ && can_read()) {
    paused_ = false;
    stream_->resume();
  }
}

/// Much may wait while the kernel will take it. What it will not take waits for the peer, and that is to be
/// little: so the mark goes down as the kernel's room does (which is asked for at 8 KiB, 16, 32).
bool Connection::output_is_high() {
  const std::size_t unsent = stream_->unsent(), most = server_->options().write_high_water;
  if (unsent > most) return true;
  if (unsent <= std::max<std::size_t>(kLittleOutput, mark_)) return false;
  const bool short_of_memory = timer_.loop().now() < server_->kernel_is_short_until;
  const std::size_t room = short_of_memory ? 0 : stream_->room() / 2;
  mark_ = static_cast<std::uint32_t>(std::min(room, 2 * unsent));
  return unsent > mark_;
}

bool Connection::output_is_full() {
  if (!output_is_high()) return false;
  // If the kernel takes it all now, nobody would tell us later.
  const bool there_was_room = !secure_ && stream_->unsent() <= 2 * std::size_t{mark_};
  stream_->flush();
  mark_ = 0;
  if (stream_->unsent() == 0) return false;
  // With all its sockets it is at the end of its memory for them (tcp_mem), which no socket's room tells.
  if (there_was_room) server_->kernel_is_short_until = timer_.loop().now() + kShortOfMemory;
  return true;
}

void Connection::hold(std::string_view data) {
  if (discards_input_) return;
  held_.append(data);
  if (body_is_streamed()) {
    answering_->wake();
    if (held_.size() < kMostBodyHeld) return;
  }
  if (!paused_) {
    paused_ = true;
    stream_->pause();
  }
}

void Connection::go_on() {
  if (!can_read() || rest_) return;
  const std::string held = std::exchange(held_, {});
  run(held);
}

// Behind an answer that came from elsewhere: not on the stack of whoever answered, for the next request's
// endpoint would be called there.
void Connection::go_on_later() {
  Hub::current().post([self = IntrusivePtr<Connection>(this)] { self->go_on(); });
}

void Connection::read_head(std::string_view& data) {
  if (!reading_) {
    reading_ = IntrusivePtr<Exchange>(new Exchange);
    reading_->request_.exchange_ = reading_.get();
    phase_ = Phase::head;
  }
  http1::HeadParser& head = reading_->request_.head_;
  const bool is_first = !head.started();
  switch (head.feed(data, server_->options().limits)) {
    case http1::ParseState::more:
      if (is_first) enter(Phase::head);  // its time begins: one that came whole needs none
      return;
    case http1::ParseState::failed:
      return refuse(head.error().status);
    case http1::ParseState::done:
      return head_done(!data.empty());
  }
}

void Connection::head_done(bool body_has_begun) {
  Request& request = reading_->request_;
  const http1::HeadParser& head = request.head_;
  request.path_is_plain_ = http1::is_plain_path(request.raw_path());
  if (!request.path_is_plain_) {
    std::optional<std::string> path = http1::percent_decode(http1::remove_dot_segments(request.raw_path()));
    if (!path) return refuse(400);
    request.path_ = std::move(*path);
  }
  if (head.expectation() == http1::Expectation::unknown) return refuse(417);
  request.stream_ = stream_.get();
  request.secure_ = secure_;
  server_->resolve(*reading_);
  if (phase_ == Phase::closed) return;
  if (head.body_kind() == http1::BodyKind::none) return request_done();
  if (head.body_kind() == http1::BodyKind::sized && head.content_length() > reading_->body_limit_)
    return body_too_large();
  if (reading_->route_ && reading_->route_->options.stream_body) {
    reading_->decoder_ = http1::BodyDecoder(head.body_kind(), head.content_length());
    reading_->reads_body_ = true;
    return request_done();
  }
  if (head.expectation() == http1::Expectation::continue_100) {
    if (reading_->router_status_ != 0) {  // no use for the body: the answer comes in its place
      reading_->close_after_ = true;
      discards_input_ = true;
      return request_done();
    }
    if (!body_has_begun) {
      const std::size_t before = stream_->unsent();
      stream_->send("HTTP/1.1 100 Continue\r\n\r\n");
      note_queued(before);
    }
  }
  reading_->decoder_ = http1::BodyDecoder(head.body_kind(), head.content_length());
  enter(Phase::body);
}

void Connection::read_body(std::string_view& data) {
  std::string& body = reading_->request_.body_;
  while (true) {
    std::string_view piece;
    const http1::ParseState state = reading_->decoder_.feed(data, piece, server_->options().limits);
    if (state == http1::ParseState::failed) return refuse(reading_->decoder_.error().status);
    if (piece.size() > reading_->body_limit_ - body.size()) return body_too_large();
    body.append(piece);
    if (state == http1::ParseState::done) return request_done();
    if (data.empty()) return;
  }
}

void Connection::begin_answer(Exchange& exchange) {
  exchange.connection_ = this;
  answering_ = &exchange;
  if (server_->notes_access()) {
    exchange.began_ = stream_->loop().now();
    exchange.request_.peer_address();  // kept there: it may be asked for when the stream has gone
  }
  enter(Phase::answering);
}

void Connection::request_done() {
  ExchangePtr exchange = std::move(reading_);
  begin_answer(*exchange);
  server_->dispatch(std::move(exchange));
}

void Connection::body_too_large() {
  ExchangePtr exchange = std::move(reading_);
  exchange->close_after_ = true;
  exchange->request_.body_ = {};
  discards_input_ = true;
  begin_answer(*exchange);
  server_->body_too_large(std::move(exchange));
}

}  // namespace verdin::http
