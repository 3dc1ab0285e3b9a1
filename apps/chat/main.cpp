// verdin-chat: chat rooms in the browser, on Verdin.

#include <cstdio>
#include <exception>
#include <string>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <verdin/base/log.hpp>
#include <verdin/runtime/run.hpp>

#include "chat.hpp"
#include "pages.hpp"
#include "settings.hpp"

namespace {

void log_to_stderr(bool verbose) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("chat"));
  spdlog::set_pattern("%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
  spdlog::set_level(verbose ? spdlog::level::debug : spdlog::level::info);
  verdin::set_log_sink([](verdin::LogLevel level, std::string_view message) {
    constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                     spdlog::level::warn, spdlog::level::err};
    spdlog::log(kLevels[static_cast<int>(level)], "{}", message);
  });
}

void serve(const chat::Settings& settings) {
  chat::Archive archive(settings.database);
  if (archive.ask([](chat::Store& store) { return store.rooms().empty(); })) {
    archive.ask([](chat::Store& store) { return store.create("Lobby"); });
  }
  chat::sio::Options options;
  if (!settings.client.empty()) options.client_dir = settings.client;
  chat::sio::Server io(options);
  chat::Chat chat(io, archive);
  chat::http::App app;
  chat::add_pages(app, chat, archive, settings.web);
  app.mount(io);
  app.listen({settings.host, settings.port});
  std::printf("chat is on http://%s:%u/\n", settings.host.c_str(), static_cast<unsigned>(app.port()));
  std::fflush(stdout);
  app.serve_forever();
}

}  // namespace

int main(int argc, char** argv) {
  const chat::Settings settings = chat::read_settings(argc, argv, VERDIN_CHAT_WEB);
  log_to_stderr(settings.verbose);
  try {
    return verdin::run([&] { serve(settings); });
  } catch (const std::exception& error) {
    std::fprintf(stderr, "verdin-chat: %s\n", error.what());
    return 1;
  }
}
