// Which backend a loop gets.
#include <array>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include <ev.h>

#include <verdin/base/log.hpp>
#include <verdin/loop/loop.hpp>

#include "loop/libev/libev_loop.hpp"
#ifdef VERDIN_HAVE_URING
#include "loop/uring/uring_loop.hpp"
#endif

namespace verdin::loop {
namespace {

constexpr std::string_view kDefault = "libev";

struct LibevName {
  std::string_view name;
  unsigned flags;
};
constexpr std::array<LibevName, 7> kLibevNames{{{"libev", 0},
                                                {"epoll", EVBACKEND_EPOLL},
                                                {"poll", EVBACKEND_POLL},
                                                {"select", EVBACKEND_SELECT},
                                                {"kqueue", EVBACKEND_KQUEUE},
                                                {"devpoll", EVBACKEND_DEVPOLL},
                                                {"port", EVBACKEND_PORT}}};

std::unique_ptr<Loop> make_uring(std::string& obstacle) {
#ifdef VERDIN_HAVE_URING
  obstacle = Ring::obstacle();
  if (!obstacle.empty()) return nullptr;
  try {
    return std::make_unique<UringLoop>();
  } catch (const std::system_error& error) {  // out of descriptors, or of memory that may be locked
    obstacle = error.what();
    return nullptr;
  }
#else
  obstacle = "Verdin was built without liburing";
  return nullptr;
#endif
}

std::unique_ptr<Loop> make_libev(std::string_view name) {
  std::string_view short_name = name;
  if (short_name.starts_with("libev:")) short_name.remove_prefix(6);
  for (const LibevName& known : kLibevNames) {
    if (known.name == short_name) return std::make_unique<LibevLoop>(known.flags);
  }
  throw std::invalid_argument("verdin: no loop backend is called '" + printable(name) + "'");
}

}  // namespace

std::unique_ptr<Loop> Loop::make(std::string_view backend) {
  if (backend.empty()) {
    const char* wish = std::getenv("VERDIN_LOOP");
    backend = wish && *wish ? wish : "auto";
  }
  const bool automatic = backend == "auto";
  if (automatic) backend = kDefault;
  if (backend != "uring") return make_libev(backend);
  std::string obstacle;
  if (auto loop = make_uring(obstacle)) return loop;
  auto loop = make_libev("libev");
  if (!automatic) {
    log(LogLevel::warning, "io_uring cannot be used here (" + obstacle + "); using " + loop->backend());
  }
  return loop;
}

}  // namespace verdin::loop
