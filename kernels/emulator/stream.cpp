#include "kernels/emulator/stream.h"

#include <numeric>

namespace dg::emulator {

void Stream::submit(std::function<void()> work) {
  if (graph_ != nullptr) {
    graph_->add(std::move(work));
  } else {
    work();
  }
}

void Stream::submit_kernel(const BlockShape& shape, std::function<void()> body) {
  check(shape.shared_bytes <= kMaxSharedBytes, shape.kernel, ": asks for ", shape.shared_bytes,
        " bytes of shared memory; a block has at most ", kMaxSharedBytes);
  submit([this, shape, body = std::move(body)] { run_kernel(shape, body); });
}

void Stream::run_kernel(const BlockShape& shape, const std::function<void()>& body) {
  const std::uint64_t blocks = std::uint64_t{shape.grid.x} * shape.grid.y * shape.grid.z;
  // A walk over all blocks in steps that share no factor with their number.
  std::uint64_t step = random_.below(blocks) | 1U;
  while (std::gcd(step, blocks) != 1) step += 2;
  std::uint64_t at = random_.below(blocks);
  for (std::uint64_t i = 0; i < blocks; ++i, at = (at + step) % blocks) {
    const Index3 block{static_cast<unsigned>(at % shape.grid.x),
                       static_cast<unsigned>(at / shape.grid.x % shape.grid.y),
                       static_cast<unsigned>(at / shape.grid.x / shape.grid.y)};
    runner_.run(shape, block, random_.next(), body);
  }
  memory_.check_guards(shape.kernel);
}

}  // namespace dg::emulator
