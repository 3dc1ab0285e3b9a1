// The chat's pages and its HTTP interface.
//
//   GET  /             the page of rooms            GET /rooms/:slug    the page of a room, or 404
//   POST /rooms        a form or JSON {name}: 303 to the room's page, or 201 (200 if it was there) and its
//   summary GET  /api/rooms    [summary...]                 GET /static/...     styles and scripts
//
// Nothing inline and nothing from elsewhere is allowed on any page (Content-Security-Policy).
#pragma once

#include <string>

#include <verdin/http/app.hpp>

#include "archive.hpp"
#include "chat.hpp"

namespace chat {

namespace http = verdin::http;

/// Adds the routes to `app`; `chat` must outlive it. `web` is the folder of the pages. Reads the pages'
/// files: blocks, throws std::system_error.
void add_pages(http::App& app, Chat& chat, Archive archive, const std::string& web);

}  // namespace chat
