// The half of ClientExchange that receives.
#include <algorithm>
#include <array>
#include <cstring>

#include <verdin/net/error.hpp>
#include <verdin/net/tls_error.hpp>
#include <verdin/protocol/http1/chars.hpp>

#include "http/client/exchange.hpp"

namespace verdin::http {

namespace {

constexpr int kMostInterim = 20;  // answers before the answer
constexpr int kPartial = 206;     // of what is coded as a whole
constexpr std::size_t kDecodedPiece = 64 * 1024;
constexpr std::size_t kMostForNothing = 1024 * 1024;  // coded octets in a row of which nothing comes

}  // namespace

// The next head, interim or not. Where nothing comes until then: net::TimedOut, and one may go on.
void ClientExchange::read_one_head(std::optional<net::Deadline> until) {
  ClientConnection& connection = *lease_;
  while (true) {
    check_limit();
    const net::Deadline limit = until ? step().earlier(*until->due()) : step();
    if (connection.unread().empty() && !connection.fill(limit)) {
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

void ClientExchange::read_head(std::string_view method, ClientHead& to) {
  while (!has_head_) {
    read_one_head(std::nullopt);
    has_head_ = !head_.interim();
    if (!has_head_) forget_interim();
  }
  to.status_ = head_.status();
  to.reason_ = head_.reason();
  to.lines_ = head_.headers().text();
  begin_body(method);
  head_ = http1::ResponseParser();
}

void ClientExchange::begin_body(std::string_view method) {
  const http1::ResponseParser& head = head_;
  const http1::BodyKind kind = head.body_kind(method);
  body_ = http1::BodyDecoder(kind, head.content_length());
  until_close_ = kind == http1::BodyKind::until_close;
  keeps_ = head.keep_alive() && !until_close_ && !send_error_ && !body_kept_;
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
  if (!lease_) throw ClientError(ClientError::Kind::truncated, "the answer was given up before its end");
  try {
    return read_some(into);
  } catch (...) {
    close();
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
      more = connection.fill(step());
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

void ClientExchange::end() {
  if (coded_ && !content_.complete())
    throw ClientError(ClientError::Kind::content, "the coding of the answer does not come to its end");
  ended_ = true;
  keeps_ ? lease_.give_back() : lease_.drop();
}

void ClientExchange::finish_or_close(std::size_t most) {
  std::array<char, 4096> dropped;
  while (!ended_ && keeps_ && most > 0) {
    const std::size_t size = read(std::span(dropped).first(std::min(most, dropped.size())));
    most -= size;
  }
  close();
}

void ClientExchange::close() noexcept {
  piece_ = {};
  lease_.drop();
}

std::unique_ptr<net::StreamSocket> ClientExchange::take_stream(std::string& leftover) {
  if (!lease_) throw std::logic_error("verdin: the answer's connection is gone");
  leftover = std::string(piece_) + std::string(lease_->unread());
  std::unique_ptr<net::StreamSocket> stream = lease_->take_stream();
  close();
  return stream;
}

}  // namespace verdin::http
