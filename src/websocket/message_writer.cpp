#include <utility>

#include <verdin/websocket/connection.hpp>

#include "websocket/masks.hpp"

namespace verdin::websocket {

namespace codec = protocol::websocket;

MessageWriter::MessageWriter(Connection& connection)
    : connection_(connection.is_open() ? &connection : nullptr) {
  if (!connection_) {
    out_ = &dropped_;
    return;
  }
  out_ = &connection_->queue_for(Opcode::text);
  start_ = out_->size();
  // The header of a small message: no other needs to be moved.
  reserved_ = connection_->client_ ? 2 + sizeof(codec::MaskKey) : 2;
  out_->append(reserved_, '\0');
}

MessageWriter::~MessageWriter() {
  if (connection_) out_->resize(start_);
}

bool MessageWriter::finish(Opcode opcode) {
  if (!connection_) return false;
  const std::size_t payload = out_->size() - start_ - reserved_;
  if (connection_->compression_) [[unlikely]] {
    // It is to leave in another form: taken back, and queued anew.
    const std::string message = out_->substr(start_ + reserved_);
    out_->resize(start_);
    return std::exchange(connection_, nullptr)->send(opcode, message);
  }
  char header[codec::kMaxFrameHeader];
  const bool client = connection_->client_;
  const codec::MaskKey mask = client ? impl::next_mask() : codec::MaskKey{};
  const std::size_t size = client ? codec::write_header(header, opcode, payload, mask)
                                  : codec::write_header(header, opcode, payload);
  if (size > reserved_) out_->insert(start_, size - reserved_, '\0');
  out_->replace(start_, size, header, size);
  if (client) codec::apply_mask({out_->data() + start_ + size, payload}, mask);
  connection_->queued(size + payload);
  connection_ = nullptr;
  return true;
}

}  // namespace verdin::websocket
