// The emulator's stream: what is submitted runs at once, or is recorded for replay while a graph is captured.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/emulator/block.h"
#include "kernels/emulator/global_memory.h"

namespace dg::emulator {

// A recorded sequence of kernels and copies.
class Graph {
 public:
  void add(std::function<void()> work) { work_.push_back(std::move(work)); }
  void run() const {
    for (const auto& work : work_) work();
  }

 private:
  std::vector<std::function<void()>> work_;
};

class Stream {
 public:
  // After every kernel the borders of `memory` are checked, so that it is this kernel that is named.
  Stream(std::uint64_t seed, GlobalMemory& memory, bool corners)
      : random_(seed), memory_(memory), corners_(corners) {}

  // Runs body() once in every thread of every block, the blocks in an order that the seed draws. With `corners`,
  // where there are more than a thousand, of the first and the last block in x only.
  void submit_kernel(const BlockShape& shape, std::function<void()> body);
  void submit(std::function<void()> work);

  bool capturing() const { return graph_ != nullptr; }
  void begin_capture(Graph& graph) { graph_ = &graph; }
  void end_capture() { graph_ = nullptr; }

 private:
  void run_kernel(const BlockShape& shape, const std::function<void()>& body);

  ScheduleRandom random_;
  GlobalMemory& memory_;
  bool corners_;
  BlockRunner runner_;
  Graph* graph_ = nullptr;
};

}  // namespace dg::emulator
