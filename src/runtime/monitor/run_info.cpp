#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/run_info.hpp>

#include "runtime/monitor/hub_record.hpp"
#include "runtime/monitor/sampler.hpp"
#include "runtime/monitor/symbolise.hpp"
#include "runtime/observer.hpp"

namespace verdin {
namespace {

using impl::GreenletBase;
using impl::HubInspector;
using impl::HubRecord;

template <typename G>
std::string what_it_waits_for(const G& greenlet) {
  if constexpr (requires { std::string(greenlet.waiting_for()); }) return greenlet.waiting_for();
  return {};
}

std::vector<StackFrame> frames_of(const std::vector<std::uintptr_t>& addresses) {
  std::vector<StackFrame> frames;
  frames.reserve(addresses.size());
  for (const std::uintptr_t address : addresses) frames.push_back({.address = address});
  return frames;
}

/// Addresses only: names are looked up by who asked, not in the hub's time.
std::vector<StackFrame> stack_of(const GreenletBase& greenlet, std::size_t max_frames) {
  if (!greenlet.stack()) return {};
  const impl::StackBounds bounds = impl::bounds_of(greenlet.stack());
  if (greenlet.state() == GreenletBase::State::running) return frames_of(impl::own_stack(bounds, max_frames));
  if (greenlet.state() != GreenletBase::State::suspended) return {};
  std::vector<std::uintptr_t> addresses(max_frames);
  addresses.resize(impl::walk_stack(impl::Registers(greenlet.suspension()), bounds, addresses, false));
  return frames_of(addresses);
}

GreenletInfo describe(GreenletBase& greenlet, const RunInfoOptions& options, loop::Clock::time_point now) {
  GreenletInfo info;
  info.id = greenlet.minimal_ident();
  info.serial = greenlet.serial();
  info.spawned_by = greenlet.spawned_by();
  info.name = greenlet.name();
  info.state = HubInspector::state(greenlet);
  if (greenlet.state() == GreenletBase::State::suspended) info.waiting_for = what_it_waits_for(greenlet);
  info.spawned_at = impl::spawn_place(greenlet);
  info.age = std::max(now - greenlet.spawned_when(), loop::Clock::duration::zero());
  if (options.stacks) info.stack = stack_of(greenlet, options.max_frames);
  return info;
}

void identify(const HubRecord& record, HubInfo& info) {
  info.id = record.id;
  info.thread = record.thread_id;
  info.switches = HubInspector::switches(record.hub);
}

/// On the hub's own thread.
HubInfo describe(Hub& hub, const RunInfoOptions& options, bool asked_from_here) {
  HubInfo info;
  identify(*HubInspector::record(hub), info);
  info.state = asked_from_here ? "running" : "waiting for events";
  info.greenlet_count = hub.greenlet_count();
  if (const impl::Observer* const observer = hub.observer()) info.holds = observer->holds();
  const auto now = loop::Clock::now();
  // The list has the youngest first; ids are to follow age.
  std::vector<GreenletBase*> all;
  for (GreenletBase* each = HubInspector::first(hub); each; each = HubInspector::next(*each)) {
    // A greenlet that is made ready is not what waits: the hub runs it next.
    if (HubInspector::state(*each) == std::string_view("ready")) info.state = "running";
    all.push_back(each);
  }
  std::reverse(all.begin(), all.end());
  if (all.size() > options.max_greenlets) all.resize(options.max_greenlets);
  info.greenlets.reserve(all.size());
  for (GreenletBase* each : all) info.greenlets.push_back(describe(*each, options, now));
  return info;
}

/// What other hubs have answered.
struct Answers {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<HubInfo> hubs;
  std::size_t expected = 0;
  HubRef asker;     // empty unless a greenlet waits
  Event all_there;  // of that hub

  void add(HubInfo info, const std::shared_ptr<Answers>& self) {
    bool complete = false;
    {
      const std::scoped_lock lock(mutex);
      hubs.push_back(std::move(info));
      complete = hubs.size() == expected;
    }
    if (!complete) return;
    changed.notify_all();
    asker.post([self] { self->all_there.set(); });
  }
  bool complete() {
    const std::scoped_lock lock(mutex);
    return hubs.size() == expected;
  }
};

/// Asks every hub but `own`. Returns the serials of those asked.
std::vector<std::uint64_t> ask_others(const Hub* own, const RunInfoOptions& options,
                                      const std::shared_ptr<Answers>& answers) {
  std::vector<std::uint64_t> asked;
  const std::scoped_lock lock(impl::registry_mutex());
  for (HubRecord* record = impl::first_hub; record; record = record->next) {
    if (&record->hub != own) asked.push_back(record->serial);
  }
  answers->expected = asked.size();
  for (HubRecord* record = impl::first_hub; record; record = record->next) {
    if (&record->hub == own) continue;
    record->hub.post([&hub = record->hub, options, answers] {
      // One that is just ending has nothing to tell any more.
      HubInfo info;
      if (HubInspector::record(hub)) info = describe(hub, options, false);
      answers->add(std::move(info), answers);
    });
  }
  return asked;
}

void wait_for_answers(Hub* own, const std::shared_ptr<Answers>& answers, loop::Clock::duration limit) {
  if (own && own->running()) {
    if (!answers->complete()) answers->all_there.wait_for(limit);
    return;
  }
  std::unique_lock lock(answers->mutex);
  answers->changed.wait_for(lock, limit, [&] { return answers->hubs.size() == answers->expected; });
}

/// From outside: what can be learned of a hub that does not answer.
HubInfo describe_blocked(HubRecord& record, const RunInfoOptions& options) {
  HubInfo info;
  identify(record, info);
  if (!record.driven.load()) {
    info.state = "not run by anybody";
    return info;
  }
  info.state = "blocked";
  const impl::Sample sample = impl::sample_thread(record, std::chrono::milliseconds(100));
  if (!sample.taken) return info;
  info.blocked_by = sample.on_greenlet ? "greenlet '" + sample.name + "'" : "a callback in the hub";
  if (!sample.spawned_at.empty()) info.blocked_by += ", spawned at " + sample.spawned_at;
  if (options.stacks) info.stack = frames_of(sample.stack);
  return info;
}

void add_silent_hubs(const std::vector<std::uint64_t>& asked, const RunInfoOptions& options, RunInfo& info) {
  const std::scoped_lock lock(impl::registry_mutex());
  for (HubRecord* record = impl::first_hub; record; record = record->next) {
    const bool wanted = std::find(asked.begin(), asked.end(), record->serial) != asked.end();
    const bool answered = std::any_of(info.hubs.begin(), info.hubs.end(),
                                      [&](const HubInfo& hub) { return hub.id == record->id; });
    if (wanted && !answered) info.hubs.push_back(describe_blocked(*record, options));
  }
}

}  // namespace

RunInfo run_info(const RunInfoOptions& options) {
  RunInfo info;
  Hub* const own = Hub::current_or_null();
  const auto answers = std::make_shared<Answers>();
  if (own && own->running()) answers->asker = own->ref();
  const std::vector<std::uint64_t> asked = ask_others(own, options, answers);
  if (!asked.empty()) wait_for_answers(own, answers, options.limit);
  {
    const std::scoped_lock lock(answers->mutex);
    info.hubs = answers->hubs;
  }
  std::erase_if(info.hubs, [](const HubInfo& hub) { return hub.id == 0; });
  if (info.hubs.size() < asked.size()) add_silent_hubs(asked, options, info);
  if (own && HubInspector::record(*own)) info.hubs.push_back(describe(*own, options, true));
  std::sort(info.hubs.begin(), info.hubs.end(),
            [](const HubInfo& a, const HubInfo& b) { return a.id < b.id; });
  for (HubInfo& hub : info.hubs) {
    impl::symbolise(hub.stack);
    for (GreenletInfo& greenlet : hub.greenlets) impl::symbolise(greenlet.stack);
  }
  return info;
}

unsigned this_hub_id() noexcept {
  const Hub* const hub = Hub::current_or_null();
  const HubRecord* const record = hub ? HubInspector::record(*hub) : nullptr;
  return record ? record->id : 0;
}

bool kill_greenlet(unsigned hub_id, std::uint64_t serial) {
  const std::scoped_lock lock(impl::registry_mutex());
  for (HubRecord* record = impl::first_hub; record; record = record->next) {
    if (record->id != hub_id) continue;
    record->hub.post([&hub = record->hub, serial] {
      GreenletBase* each = HubInspector::first(hub);
      while (each && each->serial() != serial) each = HubInspector::next(*each);
      if (each) each->throw_into(nullptr);
    });
    return true;
  }
  return false;
}

}  // namespace verdin
