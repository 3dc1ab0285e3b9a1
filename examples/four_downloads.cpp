// Four files through an HTTP proxy, in three ways: threads that block, callbacks on the loop, greenlets. The
// last reads like the first and needs one thread like the second.
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <future>
#include <list>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

#include <verdin/loop/loop.hpp>
#include <verdin/net/error.hpp>
#include <verdin/net/stream_server.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/spawn.hpp>

using namespace std::chrono_literals;
namespace net = verdin::net;
namespace loop = verdin::loop;

namespace {

const std::array<const char*, 4> kFiles{"/100000", "/250000", "/1", "/77777"};  // named by their sizes
constexpr std::string_view kHost = "files.example";

std::string request_for(const std::string& file) {
  return "GET http://" + std::string(kHost) + file + " HTTP/1.0\r\n\r\n";
}

std::uint64_t checksum(std::string_view answer) {  // FNV-1a, of what follows the head
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char octet : answer.substr(answer.find("\r\n\r\n") + 4))
    hash = (hash ^ static_cast<unsigned char>(octet)) * 0x100000001b3;
  return hash;
}

// ---- The server that has the files, and the proxy before it.

void serve_file(net::Socket& socket, const net::Address&) {
  const std::string head = socket.recv_until("\r\n\r\n", 8192, 10s);
  const std::size_t begin = head.find('/') + 1;
  std::string body(std::stoul(head.substr(begin, head.find(' ', begin) - begin)), '\0');
  std::uint32_t state = static_cast<std::uint32_t>(body.size());
  for (char& octet : body) octet = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  const std::array<std::string_view, 2> pieces{"HTTP/1.0 200 OK\r\n\r\n", body};
  socket.send_all(pieces, 10s);
  socket.close_politely();
}

void forward(net::Socket& client, const net::Address& origin) {
  const std::string head = client.recv_until("\r\n\r\n", 8192, 10s);
  const std::size_t path = head.find('/', head.find("//") + 2);  // behind the host
  net::Socket server = net::Socket::connected(origin, 10s);
  server.send_all("GET " + head.substr(path) + "\r\n\r\n", 10s);
  std::array<char, 16 * 1024> buffer;
  while (const std::size_t size = server.recv(buffer, 10s)) client.send_all({buffer.data(), size}, 10s);
  client.close_politely();
}

/// Both, on a hub of their own.
class Servers {
 public:
  Servers() : thread_([this] { run(); }) { proxy_ = where_.get_future().get(); }
  ~Servers() {
    hub_.post([this] { done_.set(); });
    thread_.join();
  }
  const net::Address& proxy() const { return proxy_; }

 private:
  void run() {
    verdin::run([this] {
      net::StreamServer origin(net::Address::loopback_ipv4(0), serve_file);
      origin.start();
      net::StreamServer proxy(net::Address::loopback_ipv4(0), [&](net::Socket& socket, const net::Address&) {
        forward(socket, origin.address());
      });
      proxy.start();
      hub_ = verdin::Hub::current().ref();
      where_.set_value(proxy.address());
      done_.wait();
    });
  }

  std::promise<net::Address> where_;
  verdin::HubRef hub_;
  verdin::Event done_;
  net::Address proxy_;
  std::thread thread_;
};

// ---- Three ways to be their client.

/// As a program without Verdin would: each call blocks its thread.
std::string download_blocking(const net::Address& proxy, const std::string& file) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const std::string request = request_for(file);
  std::string answer;
  if (::connect(fd, proxy.data(), proxy.size()) == 0 &&
      ::send(fd, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size())) {
    std::array<char, 1024> buffer;
    for (ssize_t size = 0; (size = ::recv(fd, buffer.data(), buffer.size(), 0)) > 0;)
      answer.append(buffer.data(), static_cast<std::size_t>(size));
  }
  ::close(fd);
  return answer;
}

std::vector<std::string> with_threads(const net::Address& proxy) {
  std::vector<std::string> answers(kFiles.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kFiles.size(); ++i)
    threads.emplace_back([&, i] { answers[i] = download_blocking(proxy, kFiles[i]); });
  for (std::thread& thread : threads) thread.join();
  return answers;
}

class Download final : public loop::StreamHandler {
 public:
  Download(loop::Loop& loop, const net::Address& proxy, const std::string& file, int& under_way)
      : under_way_(under_way) {
    stream_ = loop.adopt(net::Socket::connected(proxy).release());
    stream_->set_handler(this);
    stream_->send(request_for(file));
    ++under_way_;
  }
  std::string answer;

 private:
  void on_data(std::span<char> data) override { answer.append(data.data(), data.size()); }
  void on_eof() override { end(); }
  void on_error(std::error_code) override { end(); }
  void end() {
    stream_.reset();
    --under_way_;
  }

  int& under_way_;
  loop::StreamPtr stream_;
};

std::vector<std::string> with_callbacks(const net::Address& proxy) {
  const auto loop = loop::Loop::make();
  int under_way = 0;
  std::list<Download> downloads;
  verdin::run([&] {  // connecting waits
    for (const char* file : kFiles) downloads.emplace_back(*loop, proxy, file, under_way);
  });
  while (under_way > 0) loop->turn(true);
  std::vector<std::string> answers;
  for (Download& download : downloads) answers.push_back(std::move(download.answer));
  return answers;
}

// [greenlets]
std::string download(const net::Address& proxy, const std::string& file) {
  net::Socket socket = net::Socket::connected(proxy, 10s);
  socket.send_all(request_for(file), 10s);
  return socket.recv_all(1'000'000, 10s);
}

std::vector<std::string> with_greenlets(const net::Address& proxy) {
  return verdin::run([&] {
    std::vector<verdin::Greenlet<std::string>> tasks;
    for (const char* file : kFiles) tasks.push_back(verdin::spawn(download, proxy, file));
    std::vector<std::string> answers;
    for (auto& task : tasks) answers.push_back(task.get());
    return answers;
  });
}
// [/greenlets]

}  // namespace

int main() {
  const Servers servers;
  const auto show = [](const char* way, const std::vector<std::string>& answers) {
    std::printf("%-10s", way);
    for (const std::string& answer : answers)
      std::printf(" %016llx", static_cast<unsigned long long>(checksum(answer)));
    std::puts("");
  };
  show("threads", with_threads(servers.proxy()));
  show("callbacks", with_callbacks(servers.proxy()));
  show("greenlets", with_greenlets(servers.proxy()));
}
