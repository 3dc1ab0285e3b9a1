// Identifiers that nobody can guess, from getrandom(2). Thread-safe; throws std::system_error if the kernel
// refuses.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace verdin {

void random_bytes(std::span<unsigned char> to);

/// `length` characters of A-Z a-z 0-9 - _ (6 bits of randomness each).
std::string random_id(std::size_t length);

}  // namespace verdin
