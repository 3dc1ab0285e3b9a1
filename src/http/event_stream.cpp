#include <stdexcept>

#include <verdin/http/event_stream.hpp>

namespace verdin::http {

namespace {

void check_field(std::string_view value) {
  if (value.find_first_of(std::string_view("\r\n\0", 3)) != value.npos)
    throw std::invalid_argument("a line of an event must not have an end inside");
}

void append_field(std::string& to, std::string_view name, std::string_view value) {
  to.append(name).append(": ").append(value).append("\n");
}

/// A field for each line; CR, LF and CRLF end one.
void append_lines(std::string& to, std::string_view name, std::string_view text) {
  while (true) {
    const std::size_t end = text.find_first_of("\r\n");
    append_field(to, name, text.substr(0, end));
    if (end == text.npos) return;
    const bool both = text.substr(end, 2) == "\r\n";
    text.remove_prefix(end + (both ? 2 : 1));
  }
}

}  // namespace

EventStream::EventStream(const Request& request, Response& response)
    : response_(response), last_id_(request.header("Last-Event-ID").value_or("")) {
  response_.type("text/event-stream").header("Cache-Control", "no-store");
  response_.write({});
  response_.peer_leaves({});  // from now on it may tell us
}

bool EventStream::send(const ServerEvent& event) {
  check_field(event.name);
  check_field(event.id);
  std::string text;
  if (event.retry) append_field(text, "retry", std::to_string(event.retry->count()));
  if (!event.name.empty()) append_field(text, "event", event.name);
  if (!event.id.empty()) append_field(text, "id", event.id);
  append_lines(text, "data", event.data);
  text += '\n';
  return response_.write(text) && !response_.exchange().stopping();
}

bool EventStream::comment(std::string_view text) {
  std::string line;
  append_lines(line, "", text);
  line += '\n';
  return response_.write(line) && !response_.exchange().stopping();
}

}  // namespace verdin::http
