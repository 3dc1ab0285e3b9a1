// TlsConnection: what a TlsStream is.
//
// OpenSSL reads from the socket itself, without waiting, and writes to `out_`, which is sent when it has
// returned: so it never stops in the middle of a record for want of room, and a greenlet that is killed while
// it waits for that leaves nothing undone that the next call would not do. No switch happens inside of
// OpenSSL, whose queue of errors is the thread's.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <verdin/net/socket.hpp>
#include <verdin/runtime/mutex.hpp>

#include "net/openssl/context_state.hpp"

namespace verdin::net::impl {

class TlsConnection {
 public:
  /// What OpenSSL waits for.
  enum class Wish { none, read, write };
  /// What was done without waiting. Nothing, and no wish: the end, or a failure().
  struct Attempt {
    std::size_t size = 0;
    Wish wish = Wish::none;
    unsigned idle = 0;  ///< records without data that were read on the way
  };

  TlsConnection(Socket socket, std::shared_ptr<TlsContextState> context, std::string_view host);
  TlsConnection(const TlsConnection&) = delete;
  TlsConnection& operator=(const TlsConnection&) = delete;
  ~TlsConnection();

  void handshake(Deadline limit, std::error_code& error);
  std::size_t recv(std::span<char> into, Deadline limit, std::error_code& error);
  std::size_t send(std::span<const std::string_view> pieces, Deadline limit, std::error_code& error);
  void shutdown_write(Deadline limit, std::error_code& error);
  void close() noexcept;

  // ---- After the handshake, for who is told by the loop when to go on (TlsLoopStream).
  bool shaken() const noexcept { return shaken_ && !failure_; }
  Attempt try_recv(std::span<char> into);
  /// Has OpenSSL read what it has not given?
  bool holds_input() const noexcept { return SSL_has_pending(ssl_.get()) == 1; }
  /// Encodes some of `data`, which flush_now() sends. A retry is of the same and what has come to it.
  Attempt try_send(std::string_view data);
  /// Sends what the kernel takes; false if that is not all.
  bool flush_now(std::error_code& error) noexcept;
  /// Encoded and not sent.
  std::size_t pending() const noexcept { return out_.size() - sent_; }
  /// Encoded and sent, ever.
  std::uint64_t flushed() const noexcept { return flushed_; }
  /// close_notify, if there is anybody to say it to: it is encoded.
  bool say_goodbye();
  const std::error_code& failure() const noexcept { return failure_; }

  Socket& socket() noexcept { return socket_; }
  SSL* ssl() noexcept { return ssl_.get(); }
  /// What has made it fail, in words.
  const std::string& failure_text() const noexcept { return failure_text_; }

  /// A callback of OpenSSL: the server has given a session.
  static int on_session(SSL* ssl, SSL_SESSION* session);
  /// Another: a ticket is to be sealed, or opened.
  static int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                       EVP_MAC_CTX* mac, int seal);
  /// And another: a record, or a message of a handshake, has come in, among other things.
  static void on_message(int sent, int version, int type, const void* data, std::size_t size, SSL* ssl,
                         void*);

 private:
  Wish step_handshake();
  Wish wish_of(int result, const ErrorQueue& errors);
  void prepare_client(std::string_view host);
  void note_failure(int kind, const ErrorQueue& errors);
  void note_early_end();
  void note_flood();
  std::size_t encode(std::string_view data, Deadline limit, std::error_code& error);
  void await_rest(std::chrono::milliseconds pause, Deadline limit, std::error_code& error);
  void shake_hands(Deadline limit, std::error_code& error);
  void finish_handshake();
  void forget_what_came_without_data();
  void forget_if_calm();
  bool await(Wish wish, Deadline limit, std::error_code& error);
  bool flush(Deadline limit, std::error_code& error);
  void let_others_run();

  Socket socket_;
  const std::shared_ptr<TlsContextState> context_;
  const std::shared_ptr<const LoadedTls> loaded_;
  SslPtr ssl_;
  std::string host_;  // of a client
  std::string out_;   // for the peer
  std::size_t sent_ = 0;
  std::uint64_t flushed_ = 0;
  int socket_error_ = 0;  // that OpenSSL ran into
  bool eof_ = false;
  unsigned records_without_data_ = 0;  // that came one after the other
  unsigned messages_without_data_ = 0;
  loop::Clock::time_point last_without_data_{};
  bool flooded_ = false;
  bool shaken_ = false;
  bool said_goodbye_ = false;
  const loop::ProcessMark made_;
  loop::LocalFlag reading_;
  loop::LocalFlag writing_;
  unsigned calls_at_once_ = 0;
  std::error_code failure_;
  std::string failure_text_;
  Mutex handshake_turn_;
};

}  // namespace verdin::net::impl
