// The whole server as applications use it, on a stream in memory: routes with parameters, forms, JSON,
// cookies, sessions, uploads, files, events, compression, CORS, WebSockets in every form. Any octets, read
// whole and in pieces: the same answers (behind an upgrade only that it ends), and neither a connection nor a
// handler is left behind. The first two octets choose the pieces.
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include <verdin/http/cors.hpp>
#include <verdin/http/event_stream.hpp>
#include <verdin/http/http.hpp>
#include <verdin/http/multipart.hpp>
#include <verdin/http/session.hpp>
#include <verdin/http/template.hpp>
#include <verdin/protocol/http1/media.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/websocket/channels.hpp>
#include <verdin/websocket/stream.hpp>
#include <verdin/websocket/topics.hpp>

#include "../support/memory_stream.hpp"
#include "answers.hpp"

namespace {

namespace http = verdin::http;
namespace websocket = verdin::websocket;
using http::Request;
using http::Response;
using verdin::tests::MemoryPeer;
using verdin::tests::MemoryStream;

constexpr std::time_t kNow = 1'700'000'000;
int handlers = 0;  // at work

void require(bool holds) {
  if (!holds) std::abort();
}

struct Working {
  Working() { ++handlers; }
  ~Working() { --handlers; }
};

struct Point {
  double x = 0;
  std::optional<std::string> name;
  std::vector<Point> more;
};
constexpr auto json_fields(const Point*) {
  return std::tuple{verdin::json::field("x", &Point::x), verdin::json::optional_field("name", &Point::name),
                    verdin::json::optional_field("more", &Point::more)};
}

/// Values of requests: each of these readers has its own parser behind it.
void add_values(http::App& app) {
  app.get("/rooms/:slug/:number", [](Request& q, Response& r) {
    r.header("X-Number", std::to_string(q.param_as<int>("number").value_or(-1)));
    r.send(std::string(q.param("slug")) + q.query("a").value_or("-") +
           std::to_string(q.query_as<bool>("b").value_or(false)));
  });
  app.post("/form", [](Request& q, Response& r) {
    r.send(q.form("a").value_or("-") + std::string(q.cookie("c").value_or("-")) +
           std::to_string(q.form_as<double>("n").value_or(0)));
  });
  app.post("/json", [](Request& q, Response& r) {
    verdin::json::DecodeError error;
    const auto point = q.json<Point>(&error);
    point ? r.json(*point) : r.status(400).send(error.text());
  });
  app.get("/page", [](Request& q, Response& r) {
    static const http::Template page("<p title='{{a}}'>{{a}}{{{b}}}</p>");
    if (r.settled_by("\"tag\"", kNow)) return;
    r.render(page, {{"a", q.query("a").value_or("")}, {"b", "<b>"}});
  });
  app.any("/session", [](Request& q, Response& r) {
    static const http::Sessions sessions({.secrets = {std::string(32, 's'), std::string(32, 'o')}});
    http::Session session = sessions.open(q, kNow);
    const bool known = session.get("user").has_value();
    session.set("user", "u");
    if (!session.csrf_ok(q)) r.status(403);
    sessions.save(session, r, kNow);
    r.send(known ? "again" : "new");
  });
  app.get("/redirect", [](Request&, Response& r) { r.redirect("/elsewhere", 308); });
  app.get("/throws", [](Request&, Response&) { throw 1; });
}

/// Bodies and answers in pieces.
void add_pieces(http::App& app) {
  app.post("/upload",
           [](Request& q, Response& r) {
             const Working working;
             http::Multipart form(q, {});
             while (form.next()) {
               r.write(form.name() + "=" + form.file_name().value_or("-") + ":" + form.read_all(300) + "\n");
             }
           },
           {.stream_body = true});
  app.put("/stream",
          [](Request& q, Response& r) {
            const Working working;
            std::string body;
            for (std::string piece; !(piece = q.read(7)).empty();) body += piece;
            for (std::size_t at = 0; at < body.size(); at += 5) {
              if (!r.write(std::string_view(body).substr(at, 5))) return;
            }
          },
          {.stream_body = true, .body_limit = 300});
  app.get("/events", [](Request& q, Response& r) {
    const Working working;
    http::EventStream events(q, r);
    for (int i = 0; i < 3; ++i) {
      if (!events.send({.data = events.last_id(), .id = std::to_string(i)})) return;
    }
  });
  app.get("/file", [](Request&, Response& r) { r.send_file("/proc/self/exe.none"); });
}

void add_sockets(http::App& app) {
  websocket::RouteOptions options;
  options.max_message_size = 2000;
  options.deflate.emplace().threshold = 10;
  options.subprotocols = {"chat"};
  options.origins = {"https://example.org"};
  websocket::route(
      app, "/ws",
      [](websocket::Stream& peer) {
        const Working working;
        for (const websocket::Message& message : peer) peer.send(message);
      },
      options);
  websocket::RouteOptions parts = options;
  parts.receive_parts = true;
  websocket::route(
      app, "/parts",
      [](websocket::Stream& peer) {
        const Working working;
        while (auto part = peer.receive_part()) peer.send_binary(part->data);
      },
      parts);
  websocket::RouteOptions channels;
  channels.subprotocols = {std::string(websocket::kChannelsProtocol)};
  websocket::route(
      app, "/channels",
      [](websocket::Stream& peer) {
        const Working working;
        if (peer.subprotocol().empty()) return;
        websocket::Channels all(peer, {.channels = 3, .message_size = 500});
        while (auto channel = all.accept()) {
          if (const auto message = channel->receive()) channel->send(*message);
        }
      },
      channels);
}

std::string answer_to(std::string_view octets, std::size_t piece_size, std::size_t window) {
  http::Options options;
  options.body_limit = 300;
  options.write_high_water = 200;
  options.compress_from = 64;
  options.compress_events = true;
  http::App app(options);
  app.on_error([](const Request*, std::exception_ptr) {});
  app.use(http::cors({.origins = {"https://example.org"}, .credentials = true}));
  app.error_page(404, [](Request& q, Response& r) { r.html("<p>" + http::http1::escape_html(q.path())); });
  add_values(app);
  add_pieces(app);
  add_sockets(app);
  const auto peer = std::make_shared<MemoryPeer>();
  peer->window = window;
  app.serve(MemoryStream::make(peer));
  peer->send(octets, piece_size);
  // Until nothing moves: what waits then waits for more than there is.
  for (int still = 0; still < 5 && peer->stream; ++still) {
    const std::size_t before = peer->received.size() + peer->waiting.size();
    peer->window += 1000;
    peer->settle();
    if (!peer->paused && !peer->waiting.empty()) peer->send(std::exchange(peer->waiting, {}), piece_size);
    if (peer->received.size() + peer->waiting.size() != before) still = 0;
  }
  if (peer->stream) peer->send_eof();
  for (int i = 0; i < 300 && (peer->stream || handlers > 0); ++i) peer->open_window(1000);
  require(!peer->stream && app.connections() == 0 && handlers == 0);
  std::string answer = peer->take();
  // A fault right behind messages overtakes their echoes: how far depends on the pieces.
  if (const std::size_t upgraded = answer.find("HTTP/1.1 101 "); upgraded != answer.npos)
    answer.erase(std::min(answer.find("\r\n\r\n", upgraded), answer.size()));
  verdin::fuzz::erase_differences(answer);
  return answer;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2 || size > 1500) return 0;
  const std::string_view octets(reinterpret_cast<const char*>(data) + 2, size - 2);
  verdin::run([&] {
    std::string whole = answer_to(octets, size, 1'000'000);
    std::string cut = answer_to(octets, 1 + data[0] % 32u, 100 + data[1]);
    verdin::fuzz::erase_ids(whole);
    verdin::fuzz::erase_ids(cut);
    require(whole == cut);
  });
  return 0;
}
