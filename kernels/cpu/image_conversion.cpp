// uint8 0..255 <-> -1..1:  y = x / 127.5 - 1, and back by x = round((y + 1) * 127.5), clamped. Exact for all 256 values.
#include "kernels/cpu/cpu_kernels.h"

namespace dg::cpu::DG_CPU_ISA {
namespace {

// Bytes may alias anything, unless the pointers say that they do not.
template <typename T>
void to_bytes(const T* __restrict x, std::uint8_t* __restrict y, std::int64_t n) {
  using C = Compute<T>;
  for (std::int64_t i = 0; i < n; ++i) {
    const C level = (static_cast<C>(x[i]) + C(1)) * C(127.5);
    // The comparison order sends NaN to 0.
    const C inside = level > C(0) ? (level < C(255) ? level : C(255)) : C(0);
    y[i] = static_cast<std::uint8_t>(static_cast<int>(std::rint(inside)));
  }
}

}  // namespace

void image_to_float(Machine& m, const std::uint8_t* x, Array y, std::int64_t n) {
  dispatch_float(y.dtype, [&]<typename T>() {
    using C = Compute<T>;
    T* out = y.as<T>();
    parallel_runs(m.threads, n, kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) out[i] = T(static_cast<C>(x[i]) / C(127.5) - C(1));
    });
  });
}

void float_to_image(Machine& m, ConstArray x, std::uint8_t* y, std::int64_t n) {
  dispatch_float(x.dtype, [&]<typename T>() {
    parallel_runs(m.threads, n, kGrain, [&](std::int64_t begin, std::int64_t end) {
      to_bytes(x.as<T>() + begin, y + begin, end - begin);
    });
  });
}

}  // namespace dg::cpu::DG_CPU_ISA

#include "kernels/cpu/isa_end.h"
