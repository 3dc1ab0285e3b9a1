// The half of Connection that writes: responses, files, and the end.
#include <algorithm>
#include <charconv>
#include <cstring>
#include <stdexcept>

#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/date.hpp>

#include "http/connection.hpp"
#include "http/server.hpp"

namespace verdin::http {

namespace {

constexpr std::size_t kCopied = 16 * 1024;
constexpr std::size_t kFilePiece = 64 * 1024;
constexpr std::size_t kSentUnread =
    32 * 1024;  // files from here on: less is copied sooner than two calls are made
constexpr std::size_t kFileTurn = 4 * 1024 * 1024;  // so much of a file goes out before others get their turn

enum class Special : std::uint8_t { none, date, server, connection, framing };

/// Is it one of those that the server itself knows of?
Special special(std::string_view name) {
  using http1::equals_ignoring_case;
  switch (name.size()) {
    case 4:
      return equals_ignoring_case(name, "date") ? Special::date : Special::none;
    case 6:
      return equals_ignoring_case(name, "server") ? Special::server : Special::none;
    case 10:
      return equals_ignoring_case(name, "connection") ? Special::connection : Special::none;
    case 14:
      return equals_ignoring_case(name, "content-length") ? Special::framing : Special::none;
    case 17:
      return equals_ignoring_case(name, "transfer-encoding") ? Special::framing : Special::none;
    default:
      return Special::none;
  }
}

/// Throws for what must not be in a response. True if the application asks for the connection's end.
bool check_headers(std::span<const Header> headers, bool are_well_formed) {
  bool close = false;
  for (const Header& header : headers) {
    if (!are_well_formed) http1::check_header(header.name, header.value);
    const Special kind = special(header.name);
    if (kind == Special::framing) throw std::invalid_argument("the framing of a response is the server's");
    if (kind != Special::connection) continue;
    if (!http1::equals_ignoring_case(header.value, "close")) {
      throw std::invalid_argument("the only Connection header of a response is \"close\"");
    }
    close = true;
  }
  return close;
}

/// Collects what is small, so that a queue is appended to once or twice and not by the word.
class Collector {
 public:
  explicit Collector(std::string& to) : to_(to) { piece_[0] = '\0'; }
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  [[gnu::always_inline]] Collector& operator<<(std::string_view text) {
    if (text.size() > kSize - size_) {
      flush();
      if (text.size() > kSize) return to_.append(text), *this;
    }
    std::memcpy(piece_ + size_, text.data(), text.size());
    size_ += text.size();
    return *this;
  }
  Collector& operator<<(std::uint64_t number) {
    char digits[20];
    return *this << std::string_view(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
  }

  void flush() {
    to_.append(piece_, size_);
    size_ = 0;
  }

 private:
  static constexpr std::size_t kSize = 512;

  std::string& to_;
  std::size_t size_ = 0;
  char piece_[kSize];
};

}  // namespace

// Writes everything up to the blank line, and `body` if there is to be one. False if the response carries
// none.
bool Connection::write_head(Exchange& exchange, int status, std::span<const Header> headers,
                            std::optional<std::uint64_t> size, std::string_view body) {
  if (status < 200 || status > 999) throw std::invalid_argument("bad status of a response");
  const http1::HeadParser& head = exchange.request_.head_;
  exchange.status_ = status;
  if (check_headers(headers, exchange.headers_are_checked_) || eof_ || discards_input_ ||
      server_.stopping() || !head.keep_alive() || exchange.reads_body_ ||
      (!size && head.version() == http1::Version::http10)) {
    exchange.close_after_ = true;
  }
  std::string& queue = stream_->send_in_place();
  Collector to(queue);
  if (status == 200) {
    to << "HTTP/1.1 200 OK\r\n";
  } else {
    http1::append_status_line(queue, status);
  }
  bool has_date = false, has_server = server_.options().server_name.empty();
  for (const Header& header : headers) {
    const Special kind = special(header.name);
    if (kind == Special::connection) continue;
    if (kind == Special::date) has_date = true;
    if (kind == Special::server) has_server = true;
    to << header.name << ": " << header.value << "\r\n";
  }
  if (!has_date) to << "Date: " << http1::current_date() << "\r\n";
  if (!has_server) to << "Server: " << server_.options().server_name << "\r\n";
  const bool no_body = http1::status_has_no_body(status);
  if (!no_body && size) to << "Content-Length: " << *size << "\r\n";
  if (!no_body && !size && head.version() == http1::Version::http11) to << "Transfer-Encoding: chunked\r\n";
  if (exchange.close_after_) {
    to << "Connection: close\r\n";
  } else if (head.version() == http1::Version::http10) {
    to << "Connection: keep-alive\r\n";
  }
  to << "\r\n";
  const bool has_body = !no_body && head.method() != "HEAD";
  if (has_body && !body.empty()) to << body;
  to.flush();
  return has_body;
}

void Connection::respond(Exchange& exchange, int status, std::span<const Header> headers,
                         std::string_view body) {
  const IntrusivePtr<Connection> self(this);
  const std::size_t before = stream_->unsent();
  const bool is_small = body.size() < kCopied;
  const bool has_body =
      write_head(exchange, status, headers, body.size(), is_small ? body : std::string_view());
  note_queued(before);
  if (has_body) {
    exchange.answer_size_ = body.size();
    if (!is_small) send_uncounted(body);
  }
  end_exchange(exchange);
  answered(!exchange.close_after_);
}

void Connection::respond(Exchange& exchange, int status, std::span<const Header> headers,
                         const SharedBuffer& body) {
  const IntrusivePtr<Connection> self(this);
  const std::size_t before = stream_->unsent();
  if (write_head(exchange, status, headers, body.size())) {
    stream_->send(body);
    exchange.answer_size_ = body.size();
  }
  note_queued(before);
  end_exchange(exchange);
  answered(!exchange.close_after_);
}

void Connection::respond(Exchange& exchange, int status, std::span<const Header> headers, FileBody body) {
  const IntrusivePtr<Connection> self(this);
  const std::size_t before = stream_->unsent();
  const bool has_body = write_head(exchange, status, headers, body.size());
  if (has_body) exchange.answer_size_ = body.size();
  note_queued(before);
  const bool is_noted_later = has_body && server_.notes_access();
  sends_unread_ = has_body && body.size() >= kSentUnread;
  if (has_body)
    file_ = std::make_unique<FileAnswer>(
        FileAnswer{std::move(body), is_noted_later ? ExchangePtr(&exchange) : nullptr});
  end_exchange(exchange, !is_noted_later);
  if (!has_body) return answered(!exchange.close_after_);
  keep_behind_file_ = !exchange.close_after_;
  start_timer(server_.options().write_timeout);
  pump_file();
}

// The exchange is answered; what it holds lives on for those who have references.
void Connection::end_exchange(Exchange& exchange, bool is_noted) {
  if (is_noted) server_.note_access(exchange, true);
  exchange.finished_ = true;
  exchange.connection_ = nullptr;
  exchange.request_.stream_ = nullptr;
  if (exchange.reads_body_) {  // what is left of it is no request
    discards_input_ = true;
    held_ = {};
  }
  exchange.wake();
  const UniqueFunction<void()> dropped = std::move(exchange.aborted_);
  answering_ = nullptr;
}

void Connection::answered(bool keep) {
  if (!keep) return close_politely();
  enter(Phase::idle);
  if (rest_) return;  // run() goes on by itself
  if (paused_) go_on_later();
}

// The exchange whose note is still to be made. It says what was sent of the file: not what the stream has
// yet.
ExchangePtr Connection::cut_file() {
  if (!file_ || !file_->noted) return nullptr;
  ExchangePtr noted = std::move(file_->noted);
  noted->answer_size_ -= std::min(file_->body.size() + stream_->unsent(), noted->answer_size_);
  return noted;
}

/// Hands the file to the kernel as far as it takes it, without a look at it. False: it is to be read.
bool Connection::send_unread(FileBody& file) {
  const std::uint64_t before = file.size();
  const loop::FileSend result = file.send_to(*stream_, kFileTurn);
  queued_ += before - file.size();
  if (result == loop::FileSend::unsupported) return false;
  if (result == loop::FileSend::failed) drop();
  if (result == loop::FileSend::done && file.size() > 0) pump_file_later();
  return result != loop::FileSend::done || file.size() > 0;
}

void Connection::pump_file_later() {
  server_.later([self = IntrusivePtr<Connection>(this)] {
    if (self->file_) self->pump_file();
  });
}

void Connection::pump_file() {
  if (sends_unread_ && send_unread(file_->body)) return;
  sends_unread_ = false;  // of what is left, which may be nothing
  for (std::size_t done = 0; file_;) {
    const std::size_t before = stream_->unsent();
    const std::ptrdiff_t count = file_->body.read(stream_->send_in_place(), kFilePiece);
    note_queued(before);
    if (count < 0) return drop();  // shorter than announced: the peer must see a broken response
    if (count == 0) {
      const ExchangePtr noted = std::move(file_->noted);
      file_.reset();
      if (noted) server_.note_access(*noted, true);
      return answered(keep_behind_file_);
    }
    done += static_cast<std::size_t>(count);
    if (stream_->unsent() < server_.options().write_high_water) continue;
    stream_->flush();
    if (stream_->unsent() > 0) return;  // on_drained() goes on
    if (done >= kFileTurn) return pump_file_later();
  }
}

void Connection::note_queued(std::size_t unsent_before) {
  if (unsent_before == 0) {  // the peer owes nothing: its time begins now
    taken_at_ = stream_->loop().now();
    taken_ = queued_;
  }
  queued_ += stream_->unsent() - unsent_before;
}

/// Some of it may be with the kernel before it can be counted as unsent.
void Connection::send_uncounted(std::string_view octets) {
  queued_ += octets.size();
  stream_->send(octets);
}

void Connection::abandon(Exchange& exchange) {
  if (exchange.started_) return drop();
  respond(exchange, 500, {}, std::string_view());
}

void Connection::abort_exchange() {
  Exchange* const exchange = std::exchange(answering_, nullptr);
  if (!exchange) return;
  exchange->finished_ = true;
  exchange->connection_ = nullptr;
  exchange->request_.stream_ = nullptr;
  server_.note_access(*exchange, false);
  exchange->wake();
  UniqueFunction<void()> aborted = std::move(exchange->aborted_);
  if (aborted) server_.guarded(nullptr, aborted);
}

// A peer that has closed its side may still read a response; but one whose answer is not under way (a
// long-poll) has most likely gone, and whoever asked to be told is told. Behind requests that have to wait
// nothing is read, and so no end is seen: there it is asked for. A peer that has sent polls and pongs for
// hours ahead would be believed in as long.
void Connection::abort_if_half_closed() {
  if (!answering_ || !answering_->aborted_) return;
  const bool has_more = paused_ || (rest_ && !rest_->empty());
  if (!eof_ && !(has_more && stream_->peer_gone())) return;
  server_.later([self = IntrusivePtr<Connection>(this)] {
    if (self->answering_ && self->answering_->aborted_) self->drop();
  });
}

loop::StreamPtr Connection::give_stream(Exchange& exchange, std::string& leftover) {
  const IntrusivePtr<Connection> self(this);
  exchange.request_.peer_address();  // kept there: sessions ask for it later
  exchange.status_ = 101;
  end_exchange(exchange);
  leftover = std::move(held_);
  if (rest_) {
    leftover.append(*rest_);
    *rest_ = {};
  }
  stream_->set_handler(nullptr);
  if (paused_) stream_->resume();
  loop::StreamPtr stream = std::move(stream_);
  leave_server();
  return stream;
}

// The answer to what cannot be understood. What the peer still sends is dropped.
void Connection::refuse(int status) {
  const std::string_view reason = http1::reason_phrase(status);
  std::string& to = stream_->send_in_place();
  http1::append_status_line(to, status);
  http1::append_date(to);
  const std::string& server_name = server_.options().server_name;
  if (!server_name.empty()) http1::append_header(to, "Server", server_name);
  http1::append_header(to, "Content-Type", "text/plain");
  http1::append_content_length(to, reason.size() + 1);
  to.append("Connection: close\r\n\r\n").append(reason).append("\n");
  close_politely();
}

void Connection::begin_stop() {
  if (phase_ == Phase::fresh || phase_ == Phase::idle) close_politely();
}

void Connection::drop() {
  if (phase_ == Phase::closed) return;
  const IntrusivePtr<Connection> self(this);
  const ExchangePtr noted = cut_file();
  const loop::StreamPtr stream = std::move(stream_);
  leave_server();
  abort_exchange();
  if (noted) server_.note_access(*noted, false);
}

void Connection::close_politely() {
  if (phase_ == Phase::closed) return;
  const IntrusivePtr<Connection> self(this);
  loop::StreamPtr stream = std::move(stream_);
  leave_server();
  loop::retire(std::move(stream));
  abort_exchange();
}

void Connection::leave_server() {
  const ExchangePtr unread = phase_ == Phase::body ? std::move(reading_) : nullptr;
  phase_ = Phase::closed;
  timer_.stop();
  file_.reset();
  reading_.reset();
  held_ = {};
  server_.forget(*this);
  if (unread) server_.body_aborted(*unread);
}

}  // namespace verdin::http
