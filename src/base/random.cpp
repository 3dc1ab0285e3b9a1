#include <cerrno>
#include <system_error>

#include <sys/random.h>

#include <verdin/base/random.hpp>

namespace verdin {

void random_bytes(std::span<unsigned char> to) {
  while (!to.empty()) {
    const ssize_t n = ::getrandom(to.data(), to.size(), 0);
    if (n < 0) {
      if (errno == EINTR) continue;
      throw std::system_error(errno, std::generic_category(), "getrandom");
    }
    to = to.subspan(static_cast<std::size_t>(n));
  }
}

std::string random_id(std::size_t length) {
  static constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string id(length, '\0');
  random_bytes({reinterpret_cast<unsigned char*>(id.data()), length});
  for (char& c : id) c = alphabet[static_cast<unsigned char>(c) & 63];
  return id;
}

}  // namespace verdin
