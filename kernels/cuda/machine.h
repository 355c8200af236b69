// What every launcher gets: the device, its stream, scratch memory, and how convolutions may compute.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "kernels/cuda/cudnn.h"
#include "kernels/cuda/device/replay.h"
#include "kernels/cuda/runtime.h"

namespace dg::DG_TARGET {

// Scratch memory of one launcher at a time: what lies in it is gone when the next launcher asks. Its users run in the
// stream's order, so one buffer serves all.
class Workspace {
 public:
  explicit Workspace(Runtime& runtime) : runtime_(runtime) {}
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace();

  template <typename T>
  T* get(std::int64_t count) {
    return static_cast<T*>(bytes(count * static_cast<std::int64_t>(sizeof(T))));
  }
  std::int64_t held_bytes() const;

 private:
  struct Buffer {
    void* memory;
    std::int64_t bytes;
  };
  void* bytes(std::int64_t count);

  Runtime& runtime_;
  std::vector<Buffer> buffers_;  // the last is in use; the smaller ones before it belong to captured graphs
};

// The device's copy of what changes from one replay of a graph to the next.
class ReplayMemory {
 public:
  explicit ReplayMemory(Runtime& runtime);
  ReplayMemory(const ReplayMemory&) = delete;
  ReplayMemory& operator=(const ReplayMemory&) = delete;
  ~ReplayMemory();

  void begin_capture() { adam_calls_ = 0; }
  int adam_calls() const { return adam_calls_; }  // since begin_capture
  void upload(const ReplayInputs& inputs, int adam_calls);

  // For kernels: null unless a graph is being captured.
  const std::uint64_t* random_shift() const;
  const AdamScalars* next_adam();

 private:
  Runtime& runtime_;
  ReplayValues* values_;  // device memory
  int adam_calls_ = 0;
};

// Null unless the options ask for cuDNN. Throws Error where it is not found, and on the emulated device.
std::unique_ptr<cuda::Cudnn> load_cudnn(Runtime& runtime, const CudaOptions& options);

struct Machine {
  Machine(Runtime& device, const CudaOptions& cuda_options)
      : runtime(device),
        stream(device.stream()),
        options(cuda_options),
        workspace(device),
        replay(device),
        cudnn(load_cudnn(device, cuda_options)) {}

  Runtime& runtime;
  Stream stream;
  CudaOptions options;
  Workspace workspace;
  ReplayMemory replay;
  std::unique_ptr<cuda::Cudnn> cudnn;  // with options.conv_tier cudnn
};

}  // namespace dg::DG_TARGET
