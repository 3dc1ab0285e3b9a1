#include <utility>

#include <verdin/websocket/connection.hpp>

namespace verdin::websocket {

namespace codec = protocol::websocket;

namespace {
constexpr std::size_t kReserved = 2;  // the header of a small message: no other needs to be moved
}

MessageWriter::MessageWriter(Connection& connection)
    : connection_(connection.is_open() ? &connection : nullptr) {
  if (!connection_) {
    out_ = &dropped_;
    return;
  }
  out_ = &connection_->stream_->send_in_place();
  start_ = out_->size();
  out_->append(kReserved, '\0');
}

MessageWriter::~MessageWriter() {
  if (connection_) out_->resize(start_);
}

bool MessageWriter::finish(Opcode opcode) {
  if (!connection_) return false;
  const std::size_t payload = out_->size() - start_ - kReserved;
  if (connection_->compression_) [[unlikely]] {
    // It is to leave in another form: taken back, and queued anew.
    const std::string message = out_->substr(start_ + kReserved);
    out_->resize(start_);
    return std::exchange(connection_, nullptr)->send(opcode, message);
  }
  char header[codec::kMaxServerFrameHeader];
  const std::size_t size = codec::write_header(header, opcode, payload);
  if (size > kReserved) out_->insert(start_, size - kReserved, '\0');
  out_->replace(start_, size, header, size);
  connection_->queued(size + payload);
  connection_ = nullptr;
  return true;
}

}  // namespace verdin::websocket
