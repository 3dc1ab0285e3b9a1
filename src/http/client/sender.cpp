// The sender of a ClientExchange: a greenlet for a body that does not go out at once.
//
// So an answer is read while the upload goes on: a peer that answers as it reads (an echo, say) would wait
// for its answer to be read, and its client for the body to be taken, for ever.
#include <array>

#include <verdin/net/error.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/local.hpp>
#include <verdin/runtime/sleep.hpp>

#include "http/client/exchange.hpp"

namespace verdin::http {

namespace {

constexpr std::size_t kSlice = 64 * 1024;  // of a large body

}  // namespace

void ClientExchange::send(std::string_view head) {
  if (request_->upload) {
    upload_left_ = request_->upload_size.value_or(0);
    head_rest_ = head;
    return spawn_sender();
  }
  // What the kernel takes now goes without a greenlet: nearly every request does.
  body_rest_ = request_->body;
  do {
    const std::array pieces{head, body_rest_.substr(0, kSlice)};
    std::error_code error;
    std::size_t taken = lease_->stream().send_all(pieces, error, std::chrono::seconds(0));
    if (error && error != net::Errc::timed_out) return note_send_error(error);
    const std::size_t of_head = std::min(taken, head.size());
    head.remove_prefix(of_head);
    body_rest_.remove_prefix(taken - of_head);
    if (error) {
      head_rest_ = head;
      return spawn_sender();
    }
  } while (!body_rest_.empty());
  sending_ = Sending::done;
}

// It has what it uses: the exchange may be given up meanwhile.
void ClientExchange::spawn_sender() {
  sender_ = spawn(inherit_context, [self = shared_from_this()] { self->run_sender(); });
}

void ClientExchange::run_sender() noexcept {
  try {
    request_->upload ? send_upload() : send_rest();
  } catch (...) {
    if (stopping_) return;
    failure_ = std::current_exception();
    sending_ = Sending::stopped;
    if (lease_) lease_->stream().close();  // who reads wakes, and throws it
  }
}

void ClientExchange::send_rest() {
  std::string_view head = head_rest_;
  do {  // once, though nothing be left: a TLS connection may have to send what it has taken
    const std::array pieces{head, body_rest_.substr(0, kSlice)};
    if (!send_piece(pieces)) return;
    body_rest_.remove_prefix(pieces[1].size());
    head = {};
  } while (!body_rest_.empty());
  sending_ = Sending::done;
  moved_at_ = Clock::now();
}

void ClientExchange::send_upload() {
  const std::array first{std::string_view(head_rest_)};
  if (!head_rest_.empty() && !send_piece(first)) return;
  std::string piece;
  for (bool more = true; more;) {
    piece.clear();
    more = request_->upload(piece);
    if (!send_chunk(piece) && sending_ != Sending::done) return;
    if (piece.empty() && more) yield();
  }
  send_end();
}

void ClientExchange::stop_sending() noexcept {
  if (sending_ == Sending::open) sending_ = Sending::stopped;
  if (!sender_.valid() || sender_.ready()) return;
  stopping_ = true;
  const Hub* const hub = Hub::current_or_null();
  if (!hub || hub->in_hub()) {
    try {
      sender_.kill_async();
    } catch (...) {  // the hub has ended, and it with it
    }
    return;
  }
  impl::kill_whatever_comes(sender_.base());
}

void ClientExchange::rethrow_failure() {
  if (failure_) std::rethrow_exception(failure_);
}

}  // namespace verdin::http
