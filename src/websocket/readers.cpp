#include "websocket/readers.hpp"

#include <algorithm>

#include <verdin/runtime/hub.hpp>

namespace verdin::websocket::impl {

using verdin::impl::GreenletBase;

Readers::Reader::Reader(Readers& its, GreenletBase& running) : Link(&Reader::on_end), readers(its) {
  only_hear_of_ends();
  hear_of_end();
  read_by(running);
}

void Readers::Reader::read_by(GreenletBase& running) {
  greenlet = &running;
  rearm();
  running.add_link(*this);
}

void Readers::Reader::on_end(Link& link) noexcept {
  auto& self = static_cast<Reader&>(link);
  self.greenlet = nullptr;
  self.readers.fewer_.set();
}

Readers::Reader* Readers::find(const GreenletBase* greenlet) noexcept {
  for (Reader& reader : list_) {
    if (reader.greenlet == greenlet) return &reader;
  }
  return nullptr;
}

void Readers::add_running() {
  GreenletBase* const running = Hub::current().running();
  if (!running || find(running)) return;
  if (Reader* const ended = find(nullptr)) return ended->read_by(*running);
  list_.emplace_back(*this, *running);
}

bool Readers::any() const noexcept {
  return std::any_of(list_.begin(), list_.end(),
                     [](const Reader& reader) { return reader.greenlet && !reader.waits; });
}

Readers::Waiting::Waiting(Readers& readers) noexcept {
  const GreenletBase* const running = Hub::current().running();
  reader_ = running ? readers.find(running) : nullptr;
  if (reader_) reader_->waits = true;
}

Readers::Waiting::~Waiting() {
  if (reader_) reader_->waits = false;
}

}  // namespace verdin::websocket::impl
