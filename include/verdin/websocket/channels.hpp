// Channels: several logical connections over one WebSocket, so that a large message on one of them holds up
// no small message on another. A sub-protocol of our own; protocol/websocket/channel_mux.hpp has its frames
// and its rules.
//
//   options.subprotocols = {std::string(websocket::kChannelsProtocol)};       // at both ends
//
//   websocket::route(app, "/", [](websocket::Stream& stream) {
//     websocket::Channels channels(stream);
//     while (auto channel = channels.accept()) spawn(serve, std::move(*channel));
//   }, options);
//
//   websocket::Stream stream = websocket::connect(url, options);
//   websocket::Channels channels(stream);
//   websocket::Channel files = channels.open("files"), chat = channels.open("chat");
//
// Messages of all channels leave in pieces of 16 KiB, in turn; a reader that is slow stops its own channel.
// While Channels has a Stream nothing else may use it; its max_message_size must be
// above 16,390 octets. When the connection ends, or Channels does, every
// channel is over: receive() gives what has come before, then nothing, and send() gives false.
//
// Threads: greenlets of the connection's hub. One receives and any number send on each channel. accept(),
// send() and receive() block; they throw what interrupts a greenlet, and std::bad_alloc. Who is interrupted
// within a send() of which a part has left resets the channel. The Stream must outlive Channels; a Channel
// may outlive both.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/protocol/websocket/channel_mux.hpp>
#include <verdin/websocket/stream.hpp>

namespace verdin::websocket {

using protocol::websocket::ChannelLimits;
using protocol::websocket::kChannelsProtocol;

namespace impl {
class ChannelsState;
struct ChannelState;
}  // namespace impl

class Channel {
 public:
  Channel(Channel&& other) noexcept;
  Channel& operator=(Channel&& other) noexcept;
  /// Resets it (1000) if it is not over: who wants the peer to have all that was sent calls end(), and waits
  /// until receive() gives nothing. Where there is no memory to say so, the whole connection is cut (1006).
  ~Channel();

  /// Blocks until all of it is on its way. False if the channel is over, or end() was called.
  bool send(std::string_view text) { return send(text, true); }
  bool send_binary(std::string_view octets) { return send(octets, false); }
  bool send(const Message& message) { return send(message.data, !message.binary); }
  /// Blocks for the next message; none when the peer has ended it or it is over.
  std::optional<Message> receive();

  /// No more is sent, behind what is being sent; receiving goes on.
  void end();
  /// Over, both ways and at once. `code` is told to the peer.
  void reset(std::uint16_t code = close_code::kNormal);

  const std::string& name() const noexcept;
  bool is_open() const noexcept;
  /// Why it was reset, by either side; 0 if it was not.
  std::uint16_t reset_code() const noexcept;

 private:
  friend class Channels;
  explicit Channel(IntrusivePtr<impl::ChannelState> state) noexcept;
  bool send(std::string_view message, bool is_text);
  IntrusivePtr<impl::ChannelState> state_;  // null: moved away
};

class Channels {
 public:
  /// `stream` has agreed on kChannelsProtocol; else std::invalid_argument.
  explicit Channels(Stream& stream, const ChannelLimits& limits = {});
  Channels(const Channels&) = delete;
  Channels& operator=(const Channels&) = delete;
  ~Channels();

  /// Does not wait for the peer, which resets it (1013) if it has too many. std::length_error if we have; one
  /// that is over if the connection is.
  Channel open(std::string_view name);
  /// Blocks for the next channel that the peer opens; none when the connection has ended.
  std::optional<Channel> accept();

  /// Channels that are open.
  std::size_t size() const noexcept;

 private:
  IntrusivePtr<impl::ChannelsState> state_;
};

}  // namespace verdin::websocket
