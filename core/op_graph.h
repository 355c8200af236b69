// Ops recorded once and started again as one: on a GPU, a training step without the host in between.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "core/context.h"

namespace dg {

// What body() does on the device is recorded, not executed; each replay() then executes it on the same memory. So
//   - tensors made before and read by body (weights, inputs) may be overwritten between replays (Tensor::copy_from),
//   - tensors that body made and left behind (losses) show the newest replay's values,
//   - random numbers continue the context's stream: N replays draw what N calls of body would have drawn,
//   - optimizer steps take their options anew from every replay.
// body must not read from the device, nor copy to it. The memory that it used stays reserved while the graph lives, and
// a context has one graph at a time. Throws Error if the device has no graphs (Backend::has_graphs).
class OpGraph {
 public:
  OpGraph(Context& context, const std::function<void()>& body);
  OpGraph(const OpGraph&) = delete;
  OpGraph& operator=(const OpGraph&) = delete;
  ~OpGraph();

  // optimizer_steps: the options of each Adam step in body, in order.
  void replay(std::span<const AdamOptions> optimizer_steps);

 private:
  Context& context_;
  std::shared_ptr<CachingAllocator> allocator_;
  std::unique_ptr<Backend::Graph> graph_;
  std::uint64_t captured_offset_ = 0;  // of the random stream, where body began
  std::uint64_t random_consumed_ = 0;  // by one body
};

}  // namespace dg
