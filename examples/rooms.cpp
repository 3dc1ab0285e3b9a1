// Rooms: a page for each room, and handlers that are made when a client connects. `rooms [PORT]`, then
// http://127.0.0.1:5000/rooms/tea in two windows.
#include <string>
#include <string_view>
#include <tuple>

#include <verdin/verdin.hpp>

#include "port.hpp"

namespace sio = verdin::sio;
namespace http = verdin::http;

namespace {

constexpr std::string_view kPage = R"(<!doctype html>
<title>{{slug}}</title>
<h1>{{slug}}</h1>
<ul id="lines"></ul>
<form><input id="text" autofocus placeholder="Say something"></form>
<script src="/socket.io/socket.io.js"></script>
<script>
  const socket = io("/chat");
  const room = decodeURIComponent(location.pathname.split("/").pop());
  const show = (line) => (lines.appendChild(document.createElement("li")).textContent = line);
  socket.on("announcement", show);
  socket.on("msg_to_room", (nick, text) => show(`${nick}: ${text}`));
  socket.on("connect", async () => {
    await socket.emitWithAck("join", room);
    const [, nick] = await new Promise((done) =>
      socket.emit("nickname", prompt("Your name?") || "somebody", (...answer) => done(answer)));
    show(`you are ${nick}`);
  });
  document.forms[0].onsubmit = (event) => {
    event.preventDefault();
    socket.emit("user message", text.value);
    show(`me: ${text.value}`);
    text.value = "";
  };
</script>
)";

// [main]
struct User {
  std::string nick;
  std::string room;
};

std::string room_of(const sio::Socket& socket) { return socket.data<User>().room; }
// [/main]

}  // namespace

// [main]
int main(int argc, char** argv) {
  sio::Server io;
  auto chat = io.of("/chat");

  chat.on_connect([](sio::Socket socket) {  // a Socket is a cheap handle: copy it freely
    socket.on("join", [=](std::string room) {
      socket.join(room);
      socket.data<User>().room = room;
      return true;  // the acknowledgement
    });
    socket.on("nickname", [=](std::string nick) {
      socket.data<User>().nick = nick;
      socket.nsp().emit("announcement", nick + " has connected");
      return std::tuple{true, nick};  // two arguments of the acknowledgement
    });
    socket.on("user message", [=](std::string text) {
      socket.to(room_of(socket)).emit("msg_to_room", socket.data<User>().nick, text);
    });
    socket.on_disconnect([=](sio::DisconnectReason) {
      socket.nsp().emit("announcement", socket.data<User>().nick + " has left");
    });
  });

  http::App app;  // the same port serves pages and sockets
  const http::Template page{std::string(kPage)};
  app.get("/rooms/:slug", [&](http::Request& request, http::Response& response) {
    response.render(page, {{"slug", request.param("slug")}});
  });
  app.mount(io);
  app.listen(port_from(argc, argv)).serve_forever();
}
// [/main]
