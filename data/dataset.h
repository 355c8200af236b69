// Data sets: what a folder holds is detected, described and checked before training starts.
//
// A spec is a folder, or the word `procedural`. Layouts, tried in this order (names in any case):
//   GOPRO_Large   SEQUENCE/{blur,blur_gamma,sharp}/NAME.png                      (Nah, Kim, Lee, CVPR 2017)
//   two folders   A|B, blur|sharp, blurred|sharp, blur_gamma|sharp, input|target, input_crops|target_crops
//   strips        pictures of A left and B right. A wide photograph looks just the same, so this is never
//                 guessed from the pictures: it takes DatasetLayout::aligned, or a folder named AB, aligned
//                 or strips
//   sharp only    pictures directly in the folder: the blur is synthesised anew each time
// A split is the subfolder train, val | validation or test where the folder has any of these (also inside A
// and B); else it is the folder itself. Pairs are matched by path relative to their folder, without
// extension, never by position in a listing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/camera_shake.h"
#include "data/pair_source.h"
#include "data/scenes.h"

namespace dg {

// The spec that names no folder.
inline constexpr std::string_view kProceduralSpec = "procedural";

enum class Split : std::uint8_t { train, validation, test };

// "train", "val" or "validation", "test"; throws Error for anything else.
Split parse_split(const std::string& name);
const char* name_of(Split split);

enum class DatasetLayout : std::uint8_t {
  automatic,   // the order above
  aligned,     // side-by-side strips
  sharp_only,  // synthesise blur, also where the folder has blurred partners
};

// How a blurred picture is made from a sharp one.
struct SynthesisOptions {
  CameraShakeOptions shake = {};
  SensorNoise max_noise = {};  // per picture both are scaled by one factor drawn from 0..1; none by default
  bool round_to_8_bit = true;  // as stored by a camera; else networks learn to read digits no file contains
};

struct ProceduralOptions {
  std::int64_t size = 10'000;  // scenes per epoch
  std::uint64_t seed = 0;      // another seed, other scenes; the splits never share a scene
  std::int64_t width = 256;    // of a whole picture, where no crop is asked for
  std::int64_t height = 256;
  SceneOptions scene = {};
};

struct DatasetOptions {
  Split split = Split::train;
  DatasetLayout layout = DatasetLayout::automatic;
  std::string blur_key = "blur";  // or blur_gamma: which of the two a GOPRO_Large folder is read for
  SynthesisOptions synthesis = {};
  ProceduralOptions procedural = {};

  std::int64_t min_width = 0;  // smaller pictures are refused: give the crop size
  std::int64_t min_height = 0;
  // Before training, headers and bytes of all files are checked. Decoding, which finds damage
  // and equal pixels in different encodings, takes every k-th pair so as to stay below this;
  // negative decodes all (--check-data).
  double decode_budget_megapixels = 200.0;

  std::int64_t cache_bytes = std::int64_t{1} << 30;         // decoded pictures kept, 8 bits per value
  std::function<void(const std::string&)> on_warning = {};  // called by open_*, once per warning
};

struct DatasetProblem {
  enum class Severity : std::uint8_t { warning, error };
  Severity severity = Severity::error;
  std::string message;  // one sentence naming the files
};

// All that is wrong with a data set; empty if nothing is. Errors: no such folder,
// no pictures, missing partners, two files of one name, unreadable or damaged files,
// sizes that differ within a pair or fall below the minimum, and blurred equal to sharp in more than half
// of the pairs. Warnings: single pairs with blurred equal to sharp.
std::vector<DatasetProblem> check_dataset(const std::string& spec, const DatasetOptions& options = {});

// Opens and checks. Throws Error summing up the problems.
std::unique_ptr<PairSource> open_dataset(const std::string& spec, const DatasetOptions& options = {});

struct WeightedSpec {
  std::string spec;
  double weight = 1.0;  // shares of the samples are weight / sum of weights
};

// Several data sets as one: each sample first draws its data set by weight, then a pair of it evenly, both
// from the sample's stream; the index only counts. size() is the sum. One spec alone is open_dataset.
std::unique_ptr<PairSource> open_mixture(const std::vector<WeightedSpec>& specs,
                                         const DatasetOptions& options = {});

}  // namespace dg
