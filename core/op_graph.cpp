#include "core/op_graph.h"

namespace dg {

OpGraph::OpGraph(Context& context, const std::function<void()>& body)
    : context_(context), allocator_(context.shared_allocator()) {
  const PhiloxState before = context_.random().state();
  captured_offset_ = before.offset;
  Backend& backend = context_.backend();
  allocator_->begin_graph();
  try {
    backend.begin_capture();
    try {
      body();
    } catch (...) {
      static_cast<void>(backend.end_capture());  // the device must leave its recording mode
      throw;
    }
    graph_ = backend.end_capture();
  } catch (...) {
    allocator_->end_capture();
    allocator_->end_graph();
    context_.random().set_state(before);
    throw;
  }
  allocator_->end_capture();
  random_consumed_ = context_.random().state().offset - captured_offset_;
  context_.random().set_state(before);  // nothing has been drawn yet
}

OpGraph::~OpGraph() {
  graph_.reset();
  allocator_->end_graph();
}

void OpGraph::replay(std::span<const AdamOptions> optimizer_steps) {
  PhiloxState now = context_.random().state();
  context_.backend().replay(*graph_, {now.offset - captured_offset_, optimizer_steps});
  now.offset += random_consumed_;
  context_.random().set_state(now);
}

}  // namespace dg
