// Polling, long-polling and WebSocket side by side: the same messages come to one page on three ways, and the
// page draws how long each of them took.
//
//   transports [PORT]    http://127.0.0.1:8080/, until SIGINT
#include <chrono>
#include <cstdint>
#include <deque>
#include <string>

#include <verdin/http/http.hpp>
#include <verdin/protocol/json/value.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/websocket/stream.hpp>
#include <verdin/websocket/topics.hpp>

#include "page.hpp"
#include "port.hpp"

using namespace std::chrono_literals;
namespace http = verdin::http;
namespace json = verdin::json;
namespace websocket = verdin::websocket;

namespace {

constexpr std::size_t kKept = 200;  // messages for who asks late
constexpr std::size_t kLongestText = 100;
constexpr auto kLongestWait = 25s;  // of a long poll: proxies commonly allow 30

// [board]
/// The last messages, numbered from 1, and who waits for the next one.
class Board {
 public:
  std::uint64_t post(const std::string& text) {
    const json::Value message = json::Value::object({{"number", ++last_}, {"text", text}});
    messages_.push_back(message);
    if (messages_.size() > kKept) messages_.pop_front();
    topics_.publish("messages", message.to_text());  // to every WebSocket
    posted_.set();                                   // to every long poll
    return last_;
  }

  /// Those behind number `after`, and the number to ask with next time.
  json::Value since(std::uint64_t after) const {
    json::Value::Array news;
    for (const json::Value& message : messages_) {
      if (message["number"].as_uint64() > after) news.push_back(message);
    }
    return json::Value::object({{"last", last_}, {"messages", std::move(news)}});
  }

  /// Until there is one behind `after`, or the limit has passed, or the peer has gone.
  void wait(std::uint64_t after, http::Response& r) {
    const auto end = std::chrono::steady_clock::now() + kLongestWait;
    while (last_ <= after && std::chrono::steady_clock::now() < end && !r.peer_leaves(0s)) {
      posted_.clear();
      posted_.wait_for(1s);
    }
  }

  void listen(websocket::Stream& peer) {
    topics_.subscribe(peer, "messages");
    while (peer.receive()) {
    }
  }

 private:
  std::deque<json::Value> messages_;
  std::uint64_t last_ = 0;
  verdin::Event posted_;
  websocket::Topics topics_;
};
// [/board]

// [ways]
void add_ways(http::App& app, Board& board) {
  app.post("/messages", [&](http::Request& q, http::Response& r) {
    if (q.body().size() > kLongestText) return r.status(413).send("That is too long.\n");
    r.status(201).json(json::Value::object({{"number", board.post(std::string(q.body()))}}));
  });
  app.get("/poll", [&](http::Request& q, http::Response& r) {
    r.header("Cache-Control", "no-store").json(board.since(q.query_as<std::uint64_t>("after").value_or(0)));
  });
  app.get("/long-poll", [&](http::Request& q, http::Response& r) {
    const auto after = q.query_as<std::uint64_t>("after").value_or(0);
    board.wait(after, r);
    r.header("Cache-Control", "no-store").json(board.since(after));
  });
  websocket::route(app, "/live", [&](websocket::Stream& peer) { board.listen(peer); });
}
// [/ways]

}  // namespace

int main(int argc, char** argv) {
  const std::uint16_t port = port_from(argc, argv, 8080);
  return verdin::run([&] {
    http::App app;
    Board board;
    protect_pages(app);
    app.get("/", [](http::Request&, http::Response& r) { r.send_file(page_file("transports.html")); });
    add_ways(app, board);
    serve_pages(app, "transports", port);
  });
}
