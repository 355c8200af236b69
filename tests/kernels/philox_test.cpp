#include "kernels/philox.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "kernels/types.h"

using namespace dg;

TEST_CASE("philox: the known answers of the authors' Random123 library, philox4x32-10") {
  // Counter and key all zero.
  const PhiloxWords zero = philox(0, 0);
  CHECK(zero.word[0] == 0x6627e8d5U);
  CHECK(zero.word[1] == 0xe169c58dU);
  CHECK(zero.word[2] == 0xbc57ac4cU);
  CHECK(zero.word[3] == 0x9b00dbd8U);
}

TEST_CASE("philox: uniform numbers never reach 0 or 1") {
  CHECK(philox_uniform(0) > 0.0F);
  CHECK(philox_uniform(0xffffffffU) < 1.0F);
}

TEST_CASE("bfloat16: rounds to nearest even and keeps what has no number") {
  CHECK(static_cast<float>(bfloat16(1.0F)) == 1.0F);
  CHECK(bfloat16(1.00390625F).bits == 0x3f80U);  // a tie goes to the even neighbour below
  CHECK(bfloat16(1.01171875F).bits == 0x3f82U);  // a tie goes to the even neighbour above
  CHECK(std::isinf(static_cast<float>(bfloat16(INFINITY))));
  CHECK(std::isnan(static_cast<float>(bfloat16(NAN))));
  CHECK(std::isinf(static_cast<float>(bfloat16(3.4e38F))));  // above the largest bfloat16
}
