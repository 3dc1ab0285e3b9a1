// The half of ClientExchange that sends.
#include <array>
#include <charconv>

#include <verdin/net/error.hpp>

#include "http/client/exchange.hpp"

namespace verdin::http {

namespace {

constexpr std::size_t kSlice = 64 * 1024;  // of a large body: each has its own limit

}  // namespace

net::Deadline ClientExchange::step() const {
  if (settings_.silence.count() == 0) return limit_;
  return limit_.earlier(net::Deadline::Clock::now() + settings_.silence);
}

// False if the peer takes no more: it may have answered already, which read_head() finds out.
bool ClientExchange::send_piece(std::span<const std::string_view> pieces) {
  std::error_code error;
  lease_->stream().send_all(pieces, error, step());
  if (!error) return true;
  if (error == net::Errc::timed_out) net::throw_error(error, "verdin: sending a request");
  send_error_ = error;
  return false;
}

void ClientExchange::send(std::string_view head, ClientRequest& request) {
  if (request.upload) return send_upload(head, request);
  std::string_view body = request.body;
  do {
    const std::array pieces{head, body.substr(0, kSlice)};
    if (!send_piece(pieces)) return;
    body.remove_prefix(pieces[1].size());
    head = {};
  } while (!body.empty());
}

void ClientExchange::send_upload(std::string_view head, ClientRequest& request) {
  const std::array first{head};
  if (!send_piece(first)) return;
  std::uint64_t left = request.upload_size.value_or(0);
  std::string piece;
  for (bool more = true; more;) {
    piece.clear();
    more = request.upload(piece);
    if (piece.empty()) continue;
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
  const std::array last{std::string_view("0\r\n\r\n")};
  if (!request.upload_size) send_piece(last);
}

}  // namespace verdin::http
