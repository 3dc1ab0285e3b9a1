// What the examples with a page have in common.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include <verdin/http/http.hpp>

/// The folder of the pages, and what lies there.
inline std::string page_file(const char* name) { return std::string(VERDIN_EXAMPLE_PAGES) + "/" + name; }

/// A page runs no script and loads nothing that is not from here, and nobody frames it.
inline void protect_pages(verdin::http::App& app) {
  app.use([](verdin::http::Request&, verdin::http::Response& r, const verdin::http::Next& next) {
    r.header("Content-Security-Policy",
             "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
             "base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
        .header("X-Content-Type-Options", "nosniff")
        .header("Referrer-Policy", "same-origin");
    next();
  });
  app.static_files("/static", page_file("static"));
}

/// Of this machine only, until SIGINT or SIGTERM.
inline void serve_pages(verdin::http::App& app, const char* name, std::uint16_t port) {
  app.listen({"127.0.0.1", port});
  std::printf("%s is on http://127.0.0.1:%u/\n", name, unsigned{app.port()});
  std::fflush(stdout);
  app.serve_forever();
}
