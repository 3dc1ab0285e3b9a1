// What a ClientRequest is written as, and what becomes of it on the way. Internal.
#pragma once

#include <string>
#include <string_view>

#include <verdin/http/client.hpp>

namespace verdin::http {

struct RequestHeadExtras {
  std::string cookies;              // of the jar
  std::string proxy_authorization;  // for a proxy that is asked in full
  bool absolute = false;
  bool expects = false;  // 100 before the body is sent
};

/// Throws ClientError (bad_request): a method that is none or opens a tunnel, headers that could split the
/// request or that frame it.
void check_request(const ClientRequest& request);
bool has_header(const ClientRequest& request, std::string_view name) noexcept;
/// Its method is idempotent, and its body is still there.
bool may_repeat(const ClientRequest& request) noexcept;
/// The answer may come in a coding that the client undoes.
bool asks_for_codings(const ClientRequest& request, const ClientOptions& options) noexcept;
/// The body is large enough to be announced by an expectation.
bool is_announced(const ClientRequest& request, const ClientOptions& options) noexcept;
/// As a redirect wants it: GET, without a body and what describes it.
void make_get(ClientRequest& request);
/// What was for another origin: credentials, cookies, Host.
void forget_secrets(ClientRequest& request);
/// Up to the blank line.
std::string request_head(const ClientRequest& request, const http1::Url& url, const ClientOptions& options,
                         const RequestHeadExtras& extras);

}  // namespace verdin::http
