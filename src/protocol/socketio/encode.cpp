#include <array>
#include <charconv>

#include <verdin/protocol/socketio/encode.hpp>

namespace verdin::protocol::sio {
namespace {

constexpr char digit(PacketType type) { return static_cast<char>('0' + static_cast<int>(type)); }

void append_number(std::string& out, std::uint64_t value) {
  std::array<char, 20> digits;
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
}

void write_values(json::Writer& writer, std::span<const json::Value> args) {
  for (const json::Value& arg : args) arg.write(writer);
}

void write_elements(json::Writer& writer, json::View array, std::size_t skip) {
  for (json::View element : array.array()) {
    if (skip > 0) {
      --skip;
    } else {
      json::write(writer, element);
    }
  }
}

template <typename Write>
void build_event(std::string& out, std::string_view nsp, std::optional<std::uint64_t> id,
                 std::string_view name, std::vector<SharedBuffer>& attachments, Write write) {
  detail::PacketBuilder packet(out, PacketType::event, nsp, id, attachments);
  packet.writer().begin_array();
  packet.writer().string(name);
  write(packet.writer());
  packet.writer().end_array();
  packet.finish();
}

template <typename Write>
void build_ack(std::string& out, std::string_view nsp, std::uint64_t id,
               std::vector<SharedBuffer>& attachments, Write write) {
  detail::PacketBuilder packet(out, PacketType::ack, nsp, id, attachments);
  packet.writer().begin_array();
  write(packet.writer());
  packet.writer().end_array();
  packet.finish();
}

}  // namespace

namespace detail {

void append_header(std::string& out, PacketType type, std::string_view nsp) {
  out.push_back(digit(type));
  if (nsp.size() <= 1) return;  // "/" (or nothing) is the default
  out.append(nsp);
  out.push_back(',');
}

PacketBuilder::PacketBuilder(std::string& out, PacketType type, std::string_view nsp,
                             std::optional<std::uint64_t> id, std::vector<SharedBuffer>& attachments)
    : attachments_(attachments),
      start_(out.size()),
      first_attachment_(attachments.size()),
      writer_(out, &attachments) {
  append_header(out, type, nsp);
  if (id) append_number(out, *id);
}

// Only a binary packet pays for its longer header: the text moves by the few octets of "N-".
void PacketBuilder::finish() {
  if (const std::size_t count = writer_.attachment_count(); count > 0) {
    std::array<char, 21> text;
    char* end = std::to_chars(text.data(), text.data() + 20, count).ptr;
    *end++ = '-';
    std::string& out = writer_.out();
    out.insert(start_ + 1, text.data(), static_cast<std::size_t>(end - text.data()));
    const bool event = out[start_] == digit(PacketType::event);
    out[start_] = digit(event ? PacketType::binary_event : PacketType::binary_ack);
  }
  finished_ = true;
}

void PacketBuilder::roll_back() noexcept {
  writer_.out().erase(start_);
  attachments_.erase(attachments_.begin() + static_cast<std::ptrdiff_t>(first_attachment_),
                     attachments_.end());
}

}  // namespace detail

void encode_event_values(std::string& out, std::string_view nsp, std::optional<std::uint64_t> id,
                         std::string_view name, std::vector<SharedBuffer>& attachments,
                         std::span<const json::Value> args) {
  build_event(out, nsp, id, name, attachments, [&](json::Writer& writer) { write_values(writer, args); });
}

void encode_ack_values(std::string& out, std::string_view nsp, std::uint64_t id,
                       std::vector<SharedBuffer>& attachments, std::span<const json::Value> args) {
  build_ack(out, nsp, id, attachments, [&](json::Writer& writer) { write_values(writer, args); });
}

void encode_event_elements(std::string& out, std::string_view nsp, std::optional<std::uint64_t> id,
                           std::string_view name, std::vector<SharedBuffer>& attachments, json::View array,
                           std::size_t skip) {
  build_event(out, nsp, id, name, attachments,
              [&](json::Writer& writer) { write_elements(writer, array, skip); });
}

void encode_ack_elements(std::string& out, std::string_view nsp, std::uint64_t id,
                         std::vector<SharedBuffer>& attachments, json::View array, std::size_t skip) {
  build_ack(out, nsp, id, attachments, [&](json::Writer& writer) { write_elements(writer, array, skip); });
}

void encode_connect(std::string& out, std::string_view nsp, std::string_view sid, std::string_view pid) {
  detail::append_header(out, PacketType::connect, nsp);
  json::Writer writer(out);
  writer.begin_object();
  writer.key("sid");
  writer.string(sid);
  if (!pid.empty()) {
    writer.key("pid");
    writer.string(pid);
  }
  writer.end_object();
}

void encode_connect_request(std::string& out, std::string_view nsp, std::string_view auth_json) {
  detail::append_header(out, PacketType::connect, nsp);
  out.append(auth_json);
}

void encode_connect_error(std::string& out, std::string_view nsp, std::string_view message,
                          std::string_view data_json) {
  detail::append_header(out, PacketType::connect_error, nsp);
  json::Writer writer(out);
  writer.begin_object();
  writer.key("message");
  writer.string(message);
  if (!data_json.empty()) {
    writer.key("data");
    writer.raw(data_json);
  }
  writer.end_object();
}

void encode_disconnect(std::string& out, std::string_view nsp) {
  detail::append_header(out, PacketType::disconnect, nsp);
}

}  // namespace verdin::protocol::sio
