// dial(): a connection to where a URL leads, straight or through a proxy. Internal.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <verdin/http/client.hpp>

namespace verdin::http {

/// The Proxy-Authorization of the options; empty if there is none.
std::string proxy_authorization(const ClientOptions& options);

/// Blocks. Throws ClientError (proxy, protocol, too_large) and what connecting throws.
std::unique_ptr<net::StreamSocket> dial(const ClientOptions& options, const std::optional<http1::Url>& proxy,
                                        const http1::Url& url, net::Deadline limit);

}  // namespace verdin::http
