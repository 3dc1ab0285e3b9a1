#include "runtime/report.hpp"

#include <verdin/base/log.hpp>

#include "runtime/worker.hpp"

namespace verdin {

/// A worker without a task waits for one, and for nothing else.
bool Hub::is_idle_worker(const impl::GreenletBase& greenlet) noexcept {
  const auto* worker = dynamic_cast<const Worker*>(&greenlet);
  return worker && worker->idle();
}

namespace impl {
namespace {

constexpr std::size_t kMostNamed = 100;

std::string_view file_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

}  // namespace

std::string describe(const GreenletBase& greenlet) {
  std::string text = "'" + printable(greenlet.name()) + "'";
  if (greenlet.state() == GreenletState::suspended) text += std::string(" in ") + greenlet.waiting_for();
  const SpawnPoint where = greenlet.spawned_at();
  if (where.line > 0) {
    text += ", spawned at " + std::string(file_name(where.file)) + ":" + std::to_string(where.line);
  }
  return text;
}

std::string describe_waiters(const std::vector<GreenletBase*>& greenlets) {
  std::string text = "verdin: this would block for ever: nothing can wake the greenlets that wait:";
  std::size_t named = 0;
  for (const GreenletBase* greenlet : greenlets) {
    if (Hub::is_idle_worker(*greenlet)) continue;
    if (++named <= kMostNamed) text += "\n  " + describe(*greenlet);
  }
  if (named > kMostNamed) text += "\n  and " + std::to_string(named - kMostNamed) + " more";
  return text;
}

}  // namespace impl
}  // namespace verdin
