// Many clients do at random what clients do, well behaved or not, over both transports and the upgrade
// between them, while the server does the same to them. What must hold all the time: events of a socket are
// handled in order and none is left out, both ways; what is acknowledged was handled; a client that stays
// gets every acknowledgement; and when all have gone, nothing of them is left.
//
// A second by default. VERDIN_STRESS_SECONDS makes it longer, VERDIN_STRESS_SEED repeats a run (of the same
// choices: what the kernel delivers when is not repeated).
#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/socketio_peer.hpp"

using namespace std::chrono_literals;
using namespace verdin::test;
namespace http = verdin::http;
namespace sio = verdin::sio;

namespace {

constexpr int kClients = 16;
const std::array<std::string, 2> kNamespaces{"/", "/b"};
const std::array<std::string, 4> kRooms{"r0", "r1", "r2", "r3"};

double from_environment(const char* name, double otherwise) {
  const char* const text = std::getenv(name);
  return text ? std::atof(text) : otherwise;
}

class Dice {
 public:
  explicit Dice(unsigned seed) : engine_(seed) {}
  int operator()(int sides) { return std::uniform_int_distribution<int>(0, sides - 1)(engine_); }
  template <typename List>
  const auto& of(const List& list) {
    return list[static_cast<std::size_t>((*this)(static_cast<int>(list.size())))];
  }

 private:
  std::mt19937 engine_;
};

struct Counts {
  int connections = 0;
  int disconnections = 0;
  long handled = 0;
  long acknowledged = 0;
  long emitted = 0;
  long answers = 0;
};

struct Order {
  int in = 0;
  int out = 0;
};

// ---- The server

class Program {
 public:
  Program(sio::Server& io, unsigned seed) : io_(io), dice_(seed) {
    for (const std::string& name : kNamespaces) serve(io.of(name));
  }
  Counts counts;

  /// Until it is killed.
  void meddle() {
    for (;;) {
      verdin::sleep(std::chrono::milliseconds(dice_(4)));
      const sio::Namespace nsp = io_.of(dice_.of(kNamespaces));
      const auto sockets = nsp.sockets();
      switch (dice_(8)) {
        case 0:
          if (!sockets.empty() && dice_(4) == 0) dice_.of(sockets).disconnect(dice_(3) == 0);
          break;
        case 1:
          nsp.to(dice_.of(kRooms)).sockets_leave(dice_.of(kRooms));
          break;
        case 2:
          if (!sockets.empty()) ask_and_perhaps_give_up(dice_.of(sockets));
          break;
        case 3:
          ask_all(nsp);
          break;
        default:
          nsp.to({dice_.of(kRooms), dice_.of(kRooms)}).except(dice_.of(kRooms)).emit("cast", ++casts_);
      }
      if (!sockets.empty()) number(dice_.of(sockets));
    }
  }

 private:
  void number(const sio::Socket& socket) {
    if (!socket.connected()) return;
    socket.emit("out", socket.data<Order>().out++, std::string(static_cast<std::size_t>(dice_(200)), 'p'));
    ++counts.emitted;
  }

  void ask_and_perhaps_give_up(const sio::Socket& socket) {
    auto asking = verdin::spawn([this, socket] {
      try {
        const int answer =
            socket.timeout(std::chrono::milliseconds(dice_(200))).emit_with_ack<int>("double", 21);
        EXPECT_EQ(answer, 42);
        ++counts.answers;
      } catch (const sio::AckTimeout&) {
      } catch (const sio::SocketDisconnected&) {
      }
    });
    if (dice_(2) == 0) return;
    verdin::sleep(std::chrono::milliseconds(dice_(3)));
    asking.kill();
  }

  void ask_all(const sio::Namespace& nsp) {
    verdin::spawn([this, nsp, room = dice_.of(kRooms), ms = dice_(200)] {
      try {
        for (const int answer :
             nsp.to(room).timeout(std::chrono::milliseconds(ms)).emit_with_ack<int>("double", 4)) {
          EXPECT_EQ(answer, 8);
          ++counts.answers;
        }
      } catch (const sio::MissingAcks<int>& error) {
        for (const int answer : error.replies) EXPECT_EQ(answer, 8);
      }
    });
  }

  void dawdle() {
    const int how = dice_(20);
    if (how < 3) verdin::sleep(0s);
    if (how == 3) verdin::sleep(std::chrono::milliseconds(dice_(5)));
  }

  void serve(const sio::Namespace& nsp) {
    nsp.use([this](sio::Socket) { dawdle(); });
    nsp.on_connection([this](sio::Socket socket) {
      ++counts.connections;
      if (dice_(4) == 0) socket.on_any([this](const std::string&, const sio::Args&) { dawdle(); });
      socket.once("once", [] { return 1; });
      dawdle();
    });
    nsp.on_disconnect([this](sio::Socket socket, sio::DisconnectReason) {
      ++counts.disconnections;
      EXPECT_TRUE(socket.rooms().empty());
      dawdle();
    });
    nsp.on("in", [this](sio::Socket socket, int n, std::string) {
      EXPECT_EQ(n, socket.data<Order>().in++) << "out of order, or one was left out";
      ++counts.handled;
      dawdle();
      number(socket);
      return n;
    });
    nsp.on("bytes", [this](verdin::Bytes bytes) {
      dawdle();
      return bytes;
    });
    nsp.on("join", [](sio::Socket socket, std::string room) { socket.join(room); });
    nsp.on("leave", [](sio::Socket socket, std::string room) { socket.leave(room); });
    nsp.on("kick", [this](sio::Socket socket) {
      dawdle();
      socket.disconnect(dice_(2) == 0);
    });
    nsp.on("throw", [] { throw std::runtime_error("on purpose"); });
  }

  sio::Server& io_;
  Dice dice_;
  int casts_ = 0;
};

// ---- A client

/// One connection, on either transport. Packets are the engine's, binary data has a 'b' in front.
class Line : public std::enable_shared_from_this<Line> {
 public:
  Line(http::App& app, Dice& dice) : app_(app) {
    if (dice(2) == 0) {
      socket_ = std::make_unique<WebSocketPeer>(app, "/socket.io/");
      socket_->receive();
      return;
    }
    polling_ = std::make_unique<PollingPeer>(app, "/socket.io/");
    upgrade_after_ = dice(2) == 0 ? dice(6) : -1;
  }

  /// In one piece over WebSocket; in order in any case.
  void send(const std::vector<std::string>& packets) {
    if (ended_) return;
    if (!polling_) return socket_->send_raw(frames_of(packets));
    outbox_.insert(outbox_.end(), packets.begin(), packets.end());
    if (std::exchange(posting_, true)) return;
    verdin::spawn([self = shared_from_this()] { self->post(); });
  }

  /// Blocks until something has come. Empty at the end.
  std::vector<std::string> receive() {
    if (ended_) return {};
    if (!polling_) return read();
    return upgrade_after_ >= 0 && upgrade_after_-- == 0 ? upgrade() : poll();
  }

  void end() { ended_ = true; }

  void read_slowly(std::chrono::milliseconds time) {
    if (polling_ || ended_) return;
    socket_->raw().pause();
    verdin::sleep(time);
    socket_->raw().resume();
  }

 private:
  static std::string frames_of(const std::vector<std::string>& packets) {
    std::string frames;
    for (const std::string& packet : packets)
      frames += packet[0] == 'b' ? client_binary(packet.substr(1)) : client_text(packet);
    return frames;
  }

  void post() {
    while (!outbox_.empty() && !ended_) {
      std::string payload;
      for (const std::string& packet : std::exchange(outbox_, {})) {
        if (!payload.empty()) payload += '\x1e';
        payload += packet[0] == 'b' ? kBinary : packet;
      }
      if (status_of(polling_->post(payload)) != 200) ended_ = true;
    }
    posting_ = false;
    posted_.set();
  }

  std::vector<std::string> read() {
    const std::string packet = socket_->receive();
    if (packet != "gone" && !packet.starts_with("close:")) return {packet == "abc" ? "babc" : packet};
    ended_ = true;
    return {};
  }

  std::vector<std::string> poll() {
    const std::string answer = polling_->poll();
    std::vector<std::string> packets;
    ended_ = ended_ || status_of(answer) != 200;
    if (ended_) return packets;
    const std::string payload = body_of(answer);
    for (std::size_t at = 0; at <= payload.size();) {
      const std::size_t next = std::min(payload.find('\x1e', at), payload.size());
      std::string packet = payload.substr(at, next - at);
      if (packet == "1") ended_ = true;
      packets.push_back(packet == kBinary ? "babc" : packet);
      at = next + 1;
    }
    return packets;
  }

  /// As the official client does: the probe beside the polling, a last poll, and only then the 5.
  std::vector<std::string> upgrade() {
    auto socket = std::make_unique<WebSocketPeer>(app_, "/socket.io/", "&sid=" + polling_->sid());
    socket->send("2probe");
    if (socket->receive() != "3probe") return {"6"};
    const std::vector<std::string> last = poll();
    while (posting_) {
      posted_.clear();
      posted_.wait();
    }
    if (ended_) return last;
    polling_.reset();
    socket_ = std::move(socket);
    socket_->send("5");
    return last;
  }

  static constexpr const char* kBinary = "bYWJj";  // abc
  http::App& app_;
  std::unique_ptr<WebSocketPeer> socket_;
  std::unique_ptr<PollingPeer> polling_;
  std::vector<std::string> outbox_;
  int upgrade_after_ = -1;
  bool posting_ = false;
  bool ended_ = false;
  verdin::Event posted_;
};

class Client {
 public:
  Client(http::App& app, Counts& counts, unsigned seed) : app_(app), counts_(counts), dice_(seed) {}

  void live(verdin::loop::Clock::time_point until) {
    while (verdin::loop::Clock::now() < until) one_connection(until);
  }

 private:
  /// What is known of one namespace, from its CONNECT on.
  struct Joined {
    bool connected = false;
    int in = 0;
    int out = 0;
    int last_cast = 0;
    std::map<int, std::string> awaited;  // acknowledgements, by id
  };

  void one_connection(verdin::loop::Clock::time_point until) {
    line_ = std::make_shared<Line>(app_, dice_);
    joined_.clear();
    joining_b_ = false;
    next_id_ = 0;
    over_ = false;
    auto reader = verdin::spawn([this, line = line_] {
      for (;;) {
        const auto packets = line->receive();
        if (packets.empty()) break;
        for (const std::string& packet : packets) on_packet(packet);
      }
      over_ = true;
      changed_.set();
    });
    send({"40"});
    for (int steps = dice_(60); steps > 0 && !over_ && verdin::loop::Clock::now() < until; --steps) step();
    leave();
    reader.kill();
    verdin::join_all(reader);
    line_->end();
    line_.reset();  // and the connection, if it is a WebSocket
  }

  std::string prefix(const std::string& nsp) { return nsp == "/" ? "" : nsp + ","; }

  void send(const std::vector<std::string>& packets) { line_->send(packets); }

  std::string next_in(const std::string& nsp, bool with_ack) {
    Joined& joined = joined_[nsp];
    const std::string n = std::to_string(joined.in++);
    std::string id;
    if (with_ack) {
      joined.awaited[next_id_] = "[" + n + "]";
      id = std::to_string(next_id_++);
    }
    return "42" + prefix(nsp) + id + "[\"in\"," + n + ",\"" +
           std::string(static_cast<std::size_t>(dice_(300)), 'x') + "\"]";
  }

  void step() {
    const std::string nsp = dice_.of(kNamespaces);
    Joined& joined = joined_[nsp];
    if (!joined.connected) {
      if (nsp != "/" && joined_["/"].connected && dice_(3) == 0 && !joining_b_) {
        joining_b_ = true;
        send({"40/b,"});
      }
      wait_a_little();
      return;
    }
    const std::string event = "42" + prefix(nsp);
    switch (dice_(24)) {
      case 0:
        return send({event + "[\"join\",\"" + dice_.of(kRooms) + "\"]"});
      case 1:
        return send({event + "[\"leave\",\"" + dice_.of(kRooms) + "\"]"});
      case 2:
        return line_->read_slowly(std::chrono::milliseconds(dice_(10)));
      case 3:
        return send({event + "[\"throw\"]", event + "[\"once\"]", event + "[\"nobody listens\"]"});
      case 4: {
        const std::string id = std::to_string(next_id_);
        joined.awaited[next_id_++] = "[{\"_placeholder\":true,\"num\":0}]";
        return send({"451-" + prefix(nsp) + id + "[\"bytes\",{\"_placeholder\":true,\"num\":0}]", "babc"});
      }
      case 5: {
        std::vector<std::string> flood;
        for (int i = dice_(400); i >= 0; --i) flood.push_back(next_in(nsp, i == 0));
        return send(flood);
      }
      case 6:
      case 7:
        return wait_a_little();
      case 8:
        if (dice_(4) == 0) send({event + "[\"kick\"]"});
        return;
      case 9:
        if (nsp == "/" || dice_(2) == 0) return;
        joined = {};
        joining_b_ = false;
        return send({"41/b,"});
      default:
        return send({next_in(nsp, dice_(2) == 0)});
    }
  }

  void wait_a_little() {
    changed_.clear();
    changed_.wait_for(std::chrono::milliseconds(1 + dice_(5)));
  }

  /// As clients go: all of a sudden, with nonsense, or politely when everything is acknowledged.
  void leave() {
    const int how = dice_(4);
    if (how == 0) send({"4nonsense"});
    if (how < 2) return wait_a_little();
    if (how == 2) return;
    const auto give_up = verdin::loop::Clock::now() + 60s;
    while (!over_ && !all_acknowledged()) {
      ASSERT_LT(verdin::loop::Clock::now(), give_up) << "an acknowledgement never came";
      wait_a_little();
    }
    send({"1"});
    while (!over_) {
      ASSERT_LT(verdin::loop::Clock::now(), give_up) << "a goodbye was not answered";
      wait_a_little();
    }
  }

  bool all_acknowledged() {
    for (const auto& [nsp, joined] : joined_) {
      if (joined.connected && !joined.awaited.empty()) return false;
    }
    return true;
  }

  void on_packet(const std::string& packet) {
    changed_.set();
    if (packet == "2") return send({"3"});
    if (!packet.starts_with('4')) return;
    const char type = packet[1];
    const bool in_b = packet.find("/b,") == (type == '6' ? packet.find('-') + 1 : 2);
    const std::string nsp = in_b ? "/b" : "/";
    const std::size_t header = packet.find_first_of("[{");
    const std::string payload = header == std::string::npos ? "" : packet.substr(header);
    if (type == '0') {
      joined_[nsp] = {};
      joined_[nsp].connected = true;
    } else if (type == '1') {
      joined_[nsp] = {};
      if (in_b) joining_b_ = false;
    } else if (joined_[nsp].connected) {
      const std::size_t id_at = in_b ? packet.find(',') + 1 : (type == '6' ? packet.find('-') + 1 : 2);
      on_content(joined_[nsp], nsp, type, packet.substr(id_at, header - id_at), payload);
    }
  }

  void on_content(Joined& joined, const std::string& nsp, char type, const std::string& id,
                  const std::string& payload) {
    if (type == '3' || type == '6') {
      const auto at = joined.awaited.find(std::atoi(id.c_str()));
      if (at == joined.awaited.end()) return;  // asked before it left and came back
      EXPECT_EQ(payload, at->second);
      joined.awaited.erase(at);
      ++counts_.acknowledged;
    } else if (payload.starts_with("[\"out\",")) {
      EXPECT_EQ(std::atoi(payload.c_str() + 7), joined.out++) << "out of order, or one was lost";
    } else if (payload.starts_with("[\"cast\",")) {
      const int cast = std::atoi(payload.c_str() + 8);
      EXPECT_GT(cast, joined.last_cast);
      joined.last_cast = cast;
    } else if (payload.starts_with("[\"double\",") && dice_(8) != 0) {
      send({"43" + prefix(nsp) + id + "[" + std::to_string(2 * std::atoi(payload.c_str() + 10)) + "]"});
    }
  }

  http::App& app_;
  Counts& counts_;
  Dice dice_;
  std::shared_ptr<Line> line_;
  std::map<std::string, Joined> joined_;
  bool joining_b_ = false;
  int next_id_ = 0;
  bool over_ = false;
  verdin::Event changed_;
};

TEST(SocketIoStress, whatever_clients_do_events_keep_their_order_and_nothing_stays_behind) {
  const auto seed =
      static_cast<unsigned>(from_environment("VERDIN_STRESS_SEED", std::random_device()() % 1'000'000));
  const std::chrono::duration<double> time(from_environment("VERDIN_STRESS_SECONDS", 1));
  RecordProperty("seed", static_cast<int>(seed));
  SCOPED_TRACE("VERDIN_STRESS_SEED=" + std::to_string(seed));
  sio::Options options;
  options.max_mailbox = 16;
  options.engine.ping_interval = 50ms;
  options.engine.ping_timeout = 1s;
  with_server(
      [&](http::App& app, sio::Server& io, Errors& errors) {
        Program program(io, seed);
        const auto until =
            verdin::loop::Clock::now() + std::chrono::duration_cast<verdin::loop::Clock::duration>(time);
        std::vector<std::unique_ptr<Client>> clients;
        std::vector<verdin::Greenlet<void>> lives;
        for (int i = 0; i < kClients; ++i) {
          clients.push_back(
              std::make_unique<Client>(app, program.counts, seed + 1 + static_cast<unsigned>(i)));
          lives.push_back(verdin::spawn([&, i] { clients[static_cast<std::size_t>(i)]->live(until); }));
        }
        auto meddler = verdin::spawn([&] { program.meddle(); });
        verdin::join_all(lives);
        meddler.kill();
        const auto give_up = verdin::loop::Clock::now() + 30s;
        const auto gone = [&] {
          return io.engine().session_count() == 0 &&
                 program.counts.connections == program.counts.disconnections;
        };
        while (!gone() && verdin::loop::Clock::now() < give_up) verdin::sleep(5ms);
        EXPECT_EQ(io.engine().session_count(), 0u);
        EXPECT_EQ(program.counts.connections, program.counts.disconnections);
        for (const std::string& name : kNamespaces) {
          EXPECT_EQ(io.of(name).size(), 0u);
          for (const std::string& room : kRooms) EXPECT_TRUE(io.of(name).in(room).fetch_sockets().empty());
        }
        EXPECT_GT(program.counts.handled, 0);
        EXPECT_GT(program.counts.acknowledged, 0);
        EXPECT_EQ(errors.count(sio::ErrorInfo::Kind::decode), 0u);
        std::printf(
            "seed %u: %d connections, %ld events handled, %ld acknowledged, %ld emitted, %ld answers\n", seed,
            program.counts.connections, program.counts.handled, program.counts.acknowledged,
            program.counts.emitted, program.counts.answers);
      },
      std::move(options));
}

}  // namespace
