// The adapter of one process: rooms as lists of sockets, each socket knowing its place in each.
#include <algorithm>

#include <verdin/base/siphash.hpp>
#include <verdin/socketio/adapter.hpp>
#include <verdin/socketio/impl/namespace_state.hpp>

namespace verdin::sio {

namespace impl {

struct Room {
  std::string name;
  std::vector<SocketState*> members;
};

class MemoryAdapter final : public Adapter {
 public:
  void add_socket(SocketState& socket) override { all_.emplace(socket.id(), &socket); }

  void join(SocketState& socket, std::string_view name) override {
    auto at = rooms_.find(name);
    if (at == rooms_.end()) {
      at = rooms_.emplace(std::string(name), std::make_unique<Room>()).first;
      at->second->name = name;
    }
    Room& room = *at->second;
    if (slot_of(socket, room) != kNone) return;
    add_slot(socket, {&room, room.members.size()});
    room.members.push_back(&socket);
  }

  void leave(SocketState& socket, std::string_view name) override {
    const auto at = rooms_.find(name);
    if (at == rooms_.end()) return;
    const std::size_t where = slot_of(socket, *at->second);
    if (where != kNone) take_out(remove_slot(socket, where));
  }

  void remove_socket(SocketState& socket) override {
    const auto slots = std::exchange(socket.room_slots_, {});
    socket.room_index_.reset();
    for (const auto& slot : slots) take_out(slot);
    const auto at = all_.find(socket.id());
    if (at != all_.end() && at->second == &socket) all_.erase(at);
  }

  std::vector<std::string> rooms(const SocketState& socket) const override {
    std::vector<std::string> names;
    for (const auto& slot : socket.room_slots_) names.push_back(slot.room->name);
    return names;
  }

  void broadcast(const Packet& packet, const BroadcastOptions& to) override {
    for_each(to, [&](SocketState& socket) { socket.send(packet, to.is_volatile); });
  }

  std::vector<IntrusivePtr<SocketState>> select(const BroadcastOptions& to) override {
    std::vector<IntrusivePtr<SocketState>> found;
    for_each(to, [&](SocketState& socket) {
      if (socket.connected()) found.emplace_back(&socket);
    });
    return found;
  }

  std::size_t socket_count() const override { return all_.size(); }

  SocketState* find(std::string_view id) const override {
    const auto at = all_.find(id);
    return at == all_.end() ? nullptr : at->second;
  }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  /// A socket in so many rooms gets an index of them: a peer may ask to join very many.
  static constexpr std::size_t kIndexed = 16;

  /// Where in the socket's slots the room is.
  static std::size_t slot_of(const SocketState& socket, const Room& room) {
    if (socket.room_index_) {
      const auto at = socket.room_index_->find(&room);
      return at == socket.room_index_->end() ? kNone : at->second;
    }
    const auto& slots = socket.room_slots_;
    const auto at = std::ranges::find(slots, &room, &SocketState::RoomSlot::room);
    return at == slots.end() ? kNone : static_cast<std::size_t>(at - slots.begin());
  }

  static void add_slot(SocketState& socket, SocketState::RoomSlot slot) {
    auto& slots = socket.room_slots_;
    slots.push_back(slot);
    if (socket.room_index_) {
      socket.room_index_->emplace(slot.room, slots.size() - 1);
    } else if (slots.size() > kIndexed) {
      socket.room_index_ = std::make_unique<std::unordered_map<const Room*, std::size_t>>();
      for (std::size_t i = 0; i < slots.size(); ++i) socket.room_index_->emplace(slots[i].room, i);
    }
  }

  static SocketState::RoomSlot remove_slot(SocketState& socket, std::size_t where) {
    auto& slots = socket.room_slots_;
    const SocketState::RoomSlot removed = slots[where];
    slots[where] = slots.back();
    slots.pop_back();
    if (socket.room_index_) {
      if (where < slots.size()) (*socket.room_index_)[slots[where].room] = where;
      socket.room_index_->erase(removed.room);
    }
    return removed;
  }

  /// The last member moves to the place that became free.
  void take_out(const SocketState::RoomSlot& slot) {
    Room& room = *slot.room;
    SocketState* const moved = room.members.back();
    room.members.pop_back();
    if (slot.index < room.members.size()) {
      room.members[slot.index] = moved;
      moved->room_slots_[slot_of(*moved, room)].index = slot.index;
    }
    if (room.members.empty()) rooms_.erase(rooms_.find(room.name));
  }

  template <typename Visit>
  void for_each_in(std::string_view room, const Visit& visit) {
    if (const auto at = rooms_.find(room); at != rooms_.end()) {
      for (SocketState* socket : at->second->members) visit(*socket);
    }
    if (room.size() == SocketState::kIdSize) {  // a socket's own room
      if (const auto at = all_.find(room); at != all_.end()) visit(*at->second);
    }
  }

  /// Calls once for each socket meant. The visitor must not change rooms; a send does not.
  template <typename Visit>
  void for_each(const BroadcastOptions& to, const Visit& visit) {
    const bool simple = to.except.empty() && to.rooms.size() <= 1;
    if (simple && to.rooms.size() == 1) return for_each_in(to.rooms.front(), visit);
    if (simple) {
      for (const auto& [id, socket] : all_) visit(*socket);
      return;
    }
    // Whoever carries the number of this round is done with, or left out.
    const std::uint32_t round = ++round_;
    for (const std::string& room : to.except) {
      for_each_in(room, [&](SocketState& socket) { socket.visited_ = round; });
    }
    const auto once = [&](SocketState& socket) {
      if (std::exchange(socket.visited_, round) != round) visit(socket);
    };
    if (to.rooms.empty()) {
      for (const auto& [id, socket] : all_) once(*socket);
    }
    for (const std::string& room : to.rooms) for_each_in(room, once);
  }

  StringMap<std::unique_ptr<Room>> rooms_;
  std::unordered_map<std::string_view, SocketState*, SipHasher> all_;  // keyed by the socket's own id
  std::uint32_t round_ = 0;
};

}  // namespace impl

std::unique_ptr<Adapter> make_memory_adapter() { return std::make_unique<impl::MemoryAdapter>(); }

}  // namespace verdin::sio
