// Weather stations send lines ("temp: 22"), which the network splits and joins as it likes; the server has a
// greenlet for each and sees lines.
//
//   weather_station           a server and three stations, on a free port
//   weather_station server    at 23456, until it is stopped
#include <chrono>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <verdin/net/error.hpp>
#include <verdin/net/stream_server.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>

using namespace std::chrono_literals;
namespace net = verdin::net;

namespace {

constexpr std::uint16_t kPort = 23456;
constexpr std::size_t kLongestLine = 64;

std::map<std::string, std::vector<std::string>> readings;  // by station

// [server]
void receive_readings(net::Socket& station, const net::Address&) {
  const std::string name = station.recv_until("\n", kLongestLine, 10s);
  try {
    for (;;) readings[name].push_back(station.recv_until("\n", kLongestLine, 1h));
  } catch (const net::EndOfStream&) {
    std::fprintf(stderr, "no more data from %s\n", name.c_str());
  }
}
// [/server]

void send_readings(const net::Address& server, const std::string& name,
                   const std::vector<std::string>& temperatures) {
  net::Socket socket = net::Socket::connected(server, 10s);
  std::string text = name + '\n';
  for (const std::string& temperature : temperatures) text += "temp: " + temperature + '\n';
  for (std::size_t at = 0; at < text.size(); at += 5) {  // never a line at a time
    socket.send_all(std::string_view(text).substr(at, 5));
    verdin::sleep(1ms);
  }
}

void serve_for_ever() {
  net::StreamServer(net::Address::loopback_ipv4(kPort), receive_readings).serve_forever();
}

void demonstrate() {
  net::StreamServer server(net::Address::loopback_ipv4(0), receive_readings);
  server.start();
  const std::vector<std::string> week{"15", "22", "21", "26", "25", "19"};
  auto north = verdin::spawn(send_readings, server.address(), "north", week);
  auto south = verdin::spawn(send_readings, server.address(), "south", std::vector<std::string>{"31", "33"});
  auto attic = verdin::spawn(send_readings, server.address(), "attic", std::vector<std::string>{"-4"});
  verdin::join_all(north, south, attic);
  server.drain(10s);
  for (const auto& [name, lines] : readings) {
    for (const std::string& line : lines) std::printf("%s: %s\n", name.c_str(), line.c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool server = argc > 1 && std::string_view(argv[1]) == "server";
  if (argc > 2 || (argc == 2 && !server)) {
    std::fprintf(stderr, "Usage: %s [server]\n", argv[0]);
    return 2;
  }
  return verdin::run(server ? serve_for_ever : demonstrate);
}
