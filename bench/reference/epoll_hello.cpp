// The least that an HTTP server can do, and less than one may: whatever is read is answered with the same
// octets, as many times as there are blank lines in it. What bench/http_server.cpp costs beyond this is HTTP.
#include <array>
#include <string>
#include <string_view>

#include "../baseline/tcp_server.hpp"

namespace {

// As long as the answer of bench/http_server.cpp.
constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    "Content-Length: 12\r\n\r\nHello world!";

std::array<char, 64 * 1024> buffer;
std::string answers;

void answer(int fd) {
  const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
  if (got <= 0) {
    close(fd);
    return;
  }
  const std::string_view input(buffer.data(), static_cast<std::size_t>(got));
  answers.clear();
  for (std::size_t at = 0; (at = input.find("\r\n\r\n", at)) != std::string_view::npos; at += 4)
    answers += kAnswer;
  // A peer that does not read loses octets here, and the load generator says so.
  if (send(fd, answers.data(), answers.size(), MSG_NOSIGNAL) < 0) close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  baseline::serve(baseline::port_of(argc, argv),
                  [](int, const epoll_event& event) { answer(event.data.fd); });
}
