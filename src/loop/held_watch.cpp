// HeldWatch: what a Loop gives out for a watch of its backend. It may outlive the loop, whose end ends the
// watch.
#include <memory>
#include <utility>

#include <verdin/loop/loop.hpp>

namespace verdin::loop {

class Loop::HeldWatch final : public Watch {
 public:
  HeldWatch(Loop& loop, WatchPtr watch) : loop_(loop), watch_(std::move(watch)), next_(loop.held_) {
    if (next_) next_->prev_ = this;
    loop.held_ = this;
  }
  ~HeldWatch() override { end(); }
  void set_ref(bool ref) override {
    if (watch_) watch_->set_ref(ref);
  }
  void after_fork() noexcept override {
    for (HeldWatch* each = this; each; each = each->next_) {
      if (each->watch_) each->watch_->after_fork();
    }
  }
  void end() noexcept {
    const WatchPtr watch = std::move(watch_);
    if (!watch) return;
    (prev_ ? prev_->next_ : loop_.held_) = next_;
    if (next_) next_->prev_ = prev_;
  }

 private:
  Loop& loop_;
  WatchPtr watch_;  // null: the loop has gone
  HeldWatch* next_;
  HeldWatch* prev_ = nullptr;
};

WatchPtr Loop::hold(WatchPtr watch) { return std::make_unique<HeldWatch>(*this, std::move(watch)); }

WatchPtr Loop::on_fork(UniqueFunction<void()> parted) {
  struct ForkWatch final : Watch {
    explicit ForkWatch(UniqueFunction<void()> call) : parted(std::move(call)) {}
    void set_ref(bool) override {}  // it keeps nothing waiting
    void after_fork() noexcept override { parted(); }
    UniqueFunction<void()> parted;
  };
  return hold(std::make_unique<ForkWatch>(std::move(parted)));
}

void Loop::tell_watches_of_fork() noexcept {
  if (held_) held_->after_fork();
}

void Loop::end_watches() noexcept {
  while (held_) held_->end();
}

}  // namespace verdin::loop
