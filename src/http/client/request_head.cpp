#include "http/client/request_head.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/response_head.hpp>

namespace verdin::http {

namespace {

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) noexcept {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view known) { return http1::equals_ignoring_case(name, known); });
}

constexpr std::array<std::string_view, 4> kFraming{"Content-Length", "Transfer-Encoding", "TE", "Keep-Alive"};
constexpr std::array<std::string_view, 4> kSecrets{"Authorization", "Cookie", "Proxy-Authorization", "Host"};
constexpr std::array<std::string_view, 6> kOfBody{"Content-Type",     "Content-Encoding", "Content-Language",
                                                  "Content-Location", "Expect",           "Trailer"};

template <std::size_t N>
void drop(ClientRequest& request, const std::array<std::string_view, N>& names) {
  std::erase_if(request.headers, [&](const auto& header) { return is_one_of(header.first, names); });
}

[[noreturn]] void refuse(const char* why) { throw ClientError(ClientError::Kind::bad_request, why); }

void append_framing(std::string& head, const ClientRequest& request) {
  if (request.upload && !request.upload_size) {
    http1::append_header(head, "Transfer-Encoding", "chunked");
  } else if (request.upload) {
    http1::append_content_length(head, *request.upload_size);
  } else if (!request.body.empty() || request.method == "POST" || request.method == "PUT" ||
             request.method == "PATCH") {
    http1::append_content_length(head, request.body.size());
  }
}

}  // namespace

void check_request(const ClientRequest& request) {
  if (!http1::is_token(request.method)) refuse("bad method");
  if (request.method == "CONNECT") refuse("CONNECT is for proxies");
  if (request.upload && !request.body.empty()) refuse("both a body and an upload");
  const bool chunked = request.upload && !request.upload_size;
  if (request.trailers && !chunked) refuse("trailers want an upload in chunks");
  int hosts = 0;
  for (const auto& [name, value] : request.headers) {
    if (!http1::is_valid_header_name(name) || !http1::is_valid_header_value(value))
      refuse("a header that could split the request");
    if (is_one_of(name, kFraming)) refuse("the framing of a request is the client's");
    if (http1::equals_ignoring_case(name, "Expect"))
      refuse("for expectations see ClientOptions::expect_from");
    if (http1::equals_ignoring_case(name, "Connection") && !http1::equals_ignoring_case(value, "close") &&
        !http1::equals_ignoring_case(value, "upgrade")) {
      refuse("a Connection header is \"close\" or \"upgrade\"");
    }
    if (http1::equals_ignoring_case(name, "Host") && ++hosts > 1) refuse("two Host headers");
    if (http1::equals_ignoring_case(name, "Trailer") && !request.trailers)
      refuse("trailers that there are not");
  }
}

bool has_header(const ClientRequest& request, std::string_view name) noexcept {
  return std::any_of(request.headers.begin(), request.headers.end(),
                     [&](const auto& header) { return http1::equals_ignoring_case(header.first, name); });
}

bool may_repeat(const ClientRequest& request) noexcept {
  constexpr std::array<std::string_view, 6> kIdempotent{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
  return !request.upload &&
         std::find(kIdempotent.begin(), kIdempotent.end(), request.method) != kIdempotent.end();
}

// Parts of a coded answer cannot be undone by themselves.
bool asks_for_codings(const ClientRequest& request, const ClientOptions& options) noexcept {
  return options.decompress && !has_header(request, "Accept-Encoding") && !has_header(request, "Range");
}

bool is_announced(const ClientRequest& request, const ClientOptions& options) noexcept {
  if (options.expect_from == 0) return false;
  if (!request.upload) return request.body.size() >= options.expect_from;
  return request.upload_size.value_or(options.expect_from) >= options.expect_from;
}

void make_get(ClientRequest& request) {
  request.method = "GET";
  request.body.clear();
  request.upload = nullptr;
  request.upload_size.reset();
  request.trailers = nullptr;
  drop(request, kOfBody);
}

void forget_secrets(ClientRequest& request) { drop(request, kSecrets); }

std::string request_head(const ClientRequest& request, const http1::Url& url, const ClientOptions& options,
                         const RequestHeadExtras& extras) {
  std::string head;
  head.reserve(512);
  head.append(request.method).append(" ").append(extras.absolute ? url.text() : url.target);
  head += " HTTP/1.1\r\n";
  if (!has_header(request, "Host")) http1::append_header(head, "Host", url.authority());
  if (!options.user_agent.empty() && !has_header(request, "User-Agent"))
    http1::append_header(head, "User-Agent", options.user_agent);
  if (!has_header(request, "Accept")) http1::append_header(head, "Accept", "*/*");
  if (asks_for_codings(request, options)) http1::append_header(head, "Accept-Encoding", "gzip, deflate, br");
  std::string cookies = extras.cookies;
  for (const auto& [name, value] : request.headers) {
    if (http1::equals_ignoring_case(name, "Cookie")) {  // one header, whoever they are from
      if (!cookies.empty()) cookies.insert(0, "; ");
      cookies.insert(0, value);
    } else if (request.ask_trailers && http1::equals_ignoring_case(name, "Connection")) {
      http1::append_header(head, name, value + ", TE");
    } else {
      http1::append_header(head, name, value);
    }
  }
  if (!cookies.empty()) http1::append_header(head, "Cookie", cookies);
  if (!extras.proxy_authorization.empty())
    http1::append_header(head, "Proxy-Authorization", extras.proxy_authorization);
  if (request.ask_trailers) {
    if (!has_header(request, "Connection")) http1::append_header(head, "Connection", "TE");
    http1::append_header(head, "TE", "trailers");
  }
  if (extras.expects) http1::append_header(head, "Expect", "100-continue");
  append_framing(head, request);
  head += "\r\n";
  return head;
}

}  // namespace verdin::http
