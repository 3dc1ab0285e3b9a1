// Observer: what a hub that is observed tells of the greenlets that it runs. See observe.hpp.
#pragma once

#include <optional>
#include <utility>

#include <verdin/runtime/observe.hpp>

namespace verdin::impl {

class Observer {
 public:
  explicit Observer(bool measures) {
    if (measures) holds_.emplace();
  }

  void before(GreenletBase& greenlet, bool thrown);
  void after(GreenletBase& greenlet);

  bool has_tracer() const noexcept { return static_cast<bool>(tracer_); }
  bool telling() const noexcept { return telling_; }
  GreenletTracer set_tracer(GreenletTracer next) {
    replaced_ = true;
    return std::exchange(tracer_, std::move(next));
  }
  const std::optional<HoldTimes>& holds() const noexcept { return holds_; }

 private:
  void tell(GreenletSwitch::Kind kind, GreenletBase& greenlet) noexcept;

  GreenletTracer tracer_;
  bool telling_ = false;
  bool replaced_ = false;  // by itself, while it was told
  std::optional<HoldTimes> holds_;
  const GreenletBase* entered_ = nullptr;
  loop::Clock::time_point start_{};
};

}  // namespace verdin::impl
