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
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/base/shared_buffer.hpp>
#include <verdin/base/unique_function.hpp>
#include <verdin/http/request.hpp>
#include <verdin/loop/stream.hpp>
#include <verdin/protocol/http1/body_decoder.hpp>
#include <verdin/protocol/http1/response_head.hpp>

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

 private:
  int fd_ = -1;
  std::uint64_t offset_ = 0;
  std::uint64_t size_ = 0;
};

class Exchange final : public RefCounted<Exchange> {
 public:
  ~Exchange();

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

  /// Answered, aborted, or the stream was taken.
  bool finished() const noexcept { return finished_; }

  /// `aborted` is called at most once, in hub context: when the peer goes away, or the app is stopped for
  /// good, before respond(). Without it a peer that has half-closed still gets its response.
  void on_abort(UniqueFunction<void()> aborted);

  /// The connection closes behind this response.
  void close_after() noexcept { close_after_ = true; }

  /// For upgrades: the connection forgets the stream and ends without touching it. `leftover` gets the octets
  /// that came in behind the request. Null when finished(). The caller sets a handler before it returns to
  /// the loop.
  loop::StreamPtr take_stream(std::string& leftover);

 private:
  friend class Connection;
  friend class Server;
  Exchange() = default;

  Connection* connection_ = nullptr;  // from the complete request to the answer
  UniqueFunction<void()> aborted_;
  Request request_;
  http1::BodyDecoder decoder_;
  std::size_t body_limit_ = 0;
  Endpoint* endpoint_ = nullptr;  // who answers: one of these, or the router with a status
  Route* route_ = nullptr;
  int router_status_ = 0;
  bool finished_ = false;
  bool close_after_ = false;
};

using ExchangePtr = IntrusivePtr<Exchange>;

}  // namespace verdin::http
