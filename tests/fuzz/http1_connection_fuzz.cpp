// A whole connection on a stream in memory: pipelines of whatever comes, read whole and in pieces, give the
// same octets in answer (but for the dates), and nothing is left behind.
#include <cstdint>
#include <cstdlib>
#include <string>

#include <verdin/http/http.hpp>
#include <verdin/runtime/run.hpp>

#include "../support/memory_stream.hpp"
#include "answers.hpp"

namespace {

using verdin::http::App;
using verdin::http::ExchangePtr;
using verdin::tests::MemoryPeer;
using verdin::tests::MemoryStream;

void require(bool holds) {
  if (!holds) std::abort();
}

/// Answers at once or later, or lets go, as the path says.
class Endpoint : public verdin::http::Endpoint {
 public:
  void on_request(ExchangePtr exchange) override {
    const verdin::http::Request& request = exchange->request();
    require(request.path().front() == '/' || request.target() == "*");
    request.header("cookie");
    request.query("a");
    if (request.path() == "/hold") {
      held = std::move(exchange);
    } else if (request.path() != "/drop") {
      exchange->respond(200, {{"Date", "now"}}, request.body());
    }
  }
  void on_upgrade(ExchangePtr exchange) override { stream = exchange->take_stream(leftover); }

  ExchangePtr held;
  verdin::loop::StreamPtr stream;
  std::string leftover;
};

/// Reads its body in pieces, and answers in some.
void serve_in_pieces(verdin::http::Request& request, verdin::http::Response& response) {
  std::string body;
  for (std::string piece; !(piece = request.read(7)).empty();) body += piece;
  response.header("Date", "now");
  if (request.path() == "/drop") throw 1;
  for (std::size_t at = 0; at < body.size(); at += 5) {
    if (!response.write(std::string_view(body).substr(at, 5))) return;
  }
}

std::string answer_to(std::string_view octets, std::size_t piece_size, std::size_t window, bool in_pieces) {
  Endpoint endpoint;
  verdin::http::Options options;
  options.body_limit = 100;
  options.write_high_water = 200;
  App app(options);
  app.on_error([](const verdin::http::Request*, std::exception_ptr) {});
  if (in_pieces) {
    app.any("/*", serve_in_pieces, {.stream_body = true});
  } else {
    app.mount("/", endpoint);
  }
  const auto peer = std::make_shared<MemoryPeer>();
  peer->window = window;
  app.serve(MemoryStream::make(peer));
  peer->send(octets, piece_size);
  for (int i = 0; i < 200 && !peer->gone() && peer->stream; ++i) {
    if (endpoint.held) std::exchange(endpoint.held, nullptr)->respond(200, {}, "held");
    if (endpoint.stream) break;
    peer->window += 1000;
    peer->settle();
    if (!peer->paused && !peer->waiting.empty()) peer->send(std::exchange(peer->waiting, {}), piece_size);
    if (!endpoint.held && !peer->paused && peer->stream && peer->stream->unsent() == 0) break;
  }
  if (peer->stream && !endpoint.stream) peer->send_eof();
  for (int i = 0; i < 200 && in_pieces && peer->stream; ++i) peer->open_window(1000);
  endpoint.held = nullptr;
  if (peer->stream && endpoint.stream) endpoint.stream.reset();
  require(app.connections() == 0);
  std::string answer = peer->take();
  verdin::fuzz::erase_differences(answer);
  return answer;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2 || size > 1500) return 0;
  const std::string_view octets(reinterpret_cast<const char*>(data) + 2, size - 2);
  verdin::run([&] {
    const bool in_pieces = data[0] >= 128;
    std::string whole = answer_to(octets, size, 1'000'000, in_pieces);
    std::string cut = answer_to(octets, 1 + data[0] % 32u, 100 + data[1], in_pieces);
    verdin::fuzz::erase_ids(whole);
    verdin::fuzz::erase_ids(cut);
    require(whole == cut);
  });
  return 0;
}
