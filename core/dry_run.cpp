#include "core/dry_run.h"

namespace dg {

DryRun::DryRun(Context& context)
    : context_(context),
      backend_(make_dry_run_backend(context.backend_)),
      real_backend_(context.backend_),
      real_allocator_(context.allocator_),
      random_(context.random().state()),
      observer_(context.module_observer()) {
  context.allocator_ = std::make_shared<CachingAllocator>(backend_);
  context.backend_ = backend_;
  context.set_module_observer({});
}

DryRun::~DryRun() {
  context_.backend_ = real_backend_;
  context_.allocator_ = real_allocator_;
  context_.random().set_state(random_);
  context_.set_module_observer(std::move(observer_));
}

}  // namespace dg
