// GreenletClass<T>: for those who would rather derive a class than pass a function: state, and run().
//
//   class Crawler : public verdin::GreenletClass<int> {
//    public:
//     explicit Crawler(std::string url) : url_(std::move(url)) {}
//    private:
//     int run() override { return fetch(url_); }
//     std::string url_;
//   };
//   auto crawler = std::make_shared<Crawler>("http://...");
//   crawler->start();
//   crawler->greenlet().get();
//
// The object lives at least until run() has ended, so it is made with std::make_shared (std::bad_weak_ptr
// otherwise). Of one hub's thread. start() does not block.
#pragma once

#include <memory>
#include <stdexcept>

#include <verdin/runtime/greenlet.hpp>

namespace verdin {

template <typename T = void>
class GreenletClass : public std::enable_shared_from_this<GreenletClass<T>> {
 public:
  GreenletClass() = default;
  GreenletClass(const GreenletClass&) = delete;
  GreenletClass& operator=(const GreenletClass&) = delete;
  virtual ~GreenletClass() = default;

  /// Queues run() on a greenlet of its own. A second call does nothing.
  void start(SpawnPoint where = SpawnPoint::here()) {
    if (greenlet_.valid()) return;
    greenlet_ = spawn_at(where, [self = this->shared_from_this()] { return self->run(); });
  }
  /// The one that start() spawned. Throws std::logic_error before that.
  Greenlet<T>& greenlet() {
    if (!greenlet_.valid()) throw std::logic_error("verdin: this greenlet has not been started");
    return greenlet_;
  }
  void join() { greenlet().join(); }
  void kill() { greenlet().kill(); }

 protected:
  virtual T run() = 0;

 private:
  Greenlet<T> greenlet_;
};

}  // namespace verdin
