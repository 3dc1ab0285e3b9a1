#include <csignal>

#include <verdin/http/app.hpp>
#include <verdin/runtime/run.hpp>

#include "http/server.hpp"
#include "http/static_files.hpp"

namespace verdin::http {

App::App(const Options& options) : server_(new Server(options)) {}

App::~App() {
  server_->shut_down();
  // A serve_forever() that is unwound later must not look for them.
  server_->forget_endpoints();
  server_->release_waiters();
}

App& App::route(std::string_view method, std::string_view pattern, Handler handler,
                const RouteOptions& options) {
  server_->router().add(pattern, Route{std::string(method), {}, std::move(handler), nullptr, options});
  return *this;
}

App& App::route(std::string_view pattern, std::shared_ptr<Endpoint> endpoint) {
  server_->add_routed_endpoint(endpoint);
  server_->router().add(pattern, Route{"*", {}, {}, std::move(endpoint), {}});
  return *this;
}

App& App::use(Middleware middleware) {
  server_->middlewares().push_back(std::move(middleware));
  return *this;
}

App& App::static_files(std::string_view prefix, std::string directory, StaticOptions options) {
  while (!prefix.empty() && prefix.back() == '/') prefix.remove_suffix(1);
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  return get(std::string(prefix) + "/*",
             StaticFiles(*server_, prefix, std::move(directory), std::move(options)));
}

App& App::mount(std::string_view prefix, Endpoint& endpoint) {
  return mount(prefix, std::shared_ptr<Endpoint>(std::shared_ptr<void>(), &endpoint));
}

App& App::mount(std::string_view prefix, std::shared_ptr<Endpoint> endpoint) {
  server_->mount(prefix, std::move(endpoint));
  return *this;
}

App& App::on_error(ErrorHook hook) {
  server_->set_error_hook(std::move(hook));
  return *this;
}

App& App::on_access(AccessHook hook) {
  server_->set_access_hook(std::move(hook));
  return *this;
}

App& App::on_stop(UniqueFunction<void()> hook) {
  server_->add_stop_hook(std::move(hook));
  return *this;
}

App& App::error_page(int status, Handler page) {
  server_->set_error_page(status, std::move(page));
  return *this;
}

App& App::listen(const Address& address) {
  server_->listen(address);
  return *this;
}

App& App::listen(const Address& address, const net::TlsContext& context) {
  server_->listen(address, context);
  return *this;
}

std::uint16_t App::port() const { return server_->port(); }

App& App::start() {
  server_->start();
  return *this;
}

void App::serve(loop::StreamPtr stream, bool secure) { server_->serve(std::move(stream), secure); }

void App::serve_forever() {
  if (!Hub::current_or_null()) {
    verdin::run([this] { serve_forever(); });
    return;
  }
  // However it is left (the greenlet may be killed): nothing of the hub's stays behind.
  struct ShutDown {
    IntrusivePtr<Server> server;  // the App may be destroyed meanwhile
    ~ShutDown() {
      server->shut_down();
      if (!server->stopped()) server->end_endpoints();
    }
  } shut_down{server_};
  start();
  loop::WatchPtr interrupt, terminate;
  if (options().handle_signals) {
    const auto on_signal = [server = server_] { server->stopping() ? server->stop_now() : server->stop(); };
    loop::Loop& loop = Hub::current().loop();
    interrupt = loop.on_signal(SIGINT, on_signal);
    terminate = loop.on_signal(SIGTERM, on_signal);
  }
  join();
}

void App::stop() { server_->stop(); }
bool App::stopping() const noexcept { return server_->stopping(); }
bool App::stopped() const noexcept { return server_->stopped(); }
void App::join() {
  const IntrusivePtr<Server> server = server_;
  server->join();
}
std::size_t App::connections() const noexcept { return server_->connections(); }
const Options& App::options() const noexcept { return server_->options(); }

}  // namespace verdin::http
