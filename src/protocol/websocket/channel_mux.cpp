#include <algorithm>
#include <array>
#include <utility>

#include <verdin/protocol/utf8.hpp>
#include <verdin/protocol/websocket/channel_mux.hpp>
#include <verdin/protocol/websocket/close_code.hpp>

namespace verdin::protocol::websocket {
namespace {

enum class FrameKind : std::uint8_t { open = 1, data = 2, credit = 3, end = 4, reset = 5 };

constexpr std::size_t kHead = 5;
constexpr unsigned kLast = 1;
constexpr unsigned kText = 2;

using MuxKind = ChannelEvent::Kind;

std::uint32_t read_number(std::string_view octets) noexcept {
  std::uint32_t number = 0;
  for (const char octet : octets) number = number << 8 | static_cast<unsigned char>(octet);
  return number;
}

void append_number(std::string& to, std::uint32_t number, int octets) {
  for (int i = octets - 1; i >= 0; --i) to.push_back(static_cast<char>(number >> (8 * i) & 0xFF));
}

std::string head(FrameKind kind, std::uint32_t channel) {
  std::string frame(1, static_cast<char>(kind));
  append_number(frame, channel, 4);
  return frame;
}

ChannelEvent failed(std::uint16_t code, const char* why) {
  ChannelEvent event;
  event.kind = MuxKind::failed;
  event.code = code;
  event.text = why;
  return event;
}

ChannelEvent about(std::uint32_t channel, MuxKind kind) {
  ChannelEvent event;
  event.kind = kind;
  event.channel = channel;
  return event;
}

}  // namespace

struct ChannelMux::Channel {
  struct Outgoing {
    std::string_view rest;
    void* token;
    bool is_text;
    bool begun = false;
  };

  bool can_send() const noexcept {
    return !outgoing.empty() && credit >= kChannelFrameCost + (outgoing.front().rest.empty() ? 0 : 1);
  }
  bool may_be_collected() const noexcept { return untaken == 0; }

  std::deque<Outgoing> outgoing;
  std::string incoming;  // of the message that is being collected
  std::size_t credit = kChannelWindow;
  std::size_t allowed = kChannelWindow;  // the peer's credit
  std::size_t owed = 0;                  // what it has used, and was not given back
  std::size_t untaken = 0;               // messages that the application has not taken
  bool in_message = false;
  bool is_text = false;
  bool scheduled = false;  // in turns_
  bool ending = false;     // an end is to be sent behind what is queued
  bool ended = false;      // it is sent
  bool peer_ended = false;
};

ChannelMux::ChannelMux(Role role, const ChannelLimits& limits) noexcept
    : role_(role), limits_(limits), next_(role == Role::server ? 2 : 1) {}

ChannelMux::~ChannelMux() = default;

std::size_t ChannelMux::size() const noexcept { return channels_.size(); }
bool ChannelMux::has(std::uint32_t channel) const noexcept { return channels_.contains(channel); }

ChannelMux::Channel* ChannelMux::find(std::uint32_t channel) noexcept {
  const auto found = channels_.find(channel);
  return found == channels_.end() ? nullptr : found->second.get();
}

bool ChannelMux::is_ours(std::uint32_t channel) const noexcept {
  return (channel % 2 == 0) == (role_ == Role::server);
}

// What comes in.

ChannelEvent ChannelMux::feed(std::span<const char> frame) {
  if (frame.size() < kHead) return failed(close_code::kProtocolError, "a frame without a channel");
  const std::string_view octets(frame.data(), frame.size());
  const std::uint32_t channel = read_number(octets.substr(1, 4));
  const std::string_view rest = octets.substr(kHead);
  switch (static_cast<FrameKind>(octets[0])) {
    case FrameKind::open:
      return feed_open(channel, rest);
    case FrameKind::data:
    case FrameKind::credit:
    case FrameKind::end:
    case FrameKind::reset:
      break;
    default:
      return failed(close_code::kProtocolError, "a frame of an unknown kind");
  }
  const bool was_opened =
      is_ours(channel) ? channel != 0 && channel < next_ : channel != 0 && channel <= last_;
  if (!was_opened) return failed(close_code::kProtocolError, "a channel that was not opened");
  if (!has(channel)) return {};  // it is over, which the peer could not know yet
  switch (static_cast<FrameKind>(octets[0])) {
    case FrameKind::data:
      return feed_data(channel, rest);
    case FrameKind::credit:
      return feed_credit(channel, rest);
    case FrameKind::end:
      return feed_end(channel);
    default:
      return feed_reset(channel, rest);
  }
}

ChannelEvent ChannelMux::feed_open(std::uint32_t channel, std::string_view name) {
  if (channel == 0 || is_ours(channel) || channel <= last_) {
    return failed(close_code::kProtocolError, "a channel that is not the peer's to open");
  }
  if (name.size() > kMaxChannelName || !is_utf8(name)) {
    return failed(close_code::kProtocolError, "a channel's name that is none");
  }
  last_ = channel;
  if (theirs_ >= limits_.channels) {
    send_reset(channel, close_code::kTryAgainLater);
    return {};
  }
  channels_.emplace(channel, std::make_unique<Channel>());
  ++theirs_;
  ChannelEvent event = about(channel, MuxKind::opened);
  event.text = name;
  return event;
}

ChannelEvent ChannelMux::feed_data(std::uint32_t number, std::string_view rest) {
  Channel& channel = *find(number);
  if (channel.peer_ended) return failed(close_code::kProtocolError, "data behind an end");
  if (rest.empty() || rest.size() - 1 > kChannelPiece) {
    return failed(close_code::kProtocolError, "data that is not 16 KiB at most");
  }
  const auto flags = static_cast<unsigned char>(rest[0]);
  rest.remove_prefix(1);
  if (flags & ~(kLast | kText)) return failed(close_code::kProtocolError, "unknown flags");
  if (rest.empty() && !(flags & kLast)) return failed(close_code::kProtocolError, "data without any");
  const std::size_t cost = rest.size() + kChannelFrameCost;
  if (cost > channel.allowed) return failed(close_code::kProtocolError, "more data than credit");
  channel.allowed -= cost;
  channel.owed += cost;
  if (!std::exchange(channel.in_message, true)) channel.is_text = (flags & kText) != 0;
  if (channel.incoming.size() + rest.size() > limits_.message_size ||
      collected_ + rest.size() > std::max(limits_.collected, limits_.message_size)) {
    return over_limit(number);
  }
  channel.incoming.append(rest);
  collected_ += rest.size();
  if (!(flags & kLast)) {
    if (channel.may_be_collected()) give_back(channel, number);
    return {};
  }
  channel.in_message = false;
  collected_ -= channel.incoming.size();
  if (channel.is_text && !is_utf8(channel.incoming)) {
    return failed(close_code::kInvalidData, "text that is not UTF-8");
  }
  ++channel.untaken;
  ChannelEvent event = about(number, MuxKind::message);
  event.is_text = channel.is_text;
  event.text = std::exchange(channel.incoming, {});
  return event;
}

ChannelEvent ChannelMux::over_limit(std::uint32_t number) {
  reset(number, close_code::kMessageTooBig);
  ChannelEvent event = about(number, MuxKind::reset);
  event.code = close_code::kMessageTooBig;
  return event;
}

ChannelEvent ChannelMux::feed_credit(std::uint32_t number, std::string_view rest) {
  Channel& channel = *find(number);
  const std::uint32_t more = rest.size() == 4 ? read_number(rest) : 0;
  if (more == 0 || more > kChannelWindow - channel.credit) {
    return failed(close_code::kProtocolError, "credit that is none, or too much");
  }
  channel.credit += more;
  schedule(channel, number);
  return about(number, MuxKind::writable);
}

ChannelEvent ChannelMux::feed_end(std::uint32_t number) {
  Channel& channel = *find(number);
  if (channel.peer_ended || channel.in_message) {
    return failed(close_code::kProtocolError, "an end within a message, or behind an end");
  }
  channel.peer_ended = true;
  ChannelEvent event = about(number, MuxKind::ended);
  event.over = forget_if_over(number);
  return event;
}

ChannelEvent ChannelMux::feed_reset(std::uint32_t number, std::string_view rest) {
  if (rest.size() != 2) return failed(close_code::kProtocolError, "a reset without a code");
  forget(number);
  ChannelEvent event = about(number, MuxKind::reset);
  event.code = static_cast<std::uint16_t>(read_number(rest));
  return event;
}

void ChannelMux::taken(std::uint32_t number) {
  Channel* const channel = find(number);
  if (!channel || channel->untaken == 0) return;
  --channel->untaken;
  if (channel->may_be_collected()) give_back(*channel, number);
}

void ChannelMux::give_back(Channel& channel, std::uint32_t number) {
  // Not for every piece: half a window at a time keeps the peer busy.
  if (channel.owed < kChannelWindow / 2 || channel.peer_ended) return;
  std::string frame = head(FrameKind::credit, number);
  append_number(frame, static_cast<std::uint32_t>(channel.owed), 4);
  control_.push_back(std::move(frame));
  channel.allowed += std::exchange(channel.owed, 0);
}

// What goes out.

std::uint32_t ChannelMux::open(std::string_view name) {
  if (channels_.size() - theirs_ >= limits_.channels || next_ > 0xFFFF'FFFD) return 0;
  std::size_t size = std::min(name.size(), kMaxChannelName);
  while (size < name.size() && size > 0 && (static_cast<unsigned char>(name[size]) & 0xC0) == 0x80) --size;
  const std::uint32_t number = next_;
  std::string frame = head(FrameKind::open, number);
  frame += name.substr(0, size);
  channels_.emplace(number, std::make_unique<Channel>());
  control_.push_back(std::move(frame));
  next_ += 2;
  return number;
}

bool ChannelMux::send(std::uint32_t number, std::string_view message, bool is_text, void* token) {
  Channel* const channel = find(number);
  if (!channel || channel->ending) return false;
  channel->outgoing.push_back({message, token, is_text});
  schedule(*channel, number);
  return true;
}

bool ChannelMux::withdraw(std::uint32_t number, void* token) {
  Channel* const channel = find(number);
  if (!channel) return true;
  auto& outgoing = channel->outgoing;
  const auto found = std::find_if(outgoing.begin(), outgoing.end(),
                                  [token](const Channel::Outgoing& each) { return each.token == token; });
  if (found == outgoing.end()) return true;
  if (found->begun) return false;
  outgoing.erase(found);
  if (channel->ending && outgoing.empty()) schedule(*channel, number);
  return true;
}

void ChannelMux::end(std::uint32_t number) {
  Channel* const channel = find(number);
  if (!channel || std::exchange(channel->ending, true)) return;
  schedule(*channel, number);
}

void ChannelMux::reset(std::uint32_t number, std::uint16_t code) {
  if (!has(number)) return;
  send_reset(number, code);
  forget(number);
}

void ChannelMux::send_reset(std::uint32_t number, std::uint16_t code) {
  std::string frame = head(FrameKind::reset, number);
  append_number(frame, code, 2);
  control_.push_back(std::move(frame));
}

void ChannelMux::forget(std::uint32_t number) {
  const auto found = channels_.find(number);
  if (found == channels_.end()) return;
  if (found->second->in_message) collected_ -= found->second->incoming.size();
  if (!is_ours(number)) --theirs_;
  channels_.erase(found);
}

void ChannelMux::schedule(Channel& channel, std::uint32_t number) {
  const bool end_is_due = channel.ending && !channel.ended && channel.outgoing.empty();
  if (channel.scheduled || !(channel.can_send() || end_is_due)) return;
  turns_.push_back(number);
  channel.scheduled = true;
}

bool ChannelMux::forget_if_over(std::uint32_t number) {
  const Channel& channel = *find(number);
  if (!channel.ended || !channel.peer_ended) return false;
  forget(number);
  return true;
}

ChannelMux::Step ChannelMux::next_frame(std::string& frame) {
  if (!control_.empty()) {
    frame = std::move(control_.front());
    control_.pop_front();
    return {true, nullptr, 0};
  }
  while (!turns_.empty()) {
    const std::uint32_t number = turns_.front();
    turns_.pop_front();
    Channel* const channel = find(number);
    if (!channel) continue;  // over meanwhile
    channel->scheduled = false;
    if (channel->can_send()) {
      Channel::Outgoing& message = channel->outgoing.front();
      const std::size_t size =
          std::min({message.rest.size(), kChannelPiece, channel->credit - kChannelFrameCost});
      const bool last = size == message.rest.size();
      frame = head(FrameKind::data, number);
      frame.push_back(static_cast<char>((last ? kLast : 0) | (message.is_text ? kText : 0)));
      frame.append(message.rest.substr(0, size));
      message.rest.remove_prefix(size);
      message.begun = true;
      channel->credit -= size + kChannelFrameCost;
      void* const finished = last ? message.token : nullptr;
      if (last) channel->outgoing.pop_front();
      schedule(*channel, number);
      return {true, finished, 0};
    }
    if (channel->ending && !channel->ended && channel->outgoing.empty()) {
      channel->ended = true;
      frame = head(FrameKind::end, number);
      return {true, nullptr, forget_if_over(number) ? number : 0};
    }
  }
  return {};
}

}  // namespace verdin::protocol::websocket
