# Brotli::Encoder and Brotli::Decoder (libbrotli), 1.0 or newer. The shared code of both comes along.
include(FindPackageHandleStandardArgs)

find_path(Brotli_INCLUDE_DIR brotli/encode.h)
find_library(Brotli_ENCODER NAMES brotlienc)
find_library(Brotli_DECODER NAMES brotlidec)
find_library(Brotli_COMMON NAMES brotlicommon)
mark_as_advanced(Brotli_INCLUDE_DIR Brotli_ENCODER Brotli_DECODER Brotli_COMMON)
find_package_handle_standard_args(Brotli REQUIRED_VARS Brotli_ENCODER Brotli_DECODER Brotli_COMMON Brotli_INCLUDE_DIR)

if(Brotli_FOUND AND NOT TARGET Brotli::Encoder)
  foreach(part Encoder Decoder)
    string(TOUPPER ${part} variable)
    add_library(Brotli::${part} UNKNOWN IMPORTED)
    set_target_properties(Brotli::${part} PROPERTIES
      IMPORTED_LOCATION ${Brotli_${variable}} INTERFACE_INCLUDE_DIRECTORIES ${Brotli_INCLUDE_DIR}
      INTERFACE_LINK_LIBRARIES ${Brotli_COMMON})
  endforeach()
endif()
