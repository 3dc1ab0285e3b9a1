#include <new>
#include <stdexcept>
#include <string>

#include <verdin/websocket/topics.hpp>

#include "websocket/memberships.hpp"
#include "websocket/stream_state.hpp"

namespace verdin::websocket {

using impl::Memberships;
using impl::Topic;

struct Topics::State {
  Topic* find(std::string_view name) noexcept {
    if (name.size() > kMaxTopicName) return nullptr;  // not even hashed
    const auto found = topics.find(name);
    return found == topics.end() ? nullptr : &found->second;
  }

  impl::TopicMap topics;
};

Subscriber::Subscriber(const Stream& stream) noexcept : connection_(stream.state_->connection()) {}

Topics::Topics() : state_(std::make_unique<State>()) {}

Topics::~Topics() {
  for (auto& [name, topic] : state_->topics) Memberships::dismiss_all(topic);
}

bool Topics::subscribe(Subscriber subscriber, std::string_view name) {
  if (name.size() > kMaxTopicName) {
    throw std::length_error("verdin: a topic's name of " + std::to_string(name.size()) + " octets; " +
                            std::to_string(kMaxTopicName) + " are allowed");
  }
  Connection* const connection = subscriber.connection();
  if (!connection || !connection->is_open()) return false;
  Memberships& memberships = connection->memberships();
  Topic* topic = state_->find(name);
  if (topic && memberships.contains(*topic)) return false;
  if (!topic) {
    const auto made = state_->topics.try_emplace(std::string(name)).first;
    topic = &made->second;
    topic->home = &state_->topics;
    topic->name = &made->first;
  }
  try {
    memberships.join(*topic);
  } catch (...) {
    if (topic->members.empty()) state_->topics.erase(state_->topics.find(name));
    throw;
  }
  return true;
}

bool Topics::unsubscribe(Subscriber subscriber, std::string_view name) {
  Topic* const topic = state_->find(name);
  if (!topic || !subscriber.connection()) return false;
  Memberships* const memberships = subscriber.connection()->memberships_if_any();
  return memberships && memberships->leave(*topic);
}

std::size_t Topics::publish(std::string_view name, std::string_view text, Subscriber except) {
  SharedMessage message(Opcode::text, text);
  return publish(name, message, except);
}

std::size_t Topics::publish_binary(std::string_view name, std::string_view octets, Subscriber except) {
  SharedMessage message(Opcode::binary, octets);
  return publish(name, message, except);
}

std::size_t Topics::publish(std::string_view name, SharedMessage& message, Subscriber except) {
  const Topic* const topic = state_->find(name);
  if (!topic) return 0;
  std::size_t sent = 0;
  // Sending tells no handler anything, so that nobody joins or leaves meanwhile.
  for (const Topic::Member& member : topic->members) {
    if (member.connection == except.connection()) continue;
    try {
      if (member.connection->send(message)) ++sent;
    } catch (const std::bad_alloc&) {
      if (sent == 0) throw;
      member.connection->cut_without_memory();  // the others have it
    }
  }
  return sent;
}

std::size_t Topics::subscribers(std::string_view name) const noexcept {
  const Topic* const topic = state_->find(name);
  return topic ? topic->members.size() : 0;
}

bool Topics::is_subscribed(Subscriber subscriber, std::string_view name) const noexcept {
  const Topic* const topic = state_->find(name);
  if (!topic || !subscriber.connection()) return false;
  const Memberships* const memberships = subscriber.connection()->memberships_if_any();
  return memberships && memberships->contains(*topic);
}

std::size_t Topics::size() const noexcept { return state_->topics.size(); }

}  // namespace verdin::websocket
