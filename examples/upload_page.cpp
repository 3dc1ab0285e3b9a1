// Files from a page: each goes to the disk as it comes, whatever its size, and the page shows how far it is.
// It works without a script in the browser, too, but for that.
//
//   upload_page [PORT]    http://127.0.0.1:8080/, until SIGINT; the files go with the program
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <verdin/http/http.hpp>
#include <verdin/net/file.hpp>
#include <verdin/protocol/http1/uri.hpp>
#include <verdin/protocol/json/value.hpp>
#include <verdin/protocol/utf8.hpp>
#include <verdin/runtime/run.hpp>

#include "page.hpp"
#include "port.hpp"

namespace http = verdin::http;
namespace json = verdin::json;

namespace {

constexpr std::size_t kLargestForm = 1'000'000'000;
constexpr std::size_t kKept = 10;  // files; the oldest goes

/// A folder that lives as long as this.
class Folder {
 public:
  Folder() : path_((std::filesystem::temp_directory_path() / "verdin-uploads-XXXXXX").string()) {
    if (!::mkdtemp(path_.data())) throw std::runtime_error("no folder for uploads");
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(std::uint64_t id) const { return path_ + "/" + std::to_string(id); }

 private:
  std::string path_;
};

struct Upload {
  std::uint64_t id;
  std::string name;
  std::uint64_t size;

  json::Value view() const { return json::Value::object({{"id", id}, {"name", name}, {"size", size}}); }
};

/// What a browser says of a name is for people to read: on the disk it is a number.
std::string shown_name(std::string name) {
  if (const std::size_t slash = name.find_last_of("/\\"); slash != name.npos) name.erase(0, slash + 1);
  if (name.size() > 200 || !verdin::protocol::is_utf8(name)) name.clear();
  return name.empty() ? "file" : name;
}

class Uploads {
 public:
  explicit Uploads(http::App& app) {
    app.get("/", [this](http::Request&, http::Response& r) { show(r, {}); });
    app.get("/files", [this](http::Request&, http::Response& r) { r.json(list()); });
    app.post("/files", [this](http::Request& q, http::Response& r) { take(q, r); },
             {.stream_body = true, .body_limit = kLargestForm});
    app.get("/files/:id", [this](http::Request& q, http::Response& r) { give(q, r); });
  }

 private:
  // [save]
  /// A file that does not come whole leaves nothing behind.
  Upload save(http::Multipart& form) {
    Upload upload{++last_, shown_name(*form.file_name()), 0};
    const std::string path = folder_.file(upload.id);
    try {
      verdin::File file = verdin::File::open(path, verdin::OpenMode::write);
      std::string buffer(64 * 1024, '\0');
      while (const std::size_t size = form.read(buffer)) {
        file.write({buffer.data(), size});
        upload.size += size;
      }
    } catch (...) {
      std::filesystem::remove(path);
      throw;
    }
    return upload;
  }

  void take(http::Request& q, http::Response& r) {
    // A page of somebody else's must not fill our disk with its visitors' browsers.
    if (q.header("Sec-Fetch-Site").value_or("same-origin") == "cross-site") {
      return r.status(403).send("Not from there.\n");
    }
    // All of a form, or nothing: who cancels has sent nothing.
    std::vector<Upload> uploads;
    try {
      http::Multipart form(q);
      while (form.next()) {
        if (form.file_name() && !form.file_name()->empty()) uploads.push_back(save(form));  // else a field
      }
    } catch (...) {
      for (const Upload& upload : uploads) std::filesystem::remove(folder_.file(upload.id));
      throw;
    }
    const std::size_t count = uploads.size();
    for (Upload& upload : uploads) keep(std::move(upload));
    if (q.header("Accept").value_or("").starts_with("application/json")) {
      return r.status(count ? 201 : 422).json(list());
    }
    if (count == 0) {
      r.status(422);
      return show(r, "Choose a file first.");
    }
    r.redirect("/", 303);
  }
  // [/save]

  void keep(Upload upload) {
    files_.push_front(std::move(upload));
    if (files_.size() <= kKept) return;
    std::filesystem::remove(folder_.file(files_.back().id));
    files_.pop_back();
  }

  json::Value list() const {
    json::Value::Array all;
    for (const Upload& upload : files_) all.push_back(upload.view());
    return all;
  }

  void show(http::Response& r, const std::string& problem) const {
    r.header("Cache-Control", "no-store")
        .render(page_, json::Value::object({{"files", list()}, {"problem", problem}}));
  }

  void give(http::Request& q, http::Response& r) const {
    const auto id = q.param_as<std::uint64_t>("id");
    for (const Upload& upload : files_) {
      if (upload.id != id) continue;
      r.type("application/octet-stream")  // it is never shown as a page of ours
          .header("Content-Disposition",
                  "attachment; filename*=UTF-8''" + verdin::protocol::http1::percent_encode(upload.name));
      r.send_file(folder_.file(upload.id));
      return;
    }
    r.status(404).send("There is no such file.\n");
  }

  const http::Template page_ = http::Template::load(page_file("upload.html"));
  const Folder folder_{};
  std::deque<Upload> files_{};
  std::uint64_t last_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const std::uint16_t port = port_from(argc, argv, 8080);
  return verdin::run([&] {
    http::App app;
    protect_pages(app);
    Uploads uploads(app);
    serve_pages(app, "upload_page", port);
  });
}
