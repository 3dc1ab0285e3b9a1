// Random requests, right and slightly wrong ones, to our parser and to libhttp-parser: what ours accepts,
// theirs must understand in the same way (support/http1_oracle.hpp says where not, and why).
//
//   http_parser_differential [--requests N] [--seed N]
//
// Always the same requests for a seed and a compiler; the last line counts.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <string_view>

#include "../support/http1_oracle.hpp"

namespace {

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : dice_(seed) {}

  /// One to three requests in a row.
  std::string next() {
    std::string octets;
    for (std::size_t i = 0, n = one_in(4) ? 1 + below(3) : 1; i < n; ++i) append_request(octets);
    for (std::size_t i = 0, n = one_in(2) ? 0 : 1 + below(3); i < n; ++i) mutate(octets);
    return octets;
  }

 private:
  std::size_t below(std::size_t end) { return dice_() % end; }
  bool one_in(std::size_t n) { return below(n) == 0; }
  template <std::size_t N>
  std::string_view any_of(const std::string_view (&choices)[N]) {
    return choices[below(N)];
  }
  char any_char() {
    static constexpr std::string_view kUsual = "\r\n\t :;,=\"\\/?#%@*-_.!~'()[]{}<>|^`$&+aZz09\x7f\x80\xff";
    return one_in(4) ? static_cast<char>(below(256)) : kUsual[below(kUsual.size())];
  }
  std::string some(std::size_t most) {
    std::string text;
    for (std::size_t n = below(most + 1); text.size() < n;)
      text += one_in(3) ? static_cast<char>(below(256)) : static_cast<char>('!' + below(94));
    return text;
  }
  std::string in_any_case(std::string_view text) {
    std::string made(text);
    if (one_in(4)) {
      for (char& c : made) {
        if (one_in(2) && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))) c = static_cast<char>(c ^ 0x20);
      }
    }
    return made;
  }
  std::string blanks() {
    std::string text;
    while (one_in(5)) text += one_in(4) ? '\t' : ' ';
    return text;
  }

  void append_header(std::string& to, std::string_view name, std::string_view value) {
    to += in_any_case(name);
    to += one_in(6) ? ":" : ": ";
    to += blanks();
    to += value;
    to += blanks();
    to += "\r\n";
  }
  std::string list(std::string_view first) {
    static constexpr std::string_view kElements[]{"close",     "keep-alive", "upgrade",  "TE",
                                                  "websocket", "h2c",        "",         "x;y",
                                                  "close x",   "\"close\"",  "upgrade2", "xclose"};
    std::string text = in_any_case(first);
    while (one_in(3)) {
      if (one_in(2)) {
        text += blanks();
        text += ',';
        text += blanks();
        text += in_any_case(any_of(kElements));
      } else {
        text.insert(0, in_any_case(any_of(kElements)) + ",");
      }
    }
    return text;
  }
  void append_request(std::string& to) {
    static constexpr std::string_view kMethods[]{"GET",      "POST",    "PUT",   "HEAD",
                                                 "DELETE",   "OPTIONS", "PATCH", "LOCK",
                                                 "M-SEARCH", "REPORT",  "QUERY", "UNSUBSCRIBE"};
    static constexpr std::string_view kTargets[]{"/",
                                                 "/a/b?c=d&e",
                                                 "*",
                                                 "http://example.org",
                                                 "http://example.org:80/x?y",
                                                 "HTTPS://[::1]:8443?q",
                                                 "/%00%zz;a=b//..",
                                                 "/'\"<>{}|\\^`[]",
                                                 "http://a-b.c_d~e%41/",
                                                 "/?a?b/?",
                                                 "//x"};
    static constexpr std::string_view kVersions[]{"1.1", "1.1", "1.1", "1.0", "1.0", "1.9"};
    static constexpr std::string_view kNames[]{
        "Accept",       "Cookie",           "X-A",    "Content-Type", "!#$%&'*+-.^_`|~09", "Contentlength",
        "Connection-X", "Proxy-Connection", "Expect", "TE",           "Transfer-Encodin",  "Content-Lengths",
        "Upgrades"};
    if (one_in(10)) to += "\r\n";
    to += any_of(kMethods);
    to += ' ';
    to += one_in(3) ? any_of(kTargets) : "/" + plain(20);
    to += " HTTP/";
    to += any_of(kVersions);
    to += "\r\n";
    append_header(to, "Host", one_in(3) ? "example.org:80" : one_in(2) ? "[::1]" : "x");
    for (std::size_t i = 0, n = below(5); i < n; ++i) {
      switch (below(6)) {
        case 0:
        case 1:
          append_header(to, "Connection", list(one_in(2) ? "close" : one_in(2) ? "keep-alive" : "Upgrade"));
          break;
        case 2:
          append_header(to, "Upgrade", list("websocket"));
          break;
        default:
          append_header(to, any_of(kNames), plain(30));
      }
    }
    append_body(to);
  }
  std::string plain(std::size_t most) {
    std::string text;
    for (std::size_t n = below(most + 1); text.size() < n;) text += static_cast<char>('!' + below(94));
    std::erase(text, '#');
    return text;
  }
  void append_body(std::string& to) {
    const std::size_t kind = below(4);
    if (kind == 0) {
      const std::string body = some(40);
      append_header(to, "Content-Length", (one_in(5) ? "000" : "") + std::to_string(body.size()));
      to += "\r\n" + body;
    } else if (kind == 1) {
      append_header(to, "Transfer-Encoding", in_any_case("chunked"));
      to += "\r\n";
      while (!one_in(3)) {
        const std::string chunk = some(40);
        if (!chunk.empty()) append_chunk(to, chunk);
      }
      append_chunk(to, {});
      static constexpr std::string_view kTrailers[]{"X-Trailer", "Connection", "Content-Length",
                                                    "Transfer-Encoding", "Upgrade"};
      while (one_in(3)) append_header(to, any_of(kTrailers), one_in(3) ? "chunked" : plain(20));
      to += "\r\n";
    } else {
      to += "\r\n";
    }
  }
  void append_chunk(std::string& to, std::string_view chunk) {
    char size[32];
    std::snprintf(size, sizeof size, one_in(3) ? "%04zX" : "%zx", chunk.size());
    to += size;
    while (one_in(4)) to += one_in(2) ? ";name=value" : one_in(2) ? ";n=\"a \\\" ;b\"" : " ; n";
    to += "\r\n";
    if (!chunk.empty()) to.append(chunk).append("\r\n");
  }

  void mutate(std::string& octets) {
    const std::size_t at = below(octets.size());
    switch (below(6)) {
      case 0:
        octets[at] = any_char();
        break;
      case 1:
        octets.insert(at, 1, any_char());
        break;
      case 2:
        octets.erase(at, 1 + below(3));
        break;
      case 3:
        octets.insert(at, octets.substr(below(octets.size()), below(12)));
        break;
      case 4:
        octets[at] = static_cast<char>(octets[at] ^ (1 << below(8)));
        break;
      default:
        octets.insert(at, 1, one_in(2) ? ' ' : ',');
    }
    if (octets.empty()) octets = "x";
  }

  std::mt19937_64 dice_;
};

std::string printable(std::string_view octets) {
  std::string text;
  for (const char c : octets) {
    char escaped[8];
    const auto octet = static_cast<unsigned char>(c);
    std::snprintf(escaped, sizeof escaped, octet >= 0x20 && octet < 0x7f && c != '\\' ? "%c" : "\\x%02x",
                  octet);
    text += escaped;
    if (c == '\n') text += '\n';
  }
  return text;
}

long argument(int argc, char** argv, std::string_view name, long otherwise) {
  for (int i = 1; i + 1 < argc; i += 2) {
    if (name == argv[i]) return std::strtol(argv[i + 1], nullptr, 10);
  }
  return otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  const long requests = argument(argc, argv, "--requests", 300'000);
  const long seed = argument(argc, argv, "--seed", 1);
  Generator generator(static_cast<std::uint64_t>(seed));
  long accepted = 0, failed = 0;
  std::map<std::string, long> excuses;
  for (long i = 0; i < requests; ++i) {
    const std::string octets = generator.next();
    // Each begins where the one before has ended, for both.
    for (std::string_view rest = octets; !rest.empty();) {
      const auto result = verdin::tests::compare_with_theirs(rest);
      if (!result.accepted) break;
      ++accepted;
      if (result.excused) ++excuses[result.excused];
      if (!result.difference.empty() && ++failed <= 10) {
        std::printf("FAILED: seed %ld, text %ld: %s\n%s\n", seed, i, result.difference.c_str(),
                    printable(rest.substr(0, result.size)).c_str());
      }
      rest.remove_prefix(result.size);
    }
  }
  for (const auto& [why, count] : excuses) std::printf("%8ld differ: %s\n", count, why.c_str());
  std::printf("%ld texts, %ld requests accepted and compared\n", requests, accepted);
  // A generator that makes next to nothing that is accepted compares nothing.
  if (accepted < requests / 3) {
    std::printf("FAILED: too few were accepted\n");
    ++failed;
  }
  std::printf("%ld passed, %ld failed\n", accepted > 0 ? 1L : 0L, failed);
  return failed == 0 ? 0 : 1;
}
