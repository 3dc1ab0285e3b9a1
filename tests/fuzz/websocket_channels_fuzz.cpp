// ChannelMux: frames of any kind from a hostile peer, among calls of the application. Nothing may break, what
// waits stays within its bounds, and what is written is what the other end understands.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <verdin/protocol/websocket/channel_mux.hpp>

using verdin::protocol::websocket::ChannelEvent;
using verdin::protocol::websocket::ChannelMux;
using verdin::protocol::websocket::Role;

namespace {

/// The octets as numbers and pieces.
class Source {
 public:
  Source(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  bool empty() const { return size_ == 0; }
  unsigned octet() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  std::string text(std::size_t most) {
    const std::size_t size = most < size_ ? most : size_;
    std::string made(reinterpret_cast<const char*>(data_), size);
    data_ += size;
    size_ -= size;
    return made;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Source source(data, size);
  ChannelMux mux(Role::server, {.channels = 6, .message_size = 5000});
  const std::string message(40'000, 'm');
  std::string frame;
  while (!source.empty()) {
    switch (source.octet() % 10) {
      case 9: {  // a message of many octets, of which the input need not have each
        std::string octets("\2\0\0\0", 4);
        octets.push_back(static_cast<char>(source.octet() % 16));
        octets.push_back('\1');
        octets.append(4096, 'm');
        if (mux.feed(octets).kind == ChannelEvent::Kind::failed) return 0;
        break;
      }
      case 8:
        mux.withdraw(source.octet() % 16, nullptr);
        break;
      case 0:
        mux.open(source.text(source.octet()));
        break;
      case 1:
        mux.send(source.octet() % 16, message, source.octet() % 2 == 0, nullptr);
        break;
      case 2:
        mux.end(source.octet() % 16);
        break;
      case 3:
        mux.reset(source.octet() % 16, 1000);
        break;
      case 4:
        mux.taken(source.octet() % 16);
        break;
      case 5:
        if (mux.next_frame(frame).made && (frame.size() < 5 || frame.size() > 6 + 16 * 1024)) std::abort();
        break;
      default: {
        // A small number of channel, so that it is often one that is open.
        std::string octets(1, static_cast<char>(source.octet() % 8));
        octets += std::string(3, '\0');
        octets.push_back(static_cast<char>(source.octet() % 16));
        octets += source.text(source.octet());
        const ChannelEvent event = mux.feed(octets);
        if (event.kind == ChannelEvent::Kind::failed) return 0;
        if (event.kind == ChannelEvent::Kind::message && event.text.size() > 5000) std::abort();
      }
    }
    if (mux.size() > 12) std::abort();  // of both sides
  }
  return 0;
}
