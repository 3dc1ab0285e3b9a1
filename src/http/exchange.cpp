#include <algorithm>
#include <chrono>
#include <stdexcept>

#include <verdin/http/exchange.hpp>
#include <verdin/protocol/http1/chars.hpp>
#include <verdin/runtime/sleep.hpp>

#include "http/connection.hpp"
#include "http/server.hpp"

namespace verdin::http {

namespace {
constexpr std::chrono::seconds kLook{1};
}

Exchange::~Exchange() {
  if (connection_) connection_->abandon(*this);
}

[[gnu::noinline, gnu::cold]] Exchange::Extras::~Extras() = default;

void Exchange::respond(int status, std::span<const Header> headers, std::string_view body) {
  if (connection_ && !started_) connection_->respond(*this, status, headers, body);
}

void Exchange::respond(int status, std::span<const Header> headers, const SharedBuffer& body) {
  if (connection_ && !started_) connection_->respond(*this, status, headers, body);
}

void Exchange::respond_file(int status, std::span<const Header> headers, FileBody body) {
  if (connection_ && !started_) connection_->respond(*this, status, headers, std::move(body));
}

// Until wake(), or `limit`. Whoever waits looks again, whatever it was.
void Exchange::wait(std::optional<loop::Clock::duration> limit) {
  if (waits_) throw std::logic_error("verdin: two greenlets wait for the peer of one request");
  struct Waits {
    explicit Waits(bool& flag) : waits(flag) { waits = true; }
    ~Waits() { waits = false; }
    bool& waits;
  } waits(waits_);
  woken_.clear();
  limit ? static_cast<void>(woken_.wait_for(*limit)) : woken_.wait();
}

void Exchange::wake() {
  if (waits_) woken_.set();
}

void Exchange::drop() {
  if (connection_) connection_->cut(*this);
}

void Exchange::start(int status, std::span<const Header> headers, std::optional<std::uint64_t> size) {
  if (connection_ && !started_) connection_->start(*this, status, headers, size);
}

bool Exchange::write(std::string_view piece) {
  const ExchangePtr self(this);
  if (!connection_ || !started_) return false;
  if (!has_body_) {  // HEAD, 204, 304: the head was all of it, and nobody waits for more
    connection_->end(*this);
    return false;
  }
  if (has_size_) {
    if (piece.size() > left_) throw std::length_error("verdin: an answer is longer than it was to be");
    left_ -= piece.size();
  }
  connection_->send_piece(*this, piece);
  if (!connection_->output_is_high()) return true;
  bool waited = false;
  for (; connection_ && connection_->output_is_full(); waited = true) wait();
  if (!waited) yield();  // the kernel took it all: others want their turn, too
  return connection_ != nullptr;
}

bool Exchange::trailer(std::string_view name, std::string_view value) {
  http1::check_header(name, value);
  if (!http1::may_be_trailer(name))
    throw std::invalid_argument("no field for a trailer: " + std::string(name));
  if (!started_) throw std::logic_error("verdin: trailers are for an answer in pieces, behind its first");
  if (!connection_ || !has_body_ || has_size_ || request_.version() != http1::Version::http11 ||
      !http1::list_contains(request_.header("TE").value_or(""), "trailers")) {
    return false;
  }
  http1::append_header(extras().trailers, name, value);
  return true;
}

void Exchange::end() {
  if (!connection_ || !started_) return;
  if (has_body_ && left_ > 0) throw std::length_error("verdin: an answer is shorter than it was to be");
  connection_->end(*this);
}

void Exchange::end_behind(std::string_view last) {
  if (!connection_) return;
  connection_->send_piece(*this, last);
  connection_->end(*this);
}

std::size_t Exchange::read_body(std::span<char> into) {
  const ExchangePtr self(this);
  if (into.empty()) return 0;
  while (reads_body_) {
    if (body_status_ == 0 && !connection_) body_status_ = 400;
    if (body_status_ != 0) throw BodyError(body_status_, "the body of a request is not one");
    if (const auto size = connection_->take_body(*this, into)) return *size;
    if (body_status_ != 0) continue;
    connection_->await_body(*this);
    if (body_status_ != 0) continue;
    struct Stop {
      Exchange& exchange;
      ~Stop() {
        if (exchange.connection_) exchange.connection_->stop_awaiting_body(exchange);
      }
    } stop{*this};
    wait();
  }
  const std::string_view rest =
      std::string_view(request_.body_).substr(std::min(held_used_, request_.body_.size()));
  const std::size_t size = rest.copy(into.data(), into.size());
  held_used_ += size;
  return size;
}

bool Exchange::peer_leaves(loop::Clock::duration limit) {
  const ExchangePtr self(this);
  const auto due = loop::Clock::now() + limit;
  if (connection_ && !aborted_) on_abort([] {});
  const auto is_over = [this] { return !connection_ || stopping(); };
  for (auto left = limit; !is_over() && left.count() > 0; left = due - loop::Clock::now()) {
    // What came behind the request keeps the connection from being read, and the end from being seen by
    // itself.
    wait(std::min<loop::Clock::duration>(left, kLook));
    if (connection_) connection_->abort_if_half_closed();
  }
  return is_over();
}

bool Exchange::stopping() const noexcept { return connection_ && connection_->server().stopping(); }

void Exchange::on_abort(UniqueFunction<void()> aborted) {
  if (finished_) return;
  aborted_ = std::move(aborted);
  if (connection_) connection_->abort_if_half_closed();
}

std::span<const Header> Exchange::headers_of_middlewares() const noexcept {
  return extras_ ? std::span<const Header>(extras_->views) : std::span<const Header>();
}

Exchange::Reporter Exchange::reporter() {
  if (!connection_) return nullptr;
  return [self = ExchangePtr(this), server = IntrusivePtr<Server>(&connection_->server())](
             std::exception_ptr error) { server->report_failure(self->request_, std::move(error)); };
}

loop::StreamPtr Exchange::take_stream(std::string& leftover) {
  return connection_ ? connection_->give_stream(*this, leftover) : nullptr;
}

}  // namespace verdin::http
