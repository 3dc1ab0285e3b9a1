// An HTTP client: one call and the answer is there; many at once; a download and an upload in pieces. It asks
// a server of its own.
#include <cstdio>
#include <string>
#include <vector>

#include <verdin/http/http.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/spawn.hpp>

namespace http = verdin::http;

namespace {

// [get]
void show(http::Client& client, const std::string& url) {
  const http::ClientResponse answer = client.get(url);
  std::printf("%d %s: %s\n", answer.status(),
              std::string(answer.header("Content-Type").value_or("?")).c_str(), answer.body().c_str());
}
// [/get]

// [many]
std::size_t size_of_all(http::Client& client, const std::vector<std::string>& urls) {
  std::vector<verdin::Greenlet<std::size_t>> sizes;
  for (const std::string& url : urls)
    sizes.push_back(verdin::spawn([&client, url] { return client.get(url).body().size(); }));
  std::size_t sum = 0;
  for (auto& size : sizes) sum += size.get();
  return sum;
}
// [/many]

// [download]
std::size_t download(http::Client& client, const std::string& url) {
  http::ClientRequest request;
  request.url = url;
  http::ClientStream answer = client.open(std::move(request));
  std::size_t size = 0;
  char buffer[4096];
  while (const std::size_t some = answer.read(buffer)) size += some;  // the peer waits while nobody reads
  return size;
}
// [/download]

// [upload]
http::ClientResponse upload(http::Client& client, const std::string& url, int pieces) {
  http::ClientRequest request;
  request.method = "POST";
  request.url = url;
  request.upload = [left = pieces](std::string& piece) mutable {
    piece.assign(1000, 'x');  // read from a file, or made as it goes
    return --left > 0;
  };
  return client.request(std::move(request));
}
// [/upload]

// [converse]
void converse(http::Client& client, const std::string& url) {
  http::ClientRequest request;
  request.method = "POST";
  request.url = url;
  http::ClientStream both = client.begin(std::move(request));
  for (const std::string line : {"one", "two", "three"}) {
    both.write(line);                              // false: it wants no more
    std::printf("%s\n", both.read(4096).c_str());  // or on another greenlet, at the same time
  }
  both.finish();
  std::printf("%d, and \"%s\" is left\n", both.status(), both.read_all(4096).c_str());
}
// [/converse]

}  // namespace

int main() {
  return verdin::run([] {
    http::App app;
    app.get("/hello", [](http::Request&, http::Response& r) { r.send("Hello!"); });
    app.get("/moved", [](http::Request&, http::Response& r) { r.redirect("/hello"); });
    app.get("/large", [](http::Request&, http::Response& r) { r.send(std::string(1'000'000, 'x')); });
    app.post("/count", [](http::Request& q, http::Response& r) { r.send(std::to_string(q.body().size())); });
    app.post("/echo",
             [](http::Request& q, http::Response& r) {
               for (std::string piece; !(piece = q.read(4096)).empty();) r.write(piece + "!");
             },
             {.stream_body = true});
    app.listen({"127.0.0.1", 0}).start();
    const std::string site = "http://127.0.0.1:" + std::to_string(app.port());

    http::Client client;
    show(client, site + "/moved");
    std::printf("%zu octets of three\n",
                size_of_all(client, {site + "/hello", site + "/large", site + "/moved"}));
    std::printf("%zu octets, read in pieces\n", download(client, site + "/large"));
    std::printf("%s octets, sent in pieces\n", upload(client, site + "/count", 5).body().c_str());
    converse(client, site + "/echo");
  });
}
