#include "http/client/pool.hpp"

#include <algorithm>

#include <verdin/net/error.hpp>
#include <verdin/runtime/hub.hpp>

namespace verdin::http {

namespace {

constexpr std::size_t kReadSize = 16 * 1024;

void take_permit(Semaphore& permits, net::Deadline limit) {
  const auto due = limit.due();
  if (!due) return permits.acquire();
  if (!permits.acquire_for(*due - std::min(*due, net::Deadline::Clock::now())))
    throw net::TimedOut("verdin: no connection became free in time");
}

}  // namespace

bool ClientConnection::fill(net::Deadline limit, std::error_code& error) {
  if (buffer_.empty()) buffer_.resize(kReadSize);
  begin_ = end_ = 0;
  end_ = stream_->recv(std::span(buffer_), error, limit);
  return end_ > 0;
}

bool ClientConnection::look() {
  if (!unread().empty()) return true;
  if (buffer_.empty()) buffer_.resize(kReadSize);
  std::error_code error;
  begin_ = end_ = 0;
  end_ = stream_->recv(std::span(buffer_), error, std::chrono::seconds(0));
  return end_ > 0;
}

bool ClientConnection::is_fresh() {
  char octet;
  std::error_code error;
  stream_->recv(std::span(&octet, 1), error, std::chrono::seconds(0));
  return error == net::Errc::timed_out;
}

ClientPool::ClientPool(const Limits& limits) : limits_(limits), permits_(limits.all) {}
ClientPool::~ClientPool() = default;

ClientPool::Lease::Lease(Lease&& other) noexcept
    : pool_(std::move(other.pool_)),
      origin_(std::exchange(other.origin_, nullptr)),
      connection_(std::move(other.connection_)) {}

ClientPool::Lease& ClientPool::Lease::operator=(Lease&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(origin_, other.origin_);
  std::swap(connection_, other.connection_);
  return *this;
}

void ClientPool::Lease::drop() noexcept {
  connection_.reset();
  if (!origin_) return;
  Origin& origin = *std::exchange(origin_, nullptr);
  origin.permits.release();
  pool_->permits_.release();
  pool_->leave(origin);
  pool_.reset();
}

void ClientPool::Lease::give_back() {
  if (pool_->closed_ || pool_->limits_.idle == 0 || !connection_->unread().empty()) return drop();
  connection_->free_buffer();
  const IntrusivePtr<ClientPool> pool = pool_;
  pool->idle_.push_back({origin_, std::move(connection_), loop::Clock::now()});
  ++origin_->users;  // what is idle is one
  drop();
  if (pool->idle_.size() > pool->limits_.idle) pool->pop_idle();
  if (!pool->timer_ || !pool->timer_->active()) pool->look_after_idle();
}

ClientPool::Lease ClientPool::acquire(const std::string& name, net::Deadline limit, bool may_reuse) {
  auto place = origins_.find(name);
  if (place == origins_.end()) {
    place = origins_.emplace(name, std::make_unique<Origin>(limits_.per_origin)).first;
    place->second->place = place;
  }
  Origin& origin = *place->second;
  const IntrusivePtr<ClientPool> self(this);
  ++origin.users;
  try {
    take_permit(origin.permits, limit);
    try {
      take_permit(permits_, limit);
    } catch (...) {
      origin.permits.release();
      throw;
    }
  } catch (...) {
    leave(origin);
    throw;
  }
  Lease lease;
  lease.pool_ = self;
  lease.origin_ = &origin;
  while (may_reuse) {
    std::unique_ptr<ClientConnection> connection = take_idle(origin);
    if (!connection) break;
    if (!connection->is_fresh()) continue;
    lease.set(std::move(connection));
    break;
  }
  return lease;
}

// The one used last: the others may then grow old and go.
std::unique_ptr<ClientConnection> ClientPool::take_idle(const Origin& origin) {
  for (auto it = idle_.rbegin(); it != idle_.rend(); ++it) {
    if (it->origin != &origin) continue;
    std::unique_ptr<ClientConnection> connection = std::move(it->connection);
    Origin& of = *it->origin;
    idle_.erase(std::next(it).base());
    leave(of);  // the caller is a user still
    return connection;
  }
  return nullptr;
}

void ClientPool::leave(Origin& origin) noexcept {
  if (--origin.users == 0) origins_.erase(origin.place);
}

void ClientPool::look_after_idle() {
  if (limits_.idle_time.count() == 0) return;
  const auto now = loop::Clock::now();
  while (!idle_.empty() && now - idle_.front().since >= limits_.idle_time) pop_idle();
  if (idle_.empty()) return;
  if (!timer_)
    timer_ = std::make_unique<loop::Timer>(Hub::current().loop(),
                                           loop::on_timer<&ClientPool::look_after_idle>, this);
  timer_->start(std::chrono::ceil<std::chrono::milliseconds>(idle_.front().since + limits_.idle_time - now));
}

void ClientPool::pop_idle() noexcept {
  Origin& origin = *idle_.front().origin;
  idle_.pop_front();
  leave(origin);
}

void ClientPool::close_idle() noexcept {
  while (!idle_.empty()) pop_idle();
}

void ClientPool::close() noexcept {
  closed_ = true;
  timer_.reset();
  close_idle();
}

}  // namespace verdin::http
