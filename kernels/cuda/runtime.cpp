// The CUDA runtime as a Runtime: one stream, memory from a pool of its own, pinned staging for copies from the host.
#include "kernels/cuda/runtime.h"

#include <cstring>
#include <cuda_runtime.h>
#include <nvtx3/nvToolsExt.h>
#include <sstream>

namespace dg::cuda {
namespace {

void succeed(cudaError_t error, const char* what) {
  if (error != cudaSuccess) [[unlikely]] {
    fail("cuda: ", what, " failed: ", cudaGetErrorString(error), " (", cudaGetErrorName(error), ")");
  }
}

DeviceProperties query(int device) {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  check(error == cudaSuccess && count > 0, "device 'cuda': no GPU can be used here (",
        cudaGetErrorString(error), "); install NVIDIA's driver, or use the device 'cpu'");
  check(device >= 0 && device < count, "device 'cuda': there is no GPU number ", device,
        "; this machine has ", count);
  cudaDeviceProp p{};
  succeed(cudaGetDeviceProperties(&p, device), "reading the device's properties");
  check(p.major >= 8, "device 'cuda': ", p.name, " is sm_", p.major * 10 + p.minor,
        "; the kernels need sm_80 (Ampere) or later");
  return {.name = p.name,
          .compute_capability = p.major * 10 + p.minor,
          .multiprocessors = p.multiProcessorCount,
          .shared_bytes = static_cast<std::int64_t>(p.sharedMemPerBlockOptin),
          .memory_bytes = static_cast<std::int64_t>(p.totalGlobalMem)};
}

class CudaGraph final : public RecordedGraph {
 public:
  explicit CudaGraph(cudaGraph_t graph) {
    const cudaError_t error = cudaGraphInstantiate(&executable, graph, 0);
    cudaGraphDestroy(graph);
    succeed(error, "instantiating a graph");
  }
  ~CudaGraph() override { cudaGraphExecDestroy(executable); }

  cudaGraphExec_t executable = nullptr;
};

// Page-locked memory through which the host's data go to the device while the host goes on. Two halves take turns; each
// is free again when the event behind its last copy has passed.
class Staging {
 public:
  static constexpr std::size_t kBytes = std::size_t{32} << 20;

  Staging() = default;
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  ~Staging() {
    for (Half& half : halves_) {
      if (half.copied != nullptr) cudaEventDestroy(half.copied);
      if (half.memory != nullptr) cudaFreeHost(half.memory);
    }
  }

  void upload(void* target, const void* source, std::size_t bytes, cudaStream_t stream) {
    const auto* from = static_cast<const std::byte*>(source);
    auto* to = static_cast<std::byte*>(target);
    while (bytes > 0) {
      Half& half = halves_[next_];
      next_ = 1 - next_;
      if (half.memory == nullptr) {
        succeed(cudaMallocHost(&half.memory, kBytes), "allocating page-locked memory");
        succeed(cudaEventCreateWithFlags(&half.copied, cudaEventDisableTiming), "creating an event");
      }
      succeed(cudaEventSynchronize(half.copied), "waiting for a copy");
      const std::size_t part = bytes < kBytes ? bytes : kBytes;
      std::memcpy(half.memory, from, part);
      succeed(cudaMemcpyAsync(to, half.memory, part, cudaMemcpyHostToDevice, stream),
              "copying to the device");
      succeed(cudaEventRecord(half.copied, stream), "recording an event");
      from += part;
      to += part;
      bytes -= part;
    }
  }

 private:
  struct Half {
    void* memory = nullptr;
    cudaEvent_t copied = nullptr;
  };
  Half halves_[2];
  int next_ = 0;
};

class CudaRuntime final : public Runtime {
 public:
  explicit CudaRuntime(const RuntimeOptions& options)
      : device_(options.device), properties_(query(options.device)) {
    use_device();
    succeed(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "creating a stream");
    succeed(cudaStreamCreateWithFlags(&side_stream_, cudaStreamNonBlocking), "creating a stream");
    cudaMemPoolProps pool{};
    pool.allocType = cudaMemAllocationTypePinned;
    pool.location = {.type = cudaMemLocationTypeDevice, .id = device_};
    succeed(cudaMemPoolCreate(&pool_, &pool), "creating a memory pool");
    std::uint64_t keep_everything = ~std::uint64_t{0};
    succeed(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &keep_everything),
            "configuring the pool");
  }

  ~CudaRuntime() override {
    cudaSetDevice(device_);
    cudaStreamSynchronize(stream_);
    cudaStreamDestroy(side_stream_);
    cudaStreamDestroy(stream_);
    cudaMemPoolDestroy(pool_);
  }

  const DeviceProperties& properties() const override { return properties_; }

  // Every call of the backend passes here first; the current device is the calling thread's state, not the process's.
  Stream stream() override { return stream_; }

  void* allocate(std::int64_t bytes) override {
    use_device();
    // During capture an allocation on the stream would become part of the graph; on another stream it does not.
    const cudaStream_t stream = capturing_ ? side_stream_ : stream_;
    void* memory = nullptr;
    const cudaError_t error =
        cudaMallocFromPoolAsync(&memory, static_cast<std::size_t>(bytes), pool_, stream);
    if (error != cudaSuccess) {
      cudaGetLastError();
      std::size_t free = 0;
      std::size_t total = 0;
      cudaMemGetInfo(&free, &total);
      fail("cuda: out of memory: ", bytes, " bytes wanted on ", properties_.name, " (", free >> 20, " of ",
           total >> 20, " MiB free: ", cudaGetErrorString(error),
           "); use a smaller batch or image, or --precision bf16");
    }
    if (capturing_) succeed(cudaStreamSynchronize(side_stream_), "allocating during capture");
    return memory;
  }

  void deallocate(void* memory, std::int64_t /*bytes*/) noexcept override {
    cudaSetDevice(device_);
    cudaFreeAsync(memory, capturing_ ? side_stream_ : stream_);
  }

  void copy(void* target, const void* source, std::int64_t bytes, CopyDirection direction) override {
    if (bytes == 0) return;
    use_device();
    const auto count = static_cast<std::size_t>(bytes);
    if (direction == CopyDirection::device_to_device) {
      succeed(cudaMemcpyAsync(target, source, count, cudaMemcpyDeviceToDevice, stream_),
              "copying on the device");
      return;
    }
    check(!capturing_, "copies between host and device cannot be part of a graph");
    if (direction == CopyDirection::host_to_device) {
      staging_.upload(target, source, count, stream_);
    } else {
      succeed(cudaMemcpyAsync(target, source, count, cudaMemcpyDeviceToHost, stream_),
              "copying from the device");
      succeed(cudaStreamSynchronize(stream_), "waiting for the device");
    }
  }

  void synchronize() override {
    use_device();
    check(!capturing_, "cannot wait for the device while a graph is captured");
    succeed(cudaStreamSynchronize(stream_), "waiting for the device");
  }
  // The pool's unused memory is handed out again before new memory is taken.
  std::int64_t available_bytes() override {
    use_device();
    std::size_t free = 0;
    std::size_t total = 0;
    succeed(cudaMemGetInfo(&free, &total), "asking for the free memory");
    std::uint64_t reserved = 0;
    std::uint64_t used = 0;
    succeed(cudaMemPoolGetAttribute(pool_, cudaMemPoolAttrReservedMemCurrent, &reserved), "asking the pool");
    succeed(cudaMemPoolGetAttribute(pool_, cudaMemPoolAttrUsedMemCurrent, &used), "asking the pool");
    return static_cast<std::int64_t>(free + reserved - used);
  }

  void begin_capture() override {
    use_device();
    check(!capturing_, "a graph is being captured already");
    succeed(cudaStreamSynchronize(stream_),
            "waiting for the device");  // memory freed while capturing is not in use
    succeed(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeRelaxed), "beginning a capture");
    capturing_ = true;
  }

  std::unique_ptr<RecordedGraph> end_capture() override {
    cudaGraph_t graph = nullptr;
    capturing_ = false;
    succeed(cudaStreamEndCapture(stream_, &graph), "ending a capture");
    return std::make_unique<CudaGraph>(graph);
  }

  void replay(RecordedGraph& graph) override {
    use_device();
    succeed(cudaGraphLaunch(static_cast<CudaGraph&>(graph).executable, stream_), "replaying a graph");
  }
  bool capturing() const override { return capturing_; }

  void push_range(const char* name) override {
    use_device();
    nvtxRangePushA(name);
  }
  void pop_range() noexcept override { nvtxRangePop(); }

 private:
  void use_device() { succeed(cudaSetDevice(device_), "selecting the device"); }

  int device_;
  DeviceProperties properties_;
  cudaStream_t stream_ = nullptr;
  cudaStream_t side_stream_ = nullptr;  // for allocations during capture
  cudaMemPool_t pool_ = nullptr;
  Staging staging_;
  bool capturing_ = false;
};

}  // namespace

std::unique_ptr<Runtime> make_runtime(const RuntimeOptions& options) {
  return std::make_unique<CudaRuntime>(options);
}

void throw_launch_error(const LaunchConfig& c, cudaError_t error) {
  fail("kernel ", c.name, " (grid ", c.grid.x, " x ", c.grid.y, " x ", c.grid.z, ", block ", c.block, ", ",
       c.shared_bytes, " bytes of shared memory): ", cudaGetErrorString(error), " (", cudaGetErrorName(error),
       ")");
}

bool is_capturing(Stream stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  return cudaStreamIsCapturing(stream, &status) == cudaSuccess && status != cudaStreamCaptureStatusNone;
}

}  // namespace dg::cuda
