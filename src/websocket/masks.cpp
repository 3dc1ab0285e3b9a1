#include "websocket/masks.hpp"

#include <array>
#include <cstddef>
#include <cstring>

#include <verdin/base/random.hpp>
#include <verdin/loop/fork_generation.hpp>

namespace verdin::websocket::impl {
namespace {

struct Masks {
  std::array<unsigned char, 1024> octets{};
  std::size_t used = 1024;
  unsigned generation = 0;
};

}  // namespace

protocol::websocket::MaskKey next_mask() {
  thread_local Masks masks;
  protocol::websocket::MaskKey key;
  // A child of fork() would use those that its parent uses.
  if (masks.used == masks.octets.size() || masks.generation != loop::fork_generation()) {
    random_bytes(masks.octets);
    masks.used = 0;
    masks.generation = loop::fork_generation();
  }
  std::memcpy(key.octets, masks.octets.data() + masks.used, sizeof key.octets);
  masks.used += sizeof key.octets;
  return key;
}

}  // namespace verdin::websocket::impl
