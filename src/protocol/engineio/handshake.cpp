#include <verdin/protocol/engineio/handshake.hpp>
#include <verdin/protocol/json/writer.hpp>

namespace verdin::protocol::eio {

void append_open(std::string& out, const Open& open) {
  out.push_back(digit(PacketType::open));
  json::Writer writer(out);
  writer.begin_object();
  writer.key("sid");
  writer.string(open.sid);
  writer.key("upgrades");
  writer.begin_array();
  for (std::string_view upgrade : open.upgrades) writer.string(upgrade);
  writer.end_array();
  writer.key("pingInterval");
  writer.integer(open.ping_interval.count());
  writer.key("pingTimeout");
  writer.integer(open.ping_timeout.count());
  writer.key("maxPayload");
  writer.integer_unsigned(open.max_payload);
  writer.end_object();
}

bool decode_open(json::View data, OpenReceived& out) noexcept {
  out = {};
  const auto sid = data["sid"].as_string();
  const auto interval = data["pingInterval"].as_int64();
  const auto timeout = data["pingTimeout"].as_int64();
  const json::View max_payload = data["maxPayload"];
  const json::View upgrades = data["upgrades"];
  // A day is more than any heartbeat; sums of such times cannot overflow.
  constexpr std::int64_t kLongest = 24 * 60 * 60 * 1000;
  if (!sid || sid->empty() || !upgrades.is_array()) return false;
  if (!interval || *interval < 0 || *interval > kLongest || !timeout || *timeout < 0 || *timeout > kLongest)
    return false;
  if (max_payload && !max_payload.as_uint64()) return false;
  out.open.sid = *sid;
  out.open.ping_interval = std::chrono::milliseconds(*interval);
  out.open.ping_timeout = std::chrono::milliseconds(*timeout);
  out.open.max_payload = max_payload.as_uint64().value_or(0);
  for (json::View upgrade : upgrades.array()) {
    if (upgrade.as_string() == "websocket") out.can_upgrade = true;
  }
  return true;
}

std::string_view message(ErrorCode code) noexcept {
  constexpr std::string_view kMessages[] = {
      "Transport unknown", "Session ID unknown", "Bad handshake method",
      "Bad request",       "Forbidden",          "Unsupported protocol version"};
  return kMessages[static_cast<std::size_t>(code)];
}

int http_status(ErrorCode code) noexcept { return code == ErrorCode::forbidden ? 403 : 400; }

std::string error_json(ErrorCode code, std::string_view text) {
  std::string json;
  json::Writer writer(json);
  writer.begin_object();
  writer.key("code");
  writer.integer(static_cast<int>(code));
  writer.key("message");
  writer.string(text.empty() ? message(code) : text);
  writer.end_object();
  return json;
}

}  // namespace verdin::protocol::eio
