// The instruction sets of the CPU backend: which there are, and how one is chosen.
#include <cstdlib>

#include "tests/kernels/backend_checks.h"

using namespace dg;

namespace {

// An environment variable, until the end of the scope.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

}  // namespace

TEST_CASE("cpu instruction sets: every one that there is can be asked for, and says its name") {
  const std::vector<CpuIsa> available = available_cpu_isas();
  REQUIRE(available.front() == CpuIsa::baseline);
  for (const CpuIsa isa : available) {
    CHECK(parse_cpu_isa(name_of(isa)) == isa);
    const auto asked = make_cpu_backend(1, CpuKernels::fast, isa);
    CHECK_THAT(asked->description(), Catch::Contains(name_of(isa)));
    const Variable forced("DEBLURGAN_CPU_ISA", name_of(isa));
    CHECK(make_cpu_backend(1)->description() == asked->description());
  }
  CHECK_THAT(make_cpu_backend(1)->description(), Catch::Contains(name_of(available.back())));
}

TEST_CASE("cpu instruction sets: a wrong name says what there is") {
  const Variable forced("DEBLURGAN_CPU_ISA", "avx1024");
  CHECK_THROWS_WITH(make_cpu_backend(1), Catch::Contains("'avx1024'") && Catch::Contains("baseline"));
}
