#include <memory>
#include <utility>
#include <vector>

#include <verdin/runtime/impl/wait_list.hpp>
#include <verdin/runtime/join.hpp>

#include "runtime/alarm.hpp"

namespace verdin::impl {
namespace {

/// The one event in which everybody is thrown into. Who waits for that comes next, before everything else.
struct PendingKills : Runnable {
  explicit PendingKills(Hub& where) : hub(where) { callback = &PendingKills::deliver; }

  static void deliver(Runnable* runnable) {
    std::unique_ptr<PendingKills> self(static_cast<PendingKills*>(runnable));
    self->hub.throw_into_each(self->targets, self->reason);
    if (!self->targets.empty()) return self->hub.make_ready(static_cast<Runnable&>(*self.release()));
    if (self->killer.empty()) return;  // it was killed itself, or does not wait
    Link& link = self->killer.front();
    link.unlink();
    self->hub.tell_next(link);
  }

  /// Queues it, and waits until all have been thrown into.
  static void deliver_and_wait(std::unique_ptr<PendingKills> kills, const char* what) {
    Waiter waiter(what);
    kills->killer.push_back(waiter.link());
    Hub& hub = kills->hub;
    hub.make_ready(static_cast<Runnable&>(*kills.release()));
    waiter.wait();
  }

  Hub& hub;
  std::vector<OnlookerPtr> targets;
  std::exception_ptr reason;
  WaitList killer;
};

}  // namespace

bool kill(GreenletBase& greenlet, std::exception_ptr reason, std::optional<loop::Clock::time_point> due) {
  greenlet.check_hub_if_alive();
  if (greenlet.finished() || greenlet.cancel_start(reason)) return true;
  // Its own wish, so that no shield holds it off.
  if (greenlet.hub().running() == &greenlet) {
    if (!reason) reason = std::make_exception_ptr(GreenletExit());
    greenlet.set_thrown(reason);
    std::rethrow_exception(std::move(reason));
  }
  const OnlookerPtr alive(greenlet);  // the last handle may go meanwhile
  auto kills = std::make_unique<PendingKills>(greenlet.hub());
  kills->targets.emplace_back(greenlet);
  kills->reason = std::move(reason);
  PendingKills::deliver_and_wait(std::move(kills), "Greenlet::kill");
  return join(greenlet, due, "Greenlet::kill");
}

void kill_async(GreenletBase& greenlet, const std::exception_ptr& reason) {
  greenlet.check_hub_if_alive();
  greenlet.throw_into(reason);
}

void kill_whatever_comes(GreenletBase& greenlet) noexcept {
  if (greenlet.hub().running() == &greenlet) return;  // it cannot wait for itself
  const FullShield shield;
  greenlet.throw_into(nullptr);
  join(greenlet, std::nullopt, "Greenlet::kill");
}

void kill_all(std::span<GreenletBase* const> greenlets, const KillOptions& options) {
  const std::exception_ptr& reason = options.reason;
  std::unique_ptr<PendingKills> kills;
  std::vector<GreenletBase*> alive;
  std::vector<OnlookerPtr> kept;  // the handles may go meanwhile
  for (GreenletBase* greenlet : greenlets) {
    greenlet->check_hub_if_alive();
    if (greenlet->finished() || greenlet->cancel_start(reason)) continue;
    if (!kills) kills = std::make_unique<PendingKills>(greenlet->hub());
    kills->targets.emplace_back(*greenlet);
    if (options.wait) kept.emplace_back(*greenlet);
    alive.push_back(greenlet);
  }
  if (!kills) return;
  kills->reason = reason;
  if (!options.wait) {
    Hub& hub = kills->hub;
    return hub.make_ready(static_cast<Runnable&>(*kills.release()));
  }
  const auto start = loop::Clock::now();
  PendingKills::deliver_and_wait(std::move(kills), "kill_all");
  std::erase_if(alive, [](const GreenletBase* greenlet) { return greenlet->finished(); });
  if (alive.empty()) return;
  JoinOptions rest;
  if (options.limit) rest.limit = *options.limit - (loop::Clock::now() - start);
  join_all(alive, rest);
  for (const GreenletBase* greenlet : alive) {
    if (!greenlet->finished()) throw TimeoutExpired(nullptr);
  }
}

}  // namespace verdin::impl
