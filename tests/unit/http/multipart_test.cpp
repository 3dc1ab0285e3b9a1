// Forms with files: parts as they come, with routes that have the body whole and with those that do not.
#include <map>
#include <string>

#include <gtest/gtest.h>

#include <verdin/http/http.hpp>
#include <verdin/runtime/run.hpp>

namespace multipart_tests {
namespace {

namespace http = verdin::http;

std::string part_of(const std::string& parameters, const std::string& body) {
  return "--B\r\nContent-Disposition: form-data; " + parameters + "\r\n\r\n" + body + "\r\n";
}

TEST(HttpMultipart, PartsOneAfterTheOther) {
  verdin::run([] {
    http::App app;
    const auto handler = [](http::Request& q, http::Response& r) {
      http::Multipart form(q);
      std::string seen;
      while (form.next()) {
        if (form.name() == "skipped") continue;
        seen += form.name() + "=";
        if (form.file_name()) {
          std::size_t size = 0;
          char buffer[1000];
          while (const std::size_t some = form.read(buffer)) size += some;
          seen += *form.file_name() + ":" + std::to_string(size) + ";";
        } else {
          seen += form.read_all(10) + ";";
        }
      }
      EXPECT_FALSE(form.next());
      r.send(seen);
    };
    app.post("/whole", handler);
    app.post("/streamed", handler, {.stream_body = true});
    app.listen({"127.0.0.1", 0}).start();
    http::Client client;
    const auto answer = [&](const std::string& path, const std::string& body,
                            std::string_view type = "multipart/form-data; boundary=B") {
      const http::ClientResponse got =
          client.post("http://127.0.0.1:" + std::to_string(app.port()) + path, body, type);
      return got.status() == 200 ? got.body() : std::to_string(got.status());
    };
    const std::string file(300'000, 'x');
    for (const std::string path : {"/whole", "/streamed"}) {
      EXPECT_EQ(answer(path, part_of("name=a", "1") + part_of("name=skipped", file) +
                                 part_of("name=f; filename=\"x.bin\"", file) + part_of("name=b", "2") +
                                 "--B--\r\n"),
                "a=1;f=x.bin:300000;b=2;");
      EXPECT_EQ(answer(path, "--B--"), "");
      EXPECT_EQ(answer(path, part_of("name=a", "1")), "400");
      EXPECT_EQ(answer(path, "no form"), "400");
      EXPECT_EQ(answer(path, part_of("name=a", std::string(11, 'x')) + "--B--"), "413");
      EXPECT_EQ(answer(path, "a=b", "application/x-www-form-urlencoded"), "415");
    }
  });
}

// Each read may be a write to a disk: few of them, whatever the octets are.
TEST(HttpMultipart, AReadGivesWhatThereIs) {
  verdin::run([] {
    http::App app;
    std::size_t reads = 0, room = 0;
    std::string got;
    const auto handler = [&](http::Request& q, http::Response& r) {
      http::Multipart form(q);
      ASSERT_TRUE(form.next());
      std::string buffer(room, 0);
      got.clear();
      for (reads = 0; const std::size_t size = form.read(std::span(buffer)); ++reads)
        got.append(buffer, 0, size);
      EXPECT_FALSE(form.next());
      r.send();
    };
    app.post("/whole", handler, {.body_limit = 2'000'000});
    app.post("/streamed", handler, {.stream_body = true, .body_limit = 2'000'000});
    app.listen({"127.0.0.1", 0}).start();
    http::Client client;
    const auto repeated = [](const std::string& text, std::size_t size) {
      std::string all;
      while (all.size() < size) all += text;
      return all;
    };
    const auto post = [&](const std::string& path, const std::string& body) {
      EXPECT_EQ(client
                    .post("http://127.0.0.1:" + std::to_string(app.port()) + path,
                          part_of("name=f; filename=f", body) + "--B--", "multipart/form-data; boundary=B")
                    .status(),
                200);
      EXPECT_TRUE(got == body) << path << ' ' << body.substr(0, 20) << ' ' << got.size();
    };
    for (const std::string text : {"\r", "\r\n", "some text\r\n", "\r\n--", "\r\n--A", "\r\r\n-"}) {
      room = 64 * 1024;
      post("/whole", repeated(text, 1'000'000));
      EXPECT_LE(reads, 100u) << text;
      post("/streamed", repeated(text, 1'000'000));
      room = 1;
      for (const std::string path : {"/whole", "/streamed"}) {
        post(path, repeated(text, 40'000));
        EXPECT_EQ(reads, got.size());
      }
    }
  });
}

TEST(HttpMultipart, FieldsHaveTypes) {
  verdin::run([] {
    http::App app;
    int seen = 0;
    const auto handler = [&](http::Request& q, http::Response& r) {
      http::Multipart form(q);
      while (form.next()) {
        if (form.name() == "int") {
          EXPECT_EQ(form.read_as<int>(), -7);
        } else if (form.name() == "double") {
          EXPECT_EQ(form.read_as<double>(), 1.5);
        } else if (form.name() == "long") {
          EXPECT_EQ(form.read_as<double>(), 1.0) << "with all its zeros";
        } else if (form.name() == "bool") {
          EXPECT_EQ(form.read_as<bool>(), true);
        } else {
          EXPECT_EQ(form.read_as<int>(), std::nullopt) << form.name();
        }
        ++seen;
      }
      r.send();
    };
    app.post("/whole", handler);
    app.post("/streamed", handler, {.stream_body = true});
    app.listen({"127.0.0.1", 0}).start();
    const std::string body =
        part_of("name=int", "-7") + part_of("name=double", "1.5") +
        part_of("name=long", "1." + std::string(900, '0')) + part_of("name=bool", "true") +
        part_of("name=none", "") + part_of("name=text", "7x") + part_of("name=large", "99999999999") +
        part_of("name=endless", std::string(300'000, '1')) + part_of("name=zeros", std::string(1025, '0')) +
        part_of("name=file; filename=\"f\"", "7") + "--B--\r\n";
    http::Client client;
    for (const std::string path : {"/whole", "/streamed"}) {
      seen = 0;
      const auto got = client.post("http://127.0.0.1:" + std::to_string(app.port()) + path, body,
                                   "multipart/form-data; boundary=B");
      EXPECT_EQ(got.status(), 200);
      EXPECT_EQ(seen, 10);
    }
  });
}

TEST(HttpMultipart, WhatHasFailedFailsAgain) {
  verdin::run([] {
    http::App app;
    std::string seen;
    const auto status_of = [](auto&& call) {
      try {
        call();
        return std::string("none");
      } catch (const http::BodyError& error) {
        return std::to_string(error.status);
      }
    };
    const auto handler = [&](http::Request& q, http::Response& r) {
      http::Multipart form(q, {.head = 100, .parts = 2});
      char buffer[100];
      seen = status_of([&] {
        while (form.next()) {
          while (form.read(buffer) > 0) {
          }
        }
      });
      for (int i = 0; i < 2; ++i) {
        seen += " " + status_of([&] { form.read(buffer); });
        seen += " " + status_of([&] { form.read_all(10); });
        seen += " " + status_of([&] { form.next(); });
      }
      r.send();
    };
    app.post("/whole", handler);
    app.post("/streamed", handler, {.stream_body = true});
    app.listen({"127.0.0.1", 0}).start();
    http::Client client;
    const auto seen_for = [&](const std::string& path, const std::string& body) {
      client.post("http://127.0.0.1:" + std::to_string(app.port()) + path, body,
                  "multipart/form-data; boundary=B");
      return seen;
    };
    const auto seven = [](const std::string& status) {
      std::string all = status;
      for (int i = 0; i < 6; ++i) all += " " + status;
      return all;
    };
    for (const std::string path : {"/whole", "/streamed"}) {
      EXPECT_EQ(seen_for(path, part_of("name=a", "1") + "--Bx"), seven("400")) << "malformed";
      EXPECT_EQ(seen_for(path, part_of("name=a", "12345")), seven("400")) << "cut short";
      EXPECT_EQ(seen_for(path, part_of("name=a", "1").substr(0, 20)), seven("400")) << "cut in a head";
      EXPECT_EQ(seen_for(path, part_of("name=a; x=" + std::string(100, 'x'), "1")), seven("431"));
      EXPECT_EQ(seen_for(path, part_of("name=a", "1") + part_of("name=b", "1") + part_of("name=c", "1")),
                seven("413"));
    }
  });
}

}  // namespace
}  // namespace multipart_tests
