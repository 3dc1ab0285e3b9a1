#include "report.hpp"

#include <array>
#include <cstdarg>
#include <cstdio>
#include <string_view>

namespace bench {
namespace {

[[gnu::format(printf, 2, 3)]] void append(std::string& out, const char* format, ...) {
  std::array<char, 512> line;
  va_list args;
  va_start(args, format);
  const int size = std::vsnprintf(line.data(), line.size(), format, args);
  va_end(args);
  if (size > 0)
    out.append(line.data(), std::min<std::size_t>(static_cast<std::size_t>(size), line.size() - 1));
}

double microseconds(std::int64_t ns) { return static_cast<double>(ns) / 1e3; }
double microseconds(std::uint64_t ns) { return static_cast<double>(ns) / 1e3; }

struct Derived {
  double rate = 0;             // messages a second
  double cpu_per_message = 0;  // microseconds
  double server_busy = 0;      // share of one core
  double generator_busy = 0;
  double rss_per_connection = 0;
};

Derived derive(const Options& options, const Result& r) {
  Derived d;
  if (r.window_seconds > 0) {
    d.rate = static_cast<double>(r.messages) / r.window_seconds;
    d.server_busy = static_cast<double>(r.server_cpu.total_ns) / 1e9 / r.window_seconds;
    d.generator_busy = static_cast<double>(r.generator_cpu_ns) / 1e9 / r.window_seconds;
  }
  if (r.messages != 0)
    d.cpu_per_message = microseconds(r.server_cpu.total_ns) / static_cast<double>(r.messages);
  if (is_idle(options.mode)) {
    d.rss_per_connection =
        static_cast<double>(r.rss_after - r.rss_before) / static_cast<double>(options.connections);
  }
  return d;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      (out += '\\') += c;
    } else if (octet < 0x20 || octet >= 0x7f) {
      append(out, "\\u%04x", static_cast<unsigned>(octet));
    } else {
      out += c;
    }
  }
  return out += '"';
}

struct Percentile {
  const char* name;
  double quantile;
};
constexpr std::array<Percentile, 4> kPercentiles{{{"p50", .5}, {"p90", .9}, {"p99", .99}, {"p99.9", .999}}};

void append_errors_json(std::string& out, const Errors& errors) {
  append(out, "\"error_count\":%llu,\"errors\":{", static_cast<unsigned long long>(errors.total()));
  const char* comma = "";
  for (const auto& [kind, what] : errors.kinds()) {
    out += comma + quoted(kind);
    append(out, ":{\"count\":%llu,\"first\":", static_cast<unsigned long long>(what.count));
    out += quoted(what.first_detail) + "}";
    comma = ",";
  }
  out += "}";
}

}  // namespace

std::string text_report(const Options& options, const Result& r) {
  const Derived d = derive(options, r);
  std::string out;
  append(out, "%s: %zu connections, %zu in flight each, %zu octets, %.2f s\n", name_of(options.mode).data(),
         options.connections, options.burst, options.size, r.window_seconds);
  if (is_idle(options.mode)) {
    append(out,
           "  resident: %.0f octets/connection (%lld empty, %lld before, %lld after); %llu pings answered\n",
           d.rss_per_connection, static_cast<long long>(r.rss_empty), static_cast<long long>(r.rss_before),
           static_cast<long long>(r.rss_after), static_cast<unsigned long long>(r.pings));
  } else {
    append(out, "  %.0f messages/s\n  latency in us:", d.rate);
    for (const auto& [name, quantile] : kPercentiles) {
      append(out, " %s %.1f", name, microseconds(r.latencies.percentile(quantile)));
    }
    append(out, " max %.1f mean %.1f\n", microseconds(r.latencies.max()), r.latencies.mean() / 1e3);
  }
  if (options.pid != 0) {
    append(out, "  server: %.3f us CPU/message, %.1f %% of a core (user %.2f s, system %.2f s)\n",
           d.cpu_per_message, d.server_busy * 100, static_cast<double>(r.server_cpu.user_ns) / 1e9,
           static_cast<double>(r.server_cpu.system_ns) / 1e9);
  }
  append(out, "  generator: %.1f %% of a core\n", d.generator_busy * 100);
  for (const auto& [kind, what] : r.errors.kinds()) {
    append(out, "  ERROR %s: %llu times, first: ", kind.c_str(), static_cast<unsigned long long>(what.count));
    out += quoted(what.first_detail) + "\n";
  }
  return out;
}

std::string json_report(const Options& options, const Result& r) {
  const Derived d = derive(options, r);
  std::string out;
  append(out, "{\"mode\":\"%s\",\"connections\":%zu,\"burst\":%zu,\"size\":%zu,\"seconds\":%.6f,",
         name_of(options.mode).data(), options.connections, options.burst, options.size, r.window_seconds);
  append(out, "\"messages\":%llu,\"messages_per_second\":%.1f,\"latency_us\":{",
         static_cast<unsigned long long>(r.messages), d.rate);
  for (const auto& [name, quantile] : kPercentiles) {
    append(out, "\"%s\":%.3f,", name, microseconds(r.latencies.percentile(quantile)));
  }
  append(out, "\"max\":%.3f,\"mean\":%.3f},", microseconds(r.latencies.max()), r.latencies.mean() / 1e3);
  append(out, "\"server\":{\"cpu_us_per_message\":%.4f,\"cpu_us\":%.1f,\"user_us\":%.1f,\"system_us\":%.1f,",
         d.cpu_per_message, microseconds(r.server_cpu.total_ns), microseconds(r.server_cpu.user_ns),
         microseconds(r.server_cpu.system_ns));
  append(out, "\"busy\":%.4f,\"rss_empty\":%lld,\"rss_before\":%lld,\"rss_after\":%lld,", d.server_busy,
         static_cast<long long>(r.rss_empty), static_cast<long long>(r.rss_before),
         static_cast<long long>(r.rss_after));
  append(out, "\"rss_per_connection\":%.1f},\"generator_busy\":%.4f,\"pings\":%llu,", d.rss_per_connection,
         d.generator_busy, static_cast<unsigned long long>(r.pings));
  append_errors_json(out, r.errors);
  return out += "}\n";
}

}  // namespace bench
