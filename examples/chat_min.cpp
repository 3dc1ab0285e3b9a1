// The smallest chat server that is one: nicknames, announcements, a page. `chat_min [PORT]`, then two browser
// windows. The page loads the official client, which scripts/demo installs (see sio::Options::client_dir).
#include <string>
#include <string_view>
#include <tuple>

// [main]
#include <verdin/verdin.hpp>
// [/main]

#include "port.hpp"

namespace {

constexpr std::string_view kPage = R"(<!doctype html>
<title>chat_min</title>
<meta name="viewport" content="width=device-width">
<ul id="lines"></ul>
<form><input id="text" autofocus placeholder="Say something"></form>
<script src="/socket.io/socket.io.js"></script>
<script>
  const socket = io("/chat");
  const show = (line) => (lines.appendChild(document.createElement("li")).textContent = line);
  socket.on("announcement", show);
  socket.on("message", (nick, text) => show(`${nick}: ${text}`));
  socket.on("connect", () => socket.emit("nickname", prompt("Your name?") || "somebody"));
  document.forms[0].onsubmit = (event) => {
    event.preventDefault();
    socket.emit("message", text.value);
    text.value = "";
  };
</script>
)";

}  // namespace

// [main]
namespace sio = verdin::sio;
namespace http = verdin::http;

struct User {
  std::string nick = "somebody";
};

int main(int argc, char** argv) {
  sio::Server io;
  auto chat = io.of("/chat");

  chat.on("nickname", [](sio::Socket socket, std::string nick) {
    socket.data<User>().nick = nick;
    socket.nsp().emit("announcement", nick + " has connected");
    return std::tuple{true, nick};  // what a handler returns is the client's acknowledgement
  });
  chat.on("message", [](sio::Socket socket, std::string text) {
    socket.nsp().emit("message", socket.data<User>().nick, text);
  });
  chat.on_disconnect([](sio::Socket socket, sio::DisconnectReason) {
    socket.nsp().emit("announcement", socket.data<User>().nick + " has left");
  });

  http::App app;  // pages and sockets share the port
  app.get("/", [](http::Request&, http::Response& response) { response.html(kPage); });
  app.mount(io);
  app.listen(port_from(argc, argv)).serve_forever();
}
// [/main]
