#include "net/console_commands.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <verdin/base/log.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/run_info.hpp>

namespace verdin::impl {
namespace {

constexpr std::string_view kHelp =
    "help        this\n"
    "hubs        the hubs, and which one has this console\n"
    "greenlets   all greenlets below those that spawned them\n"
    "stack ID    where a greenlet is (ID: its number, or HUB.NUMBER)\n"
    "kill ID     kills it\n"
    "stats       counts\n"
    "quit        ends the connection\n";

std::string error(std::string_view text) { return "error: " + std::string(text) + '\n'; }
std::string ok(std::string text) { return std::move(text) + "ok\n"; }

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct Found {
  const HubInfo* hub = nullptr;
  const GreenletInfo* greenlet = nullptr;
};

/// The hub that the console belongs to is the one that runs this.
Found find(const RunInfo& info, std::string_view id) {
  Found found;
  const auto dot = id.find('.');
  const auto hub_id = dot == id.npos ? this_hub_id() : number(id.substr(0, dot));
  const auto greenlet_id = number(dot == id.npos ? id : id.substr(dot + 1));
  if (!hub_id || !greenlet_id) return found;
  const auto hub = std::find_if(info.hubs.begin(), info.hubs.end(),
                                [&](const HubInfo& each) { return each.id == *hub_id; });
  if (hub == info.hubs.end()) return found;
  const auto greenlet = std::find_if(hub->greenlets.begin(), hub->greenlets.end(),
                                     [&](const GreenletInfo& each) { return each.id == *greenlet_id; });
  if (greenlet == hub->greenlets.end()) return found;
  return {&*hub, &*greenlet};
}

std::string hubs() {
  std::string text;
  for (const HubInfo& hub : run_info({.stacks = false, .max_greenlets = 0}).hubs) {
    text += std::to_string(hub.id) + ": thread " + std::to_string(hub.thread) + ", " + hub.state + ", " +
            std::to_string(hub.greenlet_count) + " greenlets, " + std::to_string(hub.switches) + " switches";
    text += hub.id == this_hub_id() ? " (this one)\n" : "\n";
  }
  return ok(std::move(text));
}

std::string stats() {
  std::size_t greenlets = 0;
  std::uint64_t switches = 0;
  const RunInfo info = run_info({.stacks = false, .max_greenlets = 0});
  for (const HubInfo& hub : info.hubs) {
    greenlets += hub.greenlet_count;
    switches += hub.switches;
  }
  return ok("hubs " + std::to_string(info.hubs.size()) + "\ngreenlets " + std::to_string(greenlets) +
            "\nswitches " + std::to_string(switches) + '\n');
}

std::string stack(std::string_view id) {
  const RunInfo info = run_info();
  const Found found = find(info, id);
  if (!found.greenlet) return error("no such greenlet");
  return ok('\'' + printable(found.greenlet->name) + "' " + found.greenlet->state + '\n' +
            format_stack(found.greenlet->stack, "  "));
}

std::string kill(std::string_view id) {
  const RunInfo info = run_info({.stacks = false});
  const Found found = find(info, id);
  if (!found.greenlet || !kill_greenlet(found.hub->id, found.greenlet->serial))
    return error("no such greenlet");
  return ok("'" + printable(found.greenlet->name) + "' is being killed\n");
}

}  // namespace

std::string run_console_command(std::string_view line) {
  const auto space = line.find(' ');
  const std::string_view command = line.substr(0, space);
  const std::string_view argument = space == line.npos ? std::string_view() : line.substr(space + 1);
  if (command == "help") return ok(std::string(kHelp));
  if (command == "hubs") return hubs();
  if (command == "greenlets") return ok(format_run_info(run_info({.stacks = false})));
  if (command == "stats") return stats();
  if (command == "stack") return stack(argument);
  if (command == "kill") return kill(argument);
  return error("no such command; try help");
}

}  // namespace verdin::impl
