#include "websocket/check_options.hpp"

#include <stdexcept>
#include <string>

#include <verdin/base/log.hpp>
#include <verdin/protocol/http1/chars.hpp>

namespace verdin::websocket::impl {

namespace {

void check_number(const char* name, int value, int least, int most) {
  if (value >= least && value <= most) return;
  throw std::invalid_argument(std::string("verdin: permessage-deflate's ") + name + " is " +
                              std::to_string(least) + " to " + std::to_string(most) + ", not " +
                              std::to_string(value));
}

}  // namespace

void check_options(const Options& options, protocol::websocket::Role role) {
  for (const std::string& name : options.subprotocols) {
    if (!protocol::http1::is_token(name))
      throw std::invalid_argument("verdin: a subprotocol's name that is none: " + printable(name));
  }
  if (!options.deflate) return;
  // zlib makes 9 bits of 8 when it deflates: each end can promise 8 for the other one only.
  const bool client = role == protocol::websocket::Role::client;
  check_number("level", options.deflate->level, 1, 9);
  check_number("memory_level", options.deflate->memory_level, 1, 9);
  check_number("server_max_window_bits", options.deflate->server_max_window_bits, 9, 15);
  check_number("client_max_window_bits", options.deflate->client_max_window_bits, client ? 9 : 8, 15);
}

}  // namespace verdin::websocket::impl
