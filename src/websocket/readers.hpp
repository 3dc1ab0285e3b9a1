// Readers: the greenlets that may yet call receive() of a Stream. Internal.
//
// One is known from when it first receives (or, being a route's function, begins) until it has ended. While
// it waits for the end of the connection it will not receive. Nothing of a greenlet is kept alive by this.
#pragma once

#include <list>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/impl/greenlet_base.hpp>
#include <verdin/runtime/impl/link.hpp>

namespace verdin::websocket::impl {

class Readers {
 public:
  /// `fewer` is set when one has ended.
  explicit Readers(Event& fewer) noexcept : fewer_(fewer) {}
  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;

  /// The running greenlet is one from now on.
  void add_running();
  /// May any of them go on to receive?
  bool any() const noexcept;

 private:
  struct Reader;

 public:
  /// While it is there, the running greenlet waits for the end.
  class Waiting {
   public:
    explicit Waiting(Readers& readers) noexcept;
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting();

   private:
    Reader* reader_;  // null: it has never received
  };

 private:
  struct Reader final : verdin::impl::Link {
    Reader(Readers& its, verdin::impl::GreenletBase& running);
    void read_by(verdin::impl::GreenletBase& running);
    static void on_end(Link& link) noexcept;

    Readers& readers;
    const verdin::impl::GreenletBase* greenlet = nullptr;  // null: it has ended
    bool waits = false;
  };
  Reader* find(const verdin::impl::GreenletBase* greenlet) noexcept;

  Event& fewer_;
  std::list<Reader> list_;  // mostly one
};

}  // namespace verdin::websocket::impl
