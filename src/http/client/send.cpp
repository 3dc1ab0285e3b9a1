// The half of ClientExchange that sends, piece by piece.
#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>

#include <verdin/net/error.hpp>
#include <verdin/protocol/http1/response_head.hpp>

#include "http/client/exchange.hpp"

namespace verdin::http {

namespace {

constexpr std::size_t kLookEach = 64 * 1024;          // octets between looks for an answer
constexpr std::chrono::milliseconds kLookAfter{200};  // and time, however little goes out
constexpr int kContinue = 100;

std::string last_chunk(ClientRequest& request) {
  std::string chunk = "0\r\n";
  if (request.trailers) {
    for (const auto& [name, value] : request.trailers()) {
      if (!http1::is_valid_header_name(name) || !http1::is_valid_header_value(value) ||
          !http1::may_be_trailer(name)) {
        throw ClientError(ClientError::Kind::bad_request, "no field for a trailer");
      }
      http1::append_header(chunk, name, value);
    }
  }
  return chunk + "\r\n";
}

}  // namespace

/// Until when the peer may neither send nor take anything.
net::Deadline ClientExchange::step(Clock::time_point since) const {
  if (settings_.silence.count() == 0) return limit_;
  return limit_.earlier(since + settings_.silence);
}

bool ClientExchange::too_late(Clock::time_point since, Clock::time_point now) const {
  return limit_.passed() || (settings_.silence.count() > 0 && now - since >= settings_.silence);
}

/// Of a peer that takes no more an answer may be there, which says why. What fails on this side is no reason
/// for one, and nothing comes of waiting.
void ClientExchange::note_send_error(std::error_code error) {
  for (const std::errc ours : {std::errc::no_buffer_space, std::errc::not_enough_memory}) {
    if (error == ours) net::throw_error(error, "verdin: sending a request");
  }
  send_error_ = error;
  stop();
}

bool ClientExchange::stop() {
  sending_ = Sending::stopped;
  return false;
}

// Asked between pieces: whoever makes them may take longer than the limit allows, or than an answer takes. A
// socket that takes each piece at once finds neither out.
bool ClientExchange::may_send(std::size_t size, Clock::time_point now) {
  unlooked_ += size;
  const bool is_first = looked_at_ == Clock::time_point();
  if (is_first) looked_at_ = now;  // what is there before anything was sent is no answer
  if (!is_first && (unlooked_ > kLookEach || now - looked_at_ >= kLookAfter)) {
    unlooked_ = size;
    looked_at_ = now;
    if (is_refused()) return false;
  }
  if (!limit_.passed()) return true;
  if (written_) check_limit();
  return stop();
}

// False if the peer takes no more, or has said that it wants none: read_head() finds out. What the sender
// does too late it leaves to who reads: the same limits hold there.
bool ClientExchange::send_piece(std::span<const std::string_view> pieces) {
  std::array<std::string_view, 4> rest;
  std::copy(pieces.begin(), pieces.end(), rest.begin());
  std::size_t size = 0;
  for (const std::string_view piece : pieces) size += piece.size();
  const auto began = Clock::now();
  if (sending_ != Sending::open || !may_send(size, began)) return false;
  const InUse in_use(*this, writing_);
  for (auto now = began;; now = Clock::now()) {
    // Whose answer nobody reads may have to wait with taking what is sent: that is no silence.
    const bool is_held_back = !written_ && has_head_ && !reading_;
    const auto since = is_held_back ? now : std::max(began, moved_at_);
    if (too_late(since, now)) {
      if (written_) throw net::TimedOut("verdin: sending a request");
      return stop();
    }
    std::error_code error;
    std::size_t taken = lease_->stream().send_all(rest, error, step(since).earlier(now + kLookAfter));
    if (taken > 0) moved_at_ = Clock::now();
    if (closed_) return stop();
    if (!error) return true;
    if (error != net::Errc::timed_out) {
      note_send_error(error);
      return false;
    }
    if (sending_ != Sending::open || is_refused()) return false;
    for (std::string_view& piece : rest) {
      const std::size_t gone = std::min(taken, piece.size());
      piece.remove_prefix(gone);
      taken -= gone;
    }
  }
}

// RFC 9112 section 9.5: who is told that a body is not wanted stops sending it. Other answers may come early,
// too: of those who answer piece by piece. Who reads finds it out by itself.
bool ClientExchange::is_refused() {
  if (!reading_ && !has_head_) {
    const InUse in_use(*this, looking_);
    while (!has_head_ && lease_->look()) {
      if (!feed_head()) continue;
      has_head_ = !head_.interim();
      if (!has_head_) forget_interim();
    }
  }
  const int status = has_head_ && status_ == 0 ? head_.status() : status_;
  if (status >= kFirstError && sending_ == Sending::open) sending_ = Sending::stopped;
  return sending_ != Sending::open;
}

// RFC 9110 section 10.1.1: whoever waits for 100 must not wait for ever.
bool ClientExchange::is_wanted(net::Deadline until) {
  try {
    while (true) {
      read_one_head(until);
      if (!head_.interim()) {
        has_head_ = true;
        return stop();
      }
      const bool go_on = head_.status() == kContinue;
      forget_interim();
      if (go_on) return true;
    }
  } catch (const net::TimedOut&) {
    check_limit();
    return true;
  }
}

bool ClientExchange::send_chunk(std::string_view piece) {
  if (piece.empty()) return sending_ == Sending::open && may_send(0, Clock::now());
  if (!request_->upload_size) {
    std::array<char, 16> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), piece.size(), 16).ptr;
    const std::string_view size(digits.data(), static_cast<std::size_t>(end - digits.data()));
    const std::array pieces{size, std::string_view("\r\n"), piece, std::string_view("\r\n")};
    return send_piece(pieces);
  }
  if (piece.size() > upload_left_)
    throw ClientError(ClientError::Kind::bad_request, "an upload became longer than it was said to be");
  upload_left_ -= piece.size();
  const std::array pieces{piece};
  return send_piece(pieces) && (upload_left_ > 0 || send_end());
}

bool ClientExchange::send_end() {
  if (sending_ != Sending::open) return sending_ == Sending::done;
  if (upload_left_ > 0)
    throw ClientError(ClientError::Kind::bad_request, "an upload became shorter than it was said to be");
  if (!request_->upload_size) {
    const std::string end = last_chunk(*request_);
    const std::array last{std::string_view(end)};
    if (!send_piece(last)) return false;
  }
  sending_ = Sending::done;
  moved_at_ = Clock::now();  // from now on the peer has all, and may not be silent
  return true;
}

void ClientExchange::begin(std::string_view head) {
  written_ = true;
  upload_left_ = request_->upload_size.value_or(0);
  const std::array first{head};
  if (!head.empty()) send_piece(first);
}

bool ClientExchange::announce(std::string_view head, std::chrono::milliseconds most) {
  const std::array first{head};
  written_ = true;  // no sender yet
  const bool wanted = send_piece(first) && is_wanted(Clock::now() + most);
  written_ = false;
  return wanted;
}

bool ClientExchange::write(std::string_view piece) {
  const bool is_finished = sending_ == Sending::done && !request_->upload_size;
  if (!written_ || is_finished) throw std::logic_error("verdin: no body is to be written");
  if (writing_) throw net::ConcurrentUse("verdin: another greenlet writes this body");
  try {
    return send_chunk(piece);
  } catch (...) {
    close();
    throw;
  }
}

bool ClientExchange::finish() {
  if (!written_) throw std::logic_error("verdin: no body is to be written");
  if (writing_) throw net::ConcurrentUse("verdin: another greenlet writes this body");
  try {
    return send_end();
  } catch (...) {
    close();
    throw;
  }
}

}  // namespace verdin::http
