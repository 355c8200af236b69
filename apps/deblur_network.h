// The network of --weights with all that it needs to live.
#pragma once

#include <string>

#include "apps/deblur_arguments.h"
#include "core/context.h"
#include "models/restore_pipeline.h"
#include "models/restorer.h"
#include "models/weights.h"

namespace dg::apps {

void hear_interrupt();  // throws Interrupted after Ctrl-C

struct DeblurNetwork {
  Context context;
  LoadedGenerator generator;
  Restorer restorer;

  // one_picture: nothing is decoded ahead, so all of --max-memory is the restorer's.
  DeblurNetwork(const DeblurArguments& arguments, bool one_picture);

  std::string description() const;  // "preset small, step 3000, averaged weights"

  // Ctrl-C is heard while the network waits, and dropout starts anew for each picture.
  PipelineOptions pipeline_options(const DeblurArguments& arguments);
};

}  // namespace dg::apps
