// An Engine.IO server that sends each message back: what the protocol's test suites are run against.
#include "conformance/program.hpp"

namespace {

/// Deletes itself with its session.
class Echo final : public verdin::eio::SessionHandler {
 public:
  explicit Echo(verdin::eio::Session& session) : session_(&session) {}

 private:
  void on_message(std::span<char> text) override { session_->send_text({text.data(), text.size()}); }
  void on_binary(std::span<char> data) override {
    session_->send(verdin::eio::Message::binary({data.data(), data.size()}));
  }
  void on_close(verdin::eio::CloseReason, std::string_view) override { delete this; }

  verdin::IntrusivePtr<verdin::eio::Session> session_;
};

}  // namespace

int main(int argc, char** argv) {
  const program::Arguments arguments(argc, argv,
                                     {"--port", "--ping-interval", "--ping-timeout", "--allow-origin"});
  program::log_to_stderr();
  return verdin::run([&] {
    verdin::eio::Server server(program::suite_options(arguments));
    server.on_session([](verdin::eio::Session& session, const verdin::http::Request&) {
      session.set_handler(new Echo(session));
    });
    verdin::http::App app;
    app.mount(server);
    program::serve(app, arguments);
  });
}
