// await_client_hello(): the first record of a TLS client, before anything else is spent on it. Internal.
#pragma once

#include <verdin/net/deadline.hpp>
#include <verdin/net/socket.hpp>

namespace verdin::net::impl {

/// Blocks until the first record has come in whole, which stays with the kernel; or anything that is none, or
/// the end: OpenSSL says what is wrong with it. False if `limit` is over first. Throws what wait_read() does.
bool await_client_hello(Socket& socket, Deadline limit);

}  // namespace verdin::net::impl
