// A WebSocket client that sends each message back with its type, and offers permessage-deflate with every
// parameter. In callbacks, as websocket_echo is, for the same reason.
//
//   websocket_client_echo --url ws://127.0.0.1:9001 [--agent verdin]   all cases of a public suite's "fuzzing
//   server" websocket_client_echo --echo ws://127.0.0.1:9001/path              one connection, until the
//   server closes it
//
// --part N: messages leave in parts of N octets. --take-over 0: nothing is taken over from message to
// message.
#include <cstdio>
#include <exception>
#include <string>

#include <verdin/websocket/connect.hpp>

#include "conformance/program.hpp"
#include "conformance/send_back.hpp"

namespace websocket = verdin::websocket;
using namespace std::chrono_literals;

namespace {

class Echo final : public websocket::ConnectionHandler {
 public:
  explicit Echo(std::size_t part) : part_(part) {}

  void on_text(std::span<char> message) override { program::send_back(*connection, message, false, part_); }
  void on_binary(std::span<char> message) override { program::send_back(*connection, message, true, part_); }
  void on_close(const websocket::Close&) override { ended.set(); }

  verdin::IntrusivePtr<websocket::Connection> connection;
  verdin::Event ended;

 private:
  std::size_t part_;
};

websocket::ClientOptions options_of(const program::Arguments& arguments) {
  websocket::ClientOptions options;
  options.max_message_size = 64 << 20;
  options.send_limit = 2 * options.max_message_size;
  options.drop_limit = 4 * options.max_message_size;
  websocket::DeflateOptions& deflate = options.deflate.emplace();
  deflate.threshold = 0;
  const bool alone = arguments.number("--take-over", 1) == 0;
  deflate.server_no_context_takeover = deflate.client_no_context_takeover = alone;
  return options;
}

/// Until the server ends it.
void echo(const std::string& url, const program::Arguments& arguments) {
  Echo handler(static_cast<std::size_t>(arguments.number("--part", 0)));
  handler.connection = websocket::connect(url, handler, options_of(arguments)).connection;
  handler.ended.wait();
}

void run_all(const std::string& url, const program::Arguments& arguments) {
  const std::string agent = "agent=" + arguments.text("--agent", "verdin");
  const int cases =
      std::stoi(websocket::connect(url + "/getCaseCount").receive().value_or(websocket::Message{"0"}).data);
  for (int number = 1; number <= cases; ++number) {
    std::string which = url + "/runCase?case=";
    which.append(std::to_string(number)).append("&").append(agent);
    echo(which, arguments);
  }
  websocket::connect(url + "/updateReports?" + agent).wait_for_end();
  std::printf("%d cases\n", cases);
}

}  // namespace

int main(int argc, char** argv) {
  const program::Arguments arguments(argc, argv, {"--url", "--echo", "--agent", "--part", "--take-over"});
  program::log_to_stderr();
  return verdin::run([&] {
    try {
      const std::string one = arguments.text("--echo");
      one.empty() ? run_all(arguments.text("--url", "ws://127.0.0.1:9001"), arguments) : echo(one, arguments);
      return 0;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      return 1;
    }
  });
}
