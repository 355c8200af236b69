// What all cases of a run share: the device, what is compared, and how a measurement becomes a row of the results.
#pragma once

#include <benchmark/benchmark.h>
#include <memory>
#include <string>
#include <vector>

#include "bench/bench_device.h"
#include "bench/cudnn.h"

namespace dg::bench {

struct Session {
  std::unique_ptr<BenchDevice> device;
  std::vector<Arithmetic> arithmetics;
  std::unique_ptr<Cudnn> cudnn;  // null: no rival
  Sampling sampling;
  bool failed = false;  // a result was wrong, or a case could not run
};

// The relative error that a correct kernel stays below. Against exact sums of the same operands: float32 rounds sums of
// up to a million products, tf32 each factor to 11 bits, bf16 the result to 8.
inline double tolerance(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::float32: return 1e-4;
    case Arithmetic::tf32: return 2e-3;
    case Arithmetic::bf16: return 1e-2;
  }
  return 0.0;
}

// Throws Error: a wrong kernel is not worth timing.
inline void require_close(const char* what, double error, Arithmetic arithmetic) {
  check(error <= tolerance(arithmetic), "differs from ", what, " by ", error,
        " of its norm; expected at most ", tolerance(arithmetic));
}

// Runs `body` as one case; what it throws becomes the case's error and fails the session.
template <typename Body>
void add_case(Session& session, const std::string& name, Body body) {
  benchmark::RegisterBenchmark(name.c_str(),
                               [&session, body](benchmark::State& state) {
                                 for (auto _ : state) {
                                   try {
                                     body(state);
                                   } catch (const std::exception& error) {
                                     session.failed = true;
                                     state.SkipWithError(error.what());
                                   }
                                 }
                               })
      ->Iterations(1)
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

// The row's time is the median; the rest stands beside it.
inline void report(benchmark::State& state, Session& session, const Timing& timing) {
  state.SetIterationTime(timing.median);
  state.counters["fastest_ms"] = timing.fastest * 1e3;
  state.counters["spread_percent"] = timing.spread * 1e2;
  state.counters["samples"] = timing.samples;
  if (const double mhz = session.device->clock_mhz(); mhz > 0.0) state.counters["clock_MHz"] = mhz;
}

// An amount per second in the given unit, and its share of the measured peak where that is known.
inline void report_rate(benchmark::State& state, const char* unit, double scale, double per_second,
                        double peak) {
  state.counters[unit] = per_second / scale;
  if (peak > 0.0) state.counters["peak_percent"] = 1e2 * per_second / peak;
}

void add_conv_cases(Session& session);
void add_memory_cases(Session& session);

}  // namespace dg::bench
