// Sessions in signed cookies, tokens against forged forms, and CORS.
#include <functional>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include <verdin/http/cors.hpp>
#include <verdin/http/http.hpp>
#include <verdin/http/session.hpp>
#include <verdin/runtime/run.hpp>

namespace session_tests {
namespace {

namespace http = verdin::http;
using http::Request;
using http::Response;
using http::Session;
using http::Sessions;

constexpr std::time_t kNow = 1'000'000'000;
const std::string kSecret(32, 's'), kOther(32, 'o');

using Lines = std::vector<std::pair<std::string, std::string>>;

struct Site {
  Site() {
    app.any("/", [this](Request& q, Response& r) { handler(q, r); });
    app.listen({"127.0.0.1", 0}).start();
  }
  http::ClientResponse ask(const Lines& headers, const std::string& method = "GET", std::string body = {}) {
    http::ClientRequest request;
    request.method = method;
    request.url = "http://127.0.0.1:" + std::to_string(app.port()) + "/";
    request.headers = headers;
    request.body = std::move(body);
    return client.request(std::move(request));
  }
  /// The cookie that `save` makes.
  std::string saved(const Sessions& sessions, const Session& session) {
    handler = [&](Request&, Response& r) { sessions.save(session, r, kNow); };
    const http::ClientResponse answer = ask({});
    const std::string set(answer.header("Set-Cookie").value_or(""));
    last_set = set;
    return set.substr(0, set.find(';'));
  }
  /// `key` of the session that comes with `cookie`; "none".
  std::string value(const Sessions& sessions, const std::string& cookie, std::string_view key,
                    std::time_t now = kNow) {
    std::string got;
    handler = [&](Request& q, Response&) { got = sessions.open(q, now).get(key).value_or("none"); };
    ask({{"Cookie", cookie}});
    return got;
  }

  http::App app;
  http::Client client;
  std::function<void(Request&, Response&)> handler;
  std::string last_set;
};

TEST(HttpSession, ComesBackAsItWasAndOnlySo) {
  verdin::run([] {
    Site site;
    const Sessions sessions({.secrets = {kSecret}});
    Session session;
    session.set("user", "Jürgen & \"Co\"; x=y\n");
    session.set("", "empty");
    const std::string cookie = site.saved(sessions, session);
    for (const char* attribute :
         {"; HttpOnly", "; Secure", "; SameSite=Lax", "; Path=/", "; Max-Age=1209600"})
      EXPECT_NE(site.last_set.find(attribute), std::string::npos) << attribute;
    EXPECT_EQ(site.value(sessions, cookie, "user"), "Jürgen & \"Co\"; x=y\n");
    EXPECT_EQ(site.value(sessions, cookie, ""), "empty");
    EXPECT_EQ(site.value(sessions, cookie, "nobody"), "none");
    for (std::size_t i = sizeof "session"; i < cookie.size(); i += 3) {
      std::string forged = cookie;
      forged[i] = forged[i] == 'A' ? 'B' : 'A';
      EXPECT_EQ(site.value(sessions, forged, "user"), "none") << i;
    }
    EXPECT_EQ(site.value(sessions, cookie.substr(0, cookie.size() - 1), "user"), "none");
    EXPECT_EQ(site.value(sessions, "session=x", "user"), "none");
    EXPECT_EQ(site.value(sessions, "other" + cookie.substr(7), "user"), "none");
    EXPECT_EQ(site.value(Sessions({.secrets = {kOther}}), cookie, "user"), "none");
    EXPECT_NE(site.value(Sessions({.secrets = {kOther, kSecret}}), cookie, "user"), "none");
    const Sessions renamed({.secrets = {kSecret}, .cookie_name = "admin"});
    EXPECT_EQ(site.value(renamed, "admin" + cookie.substr(7), "user"), "none");
    EXPECT_NE(site.value(sessions, cookie, "user", kNow + 14 * 86400 - 1), "none");
    EXPECT_EQ(site.value(sessions, cookie, "user", kNow + 14 * 86400), "none");
    const Sessions brief({.secrets = {kSecret}, .max_age = std::chrono::seconds(60), .secure = false});
    const std::string brief_cookie = site.saved(brief, session);
    EXPECT_NE(site.last_set.find("; Max-Age=60"), std::string::npos);
    EXPECT_EQ(site.last_set.find("; Secure"), std::string::npos);
    EXPECT_NE(site.value(brief, brief_cookie, "user", kNow + 59), "none");
    EXPECT_EQ(site.value(brief, brief_cookie, "user", kNow + 60), "none");
    session.clear();
    EXPECT_EQ(site.saved(sessions, session), "session=");
    EXPECT_NE(site.last_set.find("; Max-Age=0"), std::string::npos);
    session.set("large", std::string(3000, 'x'));
    site.handler = [&](Request&, Response& r) { EXPECT_THROW(sessions.save(session, r), std::length_error); };
    site.ask({});
    EXPECT_THROW(Sessions({}), std::invalid_argument);
    EXPECT_THROW(Sessions({.secrets = {kSecret, "short"}}), std::invalid_argument);
    EXPECT_THROW(Sessions({.secrets = {kSecret}, .cookie_name = "a b"}), std::invalid_argument);
  });
}

TEST(HttpSession, IsForPagesOfOtherSitesWhereThatIsWanted) {
  verdin::run([] {
    Site site;
    Session session;
    session.set("user", "Andy");
    const Sessions everywhere({.secrets = {kSecret}, .same_site = http::http1::SameSite::none});
    const std::string cookie = site.saved(everywhere, session);
    EXPECT_NE(site.last_set.find("; SameSite=None"), std::string::npos) << site.last_set;
    EXPECT_NE(site.last_set.find("; Secure"), std::string::npos) << site.last_set;
    EXPECT_EQ(site.value(everywhere, cookie, "user"), "Andy");
    session.clear();
    site.saved(everywhere, session);  // nor is it taken away otherwise
    EXPECT_NE(site.last_set.find("; SameSite=None"), std::string::npos) << site.last_set;
    const Sessions here({.secrets = {kSecret}, .same_site = http::http1::SameSite::strict});
    session.set("user", "Andy");
    site.saved(here, session);
    EXPECT_NE(site.last_set.find("; SameSite=Strict"), std::string::npos) << site.last_set;
    EXPECT_THROW(Sessions({.secrets = {kSecret}, .secure = false, .same_site = http::http1::SameSite::none}),
                 std::invalid_argument);
  });
}

TEST(HttpSession, FormsOfOthersAreTold) {
  verdin::run([] {
    Site site;
    Session session;
    bool ok = false;
    site.handler = [&](Request& q, Response&) { ok = session.csrf_ok(q); };
    const auto asked = [&](const std::string& method, const Lines& headers, const std::string& body = {}) {
      site.ask(headers, method, body);
      return ok;
    };
    EXPECT_TRUE(asked("GET", {}));
    EXPECT_FALSE(asked("POST", {}));
    EXPECT_FALSE(asked("POST", {{"X-CSRF-Token", ""}})) << "none was made";
    const std::string token = session.csrf_token();
    EXPECT_EQ(token.size(), 32u);
    EXPECT_EQ(session.csrf_token(), token);
    EXPECT_NE(Session().csrf_token(), token);
    EXPECT_TRUE(asked("POST", {{"X-CSRF-Token", token}}));
    EXPECT_FALSE(asked("POST", {{"X-CSRF-Token", token + "x"}}));
    const Lines form{{"Content-Type", "application/x-www-form-urlencoded"}};
    EXPECT_TRUE(asked("POST", form, "a=b&csrf_token=" + token));
    EXPECT_FALSE(asked("POST", form, "a=b&csrf_token=x"));
    EXPECT_FALSE(asked("DELETE", {}));
  });
}

TEST(HttpSession, FormsWithPartsOfOthersAreTold) {
  verdin::run([] {
    Site site;
    Session session;
    const std::string token = session.csrf_token();
    std::string seen;
    const auto judge = [&](Request& q, Response&) { seen = session.csrf_ok(q) ? "whole " : ""; };
    const auto judge_pieces = [&](Request& q, Response&) {
      http::Multipart form(q);
      seen = session.csrf_ok(q, form) ? "pieces " : "";
      if (!seen.empty()) {
        while (form.next()) seen += form.name() + "=" + form.read_all(100) + ";";
      }
    };
    site.app.post("/whole", judge);
    site.app.post("/pieces", judge_pieces, {.stream_body = true});
    const auto part = [](const std::string& name, const std::string& body) {
      return "--B\r\nContent-Disposition: form-data; name=" + name + "\r\n\r\n" + body + "\r\n";
    };
    const auto asked = [&](const std::string& path, const std::string& body, const Lines& headers = {}) {
      seen = "not asked";
      http::ClientRequest request;
      request.method = "POST";
      request.url = "http://127.0.0.1:" + std::to_string(site.app.port()) + path;
      request.headers = headers;
      request.headers.emplace_back("Content-Type", "multipart/form-data; boundary=B");
      request.body = body;
      return std::to_string(site.client.request(std::move(request)).status()) + " " + seen;
    };
    const std::string good = part("csrf_token", token), bad = part("csrf_token", "x"), a = part("a", "1"),
                      end = "--B--\r\n";
    EXPECT_EQ(asked("/whole", good + a + end), "200 whole ");
    EXPECT_EQ(asked("/whole", a + good + end), "200 whole ") << "wherever it is";
    for (const std::string& body : {a + end, bad + end, bad + good + end, good, std::string(),
                                    part("csrf_token", token + std::string(2000, 'x')) + end,
                                    part("\"csrf_token\"; filename=f", token) + end})
      EXPECT_EQ(asked("/whole", body), "200 ") << body;
    EXPECT_EQ(asked("/whole", a + end, {{"X-CSRF-Token", token}}), "200 whole ");
    EXPECT_EQ(asked("/whole", good + end, {{"X-CSRF-Token", "x"}}), "200 ");
    EXPECT_EQ(asked("/pieces", good + a + end), "200 pieces a=1;");
    EXPECT_EQ(asked("/pieces", a + end, {{"X-CSRF-Token", token}}), "200 pieces a=1;");
    EXPECT_EQ(asked("/pieces", a + good + end), "200 ") << "first";
    EXPECT_EQ(asked("/pieces", bad + a + end), "200 ");
    const std::string other = part("b", token), none = part("\"\"", token),
                      longer = part("csrf_token2", token);
    for (const std::string& named : {other, none, longer}) {
      EXPECT_EQ(asked("/pieces", named + a + end), "200 ") << named;
      EXPECT_EQ(asked("/whole", named + a + end), "200 ") << named;
    }
    EXPECT_EQ(asked("/pieces", end), "200 ");
    EXPECT_EQ(asked("/pieces", part("csrf_token", std::string(2000, 'x')) + end), "413 not asked");
    session.clear();
    EXPECT_EQ(asked("/pieces", part("csrf_token", "") + end), "200 ") << "none was made";
    EXPECT_EQ(asked("/whole", part("csrf_token", "") + end), "200 ");
  });
}

TEST(HttpCors, TheListIsExact) {
  verdin::run([] {
    Site site;
    site.app.use(http::cors({.origins = {"https://a.test"}, .credentials = true, .exposed = "X-Y"}));
    site.handler = [](Request&, Response& r) { r.send("ok"); };
    const auto allowed = [&](const std::string& origin) {
      const http::ClientResponse answer = site.ask({{"Origin", origin}});
      EXPECT_EQ(answer.body(), "ok");
      EXPECT_EQ(answer.header("Vary"), "Origin");
      return std::string(answer.header("Access-Control-Allow-Origin").value_or("none"));
    };
    EXPECT_EQ(allowed("https://a.test"), "https://a.test");
    for (const char* strange : {"http://a.test", "https://a.test:444", "https://b.a.test",
                                "https://a.test.evil", "https://xa.test", "null", "*", "HTTPS://A.TEST"})
      EXPECT_EQ(allowed(strange), "none") << strange;
    http::ClientResponse answer = site.ask({{"Origin", "https://a.test"}});
    EXPECT_EQ(answer.header("Access-Control-Allow-Credentials"), "true");
    EXPECT_EQ(answer.header("Access-Control-Expose-Headers"), "X-Y");
    answer = site.ask({});
    EXPECT_EQ(answer.header("Access-Control-Allow-Origin"), std::nullopt);
    EXPECT_EQ(answer.header("Vary"), "Origin");
    answer = site.ask({{"Origin", "https://a.test"},
                       {"Access-Control-Request-Method", "PUT"},
                       {"Access-Control-Request-Headers", "x-a, x-b"}},
                      "OPTIONS");
    EXPECT_EQ(answer.status(), 204);
    EXPECT_EQ(answer.header("Access-Control-Allow-Methods"), "GET, HEAD, POST, PUT, PATCH, DELETE");
    EXPECT_EQ(answer.header("Access-Control-Allow-Headers"), "x-a, x-b");
    EXPECT_EQ(answer.header("Access-Control-Max-Age"), "600");
    answer = site.ask({{"Origin", "https://evil.test"}, {"Access-Control-Request-Method", "PUT"}}, "OPTIONS");
    EXPECT_EQ(answer.status(), 403);
    EXPECT_EQ(answer.header("Access-Control-Allow-Methods"), std::nullopt);
  });
}

TEST(HttpCors, APreflightIsToldWhatTheOptionsSay) {
  verdin::run([] {
    Site site;
    site.app.use(http::cors({.origins = {"https://a.test"},
                             .methods = "GET, PURGE",
                             .headers = "X-Only",
                             .max_age = std::chrono::seconds(7)}));
    const http::ClientResponse answer = site.ask({{"Origin", "https://a.test"},
                                                  {"Access-Control-Request-Method", "PUT"},
                                                  {"Access-Control-Request-Headers", "x-a, x-b"}},
                                                 "OPTIONS");
    EXPECT_EQ(answer.status(), 204);
    EXPECT_EQ(answer.header("Access-Control-Allow-Methods"), "GET, PURGE");
    EXPECT_EQ(answer.header("Access-Control-Allow-Headers"), "X-Only");
    EXPECT_EQ(answer.header("Access-Control-Max-Age"), "7");
    EXPECT_EQ(answer.header("Vary"), "Origin") << "what it asks for changes nothing";
  });
}

TEST(HttpCors, EverybodyButNotWithCredentials) {
  verdin::run([] {
    Site site;
    site.app.use(http::cors({.origins = {"*"}}));
    site.handler = [](Request&, Response& r) { r.send("ok"); };
    const http::ClientResponse answer = site.ask({{"Origin", "https://evil.test"}});
    EXPECT_EQ(answer.header("Access-Control-Allow-Origin"), "*");
    EXPECT_EQ(answer.header("Access-Control-Allow-Credentials"), std::nullopt);
    EXPECT_THROW(http::cors({.origins = {"*"}, .credentials = true}), std::invalid_argument);
    EXPECT_THROW(http::cors({.origins = {"*", "https://a"}}), std::invalid_argument);
    EXPECT_THROW(http::cors({.origins = {"https://a"}, .methods = "GET\r\nX: y"}), std::invalid_argument);
  });
}

}  // namespace
}  // namespace session_tests
