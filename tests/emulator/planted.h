// Small kernels that are right, and their twins with one fault planted in each. A name is the kernel's and the fault's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/cuda/runtime.h"

namespace dg::emulator_tests {

// How a fault shows where no sanitizer watches.
enum class Shows : std::uint8_t {
  never,      // the kernel is right
  in_result,  // under some seeds
  as_error,   // the emulator throws Error, under every seed
};

struct Outcome {
  std::vector<float> got;
  std::vector<float> expected;

  bool right() const { return got == expected; }  // NaN equals nothing
};

struct Planted {
  const char* name;
  Shows shows;
  const char* error = "";        // as_error: part of what the emulator says
  bool stops_sanitizer = false;  // AddressSanitizer or UndefinedBehaviorSanitizer ends the program
  Outcome (*run)(const char* name, cuda_emulated::Runtime& device);
};

// The three files of kernels.
std::vector<Planted> planted_barriers();
std::vector<Planted> planted_control();
std::vector<Planted> planted_memory();

inline std::vector<Planted> all_planted() {
  std::vector<Planted> all = planted_barriers();
  for (const Planted& p : planted_control()) all.push_back(p);
  for (const Planted& p : planted_memory()) all.push_back(p);
  return all;
}

// On a fresh device whose schedules are drawn from `seed`.
inline Outcome run(const Planted& planted, std::uint64_t seed) {
  const auto device = cuda_emulated::make_runtime({.device = 0, .seed = seed});
  return planted.run(planted.name, *device);
}

}  // namespace dg::emulator_tests
