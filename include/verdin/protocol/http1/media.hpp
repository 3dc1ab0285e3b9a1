// Media types by file name, and text made safe for HTML. Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace verdin::protocol::http1 {

/// By the extension, in any case: "text/html; charset=utf-8"; "application/octet-stream" for an unknown one.
std::string_view media_type(std::string_view file_name) noexcept;

/// Appends `text` with & < > " ' written as references: safe in elements and in quoted attributes.
void append_html_escaped(std::string& to, std::string_view text);
std::string escape_html(std::string_view text);

}  // namespace verdin::protocol::http1
