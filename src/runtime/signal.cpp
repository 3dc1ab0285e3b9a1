#include <memory>

#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/signal.hpp>

namespace verdin {

loop::WatchPtr on_signal(int signal_number, UniqueFunction<void()> function) {
  Hub& hub = Hub::current();
  // Shared: a greenlet may still run the function when the registration ends.
  auto shared = std::make_shared<UniqueFunction<void()>>(std::move(function));
  return hub.loop().on_signal(signal_number,
                              [&hub, shared] { hub.start_now([shared] { (*shared)(); }, "signal handler"); });
}

}  // namespace verdin
