// RawTlsPeer: a TLS client (or, of TLS 1.3, a server) that, once it has shaken hands, says whatever a test
// wants, under the right keys.
//
// OpenSSL does the handshake; records are sealed here, with AES-128-GCM. What the other says afterwards is
// nobody's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/ssl.h>

#include <verdin/net/socket.hpp>

#include "support/socket_pairs.hpp"

namespace verdin::test {

class RawTlsPeer {
 public:
  static constexpr unsigned char kAlert = 21, kHandshake = 22, kData = 23;

  /// A client. `version`: TLS1_2_VERSION or TLS1_3_VERSION.
  RawTlsPeer(net::Socket& socket, int version) : RawTlsPeer(socket, version, false) {
    SSL_set_connect_state(ssl_);
  }
  /// A server, of TLS 1.3, that gives no tickets by itself.
  RawTlsPeer(net::Socket& socket, const std::string& certificate_file, const std::string& key_file)
      : RawTlsPeer(socket, TLS1_3_VERSION, true) {
    SSL_use_certificate_file(ssl_, certificate_file.c_str(), SSL_FILETYPE_PEM);
    SSL_use_PrivateKey_file(ssl_, key_file.c_str(), SSL_FILETYPE_PEM);
    SSL_set_num_tickets(ssl_, 0);
    SSL_set_accept_state(ssl_);
  }
  RawTlsPeer(const RawTlsPeer&) = delete;
  RawTlsPeer& operator=(const RawTlsPeer&) = delete;
  ~RawTlsPeer() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }

  SSL* ssl() noexcept { return ssl_; }

  /// As often as it is wanted: the second time negotiates anew. False if it fails.
  bool handshake() {
    for (;;) {
      const int result = SSL_do_handshake(ssl_);
      const bool wants_more = SSL_get_error(ssl_, result) == SSL_ERROR_WANT_READ;
      flush();
      if (result == 1) break;
      if (!wants_more) return false;
      const std::string got = socket_.recv(20'000, kLong);
      if (got.empty()) return false;
      BIO_write(in_, got.data(), static_cast<int>(got.size()));
    }
    version_ == TLS1_3_VERSION ? derive_keys() : derive_keys_of_tls12();
    return true;
  }

  /// One record with `content` in it.
  std::string record(std::string content, unsigned char type) {
    const bool tls13 = version_ == TLS1_3_VERSION;
    std::string nonce = iv_;
    std::string prefix;  // of what is sealed
    std::string number;
    for (int i = 7; i >= 0; --i) number += static_cast<char>(sequence_ >> (8 * i));
    ++sequence_;
    if (tls13) {
      content += static_cast<char>(type);
      type = kData;
      for (std::size_t i = 0; i < 8; ++i) nonce[4 + i] = static_cast<char>(nonce[4 + i] ^ number[i]);
    } else {
      nonce += number;
      prefix = number;
    }
    const std::string head = head_of(type, prefix.size() + content.size() + kTag);
    const std::string added = tls13 ? head : number + head_of(type, content.size());
    return head + prefix + seal(content, nonce, added);
  }
  /// After a KeyUpdate: those of the next generation (RFC 8446, 7.2).
  void next_keys() {
    secret_ = expand("traffic upd", 32);
    derive_keys();
  }
  /// Asks the peer for nothing, and has changed the keys when it returns.
  std::string key_update(bool asks_for_one = false) {
    std::string update =
        record(std::string("\x18\x00\x00\x01", 4) + (asks_for_one ? '\1' : '\0'), kHandshake);
    next_keys();
    return update;
  }

 private:
  static constexpr std::size_t kTag = 16;

  RawTlsPeer(net::Socket& socket, int version, bool server) : socket_(socket), version_(version) {
    context_ = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    SSL_CTX_set_min_proto_version(context_, version);
    SSL_CTX_set_max_proto_version(context_, version);
    SSL_CTX_set_ciphersuites(context_, "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set_cipher_list(context_, "ECDHE-ECDSA-AES128-GCM-SHA256");
    SSL_CTX_set_keylog_callback(context_, [](const SSL* ssl, const char* line) {
      static_cast<RawTlsPeer*>(SSL_get_app_data(ssl))->note_secret(line);
    });
    ssl_ = SSL_new(context_);
    SSL_set_app_data(ssl_, this);
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_, in_, out_);
  }

  static std::string head_of(unsigned char type, std::size_t size) {
    return {static_cast<char>(type), 3, 3, static_cast<char>(size >> 8), static_cast<char>(size & 255)};
  }
  static const unsigned char* octets(const std::string& text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  }
  static unsigned char* octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

  std::string seal(const std::string& content, const std::string& nonce, const std::string& added) const {
    EVP_CIPHER_CTX* const cipher = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex(cipher, EVP_aes_128_gcm(), nullptr, octets(key_), octets(nonce));
    int size = 0;
    EVP_EncryptUpdate(cipher, nullptr, &size, octets(added), static_cast<int>(added.size()));
    std::string sealed(content.size() + kTag, '\0');
    EVP_EncryptUpdate(cipher, octets(sealed), &size, octets(content), static_cast<int>(content.size()));
    EVP_EncryptFinal_ex(cipher, octets(sealed) + size, &size);
    EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, kTag, sealed.data() + content.size());
    EVP_CIPHER_CTX_free(cipher);
    return sealed;
  }

  void note_secret(std::string_view line) {
    if (!line.starts_with(SSL_is_server(ssl_) ? "SERVER_TRAFFIC_SECRET_0 " : "CLIENT_TRAFFIC_SECRET_0 "))
      return;
    const std::string hex(line.substr(line.rfind(' ') + 1));
    secret_.clear();
    for (std::size_t i = 0; i < hex.size(); i += 2)
      secret_ += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }

  /// HKDF-Expand-Label (RFC 8446, 7.1) of up to 32 octets, which are one block of HMAC.
  std::string expand(const std::string& label, std::size_t size) const {
    const std::string full = "tls13 " + label;
    std::string info{0, static_cast<char>(size), static_cast<char>(full.size())};
    info += full;
    info += '\0';
    info += '\1';
    unsigned got = 0;
    std::string mac(32, '\0');
    HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()), octets(info), info.size(),
         octets(mac), &got);
    return mac.substr(0, size);
  }

  void derive_keys() {
    key_ = expand("key", 16);
    iv_ = expand("iv", 12);
    sequence_ = 0;
  }

  /// RFC 5246, 6.3: the client's key, the server's, and the fixed parts of their nonces.
  void derive_keys_of_tls12() {
    std::string secret(48, '\0');
    SSL_SESSION_get_master_key(SSL_get_session(ssl_), octets(secret), secret.size());
    std::string seed = "key expansion" + std::string(64, '\0');
    SSL_get_server_random(ssl_, octets(seed) + 13, 32);
    SSL_get_client_random(ssl_, octets(seed) + 45, 32);
    char digest[] = "SHA256";
    const std::array<OSSL_PARAM, 4> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, secret.data(), secret.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed.data(), seed.size()),
        OSSL_PARAM_construct_end()};
    EVP_KDF* const function = EVP_KDF_fetch(nullptr, "TLS1-PRF", nullptr);
    EVP_KDF_CTX* const use = EVP_KDF_CTX_new(function);
    std::string block(40, '\0');
    EVP_KDF_derive(use, octets(block), block.size(), parameters.data());
    EVP_KDF_CTX_free(use);
    EVP_KDF_free(function);
    key_ = block.substr(0, 16);
    iv_ = block.substr(32, 4);
    sequence_ = 1;  // the handshake's end was the first under these keys
  }

  void flush() {
    std::array<char, 20'000> buffer;
    for (int n; (n = BIO_read(out_, buffer.data(), static_cast<int>(buffer.size()))) > 0;)
      socket_.send_all({buffer.data(), static_cast<std::size_t>(n)}, kLong);
  }

  net::Socket& socket_;
  const int version_;
  SSL_CTX* context_;
  SSL* ssl_;
  BIO* in_;   // the SSL's
  BIO* out_;  // the SSL's
  std::string secret_;
  std::string key_;
  std::string iv_;
  std::uint64_t sequence_ = 0;
};

}  // namespace verdin::test
