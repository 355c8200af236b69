// Everything that an engine owns besides its tensors: device, memory, random state, gradient mode, log.
// There are no globals: two contexts live in one process, each used by one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/allocator.h"
#include "core/random.h"
#include "kernels/backend.h"

namespace dg {

enum class LogLevel : std::uint8_t { debug, info, warning, error };
using LogSink = std::function<void(LogLevel, std::string_view)>;

class Module;
class Tensor;
// Called after each module's forward; see layers/summary.h.
using ModuleObserver = std::function<void(const Module&, const Tensor& input, const Tensor& output)>;

// What networks compute in. Parameters, losses and optimizer states stay float32.
enum class Precision : std::uint8_t {
  float32,
  tf32,  // float32, but products of convolutions are rounded to a mantissa of 10 bits: GPUs only
  bf16,  // activations and gradients are stored as bfloat16, sums are float32
};

const char* name_of(Precision precision);
Precision parse_precision(std::string_view name);  // Error for a name that is none of the three

// Whose convolutions a GPU computes with.
enum class ConvBackend : std::uint8_t {
  own,
  cudnn,  // NVIDIA's library, where the machine has it: device cuda only
};

const char* name_of(ConvBackend backend);
ConvBackend parse_conv_backend(std::string_view name);  // Error for a name that is neither

// Throws Error for a device that cannot have this backend.
void check_conv_backend(ConvBackend backend, std::string_view device);

struct ContextOptions {
  std::string device = "cpu";  // "cpu", "cuda", "cuda:1", "cuda-emulated"
  Precision precision = Precision::float32;
  ConvBackend conv_backend = ConvBackend::own;
  int threads = 0;                 // CPU threads; 0: as many as the process may use
  bool exact = false;              // no algorithm that rounds more for speed: on the CPU, no Winograd
  bool reference_kernels = false;  // the plain loops instead of the fast paths
  std::uint64_t seed = 0;          // of the random generator
  LogSink log = {};                // none: silent
};

// Tensors keep their context's memory alive; the Context itself must outlive every
// use of its modules and tensors.
class Context {
 public:
  // Throws Error for an unknown device or one that this build or machine does not have.
  explicit Context(ContextOptions options = {});
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context();

  Backend& backend() { return *backend_; }
  CachingAllocator& allocator() { return *allocator_; }
  std::shared_ptr<CachingAllocator> shared_allocator() { return allocator_; }
  Generator& random() { return random_; }
  void log(LogLevel level, std::string_view message) const;
  Precision precision() const { return precision_; }

  // Whether ops are recorded on the tape; see NoGrad.
  bool grad_enabled() const { return grad_enabled_; }
  void set_grad_enabled(bool enabled) { grad_enabled_ = enabled; }
  // Position of the next recorded op: the tape is swept in the reverse of this order.
  std::uint64_t next_sequence() { return sequence_++; }

  const ModuleObserver& module_observer() const { return module_observer_; }
  void set_module_observer(ModuleObserver observer) { module_observer_ = std::move(observer); }

 private:
  friend class DryRun;  // puts another device in the place of this one for a while

  std::shared_ptr<Backend> backend_;
  std::shared_ptr<CachingAllocator> allocator_;
  Generator random_;
  LogSink log_;
  Precision precision_;
  ModuleObserver module_observer_;
  bool grad_enabled_ = true;
  std::uint64_t sequence_ = 0;
};

// While it lives, ops on this context are computed but not recorded.
class NoGrad {
 public:
  explicit NoGrad(Context& context) : context_(context), previous_(context.grad_enabled()) {
    context_.set_grad_enabled(false);
  }
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;
  ~NoGrad() { context_.set_grad_enabled(previous_); }

 private:
  Context& context_;
  bool previous_;
};

}  // namespace dg
