// The program that the official client is tried against: tests/interop/README.md says what each event does.
#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <numeric>

#include "conformance/program.hpp"

namespace eio = verdin::eio;
namespace http = verdin::http;
namespace json = verdin::json;
namespace sio = verdin::sio;
using std::chrono::milliseconds;

namespace {

struct Position {
  double x = 0;
  double y = 0;
};
constexpr auto json_fields(const Position*) {
  return std::tuple{json::field("x", &Position::x), json::field("y", &Position::y)};
}

struct User {
  std::string nick;
  std::uint8_t age = 0;
  std::vector<std::string> tags;
  Position at;
};
constexpr auto json_fields(const User*) {
  return std::tuple{json::field("nick", &User::nick), json::field("age", &User::age),
                    json::field("tags", &User::tags), json::field("at", &User::at)};
}

struct Departure {
  std::string id;
  std::string nsp;
  std::string reason;
  std::vector<std::string> rooms;
};
constexpr auto json_fields(const Departure*) {
  return std::tuple{json::field("id", &Departure::id), json::field("nsp", &Departure::nsp),
                    json::field("reason", &Departure::reason), json::field("rooms", &Departure::rooms)};
}

struct Stats {
  int connections = 0;
  int refused = 0;
  std::size_t open = 0;
  int decode_errors = 0;
  int handler_errors = 0;
  int asks_abandoned = 0;
  std::map<std::string, int> disconnects;
};
constexpr auto json_fields(const Stats*) {
  return std::tuple{json::field("connections", &Stats::connections),
                    json::field("refused", &Stats::refused),
                    json::field("open", &Stats::open),
                    json::field("decode_errors", &Stats::decode_errors),
                    json::field("handler_errors", &Stats::handler_errors),
                    json::field("asks_abandoned", &Stats::asks_abandoned),
                    json::field("disconnects", &Stats::disconnects)};
}

struct SocketData {
  json::Value kept;
  long received = 0;
  long wrong = 0;
  long last = -1;
  std::vector<std::string> rooms_at_end;
};

/// What all namespaces share.
struct Program {
  Stats stats;
  std::deque<Departure> departures;  // the last 1024
  verdin::Event departed;
  std::vector<sio::Namespace> namespaces;
};

std::vector<std::string> room_list(const json::Value& value) {
  std::vector<std::string> rooms;
  if (const std::string* one = value.as_string()) rooms.push_back(*one);
  if (const auto* list = value.as_array()) {
    for (const json::Value& entry : *list) {
      if (const std::string* room = entry.as_string()) rooms.push_back(*room);
    }
  }
  return rooms;
}

std::vector<std::string> sorted_rooms(const sio::Socket& socket) {
  std::vector<std::string> rooms = socket.rooms();
  std::erase(rooms, socket.id());
  std::sort(rooms.begin(), rooms.end());
  return rooms;
}

verdin::Bytes octets(std::size_t count) {
  verdin::Bytes bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(i);
  return bytes;
}

void add_answers(const sio::Namespace& nsp) {
  nsp.on("echo", [](sio::Socket socket, sio::Args args, sio::Ack ack) {
    if (ack) {
      ack(args);
    } else {
      socket.emit("echo", args);
    }
  });
  nsp.on("void", [] {});
  nsp.on("error", [](sio::Args args) { return args; });
  nsp.on("types", [](sio::Socket socket) {
    using json::Value;
    const Value deep = Value::array({1, Value::array({2, Value::array({3})})});
    const Value nested = Value::object({{"a", Value::object({{"b", Value::array({nullptr})}})}});
    socket.emit("types", nullptr, true, false, 0, -1, 1.5, 1e21, std::int64_t{9007199254740991}, "",
                std::string("h\u00e9llo \u4e16\u754c \U0001F642 \u2028 \"\\ \u0001") + '\0', Value::array(),
                Value::object(), deep, nested, verdin::Bytes{0x00, 0x01, 0xfe, 0xff});
  });
  nsp.on("binary", [](sio::Socket socket, std::uint32_t n) {
    using json::Value;
    socket.emit("binary",
                Value::object({{"first", octets(n)},
                               {"list", Value::array({"x", octets(3)})},
                               {"deep", Value::object({{"a", Value::object({{"b", octets(0)}})}})}}));
  });
  nsp.on("where", [](sio::Socket socket) { return std::string(socket.transport()); });
  nsp.on("handshake", [](sio::Socket socket) {
    using json::Value;
    const sio::Handshake& handshake = socket.handshake();
    Value headers = Value::object();
    for (auto& [name, value] : handshake.headers()) headers.set(name, value);
    Value query = Value::object();
    for (auto& [name, value] : handshake.query()) query.set(name, value);
    return Value::object({{"id", socket.id()},
                          {"nsp", socket.nsp().name()},
                          {"auth", socket.auth()},
                          {"query", query},
                          {"url", std::string(handshake.url())},
                          {"address", handshake.address()},
                          {"secure", handshake.secure()},
                          {"xdomain", handshake.xdomain()},
                          {"headers", headers}});
  });
  nsp.on("set", [](sio::Socket socket, json::Value value) {
    socket.data<SocketData>().kept = std::move(value);
    return true;
  });
  nsp.on("get", [](sio::Socket socket) { return socket.data<SocketData>().kept; });
}

void add_typed(const sio::Namespace& nsp) {
  nsp.on("typed", [](int n, std::string s, std::optional<bool> flag) {
    return json::Value::object({{"n", 2 * n}, {"s", s}, {"flag", flag ? json::Value(*flag) : json::Value()}});
  });
  nsp.on("typed-u8", [](std::uint8_t n) { return n; });
  nsp.on("typed-user", [](User user) {
    ++user.age;
    return user;
  });
  nsp.on("typed-binary", [](verdin::Bytes bytes, std::string text) {
    return std::tuple{bytes.size(), std::accumulate(bytes.begin(), bytes.end(), std::uint64_t{0}), text};
  });
  nsp.on("typed-tuple", [] { return std::tuple{1, "two", std::vector{3, 4}}; });
  nsp.on("typed-map", [](std::map<std::string, int> map) {
    long sum = 0;
    for (const auto& [key, value] : map) sum += value;
    return sum;
  });
}

void add_rooms(const sio::Namespace& nsp) {
  nsp.on("join", [](sio::Socket socket, json::Value rooms) {
    socket.join(room_list(rooms));
    return true;
  });
  nsp.on("leave", [](sio::Socket socket, std::string room) {
    socket.leave(room);
    return true;
  });
  nsp.on("rooms", [](sio::Socket socket) {
    const auto rooms = socket.rooms();
    const bool in_own = std::find(rooms.begin(), rooms.end(), socket.id()) != rooms.end();
    return std::tuple{sorted_rooms(socket), in_own};
  });
  nsp.on("cast", [](sio::Socket socket, std::string how, std::vector<std::string> rooms,
                    std::vector<std::string> except, sio::Args args) {
    const auto from = how == "socket" ? socket.broadcast() : socket.nsp().all();
    from.to(rooms).except(except).emit("cast", args);
    return true;
  });
  nsp.on("broadcast", [](sio::Socket socket, sio::Args args) {
    socket.broadcast().emit("broadcast", args);
    return true;
  });
  nsp.on("volatile", [](sio::Socket socket, int n) {
    for (int i = 0; i < n; ++i) socket.volatile_emit("vol", i);
    socket.emit("vol-end", n);
  });
}

void add_acks(Program& program, const sio::Namespace& nsp) {
  nsp.on("ask", [&program](sio::Socket socket, int ms, sio::Args args) {
    sio::Args answer;
    try {
      const sio::Args got = socket.timeout(milliseconds(ms)).emit_with_ack("question", args);
      answer.emplace_back("answer");
      answer.insert(answer.end(), got.begin(), got.end());
    } catch (const sio::AckTimeout&) {
      answer.emplace_back("timeout");
    } catch (const sio::SocketDisconnected&) {
      ++program.stats.asks_abandoned;
    }
    return answer;
  });
  nsp.on("ask-many", [](sio::Socket socket, int n) {
    std::vector<verdin::Greenlet<json::Value>> asking;
    for (int i = 0; i < n; ++i) {
      asking.push_back(verdin::spawn([socket, i] {
        sio::Args answer = socket.emit_with_ack("question", i);
        return answer.empty() ? json::Value() : answer[0];
      }));
    }
    verdin::join_all(asking);
    std::vector<json::Value> answers;
    for (auto& greenlet : asking) answers.push_back(greenlet.get());
    return std::tuple{answers};
  });
  nsp.on("ask-all", [](sio::Socket socket, int ms, std::string room) {
    // What came, in order, and how many did not come.
    std::vector<int> replies;
    std::size_t missing = 0;
    try {
      replies = socket.nsp().to(room).timeout(milliseconds(ms)).emit_with_ack<int>("question", room);
    } catch (const sio::MissingAcks<int>& error) {
      replies = error.replies;
      missing = error.missing;
    }
    std::sort(replies.begin(), replies.end());
    return std::tuple{replies, missing};
  });
  nsp.on("listen", [](sio::Socket socket) {
    socket.on_any([socket](const std::string& event, const sio::Args& args) {
      if (event != "unlisten") socket.emit("heard", event, args.size());
    });
    socket.once("rare", [](int n) { return n + 1; });
    return true;
  });
  nsp.on("rare", [] { return "none is left"; });
  nsp.on("unlisten", [](sio::Socket socket) {
    socket.off_any();
    return true;
  });
  nsp.on("ack-later", [](int ms, sio::Args args, sio::Ack ack) {
    verdin::spawn([=] {
      verdin::sleep(milliseconds(ms));
      ack(args);
    });
  });
  nsp.on("ack-twice", [](sio::Ack ack) {
    ack(1);
    ack(2);
  });
  nsp.on("slow", [](int ms) {
    verdin::sleep(milliseconds(ms));
    return std::tuple{"slept", ms};
  });
  nsp.on("throw", [] { throw std::runtime_error("thrown on purpose"); });
}

void add_numbers(const sio::Namespace& nsp) {
  nsp.on("number", [](sio::Socket socket, long i, sio::Ack) {
    auto& data = socket.data<SocketData>();
    ++data.received;
    if (i != data.last + 1) ++data.wrong;
    data.last = i;
  });
  nsp.on("number-report", [](sio::Socket socket) {
    const auto& data = socket.data<SocketData>();
    return json::Value::object({{"received", data.received}, {"wrong", data.wrong}, {"last", data.last}});
  });
  nsp.on("numbers", [](sio::Socket socket, int n, std::uint32_t pad) {
    const std::string padding(pad, 'x');
    for (int i = 0; i < n; ++i) socket.emit("number", i, padding);
    return n;
  });
  nsp.on("paced", [](sio::Socket socket, int n, int ms) {
    for (int i = 0; i < n; ++i) {
      socket.emit("number", i);
      verdin::sleep(milliseconds(ms));
    }
    return n;
  });
}

void add_endings(Program& program, const sio::Namespace& nsp) {
  nsp.on("kick", [](sio::Socket socket) { socket.disconnect(); });
  nsp.on("kick-all", [](sio::Socket socket) { socket.disconnect(true); });
  nsp.on("bye-kick", [](sio::Socket socket) {
    socket.emit("bye", 1);
    socket.emit("bye", 2);
    socket.disconnect();
  });
  nsp.on_disconnecting([](sio::Socket socket, sio::DisconnectReason) {
    socket.data<SocketData>().rooms_at_end = sorted_rooms(socket);
  });
  nsp.on_disconnect([&program](sio::Socket socket, sio::DisconnectReason reason) {
    const std::string text(to_string(reason));
    ++program.stats.disconnects[text];
    program.departures.push_back(
        {socket.id(), socket.nsp().name(), text, socket.data<SocketData>().rooms_at_end});
    if (program.departures.size() > 1024) program.departures.pop_front();
    program.departed.set();
    program.departed.clear();
  });
  nsp.on("wait-disconnect", [&program](std::string id) -> std::optional<Departure> {
    const auto give_up = verdin::loop::Clock::now() + std::chrono::seconds(10);
    for (;;) {
      for (const Departure& departure : program.departures) {
        if (departure.id == id) return departure;
      }
      const auto left = give_up - verdin::loop::Clock::now();
      if (left <= left.zero() || !program.departed.wait_for(left)) return std::nullopt;
    }
  });
  nsp.on("open-sockets", [](sio::Socket socket) { return socket.nsp().size(); });
  nsp.on("stats", [&program] {
    Stats stats = program.stats;
    for (const auto& each : program.namespaces) stats.open += each.size();
    return stats;
  });
}

void add_namespaces(Program& program, const sio::Server& io) {
  for (const char* name : {"/", "/admin", "/auth", "/slow-auth", "/bare"}) {
    const sio::Namespace nsp = io.of(name);
    program.namespaces.push_back(nsp);
    nsp.on_connection([&program](sio::Socket) { ++program.stats.connections; });
    add_answers(nsp);
    add_typed(nsp);
    add_rooms(nsp);
    add_acks(program, nsp);
    add_numbers(nsp);
    add_endings(program, nsp);
  }
  const auto hello = [](sio::Socket socket) {
    socket.emit("hello", json::Value::object({{"auth", socket.auth()}}));
  };
  io.on_connection(hello);
  io.of("/admin").on_connection(hello);
  io.of("/slow-auth").use([](sio::Socket socket) {
    verdin::sleep(milliseconds(socket.auth()["delay"].as_int64().value_or(0)));
  });
  io.of("/slow-auth").on_connection(hello);
  io.of("/auth").use([&program](sio::Socket socket) -> std::optional<sio::ConnectError> {
    socket.join("checked");
    const json::Value token = socket.auth()["token"];
    if (token == json::Value("secret")) return std::nullopt;
    ++program.stats.refused;
    return sio::ConnectError("unauthorized", json::Value::object({{"code", "E_AUTH"}, {"token", token}}));
  });
  io.of("/auth").on_connection([](sio::Socket socket) { socket.emit("welcome", socket.auth()["user"]); });
}

sio::Options server_options(const program::Arguments& arguments) {
  sio::Options options;
  eio::Options& engine = options.engine;
  engine.ping_interval = milliseconds(arguments.number("--ping-interval", 25'000));
  engine.ping_timeout = milliseconds(arguments.number("--ping-timeout", 20'000));
  engine.upgrade_timeout = milliseconds(arguments.number("--upgrade-timeout", 10'000));
  engine.max_payload = static_cast<std::size_t>(arguments.number("--max-payload", 1'000'000));
  engine.send_limit = static_cast<std::size_t>(arguments.number("--max-backpressure", 1 << 20));
  engine.drop_limit = 4 * engine.send_limit;
  engine.backpressure_timeout = milliseconds(arguments.number("--write-timeout", 10'000));
  if (const std::string origin = arguments.text("--allow-origin"); !origin.empty())
    engine.cors.origins = {origin};
  options.connect_timeout = milliseconds(arguments.number("--connect-timeout", 45'000));
  options.client_dir = arguments.text("--client-dir", options.client_dir);
  return options;
}

http::Options app_options(const program::Arguments& arguments) {
  http::Options options;
  options.header_timeout = milliseconds(arguments.number("--header-timeout", 10'000));
  options.body_timeout = milliseconds(arguments.number("--body-timeout", 10'000));
  options.keep_alive_timeout = milliseconds(arguments.number("--keep-alive-timeout", 10'000));
  options.write_timeout = milliseconds(arguments.number("--write-timeout", 10'000));
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const program::Arguments arguments(
      argc, argv,
      {"--port", "--ping-interval", "--ping-timeout", "--upgrade-timeout", "--max-payload",
       "--max-backpressure", "--write-timeout", "--allow-origin", "--connect-timeout", "--client-dir",
       "--header-timeout", "--body-timeout", "--keep-alive-timeout"});
  return verdin::run([&] {
    Program program;
    sio::Server io(server_options(arguments));
    io.on_error([&program](const sio::ErrorInfo& error) {
      if (error.kind == sio::ErrorInfo::Kind::decode) ++program.stats.decode_errors;
      if (error.kind == sio::ErrorInfo::Kind::handler) ++program.stats.handler_errors;
    });
    add_namespaces(program, io);
    http::App app(app_options(arguments));
    app.get("/health", [](http::Request&, http::Response& response) { response.send("ok"); });
    app.mount(io);
    program::serve(app, arguments);
  });
}
