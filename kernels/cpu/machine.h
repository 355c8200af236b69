// What a CPU kernel runs with.
#pragma once

#include "kernels/cpu/thread_pool.h"
#include "kernels/cpu/workspace.h"

namespace dg::cpu {

struct Machine {
  explicit Machine(int thread_count, bool exact_only = false) : threads(thread_count), exact(exact_only) {}

  ThreadPool threads;
  Workspace workspace;
  bool exact;  // no algorithm that trades accuracy for speed
};

}  // namespace dg::cpu
