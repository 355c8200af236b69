// libjpeg's error manager, made to leave through a CodecGuard and to print nothing.
#pragma once

#include <cstddef>
#include <cstdio>  // jpeglib.h needs it before
#include <jpeglib.h>

#include "data/detail/codec_guard.h"

namespace dg {

// To be assigned to `err` before jpeg_create_*; `client_data` must point to the guard. Errors leave the guarded body,
// and so do those warnings that mean lost pixels: libjpeg would put grey in their place.
jpeg_error_mgr* guarded_errors(jpeg_error_mgr& errors);

inline CodecGuard& guard_of(j_common_ptr codec) { return *static_cast<CodecGuard*>(codec->client_data); }

}  // namespace dg
