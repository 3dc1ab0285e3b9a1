// Connection: one end of a WebSocket (RFC 6455) as a state machine over a loop::Stream; and
// ConnectionHandler, the code that it calls. What transports are built on; see stream.hpp for the form that
// blocks a greenlet instead.
//
// It answers pings and the close handshake by itself, checks everything the RFC asks for (a fault is answered
// by its close code) and bounds what it queues for a peer that does not read (see Options). It pings, and
// ends a connection whose peer is silent or drips a frame: Options::ping_interval and frame_rate. Only while
// the application has paused it, or the peer does not read, is nothing expected, but that it is still there
// (who has sent FIN is not: it ends with 1006 within ping_interval, and what it sent before and nobody
// has read, its close frame too, is lost with it: to wait for who paused could be for ever); and within a
// message whose length was announced (begin_message()) nothing but the rest of what the peer has begun.
//
// A message that is not all there, or larger than memory should hold, is sent in parts (begin_message()), and
// received in parts where receive_parts() asks for it: so a relay holds no message, however large.
//
// Threads: of the stream's loop only; all callbacks come from the loop, in hub context, and must not block.
// No call on a Connection calls back into the handler: not even abort(). Nothing throws but std::bad_alloc.
// A callback should not throw: where it does the connection ends, with 1006 for std::bad_alloc, and with 1011
// for anything else, which then goes on to whoever drives the stream.
// What throws that has queued nothing, and may be called again; where that cannot be had (a compressor has
// seen the message, half of it is with the kernel) the connection is cut (1006).
//
// Ownership: held by IntrusivePtr; the handler must outlive it or be taken off by set_handler(nullptr). A
// handler may do anything in a callback: close, abort or drop this or any other connection. Dropping the last
// reference cuts an open connection at once; after close() it still sends what is queued, politely.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/base/shared_buffer.hpp>
#include <verdin/loop/stream.hpp>
#include <verdin/loop/timer.hpp>
#include <verdin/protocol/websocket/frame_decoder.hpp>
#include <verdin/websocket/options.hpp>

namespace verdin::websocket {

using protocol::websocket::Opcode;
using protocol::websocket::Role;
class SharedMessage;
class Topics;
namespace impl {
class Memberships;
class StreamState;
}  // namespace impl

/// A part of a message, as it arrived.
struct MessagePart {
  Opcode opcode;           // text or binary
  std::span<char> octets;  // as in on_text(); one of text may end within a character, the last may be empty
  bool first;
  bool last;
  /// Octets of the message that follow this part, where the peer has said so: a message in one frame that is
  /// not compressed. With `octets` of the first part, how long the message is. 0 with the last.
  std::optional<std::uint64_t> remaining;
};

class ConnectionHandler {
 public:
  /// `message` (valid UTF-8) may be changed in place and is valid until the call returns. loop::kReadPadding
  /// octets behind it may be read, not written: they can be the next frame.
  virtual void on_text(std::span<char> message) = 0;
  virtual void on_binary(std::span<char> message) = 0;
  /// Instead of both, where receive_parts() asked for it. A message that arrived all at once is one part.
  virtual void on_part(const MessagePart& /*part*/) {}
  /// The last call, once, for an end that abort() did not make.
  virtual void on_close(const Close& close) = 0;
  /// All that was queued is written, after a time in which it was not.
  virtual void on_drained() {}
  virtual void on_pong(std::span<char> /*payload*/) {}

 protected:
  ~ConnectionHandler() = default;
};

class Connection final : public RefCounted<Connection>, private loop::StreamHandler {
 public:
  /// Takes over a stream on which the handshake is done. `early_input` is what came behind the
  /// handshake's request: served from the loop soon, before anything else. `deflate`: what the handshake
  /// agreed on. `role`: which end we are. accept() and connect() do all this.
  Connection(loop::StreamPtr stream, const Options& options, ConnectionHandler& handler,
             std::string_view early_input = {},
             const std::optional<protocol::websocket::DeflateParams>& deflate = {}, Role role = Role::server);

  /// Who is called from now on; null: nobody (messages are dropped).
  void set_handler(ConnectionHandler* handler) noexcept { handler_ = handler; }

  /// Queue a message; it leaves before the loop polls again. Dropped (false) if the connection is not open.
  bool send_text(std::string_view message) { return send(Opcode::text, message); }
  bool send_binary(std::string_view message) { return send(Opcode::binary, message); }
  /// `opcode` is text or binary.
  bool send(Opcode opcode, std::string_view message);
  /// To be sent to many (see shared_message.hpp).
  bool send(SharedMessage& message);
  /// Whole frames, from protocol::websocket::make_frame(); they leave as they are. For a server only: a
  /// client's are masked (std::logic_error).
  bool send_frame(const SharedBuffer& frames);

  /// A message in parts: each leaves as a frame of its own, from which the peer has all of it. With
  /// permessage-deflate each is compressed: going on from those before where the context is taken over, by
  /// itself where not (so parts of some kilobytes are what pays, and a message whose first part is below
  /// DeflateOptions::threshold is not compressed at all). Other messages that are sent before
  /// end_message() wait behind it, within Options::drop_limit (1008), uncompressed if the context is taken
  /// over, and are lost if the connection is closed before; pings, pongs and a close frame do not wait. One
  /// such message at a time (std::logic_error). False if the connection is not open.
  ///
  /// With a `length` it is one frame, not compressed, and no header is sent with each part: what is for one
  /// who hands on what he receives (see MessagePart::remaining). All parts together must have that length:
  /// std::logic_error from the one that would exceed it, and from end_message() before it is reached. Until
  /// then nothing else can leave, so that pings and pongs wait as well, and whatever ends the connection cuts
  /// it (close(): 1006; the peer's close frame gets no answer, and that is not clean).
  ///
  /// More of what answers the peer (pongs, sends in its callbacks) than Options::send_limit waiting so, and
  /// nothing is read until end_message(), or for Options::backpressure_timeout.
  bool begin_message(Opcode opcode, std::optional<std::uint64_t> length = {});
  bool send_part(std::string_view part);
  bool end_message();
  /// Whether messages come as on_part() from now on; one that has begun goes on as it began.
  void receive_parts(bool wanted) noexcept { decoder_.deliver_parts(wanted); }
  /// Hands what is queued to the kernel now. on_drained() comes if it does not take it all.
  void flush() {
    if (stream_) stream_->flush();
  }
  /// Besides those of Options::ping_interval. At most 125 octets (more are cut). Each answer comes as
  /// on_pong().
  bool ping(std::string_view payload = {});

  /// Sends a close frame and waits for the peer's; then, or after Options::close_timeout, on_close() is
  /// called. Messages that still come in are dropped. The reason is cut to 123 octets of UTF-8, and left out
  /// if it is not UTF-8. With a code that may not be sent (RFC 6455 section 7.4: 1004 to 1006, 1015, and all
  /// but 1000 to 1014 and 3000 to 4999) the frame has neither: the peer sees 1005. No effect unless open.
  void close(std::uint16_t code = close_code::kNormal, std::string_view reason = {});
  /// Cuts the connection at once. No callback follows.
  void abort();

  bool is_open() const noexcept { return state_ == State::open; }
  /// Octets queued and not yet taken by the kernel. Those of messages that wait behind one in parts come to
  /// them with its end: however fast the peer reads, they do not leave before.
  std::size_t unsent() const { return stream_ ? stream_->unsent() : 0; }
  /// Back-pressure of the application: while paused nothing is read or delivered. What was read already comes
  /// after resume(), from the loop. Nests not; close() resumes.
  void pause();
  void resume();
  /// Has the peer ended the connection (see loop::Stream)? While paused nothing else tells.
  bool peer_gone() const { return !stream_ || stream_->peer_gone(); }

  std::string peer_address() const { return stream_ ? stream_->peer_address() : std::string(); }

 private:
  friend class RefCounted<Connection>;
  friend class MessageWriter;
  friend class Topics;
  friend class impl::StreamState;
  enum class State : std::uint8_t {
    open,
    closing,  // our close frame is queued, the peer's awaited
    doomed,   // cut; on_close() is still to be called from the loop
    closed
  };
  struct Extras;
  struct Compression;
  struct Parts;

  ~Connection();

  void on_data(std::span<char> data) override;
  void on_eof() override;
  void on_error(std::error_code reason) override;
  void on_drained() override;
  void on_timer();
  void on_watch();
  void on_kept_input();
  /// For what the loop calls, and not within itself: it holds the one reference that is ours. Where there is
  /// no memory it is the connection that ends, not the loop.
  template <typename F>
  void guarded(F&& call);
  void end_within_callback(std::uint16_t code);
  /// Our reference is the last: the handler is gone with the others.
  bool abandoned() const noexcept { return ref_count() == 1; }
  void take_kept_input();
  void end_at_eof();
  void look_at_time();
  void look_at_peer();

  void decode(std::span<char> input);
  void keep(std::span<const char> input);
  bool holds_input() const noexcept;
  bool delivers() const noexcept { return !paused_ || state_ != State::open; }
  void dispatch(const protocol::websocket::DecoderEvent& event);
  void on_close_frame(std::span<const char> payload);
  std::string& queue_for(Opcode opcode);
  std::size_t held_size() const noexcept;
  /// Cut as Options says.
  std::chrono::milliseconds backpressure_timeout() const noexcept {
    return std::chrono::milliseconds(backpressure_timeout_);
  }
  /// Octets that the kernel has taken so far, modulo 2^32.
  std::uint32_t taken() const;
  bool in_frame() const noexcept;
  void append_rest(std::string_view part);
  void append_frame(Opcode opcode, std::string_view payload, bool fin = true, bool compressed = false);
  void write_frame(std::string& queue, Opcode opcode, std::string_view payload, bool fin, bool compressed);
  bool append_compressed(Opcode opcode, std::string_view message);
  void append_close_frame(std::uint16_t code, std::string_view reason);
  void answer(Opcode opcode, std::string_view payload) noexcept;
  void answer_close(std::uint16_t code, std::string_view reason) noexcept;
  void queued(std::size_t frame_size) noexcept;
  void over_limit(std::size_t unsent_before);
  /// What goes on holding up the reading.
  void relieve(bool congested, bool held_up);
  void doom(std::uint16_t code, std::string_view reason);
  void cut_without_memory() noexcept;
  void fail(std::uint16_t code, std::string_view reason);
  enum class Farewell { cut, polite };
  void end(Close close, Farewell farewell);
  void update_reading();
  impl::Memberships& memberships();
  impl::Memberships* memberships_if_any() const noexcept { return memberships_.get(); }
  Extras& extras();
  void release_extras();
  bool alive() const noexcept { return state_ == State::open || state_ == State::closing; }

  static constexpr std::uint16_t kEverything = 0xFFFF;
  // Octets since on_watch() that were no whole message or control frame, and how many are enough.
  std::uint16_t heard_ = kEverything;
  std::uint16_t enough_;
  std::uint16_t expected_ = 0;  // before the next look at the peer: it was asked, or owes so much of a frame
  State state_ = State::open;
  bool paused_ : 1 = false;     // by the application
  bool congested_ : 1 = false;  // by the send limit
  bool held_up_ : 1 = false;    // by what answers the peer, and waits behind a message in parts
  bool reading_ : 1 = true;
  bool decoding_ : 1 = false;
  bool eof_ : 1 = false;  // the end comes behind what is kept
  bool client_ : 1 = false;
  loop::StreamPtr stream_;
  ConnectionHandler* handler_;
  protocol::websocket::FrameDecoder decoder_;
  std::unique_ptr<Extras> extras_;                  // while a timer runs or input waits
  std::unique_ptr<Compression> compression_;        // only with permessage-deflate
  std::unique_ptr<Parts> parts_;                    // between begin_message() and end_message()
  std::unique_ptr<impl::Memberships> memberships_;  // from the first topic on
  std::uint32_t send_limit_;
  std::uint32_t drop_limit_;
  std::uint32_t backpressure_timeout_;  // ms
  std::uint32_t close_timeout_;         // ms
  std::uint32_t ping_interval_;         // ms
  std::uint32_t queued_ = 0;            // octets so far, modulo 2^32
  loop::Timer watch_;                   // while open
};

/// Writes one message straight into the connection's queue, of a size that need not be known before:
///
///   MessageWriter writer(connection);
///   encode(packet, writer.out());      // appends only
///   writer.finish(Opcode::text);
///
/// Until finish() (or the destructor, which takes back what was written) nothing else may be called on the
/// connection and out() may only be appended to. If the connection is not open, what is written is dropped.
class MessageWriter {
 public:
  explicit MessageWriter(Connection& connection);
  MessageWriter(const MessageWriter&) = delete;
  MessageWriter& operator=(const MessageWriter&) = delete;
  ~MessageWriter();

  std::string& out() noexcept { return *out_; }
  /// False if the connection is not open. Called once.
  bool finish(Opcode opcode);

 private:
  Connection* connection_;  // null: dropped or finished
  std::string* out_;
  std::size_t reserved_ = 0;  // for the header of a small message
  std::size_t start_ = 0;     // of the frame in *out_
  std::string dropped_;
};

}  // namespace verdin::websocket
