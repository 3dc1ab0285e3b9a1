// The half of Connection that writes: responses, files, and the end.
#include <algorithm>
#include <array>
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

/// Is it one of those that the server itself knows of? `name` is a token.
Special special(std::string_view name) {
  using http1::is_name;
  switch (name.size()) {
    case 4:
      return is_name(name, "date") ? Special::date : Special::none;
    case 6:
      return is_name(name, "server") ? Special::server : Special::none;
    case 10:
      return is_name(name, "connection") ? Special::connection : Special::none;
    case 14:
      return is_name(name, "content-length") ? Special::framing : Special::none;
    case 17:
      return is_name(name, "transfer-encoding") ? Special::framing : Special::none;
    default:
      return Special::none;
  }
}

/// What an application has said of a response that the server would say otherwise.
struct Said {
  bool date = false;
  bool server = false;
  bool close = false;
};

/// Throws for what must not be in a response.
Said check_headers(std::span<const Header> headers, bool are_well_formed) {
  Said said;
  for (const Header& header : headers) {
    if (!are_well_formed) http1::check_header(header.name, header.value);
    switch (special(header.name)) {
      case Special::none:
        break;
      case Special::date:
        said.date = true;
        break;
      case Special::server:
        said.server = true;
        break;
      case Special::framing:
        throw std::invalid_argument("the framing of a response is the server's");
      case Special::connection:
        if (!http1::equals_ignoring_case(header.value, "close"))
          throw std::invalid_argument("the only Connection header of a response is \"close\"");
        said.close = true;
        break;
    }
  }
  return said;
}

/// Writes to where there is room for all of it: whoever made it has counted.
class Pen {
 public:
  explicit Pen(char* to) noexcept : at_(to) {}
  char* at() const noexcept { return at_; }

  [[gnu::always_inline]] Pen& operator<<(std::string_view text) noexcept {
    copy(at_, text.data(), text.size());
    at_ += text.size();
    return *this;
  }
  template <std::size_t kCount>
  [[gnu::always_inline]] Pen& operator<<(const std::array<char, kCount>& text) noexcept {
    return *this << std::string_view(text.data(), kCount);
  }
  Pen& operator<<(std::uint64_t number) noexcept {
    at_ = std::to_chars(at_, at_ + 20, number).ptr;
    return *this;
  }

 private:
  /// Most are short: two moves that may overlap are sooner done than a call.
  [[gnu::always_inline]] static void copy(char* to, const char* from, std::size_t size) noexcept {
    const auto both_ends = [=](auto word) {
      auto last = word;
      std::memcpy(&word, from, sizeof word);
      std::memcpy(&last, from + size - sizeof last, sizeof last);
      std::memcpy(to, &word, sizeof word);
      std::memcpy(to + size - sizeof last, &last, sizeof last);
    };
    if (size == 0) return;  // it may be nowhere
    if (__builtin_constant_p(size) || size > 16 || size < 4) {
      std::memcpy(to, from, size);
    } else if (size >= 8) {
      both_ends(std::uint64_t{});
    } else {
      both_ends(std::uint32_t{});
    }
  }

  char* at_;
};

constexpr std::size_t kWithHead = 512;  // a body up to here is written with the head
// What the server says: status line, Date, framing and Connection, with room to spare.
constexpr std::size_t kMostOfServers = 160;
constexpr std::size_t kMostStatusLine = 64;  // of other statuses than 200

std::size_t room_for(std::span<const Header> headers) noexcept {
  std::size_t room = 0;
  for (const Header& header : headers) room += header.name.size() + header.value.size() + 4;
  return room;
}

}  // namespace

// Writes everything up to the blank line, and `body` if there is to be one. False if the response carries
// none.
bool Connection::write_head(Exchange& exchange, int status, std::span<const Header> headers,
                            const std::optional<std::uint64_t>& size, std::string_view body) {
  if (status < 200 || status > 999) throw std::invalid_argument("bad status of a response");
  const http1::HeadParser& head = exchange.request_.head_;
  exchange.status_ = status;
  const Said said = check_headers(headers, exchange.headers_are_checked_);
  if (said.close || eof_ || discards_input_ || server_->stopping() || !head.keep_alive() ||
      exchange.reads_body_ || (!size && head.version() == http1::Version::http10)) {
    exchange.close_after_ = true;
  }
  std::string& queue = stream_->send_in_place();
  const bool no_body = http1::status_has_no_body(status);
  const bool has_body = !http1::status_has_no_content(status) && head.method() != "HEAD";
  const bool is_short = body.size() <= kWithHead;
  const std::string& server_name = server_->options().server_name;
  const std::size_t room =
      room_for(headers) + server_name.size() + kMostOfServers + (has_body && is_short ? body.size() : 0);
  // Throws before anything is there.
  queue.reserve(queue.size() + kMostStatusLine + room + (has_body && !is_short ? body.size() : 0));
  if (status != 200) http1::append_status_line(queue, status);
  const std::size_t before = queue.size();
  queue.resize(before + room);
  Pen to(queue.data() + before);
  if (status == 200) to << "HTTP/1.1 200 OK\r\n";
  for (const Header& header : headers) {
    if (said.close && special(header.name) == Special::connection) continue;
    to << header.name << ": " << header.value << "\r\n";
  }
  if (!said.date) to << http1::current_date_line();
  if (!said.server && !server_name.empty()) to << "Server: " << server_name << "\r\n";
  const bool is_empty = !no_body && http1::status_has_no_content(status);
  if (is_empty) to << "Content-Length: 0\r\n";
  const bool is_framed = !no_body && !is_empty;
  if (is_framed && size) to << "Content-Length: " << *size << "\r\n";
  if (is_framed && !size && head.version() == http1::Version::http11) to << "Transfer-Encoding: chunked\r\n";
  if (exchange.close_after_) {
    to << "Connection: close\r\n";
  } else if (head.version() == http1::Version::http10) {
    to << "Connection: keep-alive\r\n";
  }
  to << "\r\n";
  if (has_body && is_short) to << body;
  queue.resize(static_cast<std::size_t>(to.at() - queue.data()));
  if (has_body && !is_short) queue.append(body);
  return has_body;
}

/// Behind a head: what follows one that has no body is never another head.
template <typename F>
void Connection::or_drop(F&& send) {
  try {
    send();
  } catch (...) {
    drop();
    throw;
  }
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
    if (!is_small) or_drop([&] { send_uncounted(body); });
  }
  end_exchange(exchange);
  answered(!exchange.close_after_);
}

void Connection::respond(Exchange& exchange, int status, std::span<const Header> headers,
                         const SharedBuffer& body) {
  const IntrusivePtr<Connection> self(this);
  const std::size_t before = stream_->unsent();
  if (write_head(exchange, status, headers, body.size())) {
    or_drop([&] { stream_->send(body); });
    exchange.answer_size_ = body.size();
  }
  note_queued(before);
  end_exchange(exchange);
  answered(!exchange.close_after_);
}

void Connection::respond(Exchange& exchange, int status, std::span<const Header> headers, FileBody body) {
  const IntrusivePtr<Connection> self(this);
  const std::size_t before = stream_->unsent();
  const std::uint64_t size = body.size();
  auto file = std::make_unique<FileAnswer>(FileAnswer{std::move(body), nullptr});
  const bool has_body = write_head(exchange, status, headers, size);
  if (has_body) exchange.answer_size_ = size;
  note_queued(before);
  const bool is_noted_later = has_body && server_->notes_access();
  sends_unread_ = has_body && size >= kSentUnread;
  if (is_noted_later) file->noted = ExchangePtr(&exchange);
  if (has_body) file_ = std::move(file);
  end_exchange(exchange, !is_noted_later);
  if (!file_) return answered(!exchange.close_after_);
  keep_behind_file_ = !exchange.close_after_;
  start_timer(server_->options().write_timeout);
  pump_file();
}

// The exchange is answered; what it holds lives on for those who have references.
void Connection::end_exchange(Exchange& exchange, bool is_noted) {
  if (is_noted) server_->note_access(exchange, true);
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
  if (phase_ == Phase::closed) return;  // App::on_access has destroyed the App
  // Who has closed its side while the answer was made asks nothing more; and an app that stops waits for no
  // more.
  const bool is_last = (eof_ || server_->stopping()) && held_.empty() && (!rest_ || rest_->empty());
  if (!keep || is_last) return close_politely();
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
  server_->later([self = IntrusivePtr<Connection>(this)] {
    if (self->file_) self->pump_file();
  });
}

/// Where there is no memory for the next piece, the peer must see a broken response, too.
void Connection::pump_file() {
  const IntrusivePtr<Connection> self(this);
  try {
    pump_pieces_of_file();
  } catch (const std::bad_alloc&) {
    drop();
  }
}

void Connection::pump_pieces_of_file() {
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
      if (noted) server_->note_access(*noted, true);
      return answered(keep_behind_file_);
    }
    done += static_cast<std::size_t>(count);
    if (stream_->unsent() < server_->options().write_high_water) continue;
    stream_->flush();
    if (stream_->unsent() > 0) return;  // on_drained() goes on
    if (done >= kFileTurn) return pump_file_later();
  }
}

void Connection::note_queued(std::size_t unsent_before) {
  if (unsent_before == 0) {  // the peer owes nothing: its time begins now
    taken_at_ = timer_.loop().now();
    taken_ = queued_;
    mark_ = 0;
  }
  queued_ += stream_->unsent() - unsent_before;
}

/// Some of it may be with the kernel before it can be counted as unsent.
void Connection::send_uncounted(std::string_view octets) {
  queued_ += octets.size();
  stream_->send(octets);
}

void Connection::abandon(Exchange& exchange) {
  if (exchange.started_) return cut(exchange);
  respond(exchange, 500, {}, std::string_view());
}

void Connection::abort_exchange() {
  Exchange* const exchange = std::exchange(answering_, nullptr);
  if (!exchange) return;
  exchange->finished_ = true;
  exchange->connection_ = nullptr;
  exchange->request_.stream_ = nullptr;
  server_->note_access(*exchange, false);
  exchange->wake();
  UniqueFunction<void()> aborted = std::move(exchange->aborted_);
  if (aborted) server_->guarded(nullptr, aborted);
}

// A peer that has closed its side may still read a response; but one whose answer is not under way (a
// long-poll) has most likely gone, and whoever asked to be told is told. Behind requests that have to wait
// nothing is read, and so no end is seen: there it is asked for. A peer that has sent polls and pongs for
// hours ahead would be believed in as long.
void Connection::abort_if_half_closed() {
  if (!answering_ || !answering_->aborted_) return;
  const bool has_more = paused_ || (rest_ && !rest_->empty());
  if (!eof_ && !(has_more && stream_->peer_gone())) return;
  server_->later([self = IntrusivePtr<Connection>(this)] {
    if (self->answering_ && self->answering_->aborted_) self->drop();
  });
}

loop::StreamPtr Connection::give_stream(Exchange& exchange, std::string& leftover) {
  const IntrusivePtr<Connection> self(this);
  if (eof_) {  // nobody would tell the stream's next owner
    drop();
    return nullptr;
  }
  exchange.request_.peer_address();  // kept there: sessions ask for it later
  exchange.status_ = 101;
  exchange.extras_.reset();  // the answer has them; the request may be kept as long as the connection
  end_exchange(exchange);
  if (phase_ == Phase::closed) return nullptr;  // as in answered()
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
  const std::size_t before = stream_->unsent();
  std::string& to = stream_->send_in_place();
  http1::append_status_line(to, status);
  http1::append_date(to);
  const std::string& server_name = server_->options().server_name;
  if (!server_name.empty()) http1::append_header(to, "Server", server_name);
  http1::append_header(to, "Content-Type", "text/plain");
  http1::append_content_length(to, reason.size() + 1);
  to.append("Connection: close\r\n\r\n").append(reason).append("\n");
  note_queued(before);
  close_politely();
}

void Connection::begin_stop() {
  if (phase_ == Phase::fresh || phase_ == Phase::idle) return close_politely();
  if (answering_) answering_->wake();  // it may be one without an end
}

void Connection::drop() {
  if (phase_ == Phase::closed) return;
  const IntrusivePtr<Connection> self(this);
  const ExchangePtr noted = cut_file();
  const loop::StreamPtr stream = std::move(stream_);
  leave_server();
  abort_exchange();
  if (noted) server_->note_access(*noted, false);
}

// What the kernel does not take now is waited for: a retired stream has a few seconds and no limits but
// those, and nobody would wait for it when the app stops.
void Connection::close_politely() {
  if (phase_ == Phase::closed) return;
  const IntrusivePtr<Connection> self(this);
  if (stream_->unsent() > 0) stream_->flush();  // on_drained() follows where that leaves something
  if (stream_->unsent() > 0) return await_output();
  loop::StreamPtr stream = std::move(stream_);
  leave_server();
  loop::retire(std::move(stream));
  abort_exchange();
}

void Connection::await_output() {
  if (phase_ == Phase::ending) return;
  const ExchangePtr unread = forget_input();
  enter(Phase::ending);
  if (paused_) {  // a peer that reads only when it has sent everything must not wait for us
    paused_ = false;
    stream_->resume();
  }
  if (unread) server_->body_aborted(*unread);
  abort_exchange();
}

/// The exchange whose body will not come to its end, if there is one: its endpoint is to be told.
ExchangePtr Connection::forget_input() noexcept {
  ExchangePtr reading = std::move(reading_);
  if (phase_ != Phase::body) reading = nullptr;
  discards_input_ = true;
  held_ = {};
  return reading;
}

void Connection::leave_server() {
  const ExchangePtr unread = forget_input();
  phase_ = Phase::closed;
  timer_.stop();
  file_.reset();
  server_->forget(*this);
  if (unread) server_->body_aborted(*unread);
}

}  // namespace verdin::http
