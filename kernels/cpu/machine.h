// What a CPU kernel runs with.
#pragma once

#include "kernels/cpu/thread_pool.h"
#include "kernels/cpu/workspace.h"
#include "kernels/types.h"

namespace dg::cpu {

struct Machine {
  explicit Machine(int thread_count, bool exact_only = false, DType product_type = DType::float32)
      : threads(thread_count), exact(exact_only), products(product_type) {}

  ThreadPool threads;
  Workspace workspace;
  bool exact;      // no algorithm that trades accuracy for speed
  DType products;  // bfloat16: of Winograd's on float32 arrays
};

}  // namespace dg::cpu
