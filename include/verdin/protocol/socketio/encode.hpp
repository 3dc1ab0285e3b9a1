// Encoding of Socket.IO 5 packets: each function appends the text of one packet to a string, without the
// leading 4 of Engine.IO and without frames, so that a send queue can be written to in place.
//
// `nsp` is written as it is ("/" is left out). Arguments are anything that json::encode takes. Binary ones go
// to `attachments` (appended to, references), to be sent as binary messages behind the text in that order,
// with nothing in between; the packet is a binary one if there were any. What an argument's own to_json
// throws is passed on, with `out` and `attachments` as they were. That to_json runs while `out` is being
// written: it must not send.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <verdin/base/shared_buffer.hpp>
#include <verdin/protocol/json/convert.hpp>
#include <verdin/protocol/json/value.hpp>
#include <verdin/protocol/json/writer.hpp>
#include <verdin/protocol/socketio/packet.hpp>

namespace verdin::protocol::sio {

namespace detail {

// Writes the header, lets the arguments be written, and makes the packet a binary one if they added
// attachments. Unfinished, its destructor takes back what was written.
class PacketBuilder {
 public:
  PacketBuilder(std::string& out, PacketType type, std::string_view nsp, std::optional<std::uint64_t> id,
                std::vector<SharedBuffer>& attachments);
  PacketBuilder(const PacketBuilder&) = delete;
  PacketBuilder& operator=(const PacketBuilder&) = delete;
  ~PacketBuilder() {
    if (!finished_) roll_back();
  }

  json::Writer& writer() noexcept { return writer_; }
  void finish();

 private:
  void roll_back() noexcept;

  std::vector<SharedBuffer>& attachments_;
  std::size_t start_;
  std::size_t first_attachment_;
  bool finished_ = false;
  json::Writer writer_;
};

void append_header(std::string& out, PacketType type, std::string_view nsp);

}  // namespace detail

/// 2[nsp,][id]["name",args...], or 5N-... with attachments.
template <typename... Args>
void encode_event(std::string& out, std::string_view nsp, std::optional<std::uint64_t> id,
                  std::string_view name, std::vector<SharedBuffer>& attachments, const Args&... args) {
  detail::PacketBuilder packet(out, PacketType::event, nsp, id, attachments);
  json::Writer& writer = packet.writer();
  writer.begin_array();
  writer.string(name);
  (json::encode(writer, args), ...);
  writer.end_array();
  packet.finish();
}

/// 3[nsp,]id[args...], or 6N-... with attachments.
template <typename... Args>
void encode_ack(std::string& out, std::string_view nsp, std::uint64_t id,
                std::vector<SharedBuffer>& attachments, const Args&... args) {
  detail::PacketBuilder packet(out, PacketType::ack, nsp, id, attachments);
  json::Writer& writer = packet.writer();
  writer.begin_array();
  (json::encode(writer, args), ...);
  writer.end_array();
  packet.finish();
}

/// The same with a list of arguments made at run time.
void encode_event_values(std::string& out, std::string_view nsp, std::optional<std::uint64_t> id,
                         std::string_view name, std::vector<SharedBuffer>& attachments,
                         std::span<const json::Value> args);
void encode_ack_values(std::string& out, std::string_view nsp, std::uint64_t id,
                       std::vector<SharedBuffer>& attachments, std::span<const json::Value> args);
/// The same with the elements `skip`.. of an array that was received.
void encode_event_elements(std::string& out, std::string_view nsp, std::optional<std::uint64_t> id,
                           std::string_view name, std::vector<SharedBuffer>& attachments, json::View array,
                           std::size_t skip);
void encode_ack_elements(std::string& out, std::string_view nsp, std::uint64_t id,
                         std::vector<SharedBuffer>& attachments, json::View array, std::size_t skip);

/// A server's answer: 0[nsp,]{"sid":"…"}, with "pid" if it is not empty.
void encode_connect(std::string& out, std::string_view nsp, std::string_view sid, std::string_view pid = {});
/// A client's request: 0[nsp,] and the auth payload, JSON text of an object or nothing.
void encode_connect_request(std::string& out, std::string_view nsp, std::string_view auth_json = {});
/// 4[nsp,]{"message":"…"[,"data":…]}; `data_json` is JSON text or nothing.
void encode_connect_error(std::string& out, std::string_view nsp, std::string_view message,
                          std::string_view data_json = {});
/// 1[nsp,]
void encode_disconnect(std::string& out, std::string_view nsp);

}  // namespace verdin::protocol::sio
