// What a data set of data/blur_dataset.h says about itself: options.json, and manifest.jsonl with a line per
// pair.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "data/blur_dataset.h"
#include "data/detail/blur_plan.h"

namespace dg {

struct BlurRecord {
  std::string name;
  std::string group;
  std::string split;  // train, test, or empty: no splits
  // Paths relative to the output folder, and bytes, so that a resumed run sees what is missing.
  std::string blurred;
  std::string sharp;
  std::string psf;  // empty: none
  std::int64_t blurred_bytes = 0;
  std::int64_t sharp_bytes = 0;
  // Where it came from, relative to the input folder; of frames the middle one. Empty for scenes.
  std::string source;
  std::string source_crc32;
  std::int64_t source_bytes = 0;  // of all frames
  std::vector<std::string> frames;
  std::uint64_t stream = 0;  // with the seed, the origin of all that was drawn
  // What was drawn.
  std::int64_t width = 0;
  std::int64_t height = 0;
  double length = 0.0;        // of the longest trajectory, pixels
  std::int64_t psf_size = 0;  // side of the largest PSF, pixels
  double photons = 0.0;
  double noise = 0.0;
  int jpeg_quality = 0;
};

class BlurManifest {
 public:
  // Opens an output folder that is locked already. What former runs have listed is read, a line that a killed
  // process left unfinished is dropped. Throws Error if the folder holds other things, or pairs made with
  // other options and `overwrite` is not set; with it, those pairs are deleted.
  explicit BlurManifest(const BlurDatasetOptions& options);

  const std::map<std::string, BlurRecord>& records() const { return records_; }

  // True if the pair is listed, its files are there with their bytes, and its source has not changed its
  // size.
  bool has(const BlurJob& job) const;

  // The bytes of all files of a job; 0 for scenes. Throws Error if one is missing.
  static std::int64_t source_bytes(const BlurJob& job);

  // Throws Error if a name in the record cannot stand in JSON.
  static void check_listable(const BlurRecord& record);

  // Adds or replaces a line, and flushes. Throws Error if the disk is full.
  void add(const BlurRecord& record);

  // The whole file anew, sorted by name.
  void rewrite();

 private:
  void open_existing(const BlurDatasetOptions& options);
  void read_records();

  std::filesystem::path folder_;
  std::map<std::string, BlurRecord> records_;
  std::ofstream lines_;
};

}  // namespace dg
