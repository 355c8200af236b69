// emulator_faults NAME [SEEDS]: runs one planted kernel under that many seeds (32), so that a sanitizer can be watched at
// it. Ends with 1 if the emulator complained or a result was wrong, with 0 if all was right.
#include <cstdio>
#include <cstdlib>

#include "tests/emulator/planted.h"

namespace {

using namespace dg::emulator_tests;

int report(const Planted& planted, std::uint64_t seeds) {
  std::uint64_t wrong = 0;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    if (!run(planted, seed).right()) ++wrong;
  }
  std::printf("%s: wrong under %llu of %llu seeds\n", planted.name, static_cast<unsigned long long>(wrong),
              static_cast<unsigned long long>(seeds));
  return wrong == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "";
  const std::uint64_t seeds = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 32;
  for (const Planted& planted : all_planted()) {
    if (planted.name != name) continue;
    try {
      return report(planted, seeds);
    } catch (const dg::Error& error) {
      std::printf("%s\n", error.what());
      return 1;
    }
  }
  std::fprintf(stderr, "emulator_faults: there is no kernel '%s'; there are\n", name.c_str());
  for (const Planted& planted : all_planted()) std::fprintf(stderr, "  %s\n", planted.name);
  return 2;
}
