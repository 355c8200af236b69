// A device that computes nothing: calls are accepted, and the memory that they would need is counted. So the memory of
// a network is known before it runs, exactly, from the code that will run.
#pragma once

#include <memory>

#include "kernels/backend.h"

namespace dg {

class DryRunBackend : public Backend {
 public:
  // The most memory that was held at one time, the kernels' scratch memory included.
  virtual std::int64_t peak_bytes() const = 0;
};

// Scratch memory, algorithms and names are those of `device`. The addresses that allocate() gives belong to nobody and
// must not be touched; copies to the host give zeros.
std::unique_ptr<DryRunBackend> make_dry_run_backend(std::shared_ptr<const Backend> device);

}  // namespace dg
