# What the library links. verdin-config.cmake.in names the same packages for those who link against an installed Verdin.
list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR}/modules)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Brotli REQUIRED)
find_package(simdjson REQUIRED)
find_package(BoostContext REQUIRED)
find_package(Libev REQUIRED)
find_package(OpenSSL 3 REQUIRED COMPONENTS SSL Crypto)

# io_uring is used where the kernel allows it; without the library Verdin has libev alone.
option(VERDIN_URING "Build the io_uring backend where liburing 2.3 or newer is installed" ON)
if(VERDIN_URING)
  find_package(Liburing)
endif()

# Names are looked up with the system's resolver; with c-ares where the application asks for that.
option(VERDIN_ARES "Build the c-ares resolver where that is installed" ON)
if(VERDIN_ARES)
  find_package(Cares)
endif()
