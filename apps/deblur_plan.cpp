#include "apps/deblur_plan.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <set>
#include <system_error>
#include <unistd.h>

#include "apps/common.h"
#include "data/image_io.h"
#include "kernels/check.h"

namespace dg::apps {

namespace fs = std::filesystem;

namespace {

// Comparable whether or not the file exists.
fs::path comparable(const fs::path& path) {
  std::error_code error;
  const fs::path result = fs::weakly_canonical(fs::absolute(path), error);
  return error ? fs::absolute(path).lexically_normal() : result;
}

bool lies_in(const fs::path& path, const fs::path& folder) {
  const auto [in_folder, in_path] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return in_folder == folder.end();
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// Sorted, so that the order does not depend on the disk.
std::vector<fs::path> images_below(const fs::path& folder, const fs::path& skipped) {
  std::vector<fs::path> found;
  std::error_code error;
  fs::recursive_directory_iterator it(folder, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    const fs::path& path = it->path();
    const bool hidden = path.filename().string().starts_with(".");
    std::error_code ignored;
    if (it->is_directory(ignored)) {
      if (hidden || comparable(path) == skipped) it.disable_recursion_pending();
    } else if (!hidden && is_image_path(path)) {
      found.push_back(path);
    }
  }
  check(!error, folder.string(), ": cannot be listed: ", error.message(), "; check that you may read it");
  std::sort(found.begin(), found.end());
  return found;
}

fs::path with_extension(const fs::path& relative, const std::string& extension) {
  fs::path result = relative;
  if (extension != "keep") return result.replace_extension(extension);
  return is_image_path(relative) ? result : result.replace_extension("png");
}

fs::path compare_name(const fs::path& output) {
  return output.parent_path() / (output.stem().string() + "_compare.png");
}

bool names_one_file(const PlanOptions& options) {
  if (!is_image_path(options.output) || is_folder(options.output)) return false;
  if (options.inputs.size() != 1 || is_folder(options.inputs[0])) {
    throw UsageError(options.output.string() +
                     ": -o names one image, but the input is a folder or several files; give "
                     "a folder");
  }
  if (options.extension_given) {
    throw UsageError(options.output.string() +
                     ": -o names the file and its format already; leave --ext away");
  }
  return true;
}

std::vector<DeblurJob> list_jobs(const PlanOptions& options) {
  std::vector<DeblurJob> jobs;
  const bool one_file = names_one_file(options);
  for (const fs::path& input : options.inputs) {
    if (is_folder(input)) {
      for (const fs::path& path : images_below(input, comparable(options.output))) {
        jobs.push_back(
            {.input = path, .relative = path.lexically_relative(input), .output = {}, .compare = {}});
      }
    } else {
      jobs.push_back({.input = input, .relative = input.filename(), .output = {}, .compare = {}});
    }
  }
  for (DeblurJob& job : jobs) {
    job.output = one_file ? options.output : options.output / with_extension(job.relative, options.extension);
    if (options.compare) job.compare = compare_name(job.output);
  }
  return jobs;
}

void check_results(const std::vector<DeblurJob>& jobs, const PlanOptions& options) {
  std::set<fs::path> inputs;
  for (const DeblurJob& job : jobs) inputs.insert(comparable(job.input));
  std::map<fs::path, fs::path> source_of;  // result -> input
  for (const DeblurJob& job : jobs) {
    for (const fs::path& result : {job.output, job.compare}) {
      if (result.empty()) continue;
      const fs::path target = comparable(result);
      const auto [other, is_new] = source_of.emplace(target, job.input);
      check(is_new, job.input.string(), ": its result would be ", result.string(), ", as that of ",
            other->second.string(), "; restore them into different folders, or give --ext keep");
      const bool replaces_own_input =
          options.overwrite && result == job.output && target == comparable(job.input);
      check(replaces_own_input || !inputs.contains(target), result.string(),
            ": the result would replace an input picture; choose another -o, or give --overwrite to restore "
            "in place");
      check(options.sharp.empty() || !lies_in(target, comparable(options.sharp)), result.string(),
            ": the result would lie in the folder of sharp pictures; choose another -o");
    }
  }
}

// Told before hours of work, not after. Looks at the nearest folder that exists; nothing is created.
void check_writable(const fs::path& folder) {
  std::error_code ignored;
  fs::path present = folder;
  while (present.empty() || !fs::exists(present, ignored)) {
    present = present.has_parent_path() ? present.parent_path() : fs::path(".");
  }
  check(is_folder(present), folder.string(), ": cannot be created: ", present.string(),
        " is not a folder; choose another -o");
  check(::access(present.c_str(), W_OK | X_OK) == 0, present.string(),
        ": cannot be written to: ", std::strerror(errno), "; choose another -o");
}

}  // namespace

std::vector<DeblurJob> plan_deblurring(const PlanOptions& options) {
  std::vector<DeblurJob> jobs = list_jobs(options);
  check(
      !jobs.empty(), options.inputs.at(0).string(),
      ": holds no image, expected .png, .jpg, .jpeg, .bmp or .tga files in it or below; give another folder");
  check_results(jobs, options);
  for (const DeblurJob& job : jobs) check_writable(job.output.parent_path());
  return jobs;
}

fs::path sharp_partner(const DeblurJob& job, const fs::path& sharp) {
  for (const char* extension :
       {"", ".png", ".jpg", ".jpeg", ".bmp", ".tga", ".PNG", ".JPG", ".JPEG", ".BMP", ".TGA"}) {
    fs::path candidate = sharp / job.relative;
    if (*extension != '\0') candidate.replace_extension(extension);
    std::error_code ignored;
    if (fs::is_regular_file(candidate, ignored)) return candidate;
  }
  fail(job.input.string(), ": has no sharp partner, expected ", (sharp / job.relative).string(),
       " or the same name with another extension; add it or leave --sharp away");
}

}  // namespace dg::apps
