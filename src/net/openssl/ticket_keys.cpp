#include "net/openssl/ticket_keys.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <verdin/net/tls_error.hpp>

namespace verdin::net::impl {
namespace {

bool set_mac(EVP_MAC_CTX* mac, std::array<unsigned char, 32>& key) noexcept {
  char digest[] = "SHA256";
  const std::array<OSSL_PARAM, 3> parameters{
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.data(), key.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters.data()) == 1;
}

}  // namespace

TicketKeys::~TicketKeys() { OPENSSL_cleanse(keys_.data(), sizeof keys_); }

/// The one that sealed so far becomes the one before.
bool TicketKeys::make(Clock::time_point now) noexcept {
  Key fresh{};
  const bool made = RAND_bytes(fresh.name.data(), static_cast<int>(fresh.name.size())) == 1 &&
                    RAND_priv_bytes(fresh.cipher.data(), static_cast<int>(fresh.cipher.size())) == 1 &&
                    RAND_priv_bytes(fresh.mac.data(), static_cast<int>(fresh.mac.size())) == 1;
  if (made) {
    fresh.made = now;
    keys_[1] = keys_[0];
    keys_[0] = fresh;
    count_ = std::min(count_ + 1, 2);
  }
  OPENSSL_cleanse(&fresh, sizeof fresh);
  return made;
}

/// Forgets what is too old, and sees that there is a key to seal with.
bool TicketKeys::renew(Clock::time_point now) noexcept {
  while (count_ > 0 && now - keys_[static_cast<std::size_t>(count_ - 1)].made >= 2 * lifetime_) {
    --count_;
    OPENSSL_cleanse(&keys_[static_cast<std::size_t>(count_)], sizeof(Key));
  }
  return (count_ > 0 && now - keys_[0].made < lifetime_) || make(now);
}

int TicketKeys::seal(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                     EVP_MAC_CTX* mac) noexcept {
  const std::scoped_lock lock(mutex_);
  const EVP_CIPHER* const aes = EVP_aes_256_cbc();
  if (!renew(Clock::now()) || RAND_bytes(iv, EVP_CIPHER_get_iv_length(aes)) != 1) return -1;
  Key& key = keys_[0];
  std::memcpy(name, key.name.data(), key.name.size());
  const bool ready =
      EVP_EncryptInit_ex(cipher, aes, nullptr, key.cipher.data(), iv) == 1 && set_mac(mac, key.mac);
  return ready ? 1 : -1;
}

int TicketKeys::open(const unsigned char* name, const unsigned char* iv, EVP_CIPHER_CTX* cipher,
                     EVP_MAC_CTX* mac) noexcept {
  const std::scoped_lock lock(mutex_);
  if (!renew(Clock::now())) return -1;
  for (int i = 0; i < count_; ++i) {
    Key& key = keys_[static_cast<std::size_t>(i)];
    if (std::memcmp(name, key.name.data(), key.name.size()) != 0) continue;
    const bool ready = set_mac(mac, key.mac) &&
                       EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv) == 1;
    return !ready ? -1 : i == 0 ? 1 : 2;
  }
  return 0;
}

void TicketKeys::rotate() {
  const std::scoped_lock lock(mutex_);
  if (!make(Clock::now())) throw TlsError(TlsErrc::failed, "no randomness for a key");
}

}  // namespace verdin::net::impl
