// The half of Connection that works in pieces: answers that are made, and bodies that are read, by a
// greenlet.
#include <array>
#include <charconv>
#include <cstring>

#include "http/connection.hpp"
#include "http/server.hpp"

namespace verdin::http {

using std::chrono::milliseconds;

namespace {
bool is_chunked(const Exchange& exchange, bool has_size) {
  return !has_size && exchange.request().version() == http1::Version::http11;
}
}  // namespace

void Connection::start(Exchange& exchange, int status, std::span<const Header> headers,
                       std::optional<std::uint64_t> size) {
  const std::size_t before = stream_->unsent();
  exchange.has_body_ = write_head(exchange, status, headers, size);
  exchange.has_size_ = size.has_value();
  exchange.left_ = size.value_or(0);
  exchange.started_ = true;
  note_queued(before);
  start_timer(server_->options().write_timeout);
}

void Connection::send_piece(Exchange& exchange, std::string_view piece) {
  if (!exchange.has_body_ || piece.empty()) return;
  const std::size_t before = stream_->unsent();
  std::string& to = stream_->send_in_place();
  const bool chunked = is_chunked(exchange, exchange.has_size_);
  if (chunked) {
    std::array<char, 16> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), piece.size(), 16).ptr;
    to.append(digits.data(), end).append("\r\n");
  }
  to.append(piece);
  exchange.answer_size_ += piece.size();
  if (chunked) to.append("\r\n");
  note_queued(before);
}

void Connection::end(Exchange& exchange) {
  const IntrusivePtr<Connection> self(this);
  const std::size_t before = stream_->unsent();
  if (exchange.has_body_ && is_chunked(exchange, exchange.has_size_)) {
    std::string& to = stream_->send_in_place();
    to.append("0\r\n");
    if (exchange.extras_) to.append(exchange.extras_->trailers);
    to.append("\r\n");
  }
  note_queued(before);
  end_exchange(exchange);
  answered(!exchange.close_after_);
}

// What is queued still leaves: there may be whole answers among it. Where the end of the connection is that
// of the answer nobody could tell: then what is queued does not leave, so that most often something is
// missing.
void Connection::cut(const Exchange& exchange) {
  const bool can_be_seen = exchange.has_size_ || is_chunked(exchange, false);
  can_be_seen ? close_politely() : drop();
}

std::optional<std::size_t> Connection::take_body(Exchange& exchange, std::span<char> into) {
  // As much as there is, however small the chunks.
  std::size_t size = 0;
  while (exchange.held_used_ < held_.size() && size < into.size()) {
    std::string_view data = std::string_view(held_).substr(exchange.held_used_, into.size() - size);
    const std::size_t given = data.size();
    std::string_view piece;
    const http1::ParseState state = exchange.decoder_.feed(data, piece, server_->options().limits);
    exchange.held_used_ += given - data.size();
    exchange.body_size_ += piece.size();
    if (state == http1::ParseState::failed) {
      fail_body(exchange, exchange.decoder_.error().status);
      return std::nullopt;
    }
    if (exchange.body_size_ > exchange.body_limit_) {
      fail_body(exchange, 413);
      return std::nullopt;
    }
    if (!piece.empty()) std::memcpy(into.data() + size, piece.data(), piece.size());
    size += piece.size();
    if (exchange.decoder_.done()) {
      end_body(exchange);
      return size;
    }
  }
  if (exchange.held_used_ < held_.size()) return size;
  held_.clear();
  exchange.held_used_ = 0;
  if (paused_) {
    paused_ = false;
    stream_->resume();
  }
  return size > 0 ? std::optional(size) : std::nullopt;
}

// What is left is the next request's.
void Connection::end_body(Exchange& exchange) {
  held_.erase(0, exchange.held_used_);
  exchange.held_used_ = 0;
  exchange.reads_body_ = false;
  if (held_.empty() || paused_) return;
  paused_ = true;
  stream_->pause();
}

void Connection::fail_body(Exchange& exchange, int status) {
  exchange.body_status_ = status;
  exchange.close_after_ = true;
  discards_input_ = true;
  held_ = {};
  exchange.held_used_ = 0;
  exchange.wake();
}

// The time that counts is that in which somebody waits: a handler may take its own.
void Connection::await_body(Exchange& exchange) {
  if (eof_) return fail_body(exchange, 400);
  const bool nothing_came = exchange.body_size_ == 0 && (!rest_ || rest_->empty());
  if (nothing_came && !exchange.sent_continue_ &&
      exchange.request_.head_.expectation() == http1::Expectation::continue_100 && !exchange.started_) {
    exchange.sent_continue_ = true;
    const std::size_t before = stream_->unsent();
    stream_->send("HTTP/1.1 100 Continue\r\n\r\n");
    note_queued(before);
  }
  exchange.awaits_body_ = true;
  exchange.wait_began_ = stream_->loop().now();
  const Options& options = server_->options();
  if (options.body_timeout.count() == 0) return;
  milliseconds allowed = options.body_timeout;
  if (options.body_rate > 0) allowed += milliseconds(exchange.body_size_ * 1000 / options.body_rate);
  allowed -= std::chrono::duration_cast<milliseconds>(exchange.waited_);
  start_timer(std::max(allowed, milliseconds(1)));
}

void Connection::stop_awaiting_body(Exchange& exchange) {
  if (!std::exchange(exchange.awaits_body_, false)) return;
  exchange.waited_ += stream_->loop().now() - exchange.wait_began_;
  stop_timer();
  if (exchange.started_) start_timer(server_->options().write_timeout);
}

}  // namespace verdin::http
