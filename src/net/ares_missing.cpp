// For a build without c-ares.
#ifndef VERDIN_HAVE_ARES

#include "net/name_lookup.hpp"

namespace verdin::net::impl {

std::unique_ptr<NameLookup> make_ares_lookup(const ResolverOptions&) {
  throw ResolveError(ResolveErrc::unsupported, "with c-ares");
}

}  // namespace verdin::net::impl

#endif
