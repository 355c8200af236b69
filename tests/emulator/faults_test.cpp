// What the emulator finds on its own: every planted fault, and none in the kernels that are right.
#include <bit>
#include <catch2/catch.hpp>

#include "tests/emulator/device_array.h"
#include "tests/emulator/planted.h"

using namespace dg::emulator_tests;
using Catch::Matchers::Contains;

namespace {

constexpr std::uint64_t kSeeds = 8;  // what every kernel test runs at least

std::vector<Planted> that_show(Shows shows) {
  std::vector<Planted> chosen;
  for (const Planted& planted : all_planted()) {
#if defined(__SANITIZE_ADDRESS__)
    if (planted.stops_sanitizer) continue;  // emulator_faults runs it, in a process of its own
#endif
    if (planted.shows == shows) chosen.push_back(planted);
  }
  return chosen;
}

}  // namespace

// The threads of the tag are the kernels': ThreadSanitizer must be silent.
TEST_CASE("kernels without a fault are right under every seed", "[threads]") {
  const auto kernels = that_show(Shows::never);
  REQUIRE(kernels.size() == 6);
  for (std::uint64_t seed = 0; seed < 2 * kSeeds; ++seed) {
    const auto device = dg::cuda_emulated::make_runtime({.device = 0, .seed = seed});
    for (const Planted& planted : kernels) {
      INFO(planted.name << ", seed " << seed);
      const Outcome outcome = planted.run(planted.name, *device);
      REQUIRE(outcome.got == outcome.expected);
    }
  }
}

TEST_CASE("missing barriers, missing waits and reads outside make the result wrong in one of 8 seeds") {
  const auto kernels = that_show(Shows::in_result);
  REQUIRE(kernels.size() >= 7);
  for (const Planted& planted : kernels) {
    INFO(planted.name);
    // Wherever the eight begin.
    for (std::uint64_t first = 0; first < 4 * kSeeds; first += kSeeds) {
      std::uint64_t wrong = 0;
      for (std::uint64_t seed = first; seed < first + kSeeds; ++seed)
        wrong += run(planted, seed).right() ? 0 : 1;
      CHECK(wrong > 0);
    }
  }
}

TEST_CASE("what the emulator can see becomes an error that names kernel and fault, under every seed") {
  const auto kernels = that_show(Shows::as_error);
  REQUIRE(kernels.size() >= 17);
  for (const Planted& planted : kernels) {
    INFO(planted.name);
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      CHECK_THROWS_WITH(run(planted, seed), Contains(planted.error) && Contains(planted.name));
    }
  }
}

TEST_CASE("a kernel's own exception reaches the caller of launch as it was thrown") {
  for (const Planted& planted : all_planted()) {
    if (planted.name != std::string("kernel_that_throws")) continue;
    CHECK_THROWS_WITH(run(planted, 0), "kernel_that_throws: thread 40 objects");
  }
}

TEST_CASE("after a fault the device runs the next kernel as if nothing had happened") {
  const auto device = dg::cuda_emulated::make_runtime({.device = 0, .seed = 1});
  const auto right = that_show(Shows::never);
  for (const Planted& fault : that_show(Shows::as_error)) {
    INFO("after " << fault.name);
    CHECK_THROWS_AS(fault.run(fault.name, *device), dg::Error);
    for (const Planted& planted : right) CHECK(planted.run(planted.name, *device).right());
  }
}

TEST_CASE("a seed gives the same result twice, right or wrong") {
  for (const Planted& planted : that_show(Shows::in_result)) {
    INFO(planted.name);
    const auto bits = [](const std::vector<float>& values) {
      std::vector<std::uint32_t> words;
      for (const float value : values) words.push_back(std::bit_cast<std::uint32_t>(value));
      return words;
    };
    CHECK(bits(run(planted, 5).got) == bits(run(planted, 5).got));
  }
}
