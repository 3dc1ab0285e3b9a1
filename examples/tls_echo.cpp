// An echo server over TLS, and a client that verifies it. (The certificate is made on the spot, by the
// program `openssl`.)
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <verdin/net/filesystem.hpp>
#include <verdin/net/process.hpp>
#include <verdin/net/stream_server.hpp>
#include <verdin/net/tls_stream.hpp>
#include <verdin/runtime/run.hpp>

namespace net = verdin::net;

namespace {

struct Credentials {
  std::string certificate_file;
  std::string key_file;
};

Credentials make_credentials(const std::string& folder) {
  Credentials made{folder + "/certificate.pem", folder + "/key.pem"};
  verdin::check_output({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-subj", "/CN=echo.test", "-addext", "subjectAltName=DNS:echo.test",
                        "-keyout", made.key_file, "-out", made.certificate_file},
                       {.err = verdin::Stdio::null()});
  return made;
}

// [server]
void echo(net::TlsStream& stream, const net::Address&) {
  std::array<char, 4096> buffer;
  while (const std::size_t size = stream.recv(buffer)) stream.send_all({buffer.data(), size});
}
// [/server]

void demonstrate(const Credentials& own) {
  // [server]

  const auto context = net::TlsContext::server(
      {.identities = {{.certificate_file = own.certificate_file, .key_file = own.key_file}}});
  net::StreamServer server(net::Address::loopback_ipv4(0), net::over_tls(context, echo));
  server.start();
  // [/server]

  // [client]
  const auto trusting = net::TlsContext::client({.ca_file = own.certificate_file});
  net::TlsStream stream(net::Socket::connected(server.address()), trusting, "echo.test");
  stream.send_all("hello\n");
  std::printf("%s says %s\n", stream.peer_subject().c_str(), stream.recv_until("\n", 100).c_str());
  // [/client]

  net::TlsStream stranger(net::Socket::connected(server.address()), trusting, "another.test");
  try {
    stranger.handshake();
  } catch (const net::TlsError& error) {
    std::puts(error.what());
  }
  stream.close();
  stranger.close();
  server.stop(std::chrono::seconds(10));
}

}  // namespace

int main() {
  return verdin::run([] {
    char folder[] = "/tmp/verdin-echo-XXXXXX";
    if (!::mkdtemp(folder)) return 1;
    const Credentials own = make_credentials(folder);
    demonstrate(own);
    for (const std::string& file : {own.certificate_file, own.key_file}) verdin::fs::remove_file(file);
    verdin::fs::remove_directory(folder);
    return 0;
  });
}
