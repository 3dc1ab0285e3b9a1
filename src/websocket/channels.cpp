#include <stdexcept>
#include <utility>

#include <verdin/websocket/channels.hpp>

#include "websocket/channels_state.hpp"

namespace verdin::websocket {

Channel::Channel(IntrusivePtr<impl::ChannelState> state) noexcept : state_(std::move(state)) {}
Channel::Channel(Channel&& other) noexcept = default;

Channel& Channel::operator=(Channel&& other) noexcept {
  Channel taken(std::move(other));
  std::swap(state_, taken.state_);
  return *this;
}

Channel::~Channel() {
  // One that both sides have ended is over by itself when our end has left.
  if (!state_ || !state_->owner || (state_->ending && state_->peer_ended)) return;
  state_->owner->reset_or_cut(*state_, close_code::kNormal);
}

bool Channel::send(std::string_view message, bool is_text) {
  return state_->owner && state_->owner->send(*state_, message, is_text);
}

std::optional<Message> Channel::receive() { return impl::ChannelsState::receive(*state_); }

void Channel::end() {
  if (state_->owner) state_->owner->end(*state_);
}

void Channel::reset(std::uint16_t code) {
  if (state_->owner) state_->owner->reset(*state_, code);
}

const std::string& Channel::name() const noexcept { return state_->name; }
bool Channel::is_open() const noexcept { return state_->owner != nullptr; }
std::uint16_t Channel::reset_code() const noexcept { return state_->reset_code; }

Channels::Channels(Stream& stream, const ChannelLimits& limits) {
  if (stream.subprotocol() != kChannelsProtocol) {
    throw std::invalid_argument("verdin: the WebSocket has not agreed on channels");
  }
  state_ = make_intrusive<impl::ChannelsState>(stream, limits);
  try {
    state_->begin();
  } catch (...) {
    state_->stop();
    throw;
  }
}

Channels::~Channels() { state_->stop(); }

Channel Channels::open(std::string_view name) { return Channel(state_->open(name)); }

std::optional<Channel> Channels::accept() {
  auto channel = state_->accept();
  if (!channel) return std::nullopt;
  return Channel(std::move(channel));
}

std::size_t Channels::size() const noexcept { return state_->size(); }

}  // namespace verdin::websocket
