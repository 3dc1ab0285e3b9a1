#include <algorithm>
#include <utility>

#include <verdin/protocol/websocket/client_handshake.hpp>
#include <verdin/protocol/websocket/deflate_offer.hpp>

#include "protocol/websocket/header_list.hpp"

namespace verdin::protocol::websocket {
namespace {

constexpr int kMostWindowBits = 15;
constexpr int kLeastWindowBits = 8;
constexpr int kLeastDeflateBits = 9;  // zlib's deflate makes 9 of 8, which the peer could not inflate

/// One offer as it was written. An absent number is 0.
struct Offer {
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  bool any_client_bits = false;  // client_max_window_bits without a value
  int server_bits = 0;
  int client_bits = 0;
  bool good = true;
};

/// 8 to 15, without leading zeros; 0 for anything else.
int window_bits(std::string_view value) noexcept {
  if (value.size() == 1) return value == "8" ? 8 : value == "9" ? 9 : 0;
  if (value.size() != 2 || value[0] != '1' || value[1] < '0' || value[1] > '5') return 0;
  return 10 + (value[1] - '0');
}

bool set_once(bool& flag) noexcept { return !std::exchange(flag, true); }

bool set_once(int& bits, std::optional<std::string_view> value) noexcept {
  if (bits != 0 || !value) return false;
  bits = window_bits(*value);
  return bits != 0;
}

bool take(Offer& offer, std::string_view name, std::optional<std::string_view> value) noexcept {
  if (name == "server_no_context_takeover") return !value && set_once(offer.server_no_context_takeover);
  if (name == "client_no_context_takeover") return !value && set_once(offer.client_no_context_takeover);
  if (name == "server_max_window_bits") return set_once(offer.server_bits, value);
  if (name != "client_max_window_bits" || offer.any_client_bits) return false;
  if (value) return set_once(offer.client_bits, value);
  return offer.client_bits == 0 && set_once(offer.any_client_bits);
}

/// A token, or a quoted-string's content. One with escapes is read, but is no number that we know.
std::string_view read_value(HeaderReader& reader) noexcept {
  if (const std::string_view token = reader.token(); !token.empty()) return token;
  const std::string_view before = reader.rest();
  if (!reader.quoted_token()) return {};
  return before.substr(1, before.size() - reader.rest().size() - 2);
}

/// The parameters up to the next comma.
Offer read_parameters(HeaderReader& reader) noexcept {
  Offer offer;
  reader.skip_blanks();
  while (reader.accept(';')) {
    reader.skip_blanks();
    const std::string_view name = reader.token();
    reader.skip_blanks();
    std::optional<std::string_view> value;
    if (reader.accept('=')) {
      reader.skip_blanks();
      value = read_value(reader);
    }
    if (!take(offer, name, value)) offer.good = false;
    reader.skip_blanks();
  }
  return offer;
}

DeflateAgreement agree(const Offer& offer, const DeflateOptions& options) {
  DeflateAgreement made;
  DeflateParams& params = made.params;
  params.server_no_context_takeover = offer.server_no_context_takeover || options.server_no_context_takeover;
  params.client_no_context_takeover = offer.client_no_context_takeover || options.client_no_context_takeover;
  const int server_most = std::clamp(options.server_max_window_bits, kLeastDeflateBits, kMostWindowBits);
  params.server_max_window_bits = offer.server_bits ? std::min(server_most, offer.server_bits) : server_most;
  // A client that did not offer to limit its window may not be asked to.
  if (offer.client_bits || offer.any_client_bits) {
    const int client_most = std::clamp(options.client_max_window_bits, kLeastWindowBits, kMostWindowBits);
    params.client_max_window_bits =
        offer.client_bits ? std::min(client_most, offer.client_bits) : client_most;
  }
  made.answer = "permessage-deflate";
  if (params.server_no_context_takeover) made.answer += "; server_no_context_takeover";
  if (params.client_no_context_takeover) made.answer += "; client_no_context_takeover";
  if (offer.server_bits || params.server_max_window_bits < kMostWindowBits) {
    made.answer += "; server_max_window_bits=" + std::to_string(params.server_max_window_bits);
  }
  if (params.client_max_window_bits < kMostWindowBits) {
    made.answer += "; client_max_window_bits=" + std::to_string(params.client_max_window_bits);
  }
  return made;
}

}  // namespace

std::optional<DeflateAgreement> agree_on_deflate(std::string_view offers, const DeflateOptions& options) {
  HeaderReader reader(offers);
  do {
    reader.skip_blanks();
    const bool ours = reader.token() == "permessage-deflate";
    const Offer offer = read_parameters(reader);
    const bool possible = offer.server_bits == 0 || offer.server_bits >= kLeastDeflateBits;
    if (ours && offer.good && possible) return agree(offer, options);
    reader.skip_blanks();
  } while (reader.accept(','));
  return std::nullopt;
}

std::string deflate_offer(const DeflateOptions& options) {
  const int server_most = std::clamp(options.server_max_window_bits, kLeastDeflateBits, kMostWindowBits);
  const int client_most = std::clamp(options.client_max_window_bits, kLeastDeflateBits, kMostWindowBits);
  std::string offer = "permessage-deflate";
  if (options.server_no_context_takeover) offer += "; server_no_context_takeover";
  if (options.client_no_context_takeover) offer += "; client_no_context_takeover";
  if (server_most < kMostWindowBits) offer += "; server_max_window_bits=" + std::to_string(server_most);
  offer += "; client_max_window_bits";
  if (client_most < kMostWindowBits) offer += "=" + std::to_string(client_most);
  return offer;
}

std::optional<DeflateParams> accept_deflate(std::string_view answer, const DeflateOptions& options) {
  HeaderReader reader(answer);
  reader.skip_blanks();
  const bool ours = reader.token() == "permessage-deflate";
  const Offer agreed = read_parameters(reader);
  if (!ours || !agreed.good || agreed.any_client_bits || !reader.at_end()) return std::nullopt;
  if (options.server_no_context_takeover && !agreed.server_no_context_takeover) return std::nullopt;
  const int server_most = std::clamp(options.server_max_window_bits, kLeastDeflateBits, kMostWindowBits);
  const int client_most = std::clamp(options.client_max_window_bits, kLeastDeflateBits, kMostWindowBits);
  // A number that was asked for must be answered; one that was not may be.
  if (server_most < kMostWindowBits && agreed.server_bits == 0) return std::nullopt;
  if (agreed.server_bits > server_most) return std::nullopt;
  DeflateParams params;
  params.server_no_context_takeover = agreed.server_no_context_takeover;
  // A client may always begin anew, and use a smaller window.
  params.client_no_context_takeover = agreed.client_no_context_takeover || options.client_no_context_takeover;
  if (agreed.server_bits) params.server_max_window_bits = agreed.server_bits;
  params.client_max_window_bits =
      agreed.client_bits ? std::min(client_most, agreed.client_bits) : client_most;
  return params;
}

}  // namespace verdin::protocol::websocket
