#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include <verdin/loop/loop.hpp>
#include <verdin/protocol/websocket/deflater.hpp>
#include <verdin/websocket/connection.hpp>
#include <verdin/websocket/shared_message.hpp>

#include "websocket/memberships.hpp"

namespace verdin::websocket {

namespace codec = protocol::websocket;
using codec::DecoderEvent;

namespace {

constexpr std::size_t kPadding = loop::kReadPadding;
static_assert(kPadding >= codec::kMessagePadding);
constexpr std::size_t kKeptScratch = 64 * 1024;

std::uint32_t narrow(std::uint64_t number) noexcept {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(number, std::numeric_limits<std::uint32_t>::max()));
}

std::uint32_t narrow(std::chrono::milliseconds time) noexcept {
  return narrow(static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0)));
}

}  // namespace

/// What few connections have at a time, and not for long.
struct Connection::Extras {
  explicit Extras(Connection& connection, loop::Loop& loop)
      : timer(loop, loop::on_timer<&Connection::on_timer>, &connection),
        input_timer(loop, loop::on_timer<&Connection::on_kept_input>, &connection) {}

  loop::Timer timer;        // open: back-pressure; closing: the peer's answer; doomed: at once
  loop::Timer input_timer;  // at once
  std::string input;        // came early, or was read before a pause; kPadding octets longer than that
};

/// The sending side; the receiving one is in the decoder.
struct Connection::Compression {
  Compression(const codec::DeflateParams& params, const DeflateOptions& options) noexcept
      : deflater(params, options), threshold(std::max<std::size_t>(options.threshold, 1)) {}

  codec::Deflater deflater;
  std::size_t threshold;
};

Connection::Connection(loop::StreamPtr stream, const Options& options, ConnectionHandler& handler,
                       std::string_view early_input, const std::optional<codec::DeflateParams>& deflate)
    : stream_(std::move(stream)),
      handler_(&handler),
      decoder_(codec::Role::server, options.max_message_size),
      send_limit_(narrow(options.send_limit)),
      drop_limit_(narrow(options.drop_limit)),
      backpressure_timeout_(narrow(options.backpressure_timeout)),
      close_timeout_(narrow(options.close_timeout)) {
  if (deflate) {
    compression_ = std::make_unique<Compression>(*deflate, options.deflate.value_or(DeflateOptions{}));
    decoder_.enable_deflate(*deflate);
  }
  if (!early_input.empty()) {
    keep(early_input);
    extras_->input_timer.start(std::chrono::milliseconds(0));
  }
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

// Receiving.

void Connection::on_data(std::span<char> data) {
  const IntrusivePtr<Connection> self(this);
  if (extras_) on_kept_input();
  if (alive()) decode(data);
}

void Connection::on_kept_input() {
  if (!holds_input() || !delivers()) return;
  const IntrusivePtr<Connection> self(this);
  extras_->input_timer.stop();
  std::string octets = std::exchange(extras_->input, {});
  release_extras();
  decode({octets.data(), octets.size() - kPadding});
  if (eof_ && alive() && !holds_input()) on_eof();
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
  // One reference is our caller's: when it is the last, the handler is gone with the others.
  while (alive() && ref_count() > 1 && delivers()) {
    const DecoderEvent event = decoder_.next(input);
    if (event.kind == DecoderEvent::Kind::need_more) break;
    dispatch(event);
  }
  decoding_ = false;
  if (!alive()) return decoder_.reset();
  if (!delivers() && !input.empty()) keep(input);
}

void Connection::dispatch(const DecoderEvent& event) {
  const bool deliver = state_ == State::open && handler_;
  switch (event.kind) {
    case DecoderEvent::Kind::text:
      if (deliver) handler_->on_text(event.payload);
      break;
    case DecoderEvent::Kind::binary:
      if (deliver) handler_->on_binary(event.payload);
      break;
    case DecoderEvent::Kind::ping:
      if (state_ == State::open) append_frame(Opcode::pong, {event.payload.data(), event.payload.size()});
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

void Connection::on_close_frame(std::span<const char> payload) {
  const codec::ClosePayload close = codec::parse_close_payload(payload);
  if (close.error != 0) return fail(close.error, "invalid close frame");
  if (state_ == State::open) append_close_frame(close.code, {});
  end({close.code, std::string(close.reason), true}, Farewell::polite);
}

void Connection::fail(std::uint16_t code, std::string_view reason) {
  if (state_ == State::open) append_close_frame(code, reason);
  end({code, std::string(reason), false}, Farewell::polite);
}

void Connection::on_eof() {
  const IntrusivePtr<Connection> self(this);
  if (extras_) on_kept_input();
  if (!alive()) return;
  eof_ = true;
  if (!holds_input())
    end({close_code::kAbnormal, "the peer closed without a close frame", false}, Farewell::cut);
}

void Connection::on_error(std::error_code reason) {
  const IntrusivePtr<Connection> self(this);
  end({close_code::kAbnormal, reason.message(), false}, Farewell::cut);
}

// Sending.

void Connection::append_frame(Opcode opcode, std::string_view payload) {
  char header[codec::kMaxServerFrameHeader];
  const std::size_t size = codec::write_header(header, opcode, payload.size());
  std::string& queue = stream_->send_in_place();
  queue.append(header, size);
  queue.append(payload);
  queued(size + payload.size());
}

/// False if it is to be sent as it is.
bool Connection::append_compressed(Opcode opcode, std::string_view message) {
  if (!compression_ || message.size() < compression_->threshold || codec::is_control(opcode)) return false;
  codec::Deflater& deflater = compression_->deflater;
  thread_local std::string compressed;
  compressed.clear();
  deflater.deflate(message, compressed);
  if (compressed.size() >= message.size() && !deflater.takes_over()) return false;
  char header[codec::kMaxServerFrameHeader];
  const std::size_t size = codec::write_header(header, opcode, compressed.size());
  codec::mark_compressed(header);
  std::string& queue = stream_->send_in_place();
  queue.append(header, size).append(compressed);
  queued(size + compressed.size());
  if (compressed.capacity() > kKeptScratch) std::string().swap(compressed);
  return true;
}

void Connection::append_close_frame(std::uint16_t code, std::string_view reason) {
  char payload[codec::kMaxControlPayload];
  append_frame(Opcode::close, {payload, codec::write_close_payload(payload, code, reason)});
}

bool Connection::send(Opcode opcode, std::string_view message) {
  if (!is_open()) return false;
  if (!append_compressed(opcode, message)) append_frame(opcode, message);
  return true;
}

bool Connection::send(SharedMessage& message) {
  if (!is_open()) return false;
  const bool compresses = compression_ && message.payload().size() >= compression_->threshold;
  if (!compresses) return send_frame(message.frame());
  if (compression_->deflater.takes_over()) return send(message.opcode(), message.payload());
  return send_frame(message.compressed_frame(compression_->deflater));
}

bool Connection::send_frame(const SharedBuffer& frames) {
  if (!is_open()) return false;
  stream_->send(frames);
  queued(frames.size());
  return true;
}

bool Connection::ping(std::string_view payload) {
  return send(Opcode::ping, payload.substr(0, codec::kMaxControlPayload));
}

void Connection::queued(std::size_t frame_size) {
  const std::size_t unsent = stream_->unsent();
  if (unsent > send_limit_) [[unlikely]]
    over_limit(unsent - std::min(frame_size, unsent));
}

void Connection::over_limit(std::size_t unsent_before) {
  if (!congested_) {
    // Perhaps the kernel takes it. If it does not take all, the stream will call on_drained().
    stream_->flush();
    if (stream_->unsent() <= send_limit_) return;
    congested_ = true;
    update_reading();
    if (state_ == State::open) extras().timer.start(std::chrono::milliseconds(backpressure_timeout_));
  }
  if (unsent_before > send_limit_ && stream_->unsent() > drop_limit_ && state_ == State::open) doom();
}

/// Cuts the connection inside a call of the application: on_close() has to wait for the loop.
void Connection::doom() {
  extras().timer.start(std::chrono::milliseconds(0));
  state_ = State::doomed;
  stream_.reset();
}

void Connection::on_drained() {
  const IntrusivePtr<Connection> self(this);
  if (congested_) {
    congested_ = false;
    if (state_ == State::open && extras_) extras_->timer.stop();
    release_extras();
    update_reading();
  }
  if (is_open() && handler_) handler_->on_drained();
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
  const bool wanted = state_ == State::closing || (!paused_ && !congested_);
  if (wanted == reading_) return;
  reading_ = wanted;
  wanted ? stream_->resume() : stream_->pause();
}

// Ending.

void Connection::close(std::uint16_t code, std::string_view reason) {
  if (!is_open()) return;
  state_ = State::closing;
  append_close_frame(code, reason);
  extras().timer.start(std::chrono::milliseconds(close_timeout_));
  if (holds_input()) extras_->input_timer.start(std::chrono::milliseconds(0));
  update_reading();
}

void Connection::abort() {
  state_ = State::closed;
  handler_ = nullptr;
  extras_.reset();
  memberships_.reset();
  stream_.reset();
  if (!decoding_) decoder_.reset();
}

void Connection::on_timer() {
  const IntrusivePtr<Connection> self(this);
  if (state_ == State::open) {
    if (stream_->unsent() > send_limit_) {
      return end({close_code::kPolicyViolation, "slow reader", false}, Farewell::cut);
    }
    congested_ = false;  // slow, but on its way
    release_extras();
    return update_reading();
  }
  if (state_ == State::closing)
    end({close_code::kAbnormal, "no answer to our close frame", false}, Farewell::cut);
  if (state_ == State::doomed) end({close_code::kPolicyViolation, "slow reader", false}, Farewell::cut);
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): it must outlive the handler that is told
void Connection::end(Close close, Farewell farewell) {
  state_ = State::closed;
  extras_.reset();
  memberships_.reset();
  if (farewell == Farewell::polite) {
    loop::retire(std::move(stream_));
  } else {
    stream_.reset();
  }
  if (!decoding_) decoder_.reset();
  if (ConnectionHandler* handler = std::exchange(handler_, nullptr)) handler->on_close(close);
}

}  // namespace verdin::websocket
