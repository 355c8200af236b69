// Films: Y4M or raw frames from a pipe or a file, restored frame by frame, to a pipe or a file.
#pragma once

#include "apps/deblur_arguments.h"
#include "apps/deblur_network.h"
#include "data/byte_stream.h"

namespace dg::apps {

// --video, --raw, or one input that ends in .y4m. Standard input may turn out to be one, see is_y4m.
bool names_film(const DeblurArguments& arguments);
bool is_y4m(ByteInput& input);  // waits for the first bytes, which stay to be read

// Arguments that belong to pictures, and a name that a film cannot have: UsageError, as far as can be told before the
// film is opened.
void check_film_arguments(const DeblurArguments& arguments);

// Returns the exit code. Throws Error where the stream breaks off or cannot be written; a file is then not there.
int deblur_film(const DeblurArguments& arguments, DeblurNetwork& network, ByteInput& standard_input);

}  // namespace dg::apps
