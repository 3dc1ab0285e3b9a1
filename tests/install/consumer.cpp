#include <cstdio>

#include <verdin/base/random.hpp>

int main() {
  const std::string id = verdin::random_id(20);
  std::printf("linked and running: %s\n", id.c_str());
  return id.size() == 20 ? 0 : 1;
}
