// Philox4x32-10: a counter-based generator. Number i of a stream is a pure function of (seed, i), so every
// backend, any number of threads and a resumed run draw the same numbers.
// Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/host_device.h"

namespace dg {

// What a kernel needs to draw numbers: element i uses counter `offset + i / 4`, word i % 4.
struct PhiloxState {
  std::uint64_t seed = 0;
  std::uint64_t offset = 0;
};

struct PhiloxWords {
  std::uint32_t word[4];
};

// The four 32-bit words of block `counter` of stream `seed`.
DG_HOST_DEVICE inline PhiloxWords philox(std::uint64_t seed, std::uint64_t counter) {
  auto c0 = static_cast<std::uint32_t>(counter);
  auto c1 = static_cast<std::uint32_t>(counter >> 32);
  std::uint32_t c2 = 0;
  std::uint32_t c3 = 0;
  auto k0 = static_cast<std::uint32_t>(seed);
  auto k1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53} * c0;
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57} * c2;
    const auto next0 = static_cast<std::uint32_t>(product1 >> 32) ^ c1 ^ k0;
    const auto next2 = static_cast<std::uint32_t>(product0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<std::uint32_t>(product1);
    c3 = static_cast<std::uint32_t>(product0);
    c0 = next0;
    c2 = next2;
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
  return {{c0, c1, c2, c3}};
}

// Uniform in (0, 1): the middle of one of 2^23 equal cells, exact in float32, never 0 and never 1.
DG_HOST_DEVICE inline float philox_uniform(std::uint32_t word) {
  return (static_cast<float>(word >> 9) + 0.5F) * (1.0F / 8388608.0F);
}

// Counters consumed by n numbers.
DG_HOST_DEVICE inline std::uint64_t philox_blocks(std::int64_t n) {
  return (static_cast<std::uint64_t>(n) + 3) / 4;
}

}  // namespace dg
