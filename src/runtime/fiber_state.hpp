// FiberState: what is behind a Fiber.
#pragma once

#include <any>
#include <cstdint>
#include <exception>
#include <thread>

#include <verdin/fiber/context.hpp>
#include <verdin/runtime/fiber.hpp>

namespace verdin::impl {

class FiberState {
 public:
  enum class Phase : std::uint8_t { unstarted, started, dead };

  /// What arrives in a fiber.
  struct Delivery {
    std::any value{};
    std::exception_ptr error{};
  };

  /// The root of what runs now; made when it is first asked for.
  static FiberState& current_root();

  FiberState(Fiber::Run run, FiberState& parent);
  explicit FiberState(const fiber::Context* where);  // a root
  FiberState(const FiberState&) = delete;
  FiberState& operator=(const FiberState&) = delete;

  void add_ref() noexcept { ++refs_; }
  void release() noexcept {
    if (--refs_ == 0) last_reference_gone();
  }

  Phase phase() const noexcept { return phase_; }
  bool is_root() const noexcept { return root_ == this; }
  FiberState& root() noexcept { return *root_; }
  FiberState& running() noexcept { return *running_; }
  FiberState* parent() const noexcept { return parent_.get(); }
  void set_parent(FiberState& parent);

  /// From the running fiber to this one, or to its nearest ancestor that can take it.
  std::any transfer(Delivery delivery);
  /// The code that it is the root of has ended.
  void end_root() noexcept;

 private:
  ~FiberState() = default;

  static void entry(void* fiber);
  static FiberState& receiver(FiberState& target, Delivery& delivery);
  void hand_over(FiberState& to, Delivery delivery);
  Delivery arrive();
  void trace(FiberState& origin, Delivery& delivery);
  Delivery run_to_end(Delivery first);
  void last_reference_gone() noexcept;
  void unwind() noexcept;
  void free_stack() noexcept;

  std::uint32_t refs_ = 0;
  Phase phase_ = Phase::unstarted;
  fiber::Context context_;
  Fiber::Run run_;
  IntrusivePtr<FiberState> parent_;
  FiberState* root_;  // counted, but for the root's own
  IntrusivePtr<FiberState> keeps_root_;
  Delivery incoming_;
  // Of a root.
  IntrusivePtr<FiberState> running_;
  IntrusivePtr<FiberState> left_;  // was switched away from; told of and let go by whoever arrives
  std::thread::id thread_;
};

}  // namespace verdin::impl
