# Liburing::Liburing. Older than 2.3 is no use: it knows no multishot receive.
include(FindPackageHandleStandardArgs)
include(CheckCXXSourceCompiles)

find_path(Liburing_INCLUDE_DIR liburing.h)
find_library(Liburing_LIBRARY NAMES uring)
mark_as_advanced(Liburing_INCLUDE_DIR Liburing_LIBRARY)
if(Liburing_INCLUDE_DIR AND Liburing_LIBRARY)
  set(CMAKE_REQUIRED_INCLUDES ${Liburing_INCLUDE_DIR})
  set(CMAKE_REQUIRED_LIBRARIES ${Liburing_LIBRARY})
  check_cxx_source_compiles("
    #include <liburing.h>
    int main() {
      io_uring_prep_recv_multishot(nullptr, 0, nullptr, 0, 0);
      return io_uring_register_buf_ring(nullptr, nullptr, 0) + io_uring_submit_and_get_events(nullptr);
    }" Liburing_IS_RECENT)
  unset(CMAKE_REQUIRED_INCLUDES)
  unset(CMAKE_REQUIRED_LIBRARIES)
endif()
find_package_handle_standard_args(Liburing REQUIRED_VARS Liburing_LIBRARY Liburing_INCLUDE_DIR Liburing_IS_RECENT)

if(Liburing_FOUND AND NOT TARGET Liburing::Liburing)
  add_library(Liburing::Liburing UNKNOWN IMPORTED)
  set_target_properties(Liburing::Liburing PROPERTIES
    IMPORTED_LOCATION ${Liburing_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${Liburing_INCLUDE_DIR})
endif()
