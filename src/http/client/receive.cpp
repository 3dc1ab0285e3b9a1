// The half of ClientExchange that receives.
#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <utility>

#include <verdin/net/error.hpp>
#include <verdin/net/tls_error.hpp>
#include <verdin/protocol/http1/chars.hpp>
#include <verdin/runtime/sleep.hpp>

#include "http/client/exchange.hpp"

namespace verdin::http {

namespace {

constexpr int kMostInterim = 20;  // answers before the answer
constexpr int kPartial = 206;     // of what is coded as a whole
constexpr std::chrono::milliseconds kLastOfBody{50};
constexpr std::chrono::seconds kRestOfRefusal{1};
constexpr std::size_t kDecodedPiece = 64 * 1024;
constexpr std::size_t kMostForNothing = 1024 * 1024;  // coded octets in a row of which nothing comes

void note_cookies(http1::CookieJar& to, const ClientHead& head) {
  const std::time_t now = std::time(nullptr);
  for (const http1::HeaderField& field : head.headers()) {
    if (http1::equals_ignoring_case(field.name, "set-cookie")) to.store(head.url(), field.value, now);
  }
}

}  // namespace

// Waits for more, when nothing is there. False at the end of the stream.
//
// A peer is silent when it neither sends nor takes anything while it could do one of the two: whoever makes
// the body may take its time, and the peer may wait for what it makes.
//
// Who says no, and is sent no more of the body, may wait for it before it ends its answer. A while later it
// is told that nothing comes (not at once: many drop what they still have to say when they hear that), and
// has as long again.
bool ClientExchange::fill(std::optional<net::Deadline> until) {
  const InUse in_use(*this, reading_);
  moved_at_ = Clock::now();  // until somebody read, it may have had to wait
  for (auto now = moved_at_;; now = Clock::now()) {
    check_limit();
    const bool is_making = sending_ == Sending::open && !writing_;
    const auto since = is_making ? now : moved_at_;
    if (too_late(since, now)) throw net::TimedOut("verdin: an answer");
    net::Deadline limit = step(since);
    if (until) limit = limit.earlier(*until->due());
    if (status_ >= kFirstError && sending_ == Sending::stopped) {
      if (now - moved_at_ >= kRestOfRefusal) {
        say_end();
        continue;
      }
      limit = limit.earlier(moved_at_ + kRestOfRefusal);
    }
    std::error_code error;
    const bool more = lease_->fill(limit, error);
    if (failure_ || closed_) throw ClientError(ClientError::Kind::truncated, "the answer was given up");
    if (!error) {
      moved_at_ = Clock::now();
      return more;
    }
    if (error != net::Errc::timed_out || (until && until->passed())) net::throw_error(error, "recv");
  }
}

void ClientExchange::say_end() {
  if (std::exchange(said_end_, true)) throw net::TimedOut("verdin: the rest of a refusal");
  try {
    lease_->stream().shutdown_write(kLastOfBody);
  } catch (const std::system_error&) {  // it does not hear it any more: receiving tells
  }
  if (closed_) throw ClientError(ClientError::Kind::truncated, "the answer was given up");
  moved_at_ = Clock::now();
}

// The next head, interim or not. Where nothing comes until then: net::TimedOut, and one may go on.
void ClientExchange::read_one_head(std::optional<net::Deadline> until) {
  while (true) {
    check_limit();
    if (lease_->unread().empty() && !fill(until)) {
      if (send_error_) net::throw_error(send_error_, "verdin: sending a request");
      if (!answered_) throw net::EndOfStream("verdin: the connection ended without an answer");
      throw ClientError(ClientError::Kind::truncated, "the connection ended in the head of the answer");
    }
    if (feed_head()) return;
  }
}

// What is there of a head. True: it is whole.
bool ClientExchange::feed_head() {
  answered_ = true;
  std::string_view data = lease_->unread();
  const std::size_t before = data.size();
  const http1::ParseState state = head_.feed(data, settings_.limits);
  lease_->use(before - data.size());
  if (state == http1::ParseState::failed)
    throw ClientError(ClientError::Kind::protocol, head_.error().reason);
  return state == http1::ParseState::done;
}

void ClientExchange::forget_interim() {
  if (++interim_ > kMostInterim) throw ClientError(ClientError::Kind::protocol, "too many interim answers");
  head_ = http1::ResponseParser();
}

void ClientExchange::read_head(ClientHead& to) {
  while (looking_) yield();  // a moment
  if (reading_) throw net::ConcurrentUse("verdin: another greenlet reads this answer");
  rethrow_failure();
  if (!lease_ || closed_) throw ClientError(ClientError::Kind::truncated, "the answer was given up");
  try {
    while (!has_head_) {
      read_one_head(std::nullopt);
      has_head_ = !head_.interim();
      if (!has_head_) forget_interim();
    }
    to.status_ = head_.status();
    to.reason_ = head_.reason();
    to.lines_ = head_.headers().text();
    if (settings_.cookies) note_cookies(*settings_.cookies, to);
    if (to.status_ >= kFirstError) stop_sending();
    begin_body();
    status_ = to.status_;
    head_ = http1::ResponseParser();
  } catch (...) {
    close();
    rethrow_failure();
    throw;
  }
}

void ClientExchange::begin_body() {
  const http1::ResponseParser& head = head_;
  const http1::BodyKind kind = head.body_kind(request_->method);
  body_ = http1::BodyDecoder(kind, head.content_length());
  until_close_ = kind == http1::BodyKind::until_close;
  keeps_ = head.keep_alive() && !until_close_;
  if (head.status() == 101) {  // what follows is somebody else's: take_stream()
    keeps_ = false;
    return;
  }
  if (settings_.decode && kind != http1::BodyKind::none && head.status() != kPartial) {
    const http1::HeaderBlock headers = head.headers();
    const auto coding = http1::parse_coding(headers.find("content-encoding").value_or(""));
    // One that was not asked for, or several: the application sees the header, and the body as it came.
    if (coding && *coding != http1::ContentCoding::identity && headers.count("content-encoding") == 1) {
      content_ = http1::ContentDecoder(*coding);
      coded_ = true;
    }
  }
  if (body_.done()) end();
}

std::size_t ClientExchange::read(std::span<char> into) {
  if (ended_ || into.empty()) return 0;
  if (reading_) throw net::ConcurrentUse("verdin: another greenlet reads this answer");
  rethrow_failure();
  if (!lease_ || closed_)
    throw ClientError(ClientError::Kind::truncated, "the answer was given up before its end");
  try {
    return read_some(into);
  } catch (...) {
    close();
    rethrow_failure();
    throw;
  }
}

std::size_t ClientExchange::read_some(std::span<char> into) {
  while (true) {
    if (coded_ && (decoder_is_full_ || !piece_.empty())) {
      if (const std::size_t size = decode(into)) return size;
    } else if (!piece_.empty()) {
      const std::size_t size = std::min(into.size(), piece_.size());
      std::memcpy(into.data(), piece_.data(), size);
      piece_.remove_prefix(size);
      return size;
    } else if (body_.done()) {
      end();
      return 0;
    } else {
      next_piece();
      if (ended_) return 0;
    }
  }
}

std::size_t ClientExchange::decode(std::span<char> into) {
  const std::size_t room = std::min(into.size(), kDecodedPiece);
  decoded_.clear();
  const std::size_t before = piece_.size();
  if (content_.feed(piece_, decoded_, room) == http1::ContentDecoder::State::failed)
    throw ClientError(ClientError::Kind::content, "the answer is not in the coding that it says");
  for_nothing_ = decoded_.empty() ? for_nothing_ + before - piece_.size() : 0;
  if (for_nothing_ > kMostForNothing)
    throw ClientError(ClientError::Kind::content, "the coding of the answer stands for nothing");
  decoder_is_full_ = decoded_.size() == room;
  std::memcpy(into.data(), decoded_.data(), decoded_.size());
  return decoded_.size();
}

/// A socket looks at its limit only where it has to wait, and a peer may always have something ready.
void ClientExchange::check_limit() const {
  if (limit_.passed()) throw net::TimedOut("verdin: an answer");
}

void ClientExchange::next_piece() {
  check_limit();
  ClientConnection& connection = *lease_;
  if (connection.unread().empty()) {
    bool more;
    try {
      more = fill(std::nullopt);
    } catch (const std::system_error& error) {
      if (error.code() != net::TlsErrc::truncated) throw;
      throw ClientError(ClientError::Kind::truncated, "the connection was cut in the body of the answer");
    }
    if (!more) {
      if (until_close_) return end();
      throw ClientError(ClientError::Kind::truncated, "the connection ended in the body of the answer");
    }
  }
  std::string_view data = connection.unread();
  const std::size_t before = data.size();
  const http1::ParseState state = body_.feed(data, piece_, settings_.limits);
  connection.use(before - data.size());
  if (state == http1::ParseState::failed)
    throw ClientError(ClientError::Kind::protocol, body_.error().reason);
}

// The kernel may have taken the last of the body, and the sender not know yet. Meanwhile others come and go,
// as they do in fill().
void ClientExchange::wait_for_sender() {
  if (sending_ != Sending::open || !sender_.valid()) return;
  {
    const InUse in_use(*this, reading_);
    moved_at_ = Clock::now();
    sender_.join_for(kLastOfBody);
  }
  rethrow_failure();
  if (closed_) throw ClientError(ClientError::Kind::truncated, "the answer was given up");
}

// Whoever answers to the end before the body's end does not want the rest (RFC 9112 section 9.3: then the
// connection is of no use).
void ClientExchange::end() {
  if (coded_ && !content_.complete())
    throw ClientError(ClientError::Kind::content, "the coding of the answer does not come to its end");
  if (keeps_) wait_for_sender();
  rethrow_failure();
  ended_ = true;
  if (keeps_ && sending_ == Sending::done) {
    lease_.give_back();
  } else {
    close();
  }
}

void ClientExchange::finish_or_close(std::size_t most) {
  stop_sending();
  keeps_ = keeps_ && sending_ == Sending::done;
  std::array<char, 4096> dropped;
  while (!ended_ && keeps_ && most > 0) {
    const std::size_t size = read(std::span(dropped).first(std::min(most, dropped.size())));
    most -= size;
  }
  close();
}

void ClientExchange::close() noexcept {
  stop_sending();
  piece_ = {};
  closed_ = true;
  if (!in_use()) sender_ = {};  // which has this exchange: one that never came to run would keep it
  if (!lease_) return;
  if (in_use()) {
    lease_->stream().close();  // and gone when they have left it
  } else {
    lease_.drop();
  }
}

std::unique_ptr<net::StreamSocket> ClientExchange::take_stream(std::string& leftover) {
  if (!lease_ || closed_) throw std::logic_error("verdin: the answer's connection is gone");
  wait_for_sender();
  if (sending_ != Sending::done) {
    close();
    throw ClientError(ClientError::Kind::protocol, "the connection was given to another use in a body");
  }
  leftover = std::string(piece_) + std::string(lease_->unread());
  std::unique_ptr<net::StreamSocket> stream = lease_->take_stream();
  close();
  return stream;
}

}  // namespace verdin::http
