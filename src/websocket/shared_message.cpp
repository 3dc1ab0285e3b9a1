#include <algorithm>
#include <string>

#include <verdin/websocket/shared_message.hpp>

namespace verdin::websocket {

namespace codec = protocol::websocket;

const SharedBuffer& SharedMessage::frame() {
  if (!frame_) frame_ = codec::make_frame(opcode_, {payload_});
  return frame_;
}

const SharedBuffer& SharedMessage::compressed_frame(codec::Deflater& deflater) {
  const Settings settings = deflater.settings();
  const auto found = std::find_if(compressed_.begin(), compressed_.end(),
                                  [&](const auto& each) { return each.first == settings; });
  if (found != compressed_.end()) return found->second;
  std::string compressed;
  deflater.deflate(payload_, compressed);
  SharedBuffer made =
      compressed.size() < payload_.size() ? codec::make_compressed_frame(opcode_, compressed) : frame();
  return compressed_.emplace_back(settings, std::move(made)).second;
}

}  // namespace verdin::websocket
