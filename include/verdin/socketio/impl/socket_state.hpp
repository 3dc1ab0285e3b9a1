// Internal. SocketState: one client in one namespace; what Socket handles refer to.
//
// Its members belong to the hub of its server, but for `hub`, `id` and the reference count, which any thread
// may use.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <typeinfo>
#include <unordered_map>
#include <vector>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/base/unique_function.hpp>
#include <verdin/protocol/json/value.hpp>
#include <verdin/socketio/disconnect_reason.hpp>
#include <verdin/socketio/handshake.hpp>
#include <verdin/socketio/impl/event_handler.hpp>

namespace verdin {
class Hub;
}

namespace verdin::eio {
class Session;
class Message;
}  // namespace verdin::eio

namespace verdin::protocol::sio {
struct PacketHeader;
}

namespace verdin::sio {
struct Packet;
}

namespace verdin::sio::impl {

class Client;
class NamespaceState;
struct Room;

/// Who waits for the acknowledgements of one id. Both calls come in the hub, and take it off the socket
/// first.
class AckWaiter {
 public:
  virtual void answered(SocketState& socket, json::View arguments) = 0;
  virtual void gone(SocketState& socket) = 0;

 protected:
  ~AckWaiter() = default;
};

/// What the application keeps with a socket.
struct DataHolder {
  virtual ~DataHolder() = default;
  virtual const std::type_info& type() const noexcept = 0;
};
template <typename T>
struct DataOf final : DataHolder {
  const std::type_info& type() const noexcept override { return typeid(T); }
  T value{};
};

class SocketState final : public SharedRefCounted<SocketState> {
 public:
  using DisconnectHook = UniqueFunction<void(DisconnectReason)>;
  using AnyListener = UniqueFunction<void(const std::string& event, const Args& arguments)>;
  static constexpr std::size_t kIdSize = 20;  // other servers of a cluster tell ids from rooms by it

  SocketState(NamespaceState& nsp, Client& client, IntrusivePtr<const Handshake> handshake);
  ~SocketState();

  std::string_view id() const noexcept { return {id_.data(), id_.size()}; }
  Hub& hub() const noexcept { return *hub_; }
  NamespaceState& nsp() const noexcept { return *nsp_; }
  const IntrusivePtr<const Handshake>& handshake() const noexcept { return handshake_; }
  const json::Value& auth() const noexcept;
  /// `octets`: what it takes of its client's allowance until the socket has left.
  void keep_auth(json::Value auth, std::size_t octets);
  bool connected() const noexcept { return connected_; }
  eio::Session* session() const noexcept;

  // Sending. No effect on a socket that is not connected.
  void send(const Encoder& encoder, bool is_volatile = false);
  void send(const Packet& packet, bool is_volatile);

  // Receiving, by its client, in the hub.
  void start_connecting();
  void on_event(std::span<char> text, json::View payload, std::optional<std::uint64_t> id);
  /// A binary event, whole; kept if the socket is busy.
  void on_binary_event(std::string text, std::vector<SharedBuffer> attachments, json::View payload,
                       std::optional<std::uint64_t> id);
  void on_ack(std::uint64_t id, json::View payload);
  /// `waiter` must take itself off again, unless it was called.
  void expect_ack(std::uint64_t id, AckWaiter& waiter);
  void forget_ack(std::uint64_t id);
  /// It has gone: leaves its rooms at once, and its handlers hear of it behind the events that came before.
  void end(DisconnectReason reason);

  /// Runs `work` on a greenlet. Where there is no stack for one now it is done later: the socket stays busy.
  using Work = void (SocketState::*)();
  void start_work(Work task, const char* name);

  // The application's side.
  // What is added when the end was told is dropped: nothing will come, and it would only keep what it holds.
  void on(IntrusivePtr<EventHandler> handler);
  void off(std::string_view event);
  /// That very handler, if it is still there.
  void off(const EventHandler& handler);
  void add_any(AnyListener listener);
  void clear_any();
  void add_disconnecting(DisconnectHook hook);
  void add_disconnect(DisconnectHook hook);
  void join(std::string_view room);
  void leave(std::string_view room);
  std::vector<std::string> rooms() const;
  void disconnect(bool close_connection);

  template <typename T>
  T& data() {
    if (!data_) data_ = std::make_unique<DataOf<T>>();
    if (data_->type() != typeid(T))
      throw std::logic_error("verdin: socket.data<T>() was first used with another type");
    return static_cast<DataOf<T>&>(*data_).value;
  }

 private:
  friend class MemoryAdapter;
  friend class Client;
  struct Mail;
  struct Mailbox;
  class Shift;

  /// What few sockets have much of.
  struct Extras {
    std::vector<IntrusivePtr<EventHandler>> handlers;  // few: found by looking at each
    std::vector<std::shared_ptr<AnyListener>> any;
    std::vector<DisconnectHook> disconnecting;
    std::vector<DisconnectHook> disconnect;
    std::unordered_map<std::uint64_t, AckWaiter*> acks;  // keyed by numbers of our own
    std::vector<std::string> last_rooms;                 // while the disconnecting handlers run
    json::Value auth;
    std::size_t auth_octets = 0;
  };
  Extras& extras();

  // On a greenlet.
  template <typename F>
  void work(const F& function);
  template <typename F>
  void guarded(std::string_view where, std::string_view what, const F& function);
  void connect();
  bool run_middlewares();
  void run_event(json::View payload, std::optional<std::uint64_t> id,
                 const IntrusivePtr<EventHandler>& handler);
  void run_mail(Mail& mail);
  void run_any(json::View payload);
  bool parse(Mail& mail, protocol::sio::PacketHeader& header) const;
  void drain_mailbox();
  void run_disconnect(DisconnectReason reason);
  void deliver_end();

  template <typename MakeMail>
  void take_event(json::View payload, std::optional<std::uint64_t> id, const MakeMail& make_mail);
  IntrusivePtr<EventHandler> find_handler(std::string_view event) const;
  void put_in_mailbox(Mail mail);
  Mail take_mail();
  void bound_mailbox();
  void leave_client();
  void forget_handlers();

  std::array<char, kIdSize> id_;
  bool connected_ = false;
  bool busy_ = false;    // a greenlet runs its handlers; events wait in the mailbox
  bool ended_ = false;   // `end_reason_` is to be told, or was
  bool told_ = false;    // the end has been told: handlers are taken no more
  bool paused_ = false;  // its mailbox is full, so its session reads nothing
  bool undone_ = false;  // busy, but without a greenlet yet
  DisconnectReason end_reason_ = DisconnectReason::transport_close;
  std::uint32_t visited_ = 0;  // the last broadcast that looked at it
  Hub* hub_;
  IntrusivePtr<NamespaceState> nsp_;
  Client* client_;                // null once it has gone
  IntrusivePtr<Client> leaving_;  // the same from then until its handlers are done
  IntrusivePtr<const Handshake> handshake_;
  std::unique_ptr<Extras> extras_;
  std::unique_ptr<Mailbox> mailbox_;
  std::unique_ptr<DataHolder> data_;
  struct RoomSlot {
    Room* room;
    std::size_t index;
  };
  // The memory adapter's: the rooms, and where each is in the list, if they are many.
  std::vector<RoomSlot> room_slots_;
  std::unique_ptr<std::unordered_map<const Room*, std::size_t>> room_index_;
};

}  // namespace verdin::sio::impl
