// What the backend needs of a device besides kernels: memory, copies, a stream, graphs. runtime.cpp talks to the CUDA
// runtime, emulator/runtime.cpp to the host.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "kernels/backend.h"
#include "kernels/cuda/launch.h"

namespace dg::DG_TARGET {

struct DeviceProperties {
  std::string name;
  int compute_capability = 0;  // 90 for sm_90
  int multiprocessors = 1;
  std::int64_t shared_bytes = 0;  // a block's limit
  std::int64_t memory_bytes = 0;
};

// A recorded sequence of kernels and copies, started as one.
class RecordedGraph {
 public:
  virtual ~RecordedGraph() = default;
};

class Runtime {
 public:
  virtual ~Runtime() = default;

  virtual const DeviceProperties& properties() const = 0;
  virtual Stream stream() = 0;

  // Uninitialised, aligned to 256 bytes, ordered on the stream; while a graph is captured, outside of it.
  virtual void* allocate(std::int64_t bytes) = 0;
  virtual void deallocate(void* memory, std::int64_t bytes) noexcept = 0;
  virtual void copy(void* target, const void* source, std::int64_t bytes, CopyDirection direction) = 0;
  virtual void synchronize() = 0;
  virtual std::int64_t available_bytes() = 0;  // Backend::available_bytes

  virtual void begin_capture() = 0;
  virtual std::unique_ptr<RecordedGraph> end_capture() = 0;
  virtual void replay(RecordedGraph& graph) = 0;
  virtual bool capturing() const = 0;

  // A named interval on a profiler's time line.
  virtual void push_range(const char* name) = 0;
  virtual void pop_range() noexcept = 0;
};

struct RuntimeOptions {
  int device = 0;
  std::uint64_t seed = 0;  // of the emulator's schedules
  bool corners = false;    // see CudaOptions::emulator_corners
};

// Throws Error where there is no such device, with what the driver says.
std::unique_ptr<Runtime> make_runtime(const RuntimeOptions& options);

}  // namespace dg::DG_TARGET
