#include <cstdio>
#include <map>
#include <utility>

#include <verdin/base/log.hpp>
#include <verdin/runtime/run_info.hpp>

namespace verdin {
namespace {

constexpr std::size_t kLongestFunction = 160;

std::string seconds(loop::Clock::duration duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f s", std::chrono::duration<double>(duration).count());
  return text;
}

std::string line_of(const GreenletInfo& greenlet) {
  std::string line =
      "[" + std::to_string(greenlet.id) + "] '" + printable(greenlet.name) + "' " + greenlet.state;
  if (!greenlet.waiting_for.empty()) line += " in " + printable(greenlet.waiting_for);
  line += ", " + seconds(greenlet.age) + " old";
  if (!greenlet.spawned_at.empty()) line += ", spawned at " + greenlet.spawned_at;
  return line;
}

/// Greenlets below those that spawned them. One whose parent has ended stands at the top.
class Tree {
 public:
  explicit Tree(const HubInfo& hub) {
    for (const GreenletInfo& greenlet : hub.greenlets) by_serial_[greenlet.serial] = &greenlet;
    for (const GreenletInfo& greenlet : hub.greenlets) {
      const bool below = by_serial_.count(greenlet.spawned_by) != 0;
      children_[below ? greenlet.spawned_by : 0].push_back(&greenlet);
    }
  }

  std::string text() const {
    std::string text;
    // No recursion: a chain of spawns may be long.
    std::vector<std::pair<const GreenletInfo*, std::size_t>> open;
    push_children(0, 1, open);
    while (!open.empty()) {
      const auto [greenlet, depth] = open.back();
      open.pop_back();
      const std::string indent(2 * std::min<std::size_t>(depth, 20), ' ');
      text += indent + line_of(*greenlet);
      if (greenlet->spawned_by != 0 && by_serial_.count(greenlet->spawned_by) == 0)
        text += ", by one that has ended";
      text += '\n' + format_stack(greenlet->stack, indent + "    ");
      push_children(greenlet->serial, depth + 1, open);
    }
    return text;
  }

 private:
  void push_children(std::uint64_t of, std::size_t depth,
                     std::vector<std::pair<const GreenletInfo*, std::size_t>>& open) const {
    const auto at = children_.find(of);
    if (at == children_.end()) return;
    for (auto child = at->second.rbegin(); child != at->second.rend(); ++child)
      open.emplace_back(*child, depth);
  }

  std::map<std::uint64_t, const GreenletInfo*> by_serial_;
  std::map<std::uint64_t, std::vector<const GreenletInfo*>> children_;
};

std::string microseconds(std::chrono::nanoseconds time) {
  char text[40];
  std::snprintf(text, sizeof text, "%.1f us", std::chrono::duration<double, std::micro>(time).count());
  return text;
}

std::string line_of(const HoldTimes& holds) {
  return "  held " + std::to_string(holds.count) + " times: half of them for " +
         microseconds(holds.at_most(0.5)) + " at most, 99 % for " + microseconds(holds.at_most(0.99)) +
         ", longest " + microseconds(holds.longest) + " by '" + printable(holds.longest_by) + "'\n";
}

}  // namespace

std::string format_stack(const std::vector<StackFrame>& stack, std::string_view indent) {
  std::string text;
  std::size_t number = 0;
  for (const StackFrame& frame : stack) {
    char offset[32];
    std::snprintf(offset, sizeof offset, "+0x%zx", static_cast<std::size_t>(frame.offset));
    text.append(indent) += '#' + std::to_string(number++) + ' ';
    if (frame.function.empty()) {
      text += frame.module.empty() ? "?" : frame.module;
    } else {
      text += frame.function.substr(0, kLongestFunction);
      if (frame.function.size() > kLongestFunction) text += "...";
    }
    text.append(offset) += '\n';
  }
  return text;
}

std::string format_run_info(const RunInfo& info) {
  std::string text;
  for (const HubInfo& hub : info.hubs) {
    text += "hub " + std::to_string(hub.id) + ", thread " + std::to_string(hub.thread) + ": " + hub.state;
    if (!hub.blocked_by.empty()) text += " by " + printable(hub.blocked_by);
    if (hub.greenlet_count != 0) text += ", " + std::to_string(hub.greenlet_count) + " greenlets";
    text += ", " + std::to_string(hub.switches) + " switches\n";
    if (hub.holds && hub.holds->count > 0) text += line_of(*hub.holds);
    text += format_stack(hub.stack, "    ");
    text += Tree(hub).text();
    if (hub.greenlets.size() < hub.greenlet_count)
      text += "  ... and " + std::to_string(hub.greenlet_count - hub.greenlets.size()) + " more\n";
  }
  if (text.empty()) text = "no hubs\n";
  return text;
}

}  // namespace verdin
