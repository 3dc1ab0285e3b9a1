// TicketKeys: what the tickets of a server's sessions are sealed with (RFC 5077, RFC 8446 4.6.1).
//
// A key seals tickets for `lifetime`, and opens them for as long again. Tickets are sealed by a key that was
// made when it was first needed, so a server that nobody comes to has none. Any thread.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>

#include <openssl/evp.h>

#include <verdin/loop/deadline_timer.hpp>

namespace verdin::net::impl {

class TicketKeys {
 public:
  /// At most a hundred years count.
  explicit TicketKeys(std::chrono::milliseconds lifetime) noexcept
      : lifetime_(std::min<std::chrono::milliseconds>(lifetime, std::chrono::hours(24 * 365 * 100))) {}
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;
  ~TicketKeys();

  /// As OpenSSL's callback for tickets wants it: 1 done, 2 done and a new ticket is due, 0 an unknown key, -1
  /// failed.
  int seal(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) noexcept;
  int open(const unsigned char* name, const unsigned char* iv, EVP_CIPHER_CTX* cipher,
           EVP_MAC_CTX* mac) noexcept;
  /// A new key from now on; the one before it still opens. Throws TlsError if there is no randomness.
  void rotate();

 private:
  using Clock = loop::Clock;
  struct Key {
    std::array<unsigned char, 16> name;
    std::array<unsigned char, 32> cipher;
    std::array<unsigned char, 32> mac;
    Clock::time_point made;
  };

  bool renew(Clock::time_point now) noexcept;
  bool make(Clock::time_point now) noexcept;

  const std::chrono::milliseconds lifetime_;
  std::mutex mutex_;
  std::array<Key, 2> keys_{};  // the one that seals, and the one before it
  int count_ = 0;
};

}  // namespace verdin::net::impl
