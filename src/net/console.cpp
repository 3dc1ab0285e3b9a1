#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <verdin/base/log.hpp>
#include <verdin/net/console.hpp>
#include <verdin/net/pipe.hpp>
#include <verdin/runtime/greenlet.hpp>

#include "net/console_commands.hpp"
#include "net/fail.hpp"
#include "net/wait_fd.hpp"

namespace verdin {
namespace impl {
namespace {

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    fail(errno, "console: " + path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Descriptor new_socket() {
  Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) fail(errno, "console: socket");
  return fd;
}

bool bind_to(int fd, const sockaddr_un& address) {
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

/// Was it left by a program that is no more?
bool is_abandoned(const std::string& path, const sockaddr_un& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
  const Descriptor probe = new_socket();
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
         errno == ECONNREFUSED;
}

Descriptor listen_at(const std::string& path) {
  const sockaddr_un address = address_of(path);
  Descriptor fd = new_socket();
  if (!bind_to(fd.get(), address)) {
    const int error = errno;
    const bool free = error == EADDRINUSE && is_abandoned(path, address) && ::unlink(path.c_str()) == 0;
    errno = error;
    if (!free || !bind_to(fd.get(), address)) fail(errno, "console: " + path);
  }
  // Before anybody can connect: that takes listen().
  if (::chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0 || ::listen(fd.get(), 8) != 0) {
    const int error = errno;
    ::unlink(path.c_str());
    errno = error;
    fail(errno, "console: " + path);
  }
  return fd;
}

bool is_allowed(int fd) {
#ifdef SO_PEERCRED
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == ::geteuid() || peer.uid == 0;
#else
  uid_t user = 0;
  gid_t group = 0;
  if (::getpeereid(fd, &user, &group) != 0) return false;
  return user == ::geteuid() || user == 0;
#endif
}

bool send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      wait_fd(fd, loop::Interest::write);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

/// 0: the peer has gone.
std::size_t receive(int fd, std::span<char> into) {
  for (;;) {
    const ssize_t n = ::recv(fd, into.data(), into.size(), 0);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno == EAGAIN) {
      wait_fd(fd, loop::Interest::read);
    } else if (errno != EINTR) {
      return 0;
    }
  }
}

/// Runs on a greenlet of its own.
void serve(const Descriptor& peer, std::size_t max_line) {
  std::string input;
  std::array<char, 512> buffer;
  while (const std::size_t n = receive(peer.get(), buffer)) {
    input.append(buffer.data(), n);
    for (auto end = input.find('\n'); end != input.npos && end <= max_line; end = input.find('\n')) {
      std::string line = input.substr(0, end);
      input.erase(0, end + 1);
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (line == "quit") return;
      if (!line.empty() && !send_all(peer.get(), run_console_command(line))) return;
    }
    if (input.size() > max_line) {
      send_all(peer.get(), "error: the line is too long\n");
      return;
    }
  }
}

}  // namespace

class ConsoleServer {
 public:
  ConsoleServer(std::string path, ConsoleOptions options)
      : path_(std::move(path)), options_(options), listener_(listen_at(path_)) {
    watch_ = Hub::current().loop().watch(listener_.get(), loop::Interest::read, [this] { accept(); });
  }
  ConsoleServer(const ConsoleServer&) = delete;
  ConsoleServer& operator=(const ConsoleServer&) = delete;
  ~ConsoleServer() {
    watch_.reset();
    if (made_.is_parents()) return;
    for (auto& connection : connections_) connection.kill_async();
    ::unlink(path_.c_str());
  }

  const std::string& path() const noexcept { return path_; }

 private:
  void accept() {
    if (made_.is_parents()) return watch_.reset();  // those who connect mean the parent
    Descriptor peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!peer) return;
    std::erase_if(connections_, [](const Greenlet<void>& each) { return each.ready(); });
    const char* refusal = nullptr;
    if (!is_allowed(peer.get())) refusal = "error: not your program\n";
    if (connections_.size() >= options_.max_connections) refusal = "error: too many connections\n";
    if (refusal) {
      static_cast<void>(::send(peer.get(), refusal, std::strlen(refusal), MSG_NOSIGNAL));
      return;
    }
    connections_.push_back(
        spawn([max_line = options_.max_line](const Descriptor& connection) { serve(connection, max_line); },
              std::move(peer)));
    connections_.back().set_name("console connection");
  }

  const loop::ProcessMark made_;
  std::string path_;
  ConsoleOptions options_;
  Descriptor listener_;
  loop::WatchPtr watch_;
  std::vector<Greenlet<void>> connections_;
};

}  // namespace impl

Console::Console(std::string path, ConsoleOptions options)
    : server_(std::make_unique<impl::ConsoleServer>(std::move(path), options)) {}

Console::~Console() = default;

const std::string& Console::path() const noexcept { return server_->path(); }

}  // namespace verdin
