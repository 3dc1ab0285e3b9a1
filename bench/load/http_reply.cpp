#include "http_reply.hpp"

#include <charconv>

namespace bench {
namespace {

constexpr std::string_view kStatus = "HTTP/1.1 200 ";
constexpr std::string_view kLength = "\r\nContent-Length: ";
constexpr std::size_t kMaxHead = 16 * 1024;

}  // namespace

ReplyStatus take_reply(std::string_view& input, std::string_view& body) {
  const std::size_t head_size = input.substr(0, kMaxHead).find("\r\n\r\n");
  if (head_size == std::string_view::npos) {
    return input.size() < kMaxHead ? ReplyStatus::kIncomplete : ReplyStatus::kInvalid;
  }
  const std::string_view head = input.substr(0, head_size);
  const std::size_t at = head.find(kLength);
  if (!head.starts_with(kStatus) || at == std::string_view::npos) return ReplyStatus::kInvalid;
  std::size_t size = 0;
  const char* const digits = head.data() + at + kLength.size();
  const char* const head_end = head.data() + head.size();
  const auto [end, error] = std::from_chars(digits, head_end, size);
  if (error != std::errc() || (end != head_end && *end != '\r')) return ReplyStatus::kInvalid;
  if (input.size() - head_size - 4 < size) return ReplyStatus::kIncomplete;
  body = input.substr(head_size + 4, size);
  input.remove_prefix(head_size + 4 + size);
  return ReplyStatus::kReply;
}

}  // namespace bench
