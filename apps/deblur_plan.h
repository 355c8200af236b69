// Which files deblurgan-deblur reads, and what it calls the results.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace dg::apps {

struct DeblurJob {
  std::filesystem::path input;
  std::filesystem::path
      relative;  // below the folder that was given; the name of a file that was given itself
  std::filesystem::path output;
  std::filesystem::path compare;  // the strip; empty where none is wanted
};

struct PlanOptions {
  std::vector<std::filesystem::path> inputs;
  std::filesystem::path output;
  std::filesystem::path sharp;    // empty: none
  std::string extension = "png";  // png, jpg, bmp, tga, or keep: the input's
  bool extension_given = false;   // on the command line
  bool compare = false;
  bool overwrite = false;
};

// Files in the order given, folders recursively by name; hidden entries, and OUT itself where it lies inside an input
// folder, are skipped. Nothing is created. A file that is missing is found out when it is read. `output` is a file if
// it ends like an image and exactly one file was given; else a folder. Throws Error where there is no image, where two
// results would share a name, where a result would replace an input without `overwrite`, or lie among
// the sharp pictures, and where the results' folder is not writable.
std::vector<DeblurJob> plan_deblurring(const PlanOptions& options);

// The sharp partner of a job: the same relative path below `sharp`, with any image extension. Error if there is none.
std::filesystem::path sharp_partner(const DeblurJob& job, const std::filesystem::path& sharp);

}  // namespace dg::apps
