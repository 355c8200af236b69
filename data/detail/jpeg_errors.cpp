#include "data/detail/jpeg_errors.h"

#include <jerror.h>

namespace dg {
namespace {

using Problem = CodecGuard::Problem;

[[noreturn]] void on_error(j_common_ptr codec) {
  if (codec->err->msg_code == JERR_OUT_OF_MEMORY) guard_of(codec).leave(Problem::out_of_memory, "");
  char text[JMSG_LENGTH_MAX];
  codec->err->format_message(codec, text);
  guard_of(codec).leave(Problem::undecodable, text);
}

// Warnings about the file that leave every pixel as it was meant.
bool is_harmless(int warning) {
  switch (warning) {
    case JWRN_ADOBE_XFORM:      // an unknown colour transform: the usual one is taken
    case JWRN_BOGUS_ICC:        // the profile is dropped
    case JWRN_EXTRANEOUS_DATA:  // some cameras leave bytes between the segments
    case JWRN_JFIF_MAJOR:       // a newer version of the file format
    case JWRN_TOO_MUCH_DATA: return true;
    default: return false;
  }
}

// Level -1 is a warning, above are traces.
void on_message(j_common_ptr codec, int level) {
  const int code = codec->err->msg_code;
  if (level >= 0 || is_harmless(code)) return;
  if (code == JWRN_JPEG_EOF) {
    guard_of(codec).leave(Problem::damaged, "the file ends before the end marker of the JPEG");
  }
  char text[JMSG_LENGTH_MAX];
  codec->err->format_message(codec, text);
  guard_of(codec).leave(Problem::damaged, text);
}

}  // namespace

jpeg_error_mgr* guarded_errors(jpeg_error_mgr& errors) {
  jpeg_std_error(&errors);
  errors.error_exit = on_error;
  errors.emit_message = on_message;
  return &errors;
}

}  // namespace dg
