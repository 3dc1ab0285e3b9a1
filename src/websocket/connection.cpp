#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include <verdin/loop/loop.hpp>
#include <verdin/websocket/connection.hpp>

#include "websocket/connection_parts.hpp"

namespace verdin::websocket {

namespace codec = protocol::websocket;
using codec::DecoderEvent;

namespace {

constexpr std::size_t kPadding = loop::kReadPadding;
static_assert(kPadding >= codec::kMessagePadding);

std::uint32_t narrow(std::uint64_t number) noexcept {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(number, std::numeric_limits<std::uint32_t>::max()));
}

std::uint32_t narrow(std::chrono::milliseconds time) noexcept {
  return narrow(static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0)));
}

/// Octets in each interval; more are not told apart.
std::uint16_t enough_of(const Options& options) noexcept {
  const std::uint64_t rate = std::uint64_t{narrow(options.ping_interval)} * options.frame_rate / 1000;
  return static_cast<std::uint16_t>(
      std::clamp<std::uint64_t>(rate, 1, std::numeric_limits<std::uint16_t>::max()));
}

/// Without memory for the text the code alone is told.
std::string reason_of(std::string_view text) noexcept {
  try {
    return std::string(text);
  } catch (const std::bad_alloc&) {
    return {};
  }
}

}  // namespace

Connection::Connection(loop::StreamPtr stream, const Options& options, ConnectionHandler& handler,
                       std::string_view early_input, const std::optional<codec::DeflateParams>& deflate,
                       Role role)
    : enough_(enough_of(options)),
      client_(role == Role::client),
      stream_(std::move(stream)),
      handler_(&handler),
      decoder_(role, options.max_message_size),
      send_limit_(narrow(options.send_limit)),
      drop_limit_(narrow(options.drop_limit)),
      backpressure_timeout_(narrow(options.backpressure_timeout)),
      close_timeout_(narrow(options.close_timeout)),
      ping_interval_(narrow(options.ping_interval)),
      watch_(stream_->loop(), loop::on_timer<&Connection::on_watch>, this) {
  if (deflate) {
    compression_ = std::make_unique<Compression>(*deflate, options.deflate.value_or(DeflateOptions{}), role);
    decoder_.enable_deflate(*deflate);
  }
  if (!early_input.empty()) {
    keep(early_input);
    extras_->input_timer.start(std::chrono::milliseconds(0));
  }
  if (ping_interval_ > 0) watch_.start(std::chrono::milliseconds(ping_interval_));
  stream_->set_handler(this);
}

Connection::~Connection() {
  if (state_ == State::closing) loop::retire(std::move(stream_));
}

impl::Memberships& Connection::memberships() {
  if (!memberships_) memberships_ = std::make_unique<impl::Memberships>(*this);
  return *memberships_;
}

Connection::Extras& Connection::extras() {
  if (!extras_) extras_ = std::make_unique<Extras>(*this, stream_->loop());
  return *extras_;
}

void Connection::release_extras() {
  if (extras_ && !extras_->timer.active() && extras_->input.empty()) extras_.reset();
}

template <typename F>
void Connection::guarded(F&& call) {
  const IntrusivePtr<Connection> self(this);
  try {
    call();
  } catch (const std::bad_alloc&) {
    end_within_callback(close_code::kAbnormal);
  } catch (...) {
    end_within_callback(close_code::kInternalError);
    throw;
  }
}

/// What is behind the octets that were being taken cannot be told any longer.
void Connection::end_within_callback(std::uint16_t code) {
  decoding_ = false;
  if (state_ == State::closed) return decoder_.reset();
  if (abandoned()) return;
  if (state_ == State::doomed && extras_ && extras_->doom != 0) code = extras_->doom;
  end({code, {}, false}, Farewell::cut);
}

// Receiving.

void Connection::on_data(std::span<char> data) {
  heard_ = static_cast<std::uint16_t>(std::min<std::size_t>(heard_ + data.size(), kEverything));
  guarded([&] {
    if (extras_) take_kept_input();
    if (alive()) decode(data);
  });
}

void Connection::on_kept_input() {
  guarded([&] { take_kept_input(); });
}

void Connection::take_kept_input() {
  if (!holds_input() || !delivers()) return;
  extras_->input_timer.stop();
  std::string octets = std::exchange(extras_->input, {});
  release_extras();
  decode({octets.data(), octets.size() - kPadding});
  if (!alive() || abandoned() || holds_input()) return;
  update_reading();
  if (eof_) end_at_eof();
}

bool Connection::holds_input() const noexcept { return extras_ && !extras_->input.empty(); }

/// Behind what is kept already.
void Connection::keep(std::span<const char> input) {
  std::string& octets = extras().input;
  if (!octets.empty()) octets.resize(octets.size() - kPadding);
  octets.reserve(octets.size() + input.size() + kPadding);
  octets.append(input.data(), input.size()).append(kPadding, '\0');
}

void Connection::decode(std::span<char> input) {
  decoding_ = true;
  while (alive() && !abandoned() && delivers()) {
    const DecoderEvent event = decoder_.next(input);
    if (event.kind == DecoderEvent::Kind::need_more) break;
    dispatch(event);
  }
  decoding_ = false;
  if (!alive()) return decoder_.reset();
  if (!delivers() && !input.empty()) return keep(input);
  if (decoder_.awaited() > loop::kMostRead) stream_->expect_bulk();
}

void Connection::dispatch(const DecoderEvent& event) {
  const bool deliver = state_ == State::open && handler_;
  if (event.last) heard_ = kEverything;
  if (event.part) {
    if (!deliver) return;
    const bool text = event.kind == DecoderEvent::Kind::text;
    MessagePart part{text ? Opcode::text : Opcode::binary, event.payload, event.first, event.last, {}};
    if (event.remaining != DecoderEvent::kUnknown) part.remaining = event.remaining;
    return handler_->on_part(part);
  }
  switch (event.kind) {
    case DecoderEvent::Kind::text:
      if (deliver) handler_->on_text(event.payload);
      break;
    case DecoderEvent::Kind::binary:
      if (deliver) handler_->on_binary(event.payload);
      break;
    case DecoderEvent::Kind::ping:
      answer(Opcode::pong, {event.payload.data(), event.payload.size()});
      break;
    case DecoderEvent::Kind::pong:
      if (deliver) handler_->on_pong(event.payload);
      break;
    case DecoderEvent::Kind::close:
      on_close_frame(event.payload);
      break;
    case DecoderEvent::Kind::failed:
      fail(event.code, event.reason);
      break;
    case DecoderEvent::Kind::need_more:
      break;
  }
}

/// What the peer is owed. Without memory for it, it gets nothing more.
void Connection::answer(Opcode opcode, std::string_view payload) noexcept {
  if (state_ != State::open) return;
  try {
    append_frame(opcode, payload);
  } catch (...) {
    cut_without_memory();
  }
}

void Connection::answer_close(std::uint16_t code, std::string_view reason) noexcept {
  if (in_frame()) return;  // it would be taken for the message's
  char payload[codec::kMaxControlPayload];
  answer(Opcode::close, {payload, codec::write_close_payload(payload, code, reason)});
}

void Connection::on_close_frame(std::span<const char> payload) {
  const codec::ClosePayload close = codec::parse_close_payload(payload);
  if (close.error != 0) return fail(close.error, "invalid close frame");
  const bool answered = !in_frame();
  answer_close(close.code, {});
  end({close.code, reason_of(close.reason), answered}, Farewell::polite);
}

void Connection::fail(std::uint16_t code, std::string_view reason) {
  answer_close(code, reason);
  end({code, reason_of(reason), false}, Farewell::polite);
}

void Connection::on_eof() {
  guarded([&] {
    if (extras_) take_kept_input();
    if (!alive() || abandoned()) return;
    eof_ = true;
    if (!holds_input()) end_at_eof();
  });
}

void Connection::end_at_eof() {
  end({close_code::kAbnormal, "the peer closed without a close frame", false}, Farewell::cut);
}

void Connection::on_error(std::error_code reason) {
  guarded([&] { end({close_code::kAbnormal, reason.message(), false}, Farewell::cut); });
}

void Connection::on_drained() {
  guarded([&] {
    if (congested_) relieve(false, held_up_);
    if (is_open() && handler_) handler_->on_drained();
  });
}

void Connection::pause() {
  paused_ = true;
  update_reading();
}

void Connection::resume() {
  paused_ = false;
  if (holds_input()) extras_->input_timer.start(std::chrono::milliseconds(0));
  update_reading();
}

void Connection::update_reading() {
  if (!stream_) return;
  // Not while octets wait that came before: who takes one message and pauses again would gather ever more.
  const bool wanted = state_ == State::closing || (!paused_ && !congested_ && !held_up_ && !holds_input());
  if (wanted == reading_) return;
  reading_ = wanted;
  if (wanted) heard_ = kEverything;  // it could not be heard before
  wanted ? stream_->resume() : stream_->pause();
}

// Ending.

void Connection::close(std::uint16_t code, std::string_view reason) {
  if (!is_open()) return;
  if (in_frame()) return doom(close_code::kAbnormal, "closed within a message");
  Extras& timers = extras();
  state_ = State::closing;  // what is over a limit now is over it no longer
  try {
    append_close_frame(code, reason);
  } catch (...) {
    if (state_ == State::closing) state_ = State::open;
    release_extras();
    throw;
  }
  if (state_ != State::closing) return;
  watch_.stop();
  timers.timer.start(std::chrono::milliseconds(close_timeout_));
  if (holds_input()) extras_->input_timer.start(std::chrono::milliseconds(0));
  update_reading();
}

void Connection::abort() {
  state_ = State::closed;
  watch_.stop();
  handler_ = nullptr;
  extras_.reset();
  memberships_.reset();
  parts_.reset();
  stream_.reset();
  if (!decoding_) decoder_.reset();
}

void Connection::on_timer() {
  guarded([&] { look_at_time(); });
}

void Connection::look_at_time() {
  if (state_ == State::open) {
    if (stream_->unsent() > send_limit_) {
      return end({close_code::kPolicyViolation, "slow reader", false}, Farewell::cut);
    }
    return relieve(false, false);  // slow, but on its way
  }
  if (state_ == State::closing)
    end({close_code::kAbnormal, "no answer to our close frame", false}, Farewell::cut);
  if (state_ == State::doomed) end({extras_->doom, reason_of(extras_->doom_reason), false}, Farewell::cut);
}

void Connection::on_watch() {
  guarded([&] { look_at_peer(); });
}

/// Counters are looked at here alone, so that a message costs no timer.
void Connection::look_at_peer() {
  if (state_ == State::doomed) return end({close_code::kAbnormal, "no memory", false}, Farewell::cut);
  if (state_ != State::open) return;
  // While nothing is read, nothing can be heard, but that the peer has gone can be seen. (While it is read,
  // the loop tells, behind all that came before.) Nor can be asked within a frame, which the application may
  // take its time to fill; but a peer that is within one of its own owes the rest of it without being asked.
  const std::uint64_t owed = decoder_.awaited();
  const bool expects = reading_ && expected_ > 0 && (!in_frame() || owed > 0);
  const std::uint16_t heard = reading_ ? std::exchange(heard_, std::uint16_t{0}) : kEverything;
  const bool there = expects ? heard >= expected_ : reading_ || !stream_->peer_gone();
  if (!there) {
    const char* const reason = expects ? "no answer to a ping" : "the peer has gone";
    return end({close_code::kAbnormal, reason, false}, Farewell::cut);
  }
  watch_.start(std::chrono::milliseconds(ping_interval_));
  if (!in_frame()) {
    expected_ = enough_;
    return answer(Opcode::ping, {});
  }
  expected_ = static_cast<std::uint16_t>(std::min<std::uint64_t>(owed, enough_));
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): it must outlive the handler that is told
void Connection::end(Close close, Farewell farewell) {
  state_ = State::closed;
  watch_.stop();
  extras_.reset();
  memberships_.reset();
  parts_.reset();
  if (farewell == Farewell::polite) {
    loop::retire(std::move(stream_));
  } else {
    stream_.reset();
  }
  if (!decoding_) decoder_.reset();
  if (ConnectionHandler* handler = std::exchange(handler_, nullptr)) handler->on_close(close);
}

}  // namespace verdin::websocket
