// dial(): a connection to where a URL leads, straight or through a proxy. Internal.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <verdin/http/client.hpp>

namespace verdin::http {

/// The Proxy-Authorization of the options; empty if there is none.
std::string proxy_authorization(const ClientOptions& options);

/// Asks `proxy` for a tunnel to where the URL leads. Blocks. Throws ClientError (proxy, protocol, too_large)
/// and what connecting throws.
net::Socket dial_tunnel(const ClientOptions& options, const http1::Url& proxy, const http1::Url& url,
                        net::Deadline limit);

/// The same, or without a proxy; "https" is TLS.
std::unique_ptr<net::StreamSocket> dial(const ClientOptions& options, const std::optional<http1::Url>& proxy,
                                        const http1::Url& url, net::Deadline limit);

}  // namespace verdin::http
