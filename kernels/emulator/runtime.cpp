// The emulated device: memory from the heap, and a stream that does its work at once.
#include "kernels/cuda/runtime.h"

#include <cstring>

#include "kernels/emulator/stream.h"
#include "kernels/host_memory.h"

namespace dg::cuda_emulated {
namespace {

class WorkList final : public RecordedGraph {
 public:
  emulator::Graph work;
};

class EmulatedRuntime final : public Runtime {
 public:
  explicit EmulatedRuntime(const RuntimeOptions& options)
      : memory_(!options.corners), stream_(options.seed, memory_, options.corners) {
    properties_ = {.name = "emulated GPU on the host, seed " + std::to_string(options.seed),
                   .compute_capability = 80,
                   .multiprocessors = 4,
                   .shared_bytes = emulator::kMaxSharedBytes,
                   .memory_bytes = 0};
  }

  const DeviceProperties& properties() const override { return properties_; }
  Stream stream() override { return &stream_; }

  void* allocate(std::int64_t bytes) override { return memory_.allocate(bytes); }
  void deallocate(void* memory, std::int64_t /*bytes*/) noexcept override { memory_.deallocate(memory); }

  void copy(void* target, const void* source, std::int64_t bytes, CopyDirection direction) override {
    if (bytes == 0) return;
    check(!stream_.capturing() || direction == CopyDirection::device_to_device,
          "copies between host and device cannot be part of a graph");
    stream_.submit([=, this] {
      std::memcpy(target, source, static_cast<std::size_t>(bytes));
      memory_.check_guards("a copy");
    });
  }

  // Work is done when it is submitted.
  void synchronize() override { memory_.check_guards("the host"); }
  std::int64_t available_bytes() override { return available_host_memory(); }

  void begin_capture() override {
    check(!stream_.capturing(), "a graph is being captured already");
    graph_ = std::make_unique<WorkList>();
    stream_.begin_capture(graph_->work);
  }
  std::unique_ptr<RecordedGraph> end_capture() override {
    check(stream_.capturing(), "no graph is being captured");
    stream_.end_capture();
    return std::move(graph_);
  }
  void replay(RecordedGraph& graph) override { static_cast<WorkList&>(graph).work.run(); }
  bool capturing() const override { return stream_.capturing(); }

  void push_range(const char* /*name*/) override {}
  void pop_range() noexcept override {}

 private:
  DeviceProperties properties_;
  emulator::GlobalMemory memory_;
  emulator::Stream stream_;
  std::unique_ptr<WorkList> graph_;
};

}  // namespace

std::unique_ptr<Runtime> make_runtime(const RuntimeOptions& options) {
  return std::make_unique<EmulatedRuntime>(options);
}

}  // namespace dg::cuda_emulated
