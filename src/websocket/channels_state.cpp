#include "websocket/channels_state.hpp"

#include <algorithm>
#include <new>
#include <stdexcept>

#include <verdin/runtime/errors.hpp>
#include <verdin/runtime/spawn.hpp>
#include <verdin/runtime/timeout.hpp>

#include "websocket/stream_state.hpp"

namespace verdin::websocket::impl {

using protocol::websocket::ChannelEvent;
using protocol::websocket::ChannelMux;
using protocol::websocket::Role;

namespace {

// More than this and what is queued would hold up what is small; less, and the kernel would wait for us.
constexpr std::size_t kMostUnsent = 64 * 1024;
constexpr std::size_t kMostControls = 100;

}  // namespace

ChannelsState::ChannelsState(Stream& stream, const ChannelLimits& limits)
    : stream_(stream),
      mux_(stream.is_client() ? Role::client : Role::server, limits),
      most_alive_(4 * limits.channels) {}

void ChannelsState::begin() {
  reader_ = spawn([this] { read(); });
  writer_ = spawn([this] { write(); });
}

void ChannelsState::stop() {
  const Shield shield;
  all_over();
  // They use the stream, which may go when we have returned.
  if (reader_) reader_->kill();
  if (writer_) writer_->kill();
}

// The two greenlets.

/// A greenlet of ours that ends by an exception leaves nobody waiting.
template <typename F>
void ChannelsState::guarded(F&& body) {
  try {
    body();
  } catch (const Interrupt&) {
    all_over();
    throw;
  } catch (...) {
    fail(close_code::kInternalError, {});
    throw;
  }
}

void ChannelsState::read() {
  guarded([this] { carry_back(); });
  all_over();
}

void ChannelsState::carry_back() {
  while (!ended_) {
    const std::optional<Message> message = stream_.receive();
    if (!message) return;
    if (!message->binary) return fail(close_code::kUnsupportedData, "a frame of channels is binary");
    take(mux_.feed(message->data));
    wait_for_room();
  }
}

/// A peer that opens and resets, and does not read what it is told, waits: its frames fill the stream's
/// inbox, and then TCP's window.
void ChannelsState::wait_for_room() {
  while (mux_.controls() > kMostControls && !ended_) {
    room_.clear();
    room_.wait();
  }
}

void ChannelsState::write() {
  guarded([this] { carry(); });
}

void ChannelsState::carry() {
  std::string frame;
  while (!ended_) {
    const ChannelMux::Step step = mux_.next_frame(frame);
    if (!step.made) {
      to_write_.clear();
      to_write_.wait();
      continue;
    }
    room_.set();
    // Before anything may block: who sends is gone when it is interrupted.
    if (step.finished) {
      auto* const sender = static_cast<ChannelSender*>(step.finished);
      sender->sent = true;
      sender->done.set();
    }
    if (const auto found = channels_.find(step.over); found != channels_.end()) {
      const ChannelPtr channel = found->second;
      over(*channel, 0);
    }
    stream_.send_binary(frame);
    stream_.wait_until_unsent(kMostUnsent);
  }
}

void ChannelsState::take(ChannelEvent event) {
  to_write_.set();  // whatever it was, there may be an answer
  if (event.kind == ChannelEvent::Kind::failed) return fail(event.code, event.text);
  if (event.kind == ChannelEvent::Kind::opened) {
    // Channels that are over may still have a greenlet each.
    if (*alive_ >= most_alive_) return mux_.reset(event.channel, close_code::kTryAgainLater);
    auto channel = make_intrusive<ChannelState>(*this, event.channel, std::move(event.text), alive_);
    channels_.emplace(event.channel, channel);
    opened_.push_back(std::move(channel));
    return acceptable_.set();
  }
  const auto found = channels_.find(event.channel);
  if (event.kind == ChannelEvent::Kind::none || found == channels_.end()) return;
  const ChannelPtr channel = found->second;
  switch (event.kind) {
    case ChannelEvent::Kind::message:
      channel->inbox.push_back({std::move(event.text), !event.is_text});
      channel->readable.set();
      break;
    case ChannelEvent::Kind::ended:
      channel->peer_ended = true;
      channel->readable.set();
      if (event.over) over(*channel, 0);
      break;
    case ChannelEvent::Kind::reset:
      if (channel->inbox.empty()) std::erase(opened_, channel);  // nobody has seen it, and nobody needs to
      over(*channel, event.code);
      break;
    default:
      break;
  }
}

void ChannelsState::fail(std::uint16_t code, std::string_view why) {
  stream_.close(code, why);
  all_over();
}

void ChannelsState::over(ChannelState& channel, std::uint16_t code) {
  if (!channel.owner) return;
  const ChannelPtr keep(&channel);
  channel.owner = nullptr;
  channel.reset_code = code;
  channels_.erase(channel.number);
  for (ChannelSender* sender : channel.senders) sender->done.set();
  channel.readable.set();
}

void ChannelsState::all_over() {
  ended_ = true;
  while (!channels_.empty()) over(*channels_.begin()->second, close_code::kAbnormal);
  acceptable_.set();
  to_write_.set();
  room_.set();
}

// For the greenlets of the application.

ChannelsState::ChannelPtr ChannelsState::open(std::string_view name) {
  const std::uint32_t number = ended_ ? 0 : mux_.open(name);
  if (number == 0 && !ended_) throw std::length_error("verdin: too many channels");
  auto channel = make_intrusive<ChannelState>(*this, number, std::string(name), alive_);
  if (ended_) {
    channel->owner = nullptr;
    channel->reset_code = close_code::kAbnormal;
    return channel;
  }
  channels_.emplace(number, channel);
  to_write_.set();
  return channel;
}

ChannelsState::ChannelPtr ChannelsState::accept() {
  while (opened_.empty()) {
    if (ended_) return nullptr;
    acceptable_.clear();
    acceptable_.wait();
  }
  ChannelPtr channel = std::move(opened_.front());
  opened_.pop_front();
  return channel;
}

bool ChannelsState::send(ChannelState& channel, std::string_view message, bool is_text) {
  ChannelSender sender;
  channel.senders.push_back(&sender);
  try {
    if (!mux_.send(channel.number, message, is_text, &sender)) {
      std::erase(channel.senders, &sender);
      return false;
    }
  } catch (...) {
    std::erase(channel.senders, &sender);
    throw;
  }
  to_write_.set();
  const ChannelPtr keep(&channel);
  const IntrusivePtr<ChannelsState> self(this);
  try {
    sender.done.wait();
  } catch (...) {
    // The message is the caller's, and will not be there any more. Half a message cannot be taken back.
    if (channel.owner && !mux_.withdraw(channel.number, &sender)) reset(channel, close_code::kInternalError);
    std::erase(channel.senders, &sender);
    to_write_.set();
    throw;
  }
  std::erase(channel.senders, &sender);
  return sender.sent;
}

std::optional<Message> ChannelsState::receive(ChannelState& channel) {
  const ChannelPtr keep(&channel);
  while (channel.inbox.empty()) {
    if (!channel.owner || channel.peer_ended) return std::nullopt;
    channel.readable.clear();
    channel.readable.wait();
  }
  std::optional<Message> message(std::move(channel.inbox.front()));
  channel.inbox.pop_front();
  if (channel.owner) {
    channel.owner->mux_.taken(channel.number);
    channel.owner->to_write_.set();
  }
  return message;
}

void ChannelsState::end(ChannelState& channel) {
  channel.ending = true;
  mux_.end(channel.number);
  to_write_.set();
}

void ChannelsState::reset(ChannelState& channel, std::uint16_t code) {
  mux_.reset(channel.number, code);
  over(channel, code);
  to_write_.set();
}

void ChannelsState::reset_or_cut(ChannelState& channel, std::uint16_t code) noexcept {
  const IntrusivePtr<ChannelsState> self(this);
  try {
    reset(channel, code);
  } catch (const std::bad_alloc&) {
    stream_.state_->cut(close_code::kAbnormal, "no memory");
    all_over();
  }
}

}  // namespace verdin::websocket::impl
