// What a site needs around its handlers, in a few lines each: a middleware, files, JSON, sessions, CORS. It
// asks itself.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

#include <verdin/verdin.hpp>

namespace http = verdin::http;

namespace {

// [middleware]
void add_middleware(http::App& app) {
  app.use([](http::Request& q, http::Response& r, const http::Next& next) {
    if (q.path().starts_with("/admin") && q.header("Authorization") != "Bearer secret")
      return r.status(401).send("Who are you?\n");  // the handler does not run
    next();
  });
}
// [/middleware]

// [files]
void add_files(http::App& app, const std::string& folder) {
  app.static_files("/files", folder, {.cache_control = "public, max-age=3600"});
}
// [/files]

// [json]
void add_json(http::App& app) {
  app.post("/sum", [](http::Request& q, http::Response& r) {
    verdin::json::DecodeError why;
    const auto numbers = q.json<std::vector<double>>(&why);
    if (!numbers) return r.status(422).send(why.text() + "\n");  // "expected a number at [1]"
    double sum = 0;
    for (const double number : *numbers) sum += number;
    r.json(sum);
  });
}
// [/json]

// [session]
void add_counter(http::App& app, const std::string& secret) {
  app.get("/visits", [sessions = http::Sessions({.secrets = {secret}, .secure = false})](http::Request& q,
                                                                                         http::Response& r) {
    http::Session session = sessions.open(q);  // of a signed cookie
    const int visits = std::stoi(std::string(session.get("visits").value_or("0"))) + 1;
    session.set("visits", std::to_string(visits));
    sessions.save(session, r);
    r.send(std::to_string(visits) + " visits\n");
  });
}
// [/session]

// [cors]
void welcome_pages_of(http::App& app, const std::string& origin) {
  app.use(http::cors({.origins = {origin}, .credentials = true}));
}
// [/cors]

}  // namespace

int main() {
  return verdin::run([] {
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("verdin-site-" + std::to_string(::getpid()));
    std::filesystem::create_directory(folder);
    std::ofstream(folder / "note.txt") << "a file\n";

    http::App app;
    welcome_pages_of(app, "https://friend.example");
    add_middleware(app);
    add_files(app, folder.string());
    add_json(app);
    add_counter(app, "thirty-two octets, and not public!");
    app.get("/admin", [](http::Request&, http::Response& r) { r.send("the keys\n"); });
    app.listen({"127.0.0.1", 0}).start();

    http::Client client({.cookies = true});
    const std::string site = "http://127.0.0.1:" + std::to_string(app.port());
    std::printf("%d\n", client.get(site + "/admin").status());
    std::printf("%s", client.get(site + "/files/note.txt").body().c_str());
    std::printf("%s\n", client.post(site + "/sum", "[1, 2, 3.5]").body().c_str());
    for (int i = 0; i < 2; ++i) std::printf("%s", client.get(site + "/visits").body().c_str());
    http::ClientRequest asked;
    asked.url = site + "/visits";
    asked.headers = {{"Origin", "https://friend.example"}};
    std::printf(
        "%s may read this\n",
        std::string(client.request(std::move(asked)).header("Access-Control-Allow-Origin").value_or("nobody"))
            .c_str());
    std::filesystem::remove_all(folder);
  });
}
