// Deflater: compresses the messages of one connection (RFC 7692, section 7.2.1). No I/O.
//
// Threads: one at a time. Throws std::bad_alloc. Without context takeover it owns no memory: all deflaters of
// a thread that agree in their parameters use one context, and the result can be sent to all of them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <verdin/protocol/websocket/deflate_offer.hpp>
#include <verdin/protocol/websocket/frame.hpp>

namespace verdin::protocol::websocket {

class Deflater {
 public:
  /// The sending side of a server, or a client, that agreed on `params`.
  Deflater(const DeflateParams& params, const DeflateOptions& options, Role role = Role::server) noexcept;
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  ~Deflater();

  /// Appends the payload of the compressed message to `to`. With context takeover it must be sent then, in
  /// this order, or the peer cannot read what follows.
  void deflate(std::string_view message, std::string& to);

  /// The same for a message that is made in parts, none of them empty: each is appended so that the peer can
  /// restore all of it from what it has by then, and kEnd closes the message. With context takeover a part
  /// refers to what came before, and no other message may be compressed meanwhile; without, each stands
  /// alone, so that a message which takes its time occupies no context.
  void deflate_part(std::string_view part, std::string& to);
  /// Without context takeover: a part as it is, and 5 octets for each 64 KB.
  static void store_part(std::string_view part, std::string& to);
  static constexpr std::string_view kEnd{"\0", 1};

  bool takes_over() const noexcept { return takes_over_; }

  /// Deflaters without context takeover and with the same settings make the same of a message.
  struct Settings {
    int window_bits;
    int level;
    int memory_level;
    bool operator==(const Settings&) const = default;
  };
  const Settings& settings() const noexcept { return settings_; }

 private:
  struct Context;

  Context& context();

  std::unique_ptr<Context> own_;  // with takeover, from the first message on
  Settings settings_;
  bool takes_over_;
};

}  // namespace verdin::protocol::websocket
