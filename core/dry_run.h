// The memory of a computation, known before it runs.
#pragma once

#include <cstdint>
#include <memory>

#include "core/context.h"
#include "kernels/dry_run.h"

namespace dg {

// While it lives, ops on this context check their shapes and allocate, but there is nothing behind the memory and
// nothing is computed:
//   DryRun dry(context);
//   { const Tensor y = network(Tensor::empty(context, {1, 6000, 8000, 3})); }
//   dry.peak_bytes();
// Values read from such tensors are zero. Tensors made during the dry run must not outlive it. The random state and the
// module observer are put back at its end; the observer is not called in between.
class DryRun {
 public:
  explicit DryRun(Context& context);
  DryRun(const DryRun&) = delete;
  DryRun& operator=(const DryRun&) = delete;
  ~DryRun();

  // What the device held at most, kept blocks and scratch memory included. Tensors from before do not count.
  std::int64_t peak_bytes() const { return backend_->peak_bytes(); }

 private:
  Context& context_;
  std::shared_ptr<DryRunBackend> backend_;
  std::shared_ptr<Backend> real_backend_;
  std::shared_ptr<CachingAllocator> real_allocator_;
  PhiloxState random_;
  ModuleObserver observer_;
};

}  // namespace dg
