#include <algorithm>
#include <stdexcept>
#include <utility>

#include <verdin/websocket/connection.hpp>
#include <verdin/websocket/shared_message.hpp>

#include "websocket/connection_parts.hpp"
#include "websocket/masks.hpp"

namespace verdin::websocket {

namespace codec = protocol::websocket;

namespace {
constexpr std::size_t kKeptScratch = 64 * 1024;
constexpr std::uint64_t kMostOfFrame = ~std::uint64_t{0} >> 1;  // RFC 6455, section 5.2
constexpr std::size_t kCopied = 16 * 1024;  // from here on the stream saves the copy, if it can

/// What is compressed, until it is queued: one for a thread.
class Scratch {
 public:
  Scratch() noexcept { octets_.clear(); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    if (octets_.capacity() > kKeptScratch) std::string().swap(octets_);
  }
  std::string& operator*() noexcept { return octets_; }

 private:
  static thread_local std::string octets_;
};
thread_local std::string Scratch::octets_;

/// Appending so much does not throw then.
void make_room(std::string& queue, std::size_t size) {
  const std::size_t wanted = queue.size() + size;
  if (wanted > queue.capacity()) [[unlikely]]
    queue.reserve(std::max(wanted, 2 * queue.capacity()));
}

}  // namespace

/// Messages wait behind one that is on its way in parts; its own do not, nor control frames unless it is one
/// frame.
std::string& Connection::queue_for(Opcode opcode) {
  const bool is_message = opcode == Opcode::text || opcode == Opcode::binary;
  return parts_ && (is_message || in_frame()) ? parts_->held : stream_->send_in_place();
}

/// Nothing but the rest of the message may leave.
bool Connection::in_frame() const noexcept { return parts_ && parts_->rest > 0; }

std::size_t Connection::held_size() const noexcept { return parts_ ? parts_->held.size() : 0; }

std::uint32_t Connection::taken() const {
  return queued_ - static_cast<std::uint32_t>(unsent() + held_size());
}

void Connection::append_frame(Opcode opcode, std::string_view payload, bool fin, bool compressed) {
  write_frame(queue_for(opcode), opcode, payload, fin, compressed);
}

/// Behind what is in `queue`: all of it, or nothing if it throws; or else the connection is cut.
void Connection::write_frame(std::string& queue, Opcode opcode, std::string_view payload, bool fin,
                             bool compressed) {
  char header[codec::kMaxFrameHeader];
  const codec::MaskKey mask = client_ ? impl::next_mask() : codec::MaskKey{};
  const std::size_t size = client_ ? codec::write_header(header, opcode, payload.size(), mask, fin)
                                   : codec::write_header(header, opcode, payload.size(), fin);
  if (compressed) codec::mark_compressed(header);
  if (payload.size() >= kCopied && !client_ && !(parts_ && &queue == &parts_->held)) {
    queue.append(header, size);
    try {
      stream_->send(payload);
    } catch (...) {
      cut_without_memory();  // the header may have left
      throw;
    }
  } else {
    make_room(queue, size + payload.size());
    queue.append(header, size);
    const std::size_t start = queue.size();
    queue.append(payload);
    if (client_) codec::apply_mask({queue.data() + start, payload.size()}, mask);
  }
  queued(size + payload.size());
}

/// False if it is to be sent as it is.
bool Connection::append_compressed(Opcode opcode, std::string_view message) {
  if (!compression_ || message.size() < compression_->threshold || codec::is_control(opcode)) return false;
  codec::Deflater& deflater = compression_->deflater;
  // It would leave behind parts that are still to be compressed, and come before them in the context.
  if (parts_ && deflater.takes_over()) return false;
  Scratch compressed;
  try {
    deflater.deflate(message, *compressed);
    if ((*compressed).size() >= message.size() && !deflater.takes_over()) return false;
    append_frame(opcode, *compressed, true, true);
  } catch (...) {
    if (deflater.takes_over()) cut_without_memory();  // the context knows what the peer will never see
    throw;
  }
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
  if (client_) return send(message.opcode(), message.payload());
  const bool compresses = compression_ && message.payload().size() >= compression_->threshold;
  if (!compresses) return send_frame(message.frame());
  if (compression_->deflater.takes_over()) return send(message.opcode(), message.payload());
  return send_frame(message.compressed_frame(compression_->deflater));
}

bool Connection::send_frame(const SharedBuffer& frames) {
  if (client_) throw std::logic_error("a client's frames are masked: send the message instead");
  if (!is_open()) return false;
  if (parts_) {
    parts_->held.append(frames.view());
  } else {
    stream_->send(frames);
  }
  queued(frames.size());
  return true;
}

bool Connection::begin_message(Opcode opcode, std::optional<std::uint64_t> length) {
  if (!is_open()) return false;
  if (parts_) throw std::logic_error("a message is on its way in parts already");
  if (length.value_or(0) > kMostOfFrame) throw std::logic_error("no frame is as long as that");
  auto parts = std::make_unique<Parts>();
  parts->next = opcode;
  parts->compressed = !length && compression_ && compression_->threshold != Compression::kNever;
  parts->is_frame = length.has_value();
  std::size_t header_size = 0;
  if (length) {
    char header[codec::kMaxFrameHeader];
    if (client_) parts->mask = impl::next_mask();
    header_size = client_ ? codec::write_header(header, opcode, *length, parts->mask)
                          : codec::write_header(header, opcode, *length);
    std::string& queue = stream_->send_in_place();
    make_room(queue, header_size);
    queue.append(header, header_size);
    parts->rest = *length;
  }
  parts_ = std::move(parts);
  if (length) queued(header_size);  // all that there is of a message of no octets
  return is_open();
}

/// Of the message that is one frame.
void Connection::append_rest(std::string_view part) {
  if (part.size() > parts_->rest) throw std::logic_error("more than the length that was announced");
  if (part.size() >= kCopied && !client_) {
    try {
      stream_->send(part);
    } catch (...) {
      cut_without_memory();  // some of it may have left
      throw;
    }
  } else {
    std::string& queue = stream_->send_in_place();
    make_room(queue, part.size());
    const std::size_t start = queue.size();
    queue.append(part);
    if (client_) {
      codec::apply_mask({queue.data() + start, part.size()}, parts_->mask);
      parts_->mask = codec::rotate_mask(parts_->mask, part.size());
    }
  }
  parts_->rest -= part.size();
  queued(part.size());
}

bool Connection::send_part(std::string_view part) {
  if (!is_open() || !parts_) return false;
  if (part.empty()) return true;
  if (parts_->is_frame) {
    append_rest(part);
    return true;
  }
  const bool first = parts_->next != Opcode::continuation;
  const bool stored =
      parts_->compressed && part.size() < compression_->threshold && !compression_->deflater.takes_over();
  // Only a first frame can say that a message is compressed. One that begins with little goes on so, like as
  // not.
  if (first && stored) parts_->compressed = false;
  Scratch compressed;
  const bool takes_over = parts_->compressed && compression_->deflater.takes_over();
  try {
    if (parts_->compressed) {
      stored ? codec::Deflater::store_part(part, *compressed)
             : compression_->deflater.deflate_part(part, *compressed);
      part = *compressed;
    }
    write_frame(stream_->send_in_place(), parts_->next, part, false, first && parts_->compressed);
  } catch (...) {
    if (takes_over) cut_without_memory();
    throw;
  }
  parts_->next = Opcode::continuation;
  return true;
}

bool Connection::end_message() {
  if (!is_open() || !parts_) {
    parts_.reset();
    return false;
  }
  if (in_frame()) throw std::logic_error("less than the length that was announced");
  std::string& queue = stream_->send_in_place();
  make_room(queue, codec::kMaxFrameHeader + codec::Deflater::kEnd.size() + parts_->held.size());
  const std::unique_ptr<Parts> parts = std::move(parts_);
  if (!parts->is_frame) {
    const bool open = parts->compressed && parts->next == Opcode::continuation;
    write_frame(queue, parts->next, open ? codec::Deflater::kEnd : std::string_view(), true, false);
  }
  if (!is_open() || parts->held.empty()) return true;
  try {
    stream_->send_in_place().append(parts->held);  // it may be another, if all has just left
  } catch (...) {
    cut_without_memory();
    throw;
  }
  queued_ -= static_cast<std::uint32_t>(parts->held.size());  // it was counted as it came
  queued(parts->held.size());
  if (held_up_ && is_open()) relieve(congested_, false);
  return true;
}

bool Connection::ping(std::string_view payload) {
  return send(Opcode::ping, payload.substr(0, codec::kMaxControlPayload));
}

/// It is queued already: who has it, and no memory to watch the peer with, is without the peer.
void Connection::queued(std::size_t frame_size) noexcept {
  queued_ += static_cast<std::uint32_t>(frame_size);
  const std::size_t unsent = stream_->unsent() + held_size();
  if (unsent > send_limit_) [[unlikely]] {
    try {
      over_limit(unsent - std::min(frame_size, unsent));
    } catch (...) {
      cut_without_memory();
    }
  }
}

void Connection::over_limit(std::size_t unsent_before) {
  if (!congested_) {
    // Perhaps the kernel takes it. If it does not take all, the stream will call on_drained().
    stream_->flush();
    if (stream_->unsent() <= send_limit_ && held_size() == 0) return;
    if (stream_->unsent() > send_limit_) {
      congested_ = true;
      update_reading();
      if (state_ == State::open) extras().timer.start(std::chrono::milliseconds(backpressure_timeout_));
    }
  }
  // What answers the peer is held, and more would be. Not for what others send: it may be this peer's octets
  // that the message is made of. Where they are that all the same, the timer reads on.
  if (decoding_ && !held_up_ && held_size() > send_limit_ && state_ == State::open) {
    held_up_ = true;
    update_reading();
    if (!congested_) extras().timer.start(std::chrono::milliseconds(backpressure_timeout_));
  }
  const std::size_t unsent = stream_->unsent() + held_size();
  if (unsent_before > send_limit_ && unsent > drop_limit_ && state_ == State::open) {
    doom(close_code::kPolicyViolation,
         stream_->unsent() > send_limit_ ? "slow reader" : "too much waits behind a message in parts");
  }
}

void Connection::relieve(bool congested, bool held_up) {
  congested_ = congested;
  held_up_ = held_up;
  if (state_ == State::open && extras_ && !congested && !held_up) extras_->timer.stop();
  release_extras();
  update_reading();
}

/// What has left is not whole, or can be followed by nothing that the peer would understand. Needs no memory.
void Connection::cut_without_memory() noexcept {
  if (!alive()) return;
  state_ = State::doomed;
  if (extras_) extras_->timer.stop();
  stream_.reset();
  watch_.stop();
  watch_.start(std::chrono::milliseconds(0));
}

/// Cuts the connection inside a call of the application: on_close() has to wait for the loop.
void Connection::doom(std::uint16_t code, std::string_view reason) {
  extras().doom = code;
  extras_->doom_reason = reason;
  extras_->timer.start(std::chrono::milliseconds(0));
  state_ = State::doomed;
  watch_.stop();
  stream_.reset();
}

}  // namespace verdin::websocket
