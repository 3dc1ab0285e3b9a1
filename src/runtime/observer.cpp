#include "runtime/observer.hpp"

#include <algorithm>
#include <bit>
#include <memory>
#include <utility>

#include <verdin/runtime/hub.hpp>

namespace verdin {
namespace impl {

void Observer::before(GreenletBase& greenlet, bool thrown) {
  if (tracer_) tell(thrown ? GreenletSwitch::Kind::thrown : GreenletSwitch::Kind::entered, greenlet);
  entered_ = &greenlet;
  if (holds_) start_ = loop::Clock::now();
}

void Observer::after(GreenletBase& greenlet) {
  if (std::exchange(entered_, nullptr) != &greenlet) return;  // it began to look only since
  if (holds_) holds_->add(loop::Clock::now() - start_, greenlet.name());
  if (tracer_) tell(greenlet.finished() ? GreenletSwitch::Kind::ended : GreenletSwitch::Kind::left, greenlet);
}

void Observer::tell(GreenletSwitch::Kind kind, GreenletBase& greenlet) noexcept {
  GreenletTracer now = std::exchange(tracer_, nullptr);  // is not told of what it does itself
  const AnyGreenlet handle(greenlet);
  replaced_ = false;
  telling_ = true;
  try {
    now({kind, handle});
    if (!replaced_) tracer_ = std::move(now);
  } catch (...) {
    greenlet.hub().report_error("tracer of greenlets", std::current_exception());
  }
  telling_ = false;
}

}  // namespace impl

GreenletTracer trace_greenlets(GreenletTracer next) {
  Hub& hub = Hub::current();
  if (!hub.observer()) {
    if (!next) return nullptr;
    hub.observe(std::make_unique<impl::Observer>(false));
  }
  impl::Observer& observer = *hub.observer();
  GreenletTracer before = observer.set_tracer(std::move(next));
  const bool idle = !observer.has_tracer() && !observer.holds() && !observer.telling();
  if (idle) hub.observe(nullptr);
  return before;
}

std::optional<HoldTimes> hold_times() {
  const impl::Observer* const observer = Hub::current().observer();
  return observer ? observer->holds() : std::nullopt;
}

void HoldTimes::add(std::chrono::nanoseconds time, std::string_view name) {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0));
  const auto bucket = static_cast<std::size_t>(std::bit_width(ns));
  ++counts[std::min(bucket, counts.size() - 1)];
  ++count;
  if (time <= longest) return;
  longest = time;
  longest_by = name;
}

std::chrono::nanoseconds HoldTimes::at_most(double share) const noexcept {
  const auto wanted = share * static_cast<double>(count);
  double seen = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    seen += static_cast<double>(counts[i]);
    if (seen >= wanted) return std::min(longest, std::chrono::nanoseconds(std::int64_t{1} << i));
  }
  return longest;
}

}  // namespace verdin
