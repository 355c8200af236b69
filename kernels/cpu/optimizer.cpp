// Adam (Kingma and Ba 2015, algorithm 1) and exponential moving averages, over all parameters in one call.
#include "kernels/cpu/cpu_kernels.h"

namespace dg::cpu::DG_CPU_ISA {
namespace {

template <typename T>
struct AdamFactors {
  T beta1, beta2, correction1, correction2, rate, epsilon;

  explicit AdamFactors(const AdamOptions& o)
      : beta1(static_cast<T>(o.beta1)),
        beta2(static_cast<T>(o.beta2)),
        correction1(static_cast<T>(1.0 / (1.0 - std::pow(o.beta1, static_cast<double>(o.step))))),
        correction2(static_cast<T>(1.0 / (1.0 - std::pow(o.beta2, static_cast<double>(o.step))))),
        rate(static_cast<T>(o.learning_rate)),
        epsilon(static_cast<T>(o.epsilon)) {}
};

// Four restricted arrays and constants by value, or the loop stays scalar.
template <typename T>
void adam_run(const T* __restrict grad, T* __restrict param, T* __restrict first, T* __restrict second,
              std::int64_t n, const AdamFactors<T> f) {
  for (std::int64_t i = 0; i < n; ++i) {
    first[i] = f.beta1 * first[i] + (T(1) - f.beta1) * grad[i];
    second[i] = f.beta2 * second[i] + (T(1) - f.beta2) * grad[i] * grad[i];
    param[i] -= f.rate * (first[i] * f.correction1) / (std::sqrt(second[i] * f.correction2) + f.epsilon);
  }
}

template <typename T>
void adam_typed(Machine& m, const AdamTensor& t, const AdamOptions& options) {
  const AdamFactors<T> factors(options);
  parallel_runs(m.threads, t.numel, kGrain, [&](std::int64_t begin, std::int64_t end) {
    adam_run(t.grad.as<T>() + begin, t.param.as<T>() + begin, t.m.as<T>() + begin, t.v.as<T>() + begin,
             end - begin, factors);
  });
}

template <typename T>
void ema_typed(Machine& m, const EmaTensor& t, double decay) {
  const T keep = static_cast<T>(decay);
  T* average = t.average.as<T>();
  const T* value = t.value.as<T>();
  parallel_runs(m.threads, t.numel, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) average[i] = keep * average[i] + (T(1) - keep) * value[i];
  });
}

// body.template operator()<float or double>(): optimizer state is never narrower than float32.
template <typename Body>
void dispatch_wide(DType dtype, const char* op, const Body& body) {
  switch (dtype) {
    case DType::float32: return body.template operator()<float>();
    case DType::float64: return body.template operator()<double>();
    case DType::bfloat16: break;
  }
  fail(op, ": parameters are ", name_of(dtype), ", expected float32 or float64 master weights");
}

}  // namespace

void adam(Machine& m, std::span<const AdamTensor> tensors, const AdamOptions& options) {
  for (const AdamTensor& t : tensors) {
    dispatch_wide(t.param.dtype, "adam", [&]<typename T>() { adam_typed<T>(m, t, options); });
  }
}

void ema(Machine& m, std::span<const EmaTensor> tensors, double decay) {
  for (const EmaTensor& t : tensors) {
    dispatch_wide(t.average.dtype, "ema", [&]<typename T>() { ema_typed<T>(m, t, decay); });
  }
}

}  // namespace dg::cpu::DG_CPU_ISA

#include "kernels/cpu/isa_end.h"
