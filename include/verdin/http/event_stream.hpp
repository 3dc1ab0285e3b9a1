// EventStream: server-sent events, what a browser's EventSource reads (HTML standard, section 9.2).
//
//   app.get("/news", [](http::Request& q, http::Response& r) {
//     http::EventStream events(q, r);
//     while (events.send({.data = next_news()})) {}
//   });
//
// On the handler's greenlet. Calls wait while the peer takes too little; they give false once it has gone,
// which shows at once, also in pause(), or the app stops: the handler should return then, and the answer ends
// whole (the event that send() was given is still sent; the browser comes back). What waits for something
// else is told by App::on_stop(). send() throws std::invalid_argument for a name or an id that could
// end its line early; data may have several lines.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <verdin/http/request.hpp>
#include <verdin/http/response.hpp>

namespace verdin::http {

struct ServerEvent {
  std::string_view data{};
  std::string_view name{};                           ///< empty: "message"
  std::string_view id{};                             ///< what the client says when it comes back
  std::optional<std::chrono::milliseconds> retry{};  ///< how long it waits before that
};

class EventStream {
 public:
  /// Sends the head: text/event-stream, not to be cached.
  EventStream(const Request& request, Response& response);

  /// The last id that this client has seen, if it comes back; empty otherwise.
  std::string_view last_id() const noexcept { return last_id_; }
  bool send(const ServerEvent& event);
  /// A line that clients skip: keeps proxies from closing a connection that says nothing.
  bool comment(std::string_view text = {});
  /// Waits. False, at once, if the peer leaves or the app stops.
  bool pause(loop::Clock::duration length) { return !response_.peer_leaves(length); }

 private:
  Response& response_;
  std::string last_id_;
};

}  // namespace verdin::http
