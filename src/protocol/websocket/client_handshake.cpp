#include <algorithm>

#include <verdin/protocol/base64.hpp>
#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/websocket/client_handshake.hpp>
#include <verdin/protocol/websocket/handshake.hpp>

#include "protocol/websocket/header_list.hpp"

namespace verdin::protocol::websocket {
namespace {

void line(std::string& to, std::string_view name, std::string_view value) {
  to.append(name).append(": ").append(value).append("\r\n");
}

AnswerVerdict unfit(std::string_view problem) noexcept { return {problem, {}, {}}; }

}  // namespace

std::string handshake_key(const std::array<unsigned char, 16>& random) {
  std::string key;
  append_base64(key, {reinterpret_cast<const char*>(random.data()), random.size()});
  return key;
}

std::string handshake_headers(std::string_view key, std::span<const std::string> subprotocols,
                              const std::optional<DeflateOptions>& deflate) {
  std::string headers;
  line(headers, "Upgrade", "websocket");
  line(headers, "Connection", "Upgrade");
  line(headers, "Sec-WebSocket-Key", key);
  line(headers, "Sec-WebSocket-Version", kVersion);
  if (!subprotocols.empty()) {
    std::string list;
    for (const std::string& name : subprotocols) (list += list.empty() ? "" : ", ") += name;
    line(headers, "Sec-WebSocket-Protocol", list);
  }
  if (deflate) line(headers, "Sec-WebSocket-Extensions", deflate_offer(*deflate));
  return headers;
}

AnswerVerdict check_answer(const HandshakeAnswer& answer, std::string_view key,
                           std::span<const std::string> subprotocols,
                           const std::optional<DeflateOptions>& deflate) {
  if (answer.status != 101) return unfit("the server did not switch to WebSocket");
  if (!answer.upgrade || !http1::list_contains(*answer.upgrade, "websocket")) {
    return unfit("Upgrade does not name websocket");
  }
  if (!answer.connection || !http1::list_contains(*answer.connection, "upgrade")) {
    return unfit("Connection does not name Upgrade");
  }
  const AcceptKey expected = accept_key(key);
  if (!answer.accept || trim(*answer.accept) != as_text(expected)) {
    return unfit("Sec-WebSocket-Accept does not fit our key");
  }
  AnswerVerdict verdict;
  if (answer.protocol) {
    verdict.subprotocol = trim(*answer.protocol);
    if (std::find(subprotocols.begin(), subprotocols.end(), verdict.subprotocol) == subprotocols.end()) {
      return unfit("a subprotocol that was not offered");
    }
  }
  if (answer.extensions && !trim(*answer.extensions).empty()) {
    if (!is_extension_list(*answer.extensions)) return unfit("malformed Sec-WebSocket-Extensions");
    if (deflate) verdict.deflate = accept_deflate(*answer.extensions, *deflate);
    if (!verdict.deflate) return unfit("an extension that was not offered so");
  }
  return verdict;
}

}  // namespace verdin::protocol::websocket
