#include "data/checksum.h"

#include <catch2/catch.hpp>
#include <string>

#include "tests/data/temp_folder.h"

using namespace dg;

TEST_CASE("checksum: CRC-32 of the standard's check string, of nothing, and over more than one block") {
  const test::TempFolder folder;
  test::write_text(folder / "digits", "123456789");
  CHECK(crc32_of_file(folder / "digits") == "cbf43926");
  test::write_text(folder / "empty", "");
  CHECK(crc32_of_file(folder / "empty") == "00000000");
  test::write_text(folder / "long", std::string((1 << 20) + 5, 'a'));
  CHECK(crc32_of_file(folder / "long") == "d4d626a3");
  CHECK_THROWS_WITH(crc32_of_file(folder / "none"), Catch::Contains("none"));
}
