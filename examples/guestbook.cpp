// A page as one writes it with Bottle or Flask: routes, a form, a template. Without a script in the browser.
//
//   guestbook [PORT]    http://127.0.0.1:8080/, until SIGINT
#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include <verdin/base/random.hpp>
#include <verdin/http/http.hpp>
#include <verdin/protocol/json/value.hpp>
#include <verdin/protocol/utf8.hpp>

#include "page.hpp"
#include "port.hpp"

namespace http = verdin::http;
namespace json = verdin::json;

namespace {

constexpr std::size_t kMostNotes = 100;
constexpr std::size_t kLongestName = 40;  // characters
constexpr std::size_t kLongestNote = 500;

struct Note {
  std::uint64_t id = 0;
  std::string name;
  std::string text;

  json::Value view() const { return json::Value::object({{"id", id}, {"name", name}, {"text", text}}); }
};

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

/// What is wrong with it; nothing if all is well.
std::string problem(const std::string& text, const char* what, std::size_t longest) {
  if (text.empty()) return std::string(what) + " is missing.";
  if (!verdin::protocol::is_utf8(text)) return std::string(what) + " is not readable text.";
  if (characters(text) > longest) {
    return std::string(what) + " is longer than " + std::to_string(longest) + " characters.";
  }
  return {};
}

class Guestbook {
 public:
  explicit Guestbook(http::App& app) {
    app.get("/", [this](http::Request& q, http::Response& r) { show(q, r, {}, {}, {}); });
    app.post("/notes", [this](http::Request& q, http::Response& r) { add(q, r); });
    app.get("/notes/:id", [this](http::Request& q, http::Response& r) { show_one(q, r); });
    app.error_page(404, [this](http::Request&, http::Response& r) {
      r.render(error_, {{"reason", "There is no such page."}});
    });
  }

 private:
  // [add]
  void add(http::Request& q, http::Response& r) {
    const http::Session session = sessions_.open(q);
    if (!session.csrf_ok(q)) {
      r.status(403).render(error_,
                           {{"reason", "That form was not ours, or it is too old: load the page again."}});
      return;
    }
    const Note note{next_, trimmed(q.form("name").value_or("")), trimmed(q.form("text").value_or(""))};
    const std::string name_problem = problem(note.name, "Your name", kLongestName);
    const std::string text_problem = problem(note.text, "Your note", kLongestNote);
    if (!name_problem.empty() || !text_problem.empty()) {
      r.status(422);
      return show(q, r, note, name_problem, text_problem);
    }
    ++next_;
    notes_.push_front(note);
    if (notes_.size() > kMostNotes) notes_.pop_back();
    r.redirect("/", 303);  // so that a reload does not send it again
  }
  // [/add]

  void show(http::Request& q, http::Response& r, const Note& draft, const std::string& name_problem,
            const std::string& text_problem) {
    http::Session session = sessions_.open(q);
    json::Value::Array notes;
    for (const Note& note : notes_) notes.push_back(note.view());
    const json::Value data = json::Value::object({{"csrf_token", session.csrf_token()},
                                                  {"draft", draft.view()},
                                                  {"name_problem", name_problem},
                                                  {"text_problem", text_problem},
                                                  {"count", notes.size()},
                                                  {"notes", std::move(notes)}});
    sessions_.save(session, r);
    r.header("Cache-Control", "no-store").render(page_, data);
  }

  void show_one(http::Request& q, http::Response& r) {
    const auto id = q.param_as<std::uint64_t>("id");
    const auto note = std::ranges::find_if(notes_, [&](const Note& each) { return each.id == id; });
    if (note == notes_.end()) {
      r.status(404).render(error_, {{"reason", "There is no such note."}});
    } else {
      r.render(note_, note->view());
    }
  }

  const http::Template page_ = http::Template::load(page_file("guestbook.html"));
  const http::Template note_ = http::Template::load(page_file("guestbook_note.html"));
  const http::Template error_ = http::Template::load(page_file("error.html"));
  const http::Sessions sessions_{{.secrets = {verdin::random_id(43)}, .secure = false}};
  std::deque<Note> notes_{};
  std::uint64_t next_ = 1;
};

}  // namespace

int main(int argc, char** argv) {
  const std::uint16_t port = port_from(argc, argv, 8080);
  http::App app;
  protect_pages(app);
  Guestbook guestbook(app);
  serve_pages(app, "guestbook", port);
}
