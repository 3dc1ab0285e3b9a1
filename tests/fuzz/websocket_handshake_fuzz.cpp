// The opening handshake from both ends: a client's request with any headers, whose extensions are agreed on
// or not; a server's answer with any headers, to what we have offered. What either end agrees on keeps to
// what was offered, and what our server answers our client takes. The first octets choose; then come lines.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <verdin/protocol/websocket/client_handshake.hpp>
#include <verdin/protocol/websocket/deflate_offer.hpp>
#include <verdin/protocol/websocket/handshake.hpp>

namespace {

using namespace verdin::protocol::websocket;
using Text = std::optional<std::string_view>;

const std::vector<std::string> kSupported{"chat", "superchat", "channels.v1.verdin"};
constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";

void require(bool condition) {
  if (!condition) std::abort();
}

void check_bits(const DeflateParams& params, int least_of_server) {
  require(params.server_max_window_bits >= least_of_server && params.server_max_window_bits <= 15);
  require(params.client_max_window_bits >= 8 && params.client_max_window_bits <= 15);
}

/// Ours to ours: agreed on as both ends would have it.
void check_both_ends(const DeflateOptions& of_client, const DeflateOptions& of_server) {
  const std::string offer = deflate_offer(of_client);
  require(is_extension_list(offer));
  const auto agreed = agree_on_deflate(offer, of_server);
  require(agreed.has_value());
  const auto accepted = accept_deflate(agreed->answer, of_client);
  require(accepted.has_value());
  require(accepted->server_no_context_takeover == agreed->params.server_no_context_takeover);
  require(accepted->server_max_window_bits == agreed->params.server_max_window_bits);
  require(accepted->client_max_window_bits <= agreed->params.client_max_window_bits);
  require(accepted->client_no_context_takeover || !agreed->params.client_no_context_takeover);
}

void check_server(const HandshakeRequest& request, const DeflateOptions& options) {
  const HandshakeVerdict verdict = check_handshake(request);
  require(verdict.ok() == verdict.reason.empty() && verdict.upgrade_required() == (verdict.status == 426));
  if (!verdict.ok()) return;
  require(request.method == "GET" && request.http_1_1);
  accept_key(*request.key);
  if (request.protocols) {
    const std::string_view chosen = select_subprotocol(*request.protocols, kSupported);
    require(chosen.empty() || std::find(kSupported.begin(), kSupported.end(), chosen) != kSupported.end());
  }
  if (!request.extensions) return;
  if (const auto agreed = agree_on_deflate(*request.extensions, options)) {
    check_bits(agreed->params, 9);
    require(is_extension_list(agreed->answer));
    const auto again = agree_on_deflate(agreed->answer, options);
    require(again && again->answer == agreed->answer);
  }
}

void check_client(HandshakeAnswer answer, bool right_key, const std::optional<DeflateOptions>& options) {
  const AcceptKey right = accept_key(kKey);
  if (right_key) answer.accept = as_text(right);
  const AnswerVerdict verdict = check_answer(answer, kKey, kSupported, options);
  if (!verdict.problem.empty()) return;
  require(answer.status == 101 && answer.accept &&
          answer.accept->find(as_text(right)) != std::string_view::npos);
  require(!verdict.deflate || options.has_value());
  if (verdict.deflate) {
    check_bits(*verdict.deflate, 8);
    require(verdict.deflate->server_max_window_bits <= std::max(options->server_max_window_bits, 9));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  DeflateOptions options;
  options.server_no_context_takeover = data[0] & 1;
  options.client_no_context_takeover = data[0] & 2;
  options.server_max_window_bits = 9 + data[1] % 7;
  options.client_max_window_bits = 8 + data[1] / 16 % 8;
  DeflateOptions others;
  others.server_no_context_takeover = data[0] & 4;
  others.client_no_context_takeover = data[0] & 8;
  others.server_max_window_bits = 9 + data[2] % 7;
  others.client_max_window_bits = 8 + data[2] / 16 % 8;
  check_both_ends(options, others);

  // A line each: Upgrade, Connection, key, version or accept, protocols, extensions, method. "-" is none.
  std::array<Text, 7> lines;
  std::string_view rest(reinterpret_cast<const char*>(data) + 4, size - 4);
  for (Text& line : lines) {
    if (rest.empty()) break;
    const std::string_view text = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(text.size() + 1, rest.size()));
    if (text != "-") line = text;
  }
  const auto& [upgrade, connection, key, version, protocols, extensions, method] = lines;
  check_server(
      {method.value_or("GET"), (data[3] & 1) == 0, upgrade, connection, key, version, protocols, extensions},
      options);
  check_client({data[3] & 2 ? 200 : 101, upgrade, connection, version, protocols, extensions},
               (data[3] & 4) == 0, data[3] & 8 ? std::nullopt : std::optional(options));
  std::array<unsigned char, 16> random{};
  std::copy_n(data, std::min<std::size_t>(size, random.size()), random.begin());
  const std::string own_key = handshake_key(random);
  require(check_handshake(
              {"GET", true, "websocket", "Upgrade", own_key, "13", std::nullopt, deflate_offer(options)})
              .ok());
  const std::string headers = handshake_headers(own_key, kSupported, options);
  require(headers.find(own_key) != headers.npos && headers.ends_with("\r\n"));
  return 0;
}
