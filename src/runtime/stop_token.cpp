#include <new>
#include <thread>

#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/stop_token.hpp>

namespace verdin {
namespace {

/// Lives until its greenlet ends.
class StopKill : private impl::Link {
 public:
  StopKill(const std::stop_token& token, impl::GreenletBase& greenlet)
      : Link(&StopKill::on_end, false), target_(std::make_shared<Target>()) {
    target_->greenlet = &greenlet;
    only_hear_of_ends();
    greenlet.add_link(*this);
    callback_.emplace(token, Request{greenlet.hub().ref(), target_});
  }

 private:
  struct Target {
    impl::GreenletBase* greenlet = nullptr;  // of the hub's thread
  };
  /// Runs on whichever thread requests the stop. A request cannot fail: without memory for it the greenlet's
  /// own thread kills at once, another tries until there is some.
  struct Request {
    void operator()() const noexcept {
      for (;;) {
        try {
          hub.post([target = target] { kill(*target); });
          return;
        } catch (const std::bad_alloc&) {
          if (hub.is_current()) return kill(*target);
          std::this_thread::yield();
        }
      }
    }
    static void kill(const Target& target) {
      if (target.greenlet) target.greenlet->throw_into(nullptr);
    }
    HubRef hub;
    std::shared_ptr<Target> target;
  };

  static void on_end(Link& link) noexcept {
    const std::unique_ptr<StopKill> self(static_cast<StopKill*>(&link));
    self->target_->greenlet = nullptr;
  }

  std::shared_ptr<Target> target_;
  std::optional<std::stop_callback<Request>> callback_;
};

}  // namespace

void kill_on(const std::stop_token& token, const AnyGreenlet& greenlet) {
  if (greenlet.ready() || !token.stop_possible()) return;
  new StopKill(token, greenlet.base());  // deletes itself
}

}  // namespace verdin
