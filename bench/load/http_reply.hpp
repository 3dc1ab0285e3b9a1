// Takes one HTTP/1.1 answer off octets as they come. Knows what the servers under test send and no more: a
// status of 200 and a Content-Length.
#pragma once

#include <cstdint>
#include <string_view>

namespace bench {

enum class ReplyStatus : std::uint8_t { kReply, kIncomplete, kInvalid };

/// On kReply `body` is set and `input` stands behind it; `input` is left alone otherwise.
ReplyStatus take_reply(std::string_view& input, std::string_view& body);

}  // namespace bench
