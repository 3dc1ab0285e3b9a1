#include <verdin/net/error.hpp>

namespace verdin::net {
namespace {

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "verdin.net"; }
  std::string message(int code) const override {
    switch (static_cast<Errc>(code)) {
      case Errc::timed_out:
        return "the time allowed was over";
      case Errc::closed:
        return "the socket is closed";
      case Errc::end_of_stream:
        return "the stream ended too early";
      case Errc::too_long:
        return "more came than was allowed";
    }
    return "unknown";
  }
  std::error_condition default_error_condition(int code) const noexcept override {
    switch (static_cast<Errc>(code)) {
      case Errc::timed_out:
        return std::errc::timed_out;
      case Errc::closed:
        return std::errc::bad_file_descriptor;
      case Errc::too_long:
        return std::errc::message_size;
      case Errc::end_of_stream:
        break;
    }
    return {code, *this};
  }
};

}  // namespace

const std::error_category& error_category() noexcept {
  static const Category category;
  return category;
}

TimedOut::TimedOut(const std::string& what) : std::system_error(Errc::timed_out, what) {}
Closed::Closed(const std::string& what) : std::system_error(Errc::closed, what) {}
EndOfStream::EndOfStream(const std::string& what) : std::system_error(Errc::end_of_stream, what) {}
TooLong::TooLong(const std::string& what) : std::system_error(Errc::too_long, what) {}

void throw_error(std::error_code error, const char* what) {
  const std::string text = std::string("verdin: ") + what;
  if (error == Errc::timed_out) throw TimedOut(text);
  if (error == Errc::closed) throw Closed(text);
  if (error == Errc::end_of_stream) throw EndOfStream(text);
  if (error == Errc::too_long) throw TooLong(text);
  throw std::system_error(error, text);
}

}  // namespace verdin::net
