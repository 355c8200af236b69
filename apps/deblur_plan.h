// Which files deblurgan-deblur reads, and what it calls the results.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace dg::apps {

inline constexpr const char* kStandardStream = "-";  // a file of that name is "./-"

struct DeblurJob {
  std::filesystem::path input;
  // Below the folder that was given, or below what stands in front of a pattern's first wildcard; the name of a
  // file that was given itself.
  std::filesystem::path relative;
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

// Files in the order given, folders recursively by name; hidden entries, and OUT itself where it lies inside an
// input folder, are skipped. A pattern that is not itself the name of a file (data/glob.h) gives the pictures that
// it matches, other files only where it names their extension, and folders as if they had been given. Nothing is
// created. A file that is missing is found out when it is read. `output` is a file if it ends like an image and
// exactly one file was given; else a folder. "-" is standard input (its result is called "stdin") and standard
// output. Throws UsageError where several results would go into one file or stream. Throws Error where there is no
// image, where two results would share a name, where a result would replace an input without `overwrite`, or lie
// among the sharp pictures, and where the results' folder is not writable.
std::vector<DeblurJob> plan_deblurring(const PlanOptions& options);

// One path by two names, whether or not there is a file.
bool same_path(const std::filesystem::path& a, const std::filesystem::path& b);

// Throws Error, before hours of work and not after, unless `folder` can be written to, or made in the nearest
// folder that exists.
void check_writable(const std::filesystem::path& folder);

// The sharp partner of a job: the same relative path below `sharp`, with any image extension. Error if there is none.
std::filesystem::path sharp_partner(const DeblurJob& job, const std::filesystem::path& sharp);

}  // namespace dg::apps
