#include <memory>
#include <mutex>

#include <verdin/base/fork_safe_mutex.hpp>
#include <verdin/base/log.hpp>

namespace verdin {
namespace {

constinit ForkSafeMutex sink_mutex;
std::shared_ptr<const LogSink> current_sink;

}  // namespace

void set_log_sink(LogSink sink) {
  auto fresh = sink ? std::make_shared<const LogSink>(std::move(sink)) : nullptr;
  std::scoped_lock lock(sink_mutex);
  current_sink.swap(fresh);
}

void log(LogLevel level, std::string_view message) noexcept {
  try {
    std::shared_ptr<const LogSink> sink;
    {
      std::scoped_lock lock(sink_mutex);
      sink = current_sink;
    }
    if (sink) (*sink)(level, message);
  } catch (...) {  // a sink that throws loses its line, not the server
  }
}

std::string printable(std::string_view text, std::size_t limit) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string out;
  for (unsigned char c : text) {
    if (out.size() >= limit) return out += "...";
    if (c >= 0x20 && c < 0x7f && c != '\\' && c != '"') {
      out += static_cast<char>(c);
    } else {
      out += "\\x";
      out += hex[c >> 4];
      out += hex[c & 15];
    }
  }
  return out;
}

}  // namespace verdin
