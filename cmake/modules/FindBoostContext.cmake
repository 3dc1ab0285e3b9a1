# BoostContext::BoostContext: the compiled fcontext functions of Boost.Context. The library alone, since its CMake package
# would ask for all of Boost's headers.
include(FindPackageHandleStandardArgs)

find_library(BoostContext_LIBRARY NAMES boost_context)
mark_as_advanced(BoostContext_LIBRARY)
find_package_handle_standard_args(BoostContext REQUIRED_VARS BoostContext_LIBRARY)

if(BoostContext_FOUND AND NOT TARGET BoostContext::BoostContext)
  add_library(BoostContext::BoostContext UNKNOWN IMPORTED)
  set_target_properties(BoostContext::BoostContext PROPERTIES IMPORTED_LOCATION ${BoostContext_LIBRARY})
endif()
