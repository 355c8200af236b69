// A folder of blurred and sharp pairs, made from a folder of sharp photographs, from frames of video, or from
// nothing.
//
//   OUT/[train|test/]blurred/NAME.png    the layout "two folders" of data/dataset.h
//   OUT/[train|test/]sharp/NAME.EXT      photographs and frames byte for byte, PNG if turned by EXIF
//   OUT/[train|test/]psf/NAME.png        where asked for (psf_picture of data/shake_field.h)
//   OUT/manifest.jsonl                   one line of JSON per pair, sorted by name: its source, what was drawn
//   OUT/options.json                     what decides the pairs
//
// A pair follows from the seed, its name and the options, whatever else is in the folder and on however many
// threads. Files appear whole or not at all, and a pair is listed after its files are there: a run that was
// stopped, however it was, goes on where it was when it is started again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data/blur_maker.h"

namespace dg {

enum class BlurSource : std::uint8_t {
  photographs,  // every picture below `input`, blurred by camera shake
  frames,       // every folder of frames below `input`, averages of consecutive ones; natural order of names
  scenes,       // data/scenes.h, blurred by camera shake
};

struct BlurDatasetOptions {
  BlurSource source = BlurSource::photographs;
  std::filesystem::path input;   // not for scenes
  std::filesystem::path output;  // a new or empty folder, or one made before with the same options
  bool overwrite = false;        // delete the pairs of a former run, whatever its options

  std::uint64_t seed = 0;
  BlurOptions blur = {};  // frames: its capture only
  std::int64_t variants =
      1;  // blurred pictures per photograph or scene: NAME_1, NAME_2 ... where more than one
  std::int64_t frames = 7;  // averaged; odd, so that one is in the middle
  std::int64_t stride = 0;  // from one average's first frame to the next one's; 0: as many as are averaged
  std::int64_t scenes = 0;
  std::int64_t scene_width = 512;
  std::int64_t scene_height = 512;
  double train_share = 1.0;  // below 1: this share in train/, the rest in test/
  bool psf = false;
  ImageFormat format = ImageFormat::png;  // of the blurred pictures; png or jpeg
  int threads = 0;                        // 0: as many as the machine has
};

struct BlurDatasetProgress {
  std::int64_t done = 0;  // made, kept or failed
  std::int64_t total = 0;
  std::string name;  // of the pair just made
};

// Called from the working threads, one call at a time.
struct BlurDatasetEvents {
  std::function<void(const BlurDatasetProgress&)> on_progress = {};
  std::function<void(const std::string&)> on_failure = {};  // one sentence that names the file
  std::function<bool()> should_stop = {};                   // asked before each pair
};

struct BlurDatasetResult {
  std::int64_t made = 0;
  std::int64_t kept = 0;   // there already
  std::int64_t pairs = 0;  // in the folder now, with those of former runs
  std::int64_t train = 0;  // of them, where there is a split
  std::int64_t test = 0;
  std::vector<std::string> failures;
  bool stopped = false;
};

// Throws Error for options out of range.
void check_options(const BlurDatasetOptions& options);

// Makes what is missing. A picture that cannot be read or blurred is a failure and the others are made; what
// is wrong with all of them throws Error before anything is written: no pictures, two of one name, an output
// folder that holds something else or was made with other options (named), or is being written by another
// process. An output that cannot be written throws Error at once, what was made so far stays.
BlurDatasetResult make_blur_dataset(const BlurDatasetOptions& options, const BlurDatasetEvents& events = {});

}  // namespace dg
