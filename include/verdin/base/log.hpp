// The library's only voice: a sink that the application sets. Silent by default.
//
// set_log_sink() may be called from any thread; the sink itself is called from any hub's thread, must not
// block and must not throw. Untrusted text reaches it through printable(): control characters escaped, cut at
// 256 octets, so that a peer cannot forge log lines.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace verdin {

enum class LogLevel { debug, info, warning, error };

using LogSink = std::function<void(LogLevel, std::string_view message)>;

void set_log_sink(LogSink sink);
void log(LogLevel level, std::string_view message) noexcept;

/// `text` with control characters, quotes and non-UTF-8 octets escaped as \xNN, cut at `limit` octets.
std::string printable(std::string_view text, std::size_t limit = 256);

}  // namespace verdin
