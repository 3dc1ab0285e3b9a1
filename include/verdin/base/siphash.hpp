// SipHash-1-3 under a random key of the process, for every table whose keys a peer can choose.
//
// std::hash of libstdc++ is not keyed: a peer can make thousands of keys collide. Thread-safe; never blocks
// after the first use (which reads 16 octets from getrandom(2)).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace verdin {

std::uint64_t siphash(std::string_view text) noexcept;

struct SipHasher {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return siphash(text); }
};

/// Map from peer-chosen strings; looked up by std::string_view without a copy.
template <typename T>
using StringMap = std::unordered_map<std::string, T, SipHasher, std::equal_to<>>;
using StringSet = std::unordered_set<std::string, SipHasher, std::equal_to<>>;

}  // namespace verdin
