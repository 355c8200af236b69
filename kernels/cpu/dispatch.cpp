// Which instruction set the CPU kernels use.
#include "kernels/cpu/dispatch.h"

#include <cstdlib>
#include <string>

namespace dg {
namespace {

bool is_built([[maybe_unused]] CpuIsa isa) {
#if defined(DEBLURGAN_HAS_AVX512)
  if (isa == CpuIsa::avx512) return true;
#endif
#if defined(DEBLURGAN_HAS_AVX2)
  if (isa == CpuIsa::avx2) return true;
#endif
  return isa == CpuIsa::baseline;
}

bool machine_has([[maybe_unused]] CpuIsa isa) {
#if defined(__x86_64__)
  if (isa == CpuIsa::avx512) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && machine_has(CpuIsa::avx2);
  }
  if (isa == CpuIsa::avx2) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2");
  }
#endif
  return isa == CpuIsa::baseline;
}

constexpr CpuIsa kIsas[] = {CpuIsa::baseline, CpuIsa::avx2, CpuIsa::avx512};

// DEBLURGAN_CPU_ISA, or the widest.
CpuIsa default_isa() {
  const char* const forced = std::getenv("DEBLURGAN_CPU_ISA");
  return forced == nullptr || *forced == '\0' ? available_cpu_isas().back() : parse_cpu_isa(forced);
}

std::string available_names() {
  std::string names;
  for (const CpuIsa isa : available_cpu_isas())
    names += (names.empty() ? "" : ", ") + std::string(name_of(isa));
  return names;
}

}  // namespace

const char* name_of(CpuIsa isa) {
  switch (isa) {
    case CpuIsa::automatic: return "automatic";
    case CpuIsa::baseline: return "baseline";
    case CpuIsa::avx2: return "avx2";
    case CpuIsa::avx512: return "avx512";
  }
  return "unknown";
}

CpuIsa parse_cpu_isa(std::string_view name) {
  for (const CpuIsa isa : kIsas) {
    if (name == name_of(isa)) return isa;
  }
  fail("unknown CPU instruction set '", name, "'; this machine has ", available_names());
}

std::vector<CpuIsa> available_cpu_isas() {
  std::vector<CpuIsa> available;
  for (const CpuIsa isa : kIsas) {
    if (is_built(isa) && machine_has(isa)) available.push_back(isa);
  }
  return available;
}

std::unique_ptr<Backend> make_cpu_backend(int threads, CpuKernels kernels, CpuIsa isa) {
  if (isa == CpuIsa::automatic) isa = default_isa();
  check(is_built(isa) && machine_has(isa), "the CPU kernels for ", name_of(isa),
        is_built(isa) ? " need a processor that this machine does not have" : " are not in this build",
        "; available are ", available_names());
  switch (isa) {
#if defined(DEBLURGAN_HAS_AVX512)
    case CpuIsa::avx512: return cpu::avx512::make_backend(threads, kernels);
#endif
#if defined(DEBLURGAN_HAS_AVX2)
    case CpuIsa::avx2: return cpu::avx2::make_backend(threads, kernels);
#endif
    default: return cpu::baseline::make_backend(threads, kernels);
  }
}

}  // namespace dg
