// What networking throws, and the codes behind it.
//
// Everything that the system refuses is std::system_error with its errno (generic category). Four more codes
// are ours; each has an exception that derives from std::system_error, too. The overloads that take an
// std::error_code& throw none of them. Misuse is std::logic_error.
#pragma once

#include <stdexcept>
#include <string>
#include <system_error>

namespace verdin::net {

enum class Errc {
  timed_out = 1,  ///< a limit of the caller's or the socket's was over; equivalent to std::errc::timed_out
  closed,         ///< closed, here, before or meanwhile; equivalent to std::errc::bad_file_descriptor
  end_of_stream,  ///< the peer sent its end where there should have been more
  too_long,       ///< more came than was allowed; equivalent to std::errc::message_size
};

const std::error_category& error_category() noexcept;
inline std::error_code make_error_code(Errc code) noexcept {
  return {static_cast<int>(code), error_category()};
}

/// Of a limit. (A connection that the system gave up is an std::system_error with ETIMEDOUT.)
struct TimedOut : std::system_error {
  explicit TimedOut(const std::string& what);
};

/// The socket is closed: another greenlet may have done it while this one waited.
struct Closed : std::system_error {
  explicit Closed(const std::string& what);
};

struct EndOfStream : std::system_error {
  explicit EndOfStream(const std::string& what);
};

struct TooLong : std::system_error {
  explicit TooLong(const std::string& what);
};

/// Two greenlets read from one socket at once, or two write. Each would get pieces of what the other wants.
struct ConcurrentUse : std::logic_error {
  using std::logic_error::logic_error;
};

/// Throws the exception for `error`.
[[noreturn]] void throw_error(std::error_code error, const char* what);

}  // namespace verdin::net

template <>
struct std::is_error_code_enum<verdin::net::Errc> : std::true_type {};
