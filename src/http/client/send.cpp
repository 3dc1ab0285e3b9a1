// The half of ClientExchange that sends.
#include <algorithm>
#include <array>
#include <charconv>

#include <verdin/net/error.hpp>
#include <verdin/protocol/http1/response_head.hpp>

#include "http/client/exchange.hpp"

namespace verdin::http {

namespace {

constexpr std::size_t kSlice = 64 * 1024;        // of a large body: each has its own limit
constexpr std::chrono::milliseconds kLook{200};  // between looks for an answer, however little goes out
constexpr int kContinue = 100;
constexpr int kFirstError = 400;

}  // namespace

net::Deadline ClientExchange::step(net::Deadline::Clock::time_point now) const {
  if (settings_.silence.count() == 0) return limit_;
  return limit_.earlier(now + settings_.silence);
}

// Asked between pieces: whoever makes them may take longer than the limit allows, or than an answer takes. A
// socket that takes each piece at once finds neither out.
bool ClientExchange::may_send(std::size_t size, net::Deadline::Clock::time_point now) {
  unlooked_ += size;
  const bool is_first = looked_at_ == net::Deadline::Clock::time_point();
  if (is_first) looked_at_ = now;  // what is there before anything was sent is no answer
  if (!is_first && (unlooked_ > kSlice || now - looked_at_ >= kLook)) {
    unlooked_ = size;
    looked_at_ = now;
    if (is_refused()) return false;
  }
  if (!limit_.passed()) return true;
  if (!has_head_) throw net::TimedOut("verdin: sending a request");
  body_kept_ = true;
  return false;
}

// False if the peer takes no more, or has said that it wants none: read_head() finds out.
bool ClientExchange::send_piece(std::span<const std::string_view> pieces) {
  std::array<std::string_view, 4> rest;
  std::copy(pieces.begin(), pieces.end(), rest.begin());
  std::size_t size = 0;
  for (const std::string_view piece : pieces) size += piece.size();
  auto now = net::Deadline::Clock::now();
  if (!may_send(size, now)) return false;
  for (net::Deadline limit = step(now);; now = net::Deadline::Clock::now()) {
    std::error_code error;
    std::size_t taken = lease_->stream().send_all(rest, error, limit.earlier(now + kLook));
    if (!error) return true;
    if (error != net::Errc::timed_out) {
      send_error_ = error;
      return false;
    }
    if (is_refused()) return false;
    if (taken > 0) limit = step();
    if (limit.passed()) {
      if (!has_head_) net::throw_error(error, "verdin: sending a request");
      body_kept_ = true;  // it has answered, and reads no more
      return false;
    }
    for (std::string_view& piece : rest) {
      const std::size_t gone = std::min(taken, piece.size());
      piece.remove_prefix(gone);
      taken -= gone;
    }
  }
}

// RFC 9112 section 9.5: who is told that a body is not wanted stops sending it. Other answers may come early,
// too: of those who answer piece by piece.
bool ClientExchange::is_refused() {
  while (!has_head_ && lease_->look()) {
    if (!feed_head()) continue;
    has_head_ = !head_.interim();
    if (!has_head_) forget_interim();
  }
  body_kept_ = has_head_ && head_.status() >= kFirstError;
  return body_kept_;
}

bool ClientExchange::send(std::string_view head, ClientRequest& request) {
  if (request.upload) {
    send_upload(head, request);
    return true;
  }
  std::string_view body = request.body;
  do {
    const std::array pieces{head, body.substr(0, kSlice)};
    if (!send_piece(pieces)) break;
    body.remove_prefix(pieces[1].size());
    head = {};
  } while (!body.empty());
  return true;
}

bool ClientExchange::send_when_wanted(std::string_view head, ClientRequest& request,
                                      std::chrono::milliseconds most) {
  const std::array first{head};
  if (!send_piece(first)) return false;
  if (is_wanted(net::Deadline::Clock::now() + most)) return send({}, request);
  body_kept_ = true;
  return false;
}

// RFC 9110 section 10.1.1: whoever waits for 100 must not wait for ever.
bool ClientExchange::is_wanted(net::Deadline until) {
  try {
    while (true) {
      read_one_head(until);
      if (!head_.interim()) {
        has_head_ = true;
        return false;
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

void ClientExchange::send_upload(std::string_view head, ClientRequest& request) {
  const std::array first{head};
  if (!head.empty() && !send_piece(first)) return;
  std::uint64_t left = request.upload_size.value_or(0);
  std::string piece;
  for (bool more = true; more;) {
    piece.clear();
    more = request.upload(piece);
    if (piece.empty()) {
      if (!may_send(0, net::Deadline::Clock::now())) return;
      continue;
    }
    if (!request.upload_size) {
      std::array<char, 16> digits;
      const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), piece.size(), 16).ptr;
      const std::string_view size(digits.data(), static_cast<std::size_t>(end - digits.data()));
      const std::array pieces{size, std::string_view("\r\n"), std::string_view(piece),
                              std::string_view("\r\n")};
      if (!send_piece(pieces)) return;
      continue;
    }
    if (piece.size() > left)
      throw ClientError(ClientError::Kind::bad_request, "an upload became longer than it was said to be");
    left -= piece.size();
    const std::array pieces{std::string_view(piece)};
    if (!send_piece(pieces)) return;
  }
  if (left > 0)
    throw ClientError(ClientError::Kind::bad_request, "an upload became shorter than it was said to be");
  if (request.upload_size) return;
  const std::string end = last_chunk(request);
  const std::array last{std::string_view(end)};
  send_piece(last);
}

std::string ClientExchange::last_chunk(ClientRequest& request) const {
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

}  // namespace verdin::http
