#include <array>
#include <csignal>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>

#include <verdin/base/fork_safe_mutex.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/signal.hpp>

namespace verdin {
namespace {

/// A signal is delivered to one loop: that two want it is an error here, not an abort in a library below.
class Claim {
 public:
  Claim(int signal_number, const Hub& hub) : number_(static_cast<std::size_t>(signal_number)) {
    if (signal_number <= 0 || signal_number >= NSIG) throw std::invalid_argument("verdin: no such signal");
    const std::scoped_lock lock(mutex());
    Owner& owner = owners()[number_];
    if (owner.registrations > 0 && owner.hub != &hub)
      throw std::logic_error("verdin: another hub watches this signal already");
    owner.hub = &hub;
    ++owner.registrations;
  }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  ~Claim() {
    const std::scoped_lock lock(mutex());
    --owners()[number_].registrations;
  }

 private:
  struct Owner {
    const Hub* hub = nullptr;
    int registrations = 0;
  };
  static ForkSafeMutex& mutex() {
    static constinit ForkSafeMutex only;
    return only;
  }
  static std::array<Owner, NSIG>& owners() {
    static std::array<Owner, NSIG> all;
    return all;
  }

  std::size_t number_;
};

class SignalWatch final : public loop::Watch {
 public:
  SignalWatch(Hub& hub, int signal_number, UniqueFunction<void()> delivered)
      : claim_(signal_number, hub), watch_(hub.loop().on_signal(signal_number, std::move(delivered))) {}
  void set_ref(bool ref) override { watch_->set_ref(ref); }

 private:
  Claim claim_;  // goes last
  loop::WatchPtr watch_;
};

}  // namespace

loop::WatchPtr on_signal(int signal_number, UniqueFunction<void()> function) {
  Hub& hub = Hub::current();
  // Shared: a greenlet may still run the function when the registration ends.
  auto shared = std::make_shared<UniqueFunction<void()>>(std::move(function));
  return std::make_unique<SignalWatch>(
      hub, signal_number, [&hub, shared] { hub.start_now([shared] { (*shared)(); }, "signal handler"); });
}

}  // namespace verdin
