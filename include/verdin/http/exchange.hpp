// Exchange: one request that is being answered.
//
// Whoever answers holds an IntrusivePtr<Exchange>, for as long as it takes: a long-poll holds this and no
// greenlet. Exactly one of respond(), respond_file() and take_stream() ends it; letting go of the last
// reference before that answers 500. An Exchange outlives its connection, and even its App, safely: its calls
// do nothing then.
//
// Threads: the hub's only, from a greenlet or in hub context. Nothing blocks. respond() and respond_file()
// throw std::invalid_argument for a header that could split the response or that belongs to the server
// (Content-Length, Transfer-Encoding), before anything is sent.
//
// start(), write() and end() answer piece by piece instead: chunked (to HTTP/1.0: until the connection
// closes), or of a size that start() was told. Other than that many octets is std::length_error, from write()
// before it sends them, and from end(). write(), read_body() and peer_leaves() block their greenlet; one
// greenlet at a time may be in one of them. end() blocks nobody, and may come from another: write() is false
// then. An answer that was started and let go of before end() has its connection dropped: the peer sees that
// it is not whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/base/shared_buffer.hpp>
#include <verdin/base/unique_function.hpp>
#include <verdin/http/request.hpp>
#include <verdin/loop/deadline_timer.hpp>
#include <verdin/loop/stream.hpp>
#include <verdin/protocol/http1/body_decoder.hpp>
#include <verdin/protocol/http1/response_head.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/impl/object_pool.hpp>

namespace verdin::http {

using http1::Header;
class Connection;
class Endpoint;
struct Route;

/// A part of an open regular file, as a response's body. Owns the descriptor.
class FileBody {
 public:
  FileBody() noexcept = default;
  FileBody(int fd, std::uint64_t offset, std::uint64_t size) noexcept
      : fd_(fd), offset_(offset), size_(size) {}
  FileBody(FileBody&& other) noexcept;
  FileBody& operator=(FileBody&& other) noexcept;
  ~FileBody();

  explicit operator bool() const noexcept { return fd_ >= 0; }
  std::uint64_t size() const noexcept { return size_; }
  void select(std::uint64_t offset, std::uint64_t size) noexcept {
    offset_ = offset;
    size_ = size;
  }
  /// Appends up to `limit` octets and moves on; 0 at the end, -1 if the file cannot be read or has become
  /// shorter.
  std::ptrdiff_t read(std::string& to, std::size_t limit);
  /// Hands up to `limit` octets to the stream without reading them, and moves on; `done`: so many, or all,
  /// are with the kernel.
  loop::FileSend send_to(loop::Stream& stream, std::uint64_t limit);

 private:
  int fd_ = -1;
  std::uint64_t offset_ = 0;
  std::uint64_t size_ = 0;
};

class Exchange final : public RefCounted<Exchange> {
 public:
  ~Exchange();
  // One a request: from the pool of greenlets' objects.
  static void* operator new(std::size_t size) { return impl::allocate_object(size); }
  static void operator delete(void* exchange) noexcept { impl::free_object(exchange, sizeof(Exchange)); }

  Request& request() noexcept { return request_; }
  const Request& request() const noexcept { return request_; }

  /// Answers. Date, Content-Length and Connection are added; a HEAD request gets no body. The octets are
  /// queued at once and leave by the end of the loop's turn. Does nothing if finished() already.
  void respond(int status, std::span<const Header> headers, std::string_view body);
  void respond(int status, std::span<const Header> headers, const SharedBuffer& body);
  void respond(int status, std::initializer_list<Header> headers, std::string_view body) {
    respond(status, std::span(headers.begin(), headers.size()), body);
  }
  void respond(int status, std::initializer_list<Header> headers, const SharedBuffer& body) {
    respond(status, std::span(headers.begin(), headers.size()), body);
  }
  /// Answers with a file, read piece by piece as the peer takes it. Pieces are read on the loop's thread.
  void respond_file(int status, std::span<const Header> headers, FileBody body);

  /// The head of an answer in pieces; `size`: of all of them, told as Content-Length.
  void start(int status, std::span<const Header> headers, std::optional<std::uint64_t> size = std::nullopt);
  bool started() const noexcept { return started_; }
  /// The next piece. Waits while the peer takes too little of what was sent before. False: it has gone.
  bool write(std::string_view piece);
  /// A field that end() sends behind the body, for who asked for such by "TE: trailers" (RFC 9110 section
  /// 6.5). False: he did not, or there are no chunks to send it behind (the size was told).
  /// std::invalid_argument for a field that has no place there, std::logic_error before start().
  bool trailer(std::string_view name, std::string_view value);
  void end();

  /// The next octets of the body: of one that is read in pieces (RouteOptions::stream_body) as they come, of
  /// others what is there; 0 at the end. Throws BodyError.
  std::size_t read_body(std::span<char> into);
  /// Waits, `limit` at most, for the peer to go away; true if it has, or the app has dropped it, or stops:
  /// see stopping(). From the first call on a peer that closes its side counts as gone, as for on_abort().
  bool peer_leaves(loop::Clock::duration limit);
  /// The app has been told to stop, and the peer still waits: what is left of the answer reaches it if it
  /// comes within Options::stop_grace. False when finished().
  bool stopping() const noexcept;

  /// Answered, aborted, or the stream was taken.
  bool finished() const noexcept { return finished_; }

  /// `aborted` is called at most once, in hub context: when the peer goes away, or the app is stopped for
  /// good, before respond(). Without it a peer that has half-closed still gets its response.
  void on_abort(UniqueFunction<void()> aborted);

  /// The connection closes behind this response.
  void close_after() noexcept { close_after_ = true; }

  /// What the middlewares that ran before an endpoint was asked have set for the answer: a cookie, say. An
  /// endpoint adds them to its own as far as they fit; websocket::accept() and refuse() do. None behind
  /// take_stream().
  std::span<const Header> headers_of_middlewares() const noexcept;

  /// Reports what fails later in the request's name as what a handler throws is: to App::on_error, or where
  /// that is not set to the hub's error hook. It works on when the request is answered and when its stream
  /// was taken, and keeps the request until then. Empty when finished().
  using Reporter = UniqueFunction<void(std::exception_ptr)>;
  Reporter reporter();

  /// For upgrades: the connection forgets the stream and ends without touching it. `leftover` gets the octets
  /// that came in behind the request. Null when finished(). The caller sets a handler before it returns to
  /// the loop.
  loop::StreamPtr take_stream(std::string& leftover);

 private:
  friend class Connection;
  friend class Server;
  friend class Request;
  friend class Response;
  Exchange() = default;
  void wait(std::optional<loop::Clock::duration> limit = std::nullopt);
  void wake();
  void drop();
  /// end(), behind a last piece, for which nobody waits.
  void end_behind(std::string_view last);

  Connection* connection_ = nullptr;  // from the complete request to the answer
  UniqueFunction<void()> aborted_;
  Request request_;
  http1::BodyDecoder decoder_;
  std::size_t body_limit_ = 0;
  Endpoint* endpoint_ = nullptr;  // who answers: one of these, or the router with a status
  Route* route_ = nullptr;
  int router_status_ = 0;
  std::size_t held_used_ = 0;    // of what the connection holds, octets of the body that were read
  std::uint64_t body_size_ = 0;  // octets of the body so far
  loop::Clock::time_point wait_began_{};
  loop::Clock::duration waited_{};  // for the peer to send the body
  Event woken_;
  loop::Clock::time_point began_{};  // when it could be answered; set if somebody wants to know
  struct Extras {
    ~Extras();             // not where every exchange ends
    std::string trailers;  // of the answer, with their line ends
    std::vector<std::pair<std::string, std::string>> from_middlewares;
    std::vector<Header> views;  // of those
  };
  Extras& extras() {
    if (!extras_) extras_ = std::make_unique<Extras>();
    return *extras_;
  }
  std::unique_ptr<Extras> extras_;  // few have any
  std::uint64_t answer_size_ = 0;
  std::uint64_t left_ = 0;  // of the size that was told
  int status_ = 0;          // of the answer
  int body_status_ = 0;     // of what was wrong with it
  bool finished_ = false;
  bool close_after_ = false;
  bool waits_ = false;  // somebody does, for the peer
  bool started_ = false;
  bool has_body_ = false;     // the answer that was started
  bool has_size_ = false;     // and has told it
  bool reads_body_ = false;   // the request's is read in pieces, and has not come to its end
  bool awaits_body_ = false;  // somebody waits for more of it
  bool sent_continue_ = false;
  bool headers_are_checked_ = false;  // those that respond() gets just now: see Response
};

using ExchangePtr = IntrusivePtr<Exchange>;

}  // namespace verdin::http
