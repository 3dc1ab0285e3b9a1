// Console: a Unix socket at which an operator looks into a running program.
//
//   verdin::Console console("/run/shop/console");      // while it lives
//   $ socat - UNIX-CONNECT:/run/shop/console           (or nc -U)
//   greenlets
//
// One command a line: help, hubs, greenlets, stack ID, kill ID, stats, quit. An ID is a greenlet's number in
// the console's own hub, or HUB.NUMBER. An answer is any number of lines, the last of which is "ok" or begins
// with "error: ".
//
// Who may: the socket has mode 0600, and the kernel must name the same user (or root) as the peer. Bounded:
// lines, connections, listed greenlets. Threads: the hub that made it; it sees and kills greenlets of all
// hubs. Each connection is a greenlet, killed when the console goes, and so is the file. The constructor
// throws std::system_error when it cannot listen; a file that a dead program left is replaced, one that
// somebody listens at is not (EADDRINUSE).
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace verdin {

namespace impl {
class ConsoleServer;
}

struct ConsoleOptions {
  std::size_t max_connections = 8;
  std::size_t max_line = 256;  ///< octets
};

class Console {
 public:
  explicit Console(std::string path, ConsoleOptions options = {});
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;
  ~Console();

  const std::string& path() const noexcept;

 private:
  std::unique_ptr<impl::ConsoleServer> server_;
};

}  // namespace verdin
