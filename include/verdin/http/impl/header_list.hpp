// HeaderList: the headers of an answer that is being made, in the order in which they came.
//
// For Response, on whose greenlet's stack it lies: few and short ones, as most answers have, take no memory
// but that. Not for use by itself. Threads: one at a time. Nothing blocks. add() may throw std::bad_alloc,
// and has added nothing then. Views stay good until what they show is removed. What is removed may leave up
// to kRoom octets unused, never more.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <forward_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <verdin/protocol/http1/response_head.hpp>

namespace verdin::http {

using protocol::http1::Header;

class HeaderList {
 public:
  static constexpr std::size_t kFew = 8;
  static constexpr std::size_t kRoom = 256;  // octets of names and values

  HeaderList() noexcept {}  // NOLINT(modernize-use-equals-default): the arrays stay as they are
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;

  bool empty() const noexcept { return size_ == 0; }
  std::span<const Header> all() const noexcept { return {headers(), size_}; }

  void add(std::string_view name, std::string_view value) {
    const std::size_t size = name.size() + value.size();
    if (size_ == kFew || !many_.empty() || size > kRoom - used_) [[unlikely]]
      return add_to_many(name, value);
    few_.headers[size_++] = copied(octets_.data() + used_, name, value);
    used_ += size;
  }

  template <typename Pred>
  void remove_if(const Pred& is_gone) noexcept {
    if (size_ == 0) return;
    Header* const all = headers();
    std::size_t kept = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      if (!is_gone(all[i])) {
        all[kept++] = all[i];
      } else if (!texts_.empty()) {
        forget_text(all[i].name.data());
      }
    }
    resize(kept);
  }

  /// Octets of memory for names and values that are not in the list itself.
  std::size_t memory() const noexcept;

  void clear() noexcept {
    texts_.clear();
    resize(0);
  }

 private:
  union Few {          // not made before they are known
    Few() noexcept {}  // NOLINT(modernize-use-equals-default): of such a union that would be deleted
    std::array<Header, kFew> headers;
  };

  const Header* headers() const noexcept { return many_.empty() ? few_.headers.data() : many_.data(); }
  Header* headers() noexcept { return many_.empty() ? few_.headers.data() : many_.data(); }
  static Header copied(char* to, std::string_view name, std::string_view value) noexcept {
    std::memcpy(to, name.data(), name.size());
    if (!value.empty()) std::memcpy(to + name.size(), value.data(), value.size());
    return {{to, name.size()}, {to + name.size(), value.size()}};
  }
  void add_to_many(std::string_view name, std::string_view value);
  void forget_text(const char* text) noexcept;
  void resize(std::size_t size) noexcept;

  std::size_t size_ = 0;
  std::size_t used_ = 0;                  // of octets_
  std::vector<Header> many_;              // all of them, once there are too many, or too long ones
  std::forward_list<std::string> texts_;  // a name and its value, of those that are not in octets_
  Few few_;
  std::array<char, kRoom> octets_;
};

}  // namespace verdin::http
