// The half of Connection that knows how long things may take. One timer, meaning what the phase says.
#include <algorithm>

#include "http/connection.hpp"
#include "http/server.hpp"

namespace verdin::http {

using std::chrono::milliseconds;

void Connection::start_timer(milliseconds delay) {
  if (delay.count() > 0) {
    timed_ = true;
    timer_.start(delay);
  } else {
    stop_timer();
  }
}

void Connection::enter(Phase phase) {
  phase_ = phase;
  if (phase == Phase::answering) return stop_timer();
  phase_began_ = timer_.loop().now();
  const Options& options = server_->options();
  switch (phase) {
    case Phase::fresh:
    case Phase::head:
      return start_timer(options.header_timeout);
    case Phase::body:
      return start_timer(options.body_timeout);
    case Phase::idle: {
      // Two things may be wrong with a peer that is silent now; the earlier one is looked at first.
      const milliseconds idle = options.keep_alive_timeout, write = options.write_timeout;
      return start_timer(idle.count() == 0 ? write : write.count() == 0 ? idle : std::min(idle, write));
    }
    case Phase::ending:
      return start_timer(options.write_timeout);
    case Phase::answering:
    case Phase::closed:
      return stop_timer();
  }
}

void Connection::on_time() {
  if (!timed_) return;
  timed_ = false;
  const auto elapsed = std::chrono::duration_cast<milliseconds>(timer_.loop().now() - phase_began_);
  switch (phase_) {
    case Phase::fresh:
      return close_politely();
    case Phase::head:
      return refuse(408);
    case Phase::body:
      return check_body_rate(elapsed);
    case Phase::idle:
      return check_idle(elapsed);
    case Phase::answering:
      if (answering_ && answering_->awaits_body_) return fail_body(*answering_, 408);
      return check_peer_takes();
    case Phase::ending:
      return check_peer_takes();
    case Phase::closed:
      return;
  }
}

void Connection::check_body_rate(milliseconds elapsed) {
  const Options& options = server_->options();
  milliseconds allowed = options.body_timeout;
  if (options.body_rate > 0)
    allowed += milliseconds(reading_->request_.body_.size() * 1000 / options.body_rate);
  if (elapsed >= allowed) return refuse(408);
  start_timer(allowed - elapsed);
}

void Connection::check_idle(milliseconds elapsed) {
  if (stream_->unsent() > 0) return check_peer_takes();
  const milliseconds allowed = server_->options().keep_alive_timeout;
  if (allowed.count() == 0) return;
  if (elapsed >= allowed) return close_politely();
  start_timer(allowed - elapsed);
}

// Something waits for the peer: it must have taken its share since the last look.
void Connection::check_peer_takes() {
  const Options& options = server_->options();
  if (options.write_timeout.count() == 0) return start_timer(options.keep_alive_timeout);
  const auto now = timer_.loop().now();
  const auto elapsed = std::chrono::duration_cast<milliseconds>(now - taken_at_);
  if (elapsed < options.write_timeout) return start_timer(options.write_timeout - elapsed);
  const std::uint64_t taken = queued_ - stream_->unsent();
  const auto owed = static_cast<std::int64_t>(options.write_rate) * elapsed.count() / 1000;
  const bool waits = stream_->unsent() > 0 || file_;
  // Signed: a stream that counts what it adds by itself may have more unsent than before.
  const auto since = static_cast<std::int64_t>(taken - taken_);
  if (waits && since < std::max<std::int64_t>(owed, 1)) return drop();
  taken_at_ = now;
  taken_ = taken;
  start_timer(options.write_timeout);
}

}  // namespace verdin::http
