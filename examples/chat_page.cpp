// A chat in one page, over WebSocket alone.
//
//   chat_page [PORT]    http://127.0.0.1:8080/ in two windows, until SIGINT
//
// The browser sends {"name": ...} and then {"text": ...}, again and again; it is sent {"kind": ...} of
// "welcome", "message", "joined", "left" and "refused".
#include <algorithm>
#include <cstddef>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

#include <verdin/verdin.hpp>

#include "page.hpp"
#include "port.hpp"

namespace http = verdin::http;
namespace json = verdin::json;
namespace websocket = verdin::websocket;

namespace {

constexpr std::size_t kLongestName = 24;  // characters
constexpr std::size_t kLongestText = 1000;
constexpr std::size_t kKept = 50;  // messages for who comes later

struct Said {
  std::optional<std::string> name;
  std::optional<std::string> text;
};
constexpr auto json_fields(const Said*) {
  return std::tuple{json::field("name", &Said::name), json::field("text", &Said::text)};
}

json::Value event(std::string_view kind, std::string_view who, std::string_view text = {}) {
  return json::Value::object({{"kind", kind}, {"who", who}, {"text", text}});
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == text.npos; }

// [room]
class Room {
 public:
  /// As long as the browser is there.
  void visit(websocket::Stream& peer) {
    std::string name;
    for (const websocket::Message& message : peer) {
      const auto said = json::parse<Said>(message.data);
      if (!said) {
        peer.close(websocket::close_code::kPolicyViolation, "that is no message");
      } else if (name.empty()) {
        name = enter(peer, said->name.value_or(""));
      } else {
        speak(peer, name, said->text.value_or(""));
      }
    }
    if (!name.empty()) leave(name);
  }

 private:
  std::string enter(websocket::Stream& peer, const std::string& name) {
    if (is_blank(name) || characters(name) > kLongestName) {
      peer.send(event("refused", name, "A name has 1 to 24 characters.").to_text());
      return {};
    }
    if (!people_.insert(name).second) {
      peer.send(event("refused", name, "That name is taken.").to_text());
      return {};
    }
    topics_.publish("room", event("joined", name).to_text());
    topics_.subscribe(peer, "room");
    json::Value welcome = event("welcome", name);
    welcome.set("people", json::Value::Array(people_.begin(), people_.end()));
    welcome.set("messages", json::Value::Array(messages_.begin(), messages_.end()));
    peer.send(welcome.to_text());
    return name;
  }

  void speak(websocket::Stream& peer, const std::string& name, const std::string& text) {
    if (is_blank(text)) return;
    if (characters(text) > kLongestText) {
      peer.send(event("refused", name, "A message has 1,000 characters at most.").to_text());
      return;
    }
    messages_.push_back(event("message", name, text));
    if (messages_.size() > kKept) messages_.pop_front();
    topics_.publish("room", messages_.back().to_text());
  }

  void leave(const std::string& name) {
    people_.erase(name);
    topics_.publish("room", event("left", name).to_text());
  }

  websocket::Topics topics_{};
  std::set<std::string> people_{};
  std::deque<json::Value> messages_{};
};
// [/room]

}  // namespace

int main(int argc, char** argv) {
  const std::uint16_t port = port_from(argc, argv, 8080);
  return verdin::run([&] {
    http::App app;
    Room room;
    protect_pages(app);
    app.get("/", [](http::Request&, http::Response& r) { r.send_file(page_file("chat.html")); });
    websocket::RouteOptions options;
    options.max_message_size = 16 * 1024;
    websocket::route(
        app, "/live", [&](websocket::Stream& peer) { room.visit(peer); }, options);
    serve_pages(app, "chat_page", port);
  });
}
