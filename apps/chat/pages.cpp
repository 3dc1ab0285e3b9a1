#include "pages.hpp"

#include <optional>
#include <string_view>
#include <utility>

#include <verdin/protocol/http1/uri.hpp>
#include <verdin/protocol/json/convert.hpp>
#include <verdin/protocol/json/document.hpp>

#include "text.hpp"

namespace chat {

namespace {

constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri "
    "'none'; "
    "form-action 'self'; frame-ancestors 'none'";

void protect(http::Response& response) {
  response.header("Content-Security-Policy", kPolicy)
      .header("X-Content-Type-Options", "nosniff")
      .header("Referrer-Policy", "same-origin")
      .header("Cache-Control", "no-cache");
}

bool is_json(const http::Request& request) {
  return request.header("Content-Type").value_or("").starts_with("application/json");
}

std::optional<std::string> wanted_name(const http::Request& request) {
  if (!is_json(request)) return request.form("name");
  json::Document document;
  NewRoom wanted;
  if (document.parse(request.body()) != json::ParseError::none || !json::decode(document.root(), wanted))
    return std::nullopt;
  return std::move(wanted.name);
}

std::string page_of(const Room& room) {
  return "/rooms/" + verdin::protocol::http1::percent_encode(room.slug);
}

class Pages {
 public:
  Pages(Chat& chat, Archive archive, const std::string& web)
      : chat_(chat),
        archive_(std::move(archive)),
        index_(http::Template::load(web + "/index.html")),
        room_(http::Template::load(web + "/room.html")),
        missing_(http::Template::load(web + "/404.html")) {}

  void index(http::Response& response) { response.render(index_, {}); }

  void missing(http::Response& response) { response.status(404).render(missing_, {}); }

  void room(const http::Request& request, http::Response& response) {
    const std::string slug(request.param("slug"));
    const auto room = archive_.ask([slug](Store& store) { return store.find(slug); });
    if (!room) return missing(response);
    response.render(room_, {{"name", room->name}, {"slug", room->slug}});
  }

  void create(const http::Request& request, http::Response& response) {
    // A page of somebody else's must not make rooms with its visitors' browsers.
    if (request.header("Sec-Fetch-Site").value_or("same-origin") == "cross-site")
      return refuse(response, 403, "Not from there.");
    const auto wanted = wanted_name(request);
    if (!wanted) return refuse(response, 400, "Give the room a name.");
    const std::string name = tidy_name(*wanted);
    if (const auto problem = room_name_problem(name)) return refuse(response, 400, *problem);
    const auto created = archive_.ask([name](Store& store) { return store.create(name); });
    if (!created) return refuse(response, 409, "There are too many rooms.");
    if (created->is_new) chat_.room_changed(created->room);
    if (!is_json(request)) return response.redirect(page_of(created->room), 303);
    response.status(created->is_new ? 201 : 200).header("Location", page_of(created->room));
    response.json(chat_.summary(created->room));
  }

  void list(http::Response& response) { response.json(chat_.summaries()); }

 private:
  static void refuse(http::Response& response, int status, std::string reason) {
    response.status(status).json(Refusal{std::move(reason)});
  }

  Chat& chat_;
  Archive archive_;
  http::Template index_;
  http::Template room_;
  http::Template missing_;
};

}  // namespace

void add_pages(http::App& app, Chat& chat, Archive archive, const std::string& web) {
  const auto pages = std::make_shared<Pages>(chat, std::move(archive), web);
  app.use([](http::Request&, http::Response& response, const http::Next& next) {
    protect(response);
    next();
  });
  app.get("/", [pages](http::Request&, http::Response& response) { pages->index(response); });
  app.get("/rooms/:slug",
          [pages](http::Request& request, http::Response& response) { pages->room(request, response); });
  app.post("/rooms",
           [pages](http::Request& request, http::Response& response) { pages->create(request, response); });
  app.get("/api/rooms", [pages](http::Request&, http::Response& response) { pages->list(response); });
  app.static_files("/static", web + "/static");
  app.get("/*", [pages](http::Request&, http::Response& response) { pages->missing(response); });
}

}  // namespace chat
