// Stream: one connected stream socket, driven by a Loop; and StreamHandler, the code that it feeds.
//
// Made for completion backends as much as for readiness ones: data arrives in a buffer that the loop owns,
// and what is sent is handed to the loop, which writes it once a turn, however many calls produced it (one
// system call for each connection and turn).
//
// Threads: a Stream belongs to its loop's thread; every call and every callback happens there. Nothing here
// blocks. Nothing throws but std::bad_alloc. Ownership: the holder of the StreamPtr owns the connection;
// dropping it closes the socket at once and discards what was not sent (see retire() for the polite way). It
// may be dropped inside any callback, and no callback follows.
//
// In a child of fork() the parent's streams say and hear nothing: nothing is read from them, what is sent is
// dropped (a handler that waits for on_drained() is told), and dropping one, or retire(), ends it there
// without a word to the peer: what runs over them, sessions and servers, would have much to say as it ends. A
// child that is to go on with a connection adopts a copy of its descriptor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <verdin/base/shared_buffer.hpp>

namespace verdin::loop {

class Loop;
class Stream;

/// What became of a Stream::send_file().
enum class FileSend : std::uint8_t {
  done,        // it is all with the kernel
  full,        // the kernel takes no more now: on_drained() follows, or on_error()
  failed,      // it cannot be read, or has become shorter
  unsupported  // not by this stream, or of this file: it is to be read and sent
};

/// So many octets behind the data given to on_data() may be read and written: parsers that work on words need
/// no copy.
inline constexpr std::size_t kReadPadding = 64;

/// The most that is given to on_data() at once; after expect_bulk().
inline constexpr std::size_t kMostRead = 64 * 1024 + 256;  // 64 KiB and the head of what carries them
inline constexpr std::size_t kBulkRead = 256 * 1024 + 256;
/// From so many octets of large reads on, those of one turn of the loop are as small as all others: however
/// many peers send something large, who waits behind them waits no longer than behind as many small reads,
/// and this.
inline constexpr std::size_t kBulkOfTurn = 1024 * 1024;

class StreamHandler {
 public:
  /// `data` is valid until the call returns; it may be changed in place (a WebSocket frame is unmasked
  /// there).
  virtual void on_data(std::span<char> data) = 0;
  /// The peer will send no more (FIN). Sending goes on working.
  virtual void on_eof() = 0;
  /// The connection is broken (reset, timed out). Nothing more can be sent; the holder should drop the
  /// stream.
  virtual void on_error(std::error_code reason) = 0;
  /// Everything is written, after a time in which the kernel would not take it all (after each flush() that
  /// leaves something unsent, either this or on_error() comes).
  virtual void on_drained() {}

 protected:
  ~StreamHandler() = default;
};

class Stream {
 public:
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Who is fed. Nothing is read before the first handler is set; it may be replaced at any time (an
  /// upgrade). That the connection broke while there was none is told to the next.
  virtual void set_handler(StreamHandler* handler) = 0;

  /// Queues a copy; it leaves before the loop polls again. What is large goes to the kernel at once, behind
  /// what is queued, and only what it does not take is copied. (If that fails behind a part of it, the
  /// stream is broken: what throws has queued nothing.)
  virtual void send(std::string_view bytes) = 0;
  /// Queues a reference when the buffer is large enough for that to be cheaper than a copy.
  virtual void send(const SharedBuffer& buffer) = 0;
  /// The queue's tail, to be appended to in place (an encoder writes there without a copy in between).
  /// Valid until the next call on this stream.
  virtual std::string& send_in_place() = 0;
  /// Octets queued and not yet taken by the kernel.
  virtual std::size_t unsent() const = 0;
  /// Tries to write what is queued now rather than at the end of the turn.
  virtual void flush() = 0;
  /// Octets that the kernel has room for now, about; as many as can be named where nobody knows. A system
  /// call.
  virtual std::size_t room() const { return std::numeric_limits<std::size_t>::max(); }
  /// Hands octets of an open regular file to the kernel, behind what is queued, without a copy here: `size`
  /// of them from `offset` on, both of which are moved on by what was taken. Blocks while the file is read
  /// from its disk.
  virtual FileSend send_file(int /*file*/, std::uint64_t& /*offset*/, std::uint64_t& /*size*/) {
    return FileSend::unsupported;
  }

  /// Back-pressure: while paused nothing is read, so the peer's window fills. Nests not.
  virtual void pause() = 0;
  virtual void resume() = 0;
  /// What comes next is the rest of something large: the next read may take kBulkRead octets at once instead
  /// of what is fair to other streams while each of those octets may cause any work (while others have not
  /// read kBulkOfTurn so in this turn). Until the next on_data().
  virtual void expect_bulk() {}
  /// Has the peer sent its FIN, or is the connection broken? Tells also while paused, when on_eof() and
  /// on_error() do not come; what the peer sent before may be unread. A system call.
  virtual bool peer_gone() const { return false; }

  virtual Loop& loop() const = 0;
  virtual int fd() const = 0;
  /// "127.0.0.1" or "::1"; empty for a Unix socket or a peer that has gone.
  virtual std::string peer_address() const = 0;

 protected:
  Stream() = default;
  virtual ~Stream() = default;
  friend struct StreamCloser;
  virtual void close() = 0;
  friend void retire(std::unique_ptr<Stream, struct StreamCloser> stream);
  virtual void finish() = 0;
};

struct StreamCloser {
  void operator()(Stream* stream) const { stream->close(); }
};
using StreamPtr = std::unique_ptr<Stream, StreamCloser>;

/// Closes politely: writes what is queued, sends FIN, discards what still comes in until the peer closes too,
/// and frees the socket then or after 5 seconds. (Closing at once with unread input would make the kernel
/// send RST, which can destroy a last answer before the peer has read it.)
void retire(StreamPtr stream);

}  // namespace verdin::loop
