// Internal. What Channel and shared::Channel have in common. See channel.hpp.
//
// A putter that waits keeps its item; a getter takes it when it runs, so a kill of either costs nothing: what
// comes to a putter whose item was just taken is thrown when it suspends next. A getter that has waited is
// followed by its putter, as in gevent. Only try_put(), which does not wait, gives the item to a getter that
// is still on its way; where that one is killed, the next getter has it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <utility>

#include <verdin/runtime/impl/basic_queue.hpp>
#include <verdin/runtime/impl/incoming.hpp>
#include <verdin/runtime/impl/ring.hpp>

namespace verdin::impl {

template <typename T, typename Sync>
class BasicChannel {
  using Guard = typename Sync::Guard;

 public:
  BasicChannel() = default;
  BasicChannel(const BasicChannel&) = delete;
  BasicChannel& operator=(const BasicChannel&) = delete;

  static constexpr std::size_t size() noexcept { return 0; }
  static constexpr bool empty() noexcept { return true; }
  static constexpr bool full() noexcept { return true; }
  /// How many more wait to put than wait to get.
  std::ptrdiff_t balance() const {
    [[maybe_unused]] const Guard guard(mutex_);
    look_for_losses();
    return static_cast<std::ptrdiff_t>(offers_.size()) - static_cast<std::ptrdiff_t>(getting());
  }
  bool closed() const {
    [[maybe_unused]] const Guard guard(mutex_);
    return closed_;
  }
  bool ready() const {
    [[maybe_unused]] const Guard guard(mutex_);
    look_for_losses();
    return may_get();
  }

  void put(const T& item) {
    T copy(item);
    put_until(copy, std::nullopt);
  }
  void put(T&& item) { put_until(item, std::nullopt); }
  bool put_for(const T& item, loop::Clock::duration limit) {
    T copy(item);
    return put_until(copy, due_in(limit));
  }
  bool put_for(T&& item, loop::Clock::duration limit) { return put_until(item, due_in(limit)); }
  bool try_put(const T& item) { return put_now(item); }
  bool try_put(T&& item) { return put_now(std::move(item)); }

  T get() {
    std::optional<T> item = next();
    if (!item) throw QueueClosed();
    return std::move(*item);
  }
  std::optional<T> get_for(loop::Clock::duration limit) {
    bool in_time = true;
    std::optional<T> item = get_until(due_in(limit), in_time);
    if (!item && in_time) throw QueueClosed();
    return item;
  }
  std::optional<T> try_get() {
    [[maybe_unused]] const Guard guard(mutex_);
    look_for_losses();
    if (getting() > 0 || !has_item()) return std::nullopt;
    return take(false);
  }
  std::optional<T> next() {
    bool in_time = true;
    return get_until(std::nullopt, in_time);
  }

  void close() {
    [[maybe_unused]] const Guard guard(mutex_);
    closed_ = true;
    getters_.wake_all();
    putters_.wake_all();
  }

  auto begin() { return IncomingItem<T, BasicChannel>(*this); }
  EndOfItems end() const noexcept { return {}; }

 protected:
  mutable typename Sync::List getters_;  // and those who want to know that there is something to get

 private:
  class Offers;
  struct Offer {
    T* item;
    typename Sync::Waiter* waiter;
    Offers* offers;
    std::uint64_t turn;
    bool taken = false;
    Offer* next = nullptr;
    Offer* prev = nullptr;
  };
  struct Handed {
    T item;
    std::uint64_t turn;
  };
  /// The offers of those who wait to put, first come first.
  class Offers {
   public:
    std::size_t size() const noexcept { return size_; }
    Offer& front() const noexcept { return *first_; }
    void push_back(Offer& offer) noexcept {
      offer.prev = last_;
      (last_ ? last_->next : first_) = &offer;
      last_ = &offer;
      ++size_;
    }
    void remove(Offer& offer) noexcept {
      (offer.prev ? offer.prev->next : first_) = offer.next;
      (offer.next ? offer.next->prev : last_) = offer.prev;
      --size_;
    }

   private:
    Offer* first_ = nullptr;
    Offer* last_ = nullptr;
    std::size_t size_ = 0;
  };

  void look_for_losses() const noexcept {
    if (losses_.lost_all()) [[unlikely]]
      offers_ = {};
  }
  static void forget(void* offer) noexcept {
    auto& forgotten = *static_cast<Offer*>(offer);
    if (!forgotten.taken) forgotten.offers->remove(forgotten);
  }
  /// How many wait to get.
  std::size_t getting() const noexcept { return getters_.takers(); }
  bool has_item() const noexcept { return handed_.size() > 0 || offers_.size() > 0; }
  bool may_get() const noexcept { return closed_ || has_item(); }

  T take(bool has_waited) {
    if (handed_.size() > 0 && (offers_.size() == 0 || handed_.front().turn < offers_.front().turn)) {
      T item = std::move(handed_.front().item);
      handed_.pop_front();
      return item;
    }
    Offer& offer = offers_.front();
    T item = std::move(*offer.item);
    offers_.remove(offer);
    offer.taken = true;
    has_waited ? offer.waiter->wake_next() : offer.waiter->wake();
    return item;
  }

  template <typename U>
  bool put_now(U&& item) {
    [[maybe_unused]] const Guard guard(mutex_);
    look_for_losses();
    if (closed_) throw QueueClosed();
    if (getting() <= handed_.size() + offers_.size()) return false;  // each of them has something to take
    handed_.push_back(Handed{std::forward<U>(item), turn_++});
    getters_.wake_one();
    return true;
  }

  bool put_until(T& item, const Due& due) {
    Guard guard(mutex_);
    look_for_losses();
    if (closed_) throw QueueClosed();
    typename Sync::Waiter waiter(guard, putters_, "Channel::put");
    Offer offer{&item, &waiter, &offers_, turn_++};
    waiter.if_given_up(&BasicChannel::forget, &offer);
    offers_.push_back(offer);
    getters_.wake_one();
    try {
      waiter.wait_until(due);
    } catch (const DestroyedWhileWaiting&) {
      if (!offer.taken) throw;
    } catch (...) {
      if (offer.taken) {
        throw_later(std::current_exception());
      } else {
        if (!waiter.orphaned()) offers_.remove(offer);
        throw;
      }
    }
    if (offer.taken) return true;
    offers_.remove(offer);
    if (closed_) throw QueueClosed();
    return false;
  }

  std::optional<T> get_until(const Due& due, bool& in_time) {
    Guard guard(mutex_);
    look_for_losses();
    if (getting() == 0 && may_get()) return has_item() ? std::optional<T>(take(false)) : std::nullopt;
    {
      typename Sync::Waiter waiter(guard, getters_, "Channel::get");
      try {
        do {  // once at least: those who came before come first
          in_time = waiter.wait_until(due);
        } while (in_time && !may_get());
      } catch (...) {
        if (!waiter.orphaned()) waiter.pass_on();
        throw;
      }
    }  // it is not in the list any more where it wakes another
    if (!has_item()) return std::nullopt;
    in_time = true;
    std::optional<T> item(take(true));
    if (has_item()) getters_.wake_one();  // one that came meanwhile was not told
    return item;
  }

  mutable typename Sync::Mutex mutex_;
  bool closed_ = false;
  mutable typename Sync::LossMark losses_;
  std::uint64_t turn_ = 0;  // of the next item
  Ring<Handed> handed_;     // given by try_put() to getters that have not run yet
  mutable Offers offers_;
  typename Sync::List putters_;
};

}  // namespace verdin::impl
