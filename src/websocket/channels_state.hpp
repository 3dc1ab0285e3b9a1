// ChannelsState: the greenlets that carry the frames of ChannelMux over a Stream, and who waits for what.
// Internal.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/protocol/websocket/channel_mux.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/greenlet.hpp>
#include <verdin/websocket/channels.hpp>

namespace verdin::websocket::impl {

/// A greenlet in send().
struct ChannelSender {
  Event done;
  bool sent = false;
};

struct ChannelState final : RefCounted<ChannelState> {
  /// `alive` counts them: one that is over, but still held by a greenlet, is not free.
  ChannelState(ChannelsState& its_owner, std::uint32_t its_number, std::string its_name,
               std::shared_ptr<std::size_t> its_alive)
      : owner(&its_owner), number(its_number), name(std::move(its_name)), alive(std::move(its_alive)) {
    ++*alive;
  }
  ~ChannelState() { --*alive; }

  ChannelsState* owner;  // null: over
  std::uint32_t number;
  std::string name;
  const std::shared_ptr<std::size_t> alive;
  std::deque<Message> inbox;
  std::vector<ChannelSender*> senders;
  Event readable;
  std::uint16_t reset_code = 0;
  bool peer_ended = false;
  bool ending = false;
};

class ChannelsState final : public RefCounted<ChannelsState> {
 public:
  using ChannelPtr = IntrusivePtr<ChannelState>;

  ChannelsState(Stream& stream, const ChannelLimits& limits);
  void begin();
  /// Every channel is over; the greenlets end.
  void stop();

  ChannelPtr open(std::string_view name);
  ChannelPtr accept();
  bool send(ChannelState& channel, std::string_view message, bool is_text);
  static std::optional<Message> receive(ChannelState& channel);  // also of one that is over
  void end(ChannelState& channel);
  void reset(ChannelState& channel, std::uint16_t code);
  /// The same; where there is no memory to say so, the connection ends.
  void reset_or_cut(ChannelState& channel, std::uint16_t code) noexcept;
  std::size_t size() const noexcept { return mux_.size(); }

 private:
  void read();
  void write();
  template <typename F>
  void guarded(F&& body);
  void carry();
  void carry_back();
  void wait_for_room();
  void take(protocol::websocket::ChannelEvent event);
  void fail(std::uint16_t code, std::string_view why);
  void over(ChannelState& channel, std::uint16_t code);
  void all_over();

  Stream& stream_;
  protocol::websocket::ChannelMux mux_;
  std::unordered_map<std::uint32_t, ChannelPtr> channels_;
  std::deque<ChannelPtr> opened_;  // by the peer, and not accepted
  Event acceptable_;
  Event to_write_;
  Event room_;  // the writer has written frames of control
  bool ended_ = false;
  const std::size_t most_alive_;
  const std::shared_ptr<std::size_t> alive_ = std::make_shared<std::size_t>(0);
  std::optional<Greenlet<void>> reader_;
  std::optional<Greenlet<void>> writer_;
};

}  // namespace verdin::websocket::impl
