# Cares::Cares (c-ares), 1.16 or newer: the first that has ares_getaddrinfo.
include(FindPackageHandleStandardArgs)
include(CheckLibraryExists)

find_path(Cares_INCLUDE_DIR ares.h)
find_library(Cares_LIBRARY NAMES cares)
mark_as_advanced(Cares_INCLUDE_DIR Cares_LIBRARY)
if(Cares_LIBRARY)
  check_library_exists(${Cares_LIBRARY} ares_getaddrinfo "" Cares_IS_RECENT)
endif()
find_package_handle_standard_args(Cares REQUIRED_VARS Cares_LIBRARY Cares_INCLUDE_DIR Cares_IS_RECENT)

if(Cares_FOUND AND NOT TARGET Cares::Cares)
  add_library(Cares::Cares UNKNOWN IMPORTED)
  set_target_properties(Cares::Cares PROPERTIES
    IMPORTED_LOCATION ${Cares_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${Cares_INCLUDE_DIR})
endif()
