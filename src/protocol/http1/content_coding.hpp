// Content codings of answers (RFC 9110 section 8.4.1): which one a request is answered in, and the octets in
// it.
#pragma once

#include <string>
#include <string_view>

namespace verdin::protocol::http1 {

enum class ContentCoding { identity, gzip, deflate };

/// As in Content-Encoding; "identity" is not written there.
std::string_view to_string(ContentCoding coding) noexcept;

/// The coding that an Accept-Encoding value likes best, gzip before deflate where it likes both alike;
/// identity if it accepts neither.
ContentCoding choose_coding(std::string_view accept_encoding) noexcept;

/// `content` in that coding. Takes time, some 100 ms for 1 MB, and throws std::bad_alloc; `content` is below
/// 4 GiB.
std::string encode_content(std::string_view content, ContentCoding coding);

}  // namespace verdin::protocol::http1
