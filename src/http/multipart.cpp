#include <algorithm>
#include <array>

#include <verdin/http/multipart.hpp>

namespace verdin::http {

namespace {

using FormEvent = http1::MultipartParser::Event;
constexpr std::size_t kPieceOfForm = 16 * 1024;
constexpr std::size_t kLongestValue = 1024;  // of a number: 2^-1074 has 752 digits that count

std::string boundary_of(const Request& request) {
  const auto boundary = http1::multipart_boundary(request.header("Content-Type").value_or(""));
  if (!boundary) throw BodyError(415, "not a form with parts");
  return *boundary;
}

}  // namespace

Multipart::Multipart(Request& request, const http1::MultipartLimits& limits)
    : request_(request), parser_(boundary_of(request), limits) {}

void Multipart::throw_failure() const { throw BodyError(parser_.error().status, parser_.error().reason); }

// To the next thing that happens.
FormEvent Multipart::pump() {
  while (true) {
    last_ = parser_.feed(rest_, piece_);
    if (last_ == FormEvent::failed) throw_failure();
    if (last_ != FormEvent::more) return last_;
    buffer_.resize(kPieceOfForm);
    const std::size_t size = request_.read(std::span(buffer_));
    if (size == 0) throw BodyError(400, "a form that was cut short");
    rest_ = std::string_view(buffer_).substr(0, size);
  }
}

bool Multipart::next() {
  piece_ = {};
  while (last_ == FormEvent::data || last_ == FormEvent::more) pump();
  piece_ = {};
  if (last_ == FormEvent::done) {
    std::array<char, 1024> dropped;  // what may come behind the last part
    while (request_.read(std::span(dropped)) > 0) {
    }
    return false;
  }
  if (last_ == FormEvent::failed) throw_failure();
  name_ = parser_.name();
  file_name_ = parser_.file_name();
  content_type_ = parser_.content_type();
  last_ = FormEvent::data;
  return true;
}

// Runs end where the parser is in doubt: they are put together as long as that takes no waiting, since what
// is read is often written somewhere, at a price for each time.
std::size_t Multipart::read(std::span<char> into) {
  if (piece_.empty()) {
    // What failed fails again: an end would make a whole of it. `more`: it was cut short, or has stalled.
    if (last_ == FormEvent::failed) throw_failure();
    if (last_ != FormEvent::data && last_ != FormEvent::more) return 0;
    if (pump() != FormEvent::data) return 0;
  }
  std::size_t size = 0;
  do {
    const std::size_t some = piece_.copy(into.data() + size, into.size() - size);
    piece_.remove_prefix(some);
    size += some;
    if (size == into.size() || rest_.empty()) return size;
    last_ = parser_.feed(rest_, piece_);  // what fails is told by the next read
  } while (last_ == FormEvent::data);
  return size;
}

std::string Multipart::read_all(std::size_t limit) {
  std::string text;
  std::array<char, 4096> piece;
  while (const std::size_t size = read(std::span(piece))) {
    if (size > limit - text.size()) throw BodyError(413, "a part of a form is too large");
    text.append(piece.data(), size);
  }
  return text;
}

/// What is longer is none: the rest of it is skipped.
std::optional<std::string> Multipart::read_value() {
  std::array<char, kLongestValue + 1> piece;
  std::size_t size = 0;
  while (size < piece.size()) {
    const std::size_t some = read(std::span(piece).subspan(size));
    if (some == 0) break;
    size += some;
  }
  if (file_name_ || size == piece.size()) return std::nullopt;
  return std::string(piece.data(), size);
}

}  // namespace verdin::http
