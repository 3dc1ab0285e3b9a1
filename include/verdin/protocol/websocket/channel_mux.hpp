// ChannelMux: several channels over one WebSocket, so that a large message on one holds up no small one on
// another. The sub-protocol "channels.v1.verdin" as a state machine, the same at both ends; no I/O.
// websocket/channels.hpp is what applications use.
//
// On the wire each binary WebSocket message is one frame: an octet that says its kind, the channel's number
// (4 octets, big-endian), and the rest:
//
//   1 open     the channel's name: UTF-8, at most 255 octets. A server's channels have even numbers, a
//   client's odd ones; none is
//              used twice.
//   2 data     an octet (1: the message ends here; 2: it is text), then up to 16 KiB of it.
//   3 credit   4 octets, big-endian: so much more may be sent on the channel.
//   4 end      no more data comes; the other direction goes on. With the second end the channel is over.
//   5 reset    2 octets, a WebSocket close code: the channel is over, both ways. What comes on it later is
//   ignored.
//
// A channel begins with a credit of 256 KiB each way. A frame of data uses up its octets and 32 (many small
// messages are not free), and the receiver gives that back: at once while a message is being collected and
// none waits to be taken, else when all are taken. So a reader that is slow stops its own channel and no
// other, and what waits for it is at most a message and 256 KiB. Frames of control go first; then channels
// that have data and credit take turns, a frame each.
// What the peer controls is bounded: channels that are open, the size of a message, of all that have not
// ended, the names; who feeds frames while controls() is large lets the peer fill memory, and so waits. What
// breaks these rules is a fault of the connection
// (`failed`); a message above a limit (1009) or a channel too many (1013) is reset, and concerns no other.
//
// Threads: none of its own. Throws std::bad_alloc only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include <verdin/protocol/websocket/frame.hpp>

namespace verdin::protocol::websocket {

inline constexpr std::string_view kChannelsProtocol = "channels.v1.verdin";
inline constexpr std::size_t kChannelWindow = 256 * 1024;
inline constexpr std::size_t kChannelPiece = 16 * 1024;
inline constexpr std::size_t kChannelFrameCost = 32;
inline constexpr std::size_t kMaxChannelName = 255;

struct ChannelLimits {
  std::size_t channels = 16;  ///< open at once, of each side
  std::size_t message_size = 1'000'000;
  std::size_t collected = 4'000'000;  ///< of messages that have not ended, on all channels together
};

struct ChannelEvent {
  enum class Kind : std::uint8_t {
    none,
    opened,    // by the peer; `text` is its name
    message,   // `text` is the message
    writable,  // credit has come: next_frame() may have more
    ended,     // the peer sends no more on it
    reset,     // over, with `code`; what was to be sent is dropped
    failed     // the connection is to be closed: `code` 1002 or 1007, `text` says why
  };
  Kind kind = Kind::none;
  std::uint32_t channel = 0;
  std::uint16_t code = 0;
  bool is_text = false;  // message
  bool over = false;     // ended: the channel is gone, both sides have ended
  std::string text{};
};

class ChannelMux {
 public:
  ChannelMux(Role role, const ChannelLimits& limits) noexcept;
  ChannelMux(const ChannelMux&) = delete;
  ChannelMux& operator=(const ChannelMux&) = delete;
  ~ChannelMux();

  /// What a binary message of the peer means.
  ChannelEvent feed(std::span<const char> frame);
  /// A message was taken by the application.
  void taken(std::uint32_t number);

  /// A new channel; 0: there are too many. The name is cut to kMaxChannelName octets.
  std::uint32_t open(std::string_view name);
  /// Queues a message, whose octets must stay where they are until next_frame() or a reset says that `token`
  /// is done with, or withdraw() was called. False if the channel is over, or end() was called.
  bool send(std::uint32_t number, std::string_view message, bool is_text, void* token);
  /// Takes a message back. False if a part of it is sent: then only reset() helps.
  bool withdraw(std::uint32_t number, void* token);
  /// No more is sent on it, behind what is queued.
  void end(std::uint32_t number);
  void reset(std::uint32_t number, std::uint16_t code);

  struct Step {
    bool made = false;         // there is a frame
    void* finished = nullptr;  // the message that it is the last of
    std::uint32_t over = 0;    // the channel that is over with it: both sides have ended
  };
  /// Writes the next frame to `frame`.
  Step next_frame(std::string& frame);

  std::size_t size() const noexcept;
  /// Frames of control that wait for next_frame().
  std::size_t controls() const noexcept { return control_.size(); }
  bool has(std::uint32_t channel) const noexcept;

 private:
  struct Channel;
  using Map = std::unordered_map<std::uint32_t, std::unique_ptr<Channel>>;

  Channel* find(std::uint32_t channel) noexcept;
  bool is_ours(std::uint32_t channel) const noexcept;
  ChannelEvent feed_open(std::uint32_t channel, std::string_view name);
  ChannelEvent feed_data(std::uint32_t number, std::string_view rest);
  ChannelEvent feed_credit(std::uint32_t number, std::string_view rest);
  ChannelEvent feed_end(std::uint32_t number);
  ChannelEvent feed_reset(std::uint32_t number, std::string_view rest);
  ChannelEvent over_limit(std::uint32_t number);
  void give_back(Channel& channel, std::uint32_t number);
  void schedule(Channel& channel, std::uint32_t number);
  bool forget_if_over(std::uint32_t number);
  void send_reset(std::uint32_t number, std::uint16_t code);
  void forget(std::uint32_t number);

  Role role_;
  ChannelLimits limits_;
  std::uint32_t next_;      // of ours
  std::uint32_t last_ = 0;  // of the peer's
  std::size_t theirs_ = 0;  // of channels_
  std::size_t collected_ = 0;
  Map channels_;  // numbers are given in turn: nobody can make them collide
  std::deque<std::string> control_;
  std::deque<std::uint32_t> turns_;  // channels with something to send, and credit for it
};

}  // namespace verdin::protocol::websocket
