#include "data/random_stream.h"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstddef>
#include <vector>

using dg::RandomStream;

TEST_CASE("random stream: equal construction gives equal numbers, another seed or stream other ones") {
  RandomStream first(5, 7);
  RandomStream again(5, 7);
  RandomStream other_stream(5, 8);
  RandomStream other_seed(6, 7);
  for (int i = 0; i < 9; ++i) {
    const std::uint64_t value = first.bits64();
    CHECK(value == again.bits64());
    CHECK(value != other_stream.bits64());
    CHECK(value != other_seed.bits64());
  }
}

TEST_CASE("random stream: swapping seed and stream is another stream") {
  CHECK(RandomStream(1, 2).bits64() != RandomStream(2, 1).bits64());
}

TEST_CASE("random stream: uniform and normal numbers have their mean and variance") {
  RandomStream stream(1, 1);
  constexpr int kCount = 40000;
  double uniform_sum = 0.0;
  double normal_sum = 0.0;
  double normal_squares = 0.0;
  for (int i = 0; i < kCount; ++i) {
    const double u = stream.uniform();
    REQUIRE((u > 0.0 && u < 1.0));
    const double n = stream.normal();
    uniform_sum += u;
    normal_sum += n;
    normal_squares += n * n;
  }
  // Five standard errors: 5 * 0.289 / 200, 5 / 200, 5 * 1.41 / 200.
  CHECK(std::fabs(uniform_sum / kCount - 0.5) < 0.0072);
  CHECK(std::fabs(normal_sum / kCount) < 0.025);
  CHECK(std::fabs(normal_squares / kCount - 1.0) < 0.035);
}

TEST_CASE("random stream: integers cover 0 to n-1 evenly") {
  RandomStream stream(3, 0);
  std::array<int, 5> counts{};
  for (int i = 0; i < 5000; ++i) {
    ++counts.at(static_cast<std::size_t>(stream.integer(5)));
  }
  for (const int count : counts) {
    CHECK(std::abs(count - 1000) < 150);  // five standard deviations of 28
  }
  CHECK_THROWS_AS(stream.integer(0), dg::Error);
}
