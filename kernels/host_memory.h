// What the machine's memory still has room for.
#pragma once

#include <cstdint>

namespace dg {

// Bytes that this process can still allocate without swapping: what the kernel calls available, or what the process's
// control groups leave it, where that is less. The largest number where the system does not tell.
std::int64_t available_host_memory();

// Bytes of memory that the process occupies, and the most that it has occupied so far. 0 where the system does not tell.
std::int64_t resident_memory();
std::int64_t peak_resident_memory();

}  // namespace dg
