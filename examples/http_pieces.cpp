// Bodies in pieces on the server's side: an upload goes to the disk as it comes, an answer is made as it is
// read, and a browser is told what happens. It asks itself.
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>

#include <unistd.h>

#include <verdin/http/http.hpp>
#include <verdin/net/file.hpp>
#include <verdin/runtime/run.hpp>

using namespace std::chrono_literals;
namespace http = verdin::http;

namespace {

// [upload]
void save_uploads(http::App& app, const std::string& file_name) {
  app.put("/file",
          [file_name](http::Request& q, http::Response& r) {
            verdin::File file = verdin::File::open(file_name, verdin::OpenMode::write);
            std::size_t size = 0;
            for (std::string piece; !(piece = q.read(64 * 1024)).empty(); size += piece.size())
              file.write(piece);
            r.status(201).send(std::to_string(size) + " octets\n");
          },
          {.stream_body = true, .body_limit = 1'000'000'000});
}
// [/upload]

// [answer]
void count(http::Request& q, http::Response& r) {
  const int end = std::atoi(q.query("to").value_or("10").c_str());
  for (int i = 1; i <= end && r.write(std::to_string(i) + "\n"); ++i) {
  }
}
// [/answer]

// [events]
void news(http::Request& q, http::Response& r) {
  http::EventStream events(q, r);
  int number = std::atoi(std::string(events.last_id()).c_str());
  do {
    const std::string id = std::to_string(++number);
    events.send({.data = "news number " + id, .id = id});
  } while (events.pause(10ms));  // until the client leaves, or the app stops
}
// [/events]

http::ClientRequest request_for(const std::string& method, const std::string& url) {
  http::ClientRequest request;
  request.method = method;
  request.url = url;
  return request;
}

}  // namespace

int main() {
  return verdin::run([] {
    const std::string file_name =
        (std::filesystem::temp_directory_path() / ("verdin-upload-" + std::to_string(::getpid()))).string();
    http::App app;
    save_uploads(app, file_name);
    app.get("/count", count);
    app.get("/news", news);
    app.listen({"127.0.0.1", 0}).start();
    const std::string site = "http://127.0.0.1:" + std::to_string(app.port());

    http::Client client;
    http::ClientRequest upload = request_for("PUT", site + "/file");
    upload.upload = [left = 100](std::string& piece) mutable {
      piece.assign(100'000, 'x');
      return --left > 0;
    };
    std::printf("%s", client.request(std::move(upload)).body().c_str());
    std::printf("%ju on the disk\n", static_cast<std::uintmax_t>(std::filesystem::file_size(file_name)));
    std::filesystem::remove(file_name);

    std::printf("%zu octets of numbers\n", client.get(site + "/count?to=100000").body().size());

    http::ClientRequest listener = request_for("GET", site + "/news");
    listener.headers = {{"Last-Event-ID", "7"}};
    http::ClientStream events = client.open(std::move(listener));
    std::string text;
    while (text.find("9\n\n") == text.npos) text += events.read(1000);
    std::printf("%s", text.c_str());
  });
}
