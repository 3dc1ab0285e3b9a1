// Certificates for tests, made by the program `openssl`: an authority, and what it has signed.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace verdin::test {

class Certificates {
 public:
  Certificates() {
    char name[] = "/tmp/verdin-tls-XXXXXX";
    folder_ = ::mkdtemp(name);
    make("ca", "/CN=Test Authority", "");
  }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;
  ~Certificates() { std::filesystem::remove_all(folder_); }

  /// NAME.pem and NAME.key, signed by the authority. `names` as in "DNS:one.test,IP:127.0.0.1".
  void sign(const std::string& name, const std::string& names) const {
    make(name, "/CN=" + name,
         " -CA " + path("ca.pem") + " -CAkey " + path("ca.key") + " -addext subjectAltName=" + names);
  }
  std::string path(const std::string& file) const { return folder_ + '/' + file; }
  std::string text(const std::string& file) const {
    std::ifstream in(path(file));
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void run(const std::string& arguments) const {
    const std::string command = "openssl " + arguments + " >" + path("log") + " 2>&1";
    if (std::system(command.c_str()) != 0) throw std::runtime_error(command + ": " + text("log"));
  }

 private:
  void make(const std::string& name, const std::string& subject, const std::string& more) const {
    run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '" + subject +
        "' -keyout " + path(name + ".key") + " -out " + path(name + ".pem") + more);
  }

  std::string folder_;
};

}  // namespace verdin::test
