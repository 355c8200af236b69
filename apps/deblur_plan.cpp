#include "apps/deblur_plan.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <set>
#include <system_error>
#include <unistd.h>

#include "apps/common.h"
#include "data/glob.h"
#include "data/image_io.h"
#include "data/picture_folder.h"
#include "kernels/check.h"

namespace dg::apps {

namespace fs = std::filesystem;

namespace {

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

fs::path with_extension(const fs::path& relative, const std::string& extension) {
  fs::path result = relative;
  if (extension != "keep") return result.replace_extension(extension);
  return is_image_path(relative) ? result : result.replace_extension("png");
}

fs::path compare_name(const fs::path& output) {
  return output.parent_path() / (output.stem().string() + "_compare.png");
}

bool is_stream(const fs::path& path) { return path == kStandardStream; }

DeblurJob job_of(const fs::path& input, const fs::path& relative) {
  return {.input = input, .relative = relative, .output = {}, .compare = {}};
}

void add_folder(const fs::path& folder, const fs::path& output, std::vector<DeblurJob>& jobs) {
  for (const fs::path& path : pictures_below(folder, comparable_path(output))) {
    jobs.push_back(job_of(path, path.lexically_relative(folder)));
  }
}

// "*.dat" asks for such files, "*" for pictures.
bool names_extension(const std::string& pattern) {
  const std::string extension = fs::path(pattern).extension().string();
  return extension.size() > 1 && !has_wildcards(extension);
}

void add_pattern(const std::string& pattern, const fs::path& output, std::vector<DeblurJob>& jobs) {
  const fs::path root = glob_root(pattern);
  const fs::path results = comparable_path(output);
  const fs::path searched = comparable_path(root.empty() ? fs::path(".") : root);
  const bool results_within = results != searched && lies_in(results, searched);
  const auto below_root = [&](const fs::path& path) {
    return root.empty() ? path : path.lexically_relative(root);
  };
  const bool any_file = names_extension(pattern);
  const std::size_t before = jobs.size();
  std::set<fs::path> taken;
  for (const fs::path& match : expand_glob(pattern)) {
    if (results_within && lies_in(comparable_path(match), results)) continue;  // of an earlier run
    std::vector<DeblurJob> found;
    if (is_folder(match)) {
      for (const fs::path& path : pictures_below(match, results)) {
        found.push_back(job_of(path, below_root(path)));
      }
    } else if (any_file || is_image_path(match)) {
      found.push_back(job_of(match, below_root(match)));
    }
    for (DeblurJob& job : found) {
      if (taken.insert(job.input).second) jobs.push_back(std::move(job));  // in a folder that matches as well
    }
  }
  check(
      jobs.size() > before, pattern,
      ": matches no picture; check the pattern, and put it in quotes where the shell should leave it alone");
}

// Decoding these is ffmpeg's work.
void check_no_container(const fs::path& input) {
  for (const char* extension : {".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi"}) {
    if (input.extension() != extension) continue;
    throw UsageError(input.string() + ": a video comes as Y4M; run ffmpeg -i " + input.string() +
                     " -f yuv4mpegpipe -pix_fmt yuv420p - and pipe it into this program with - -o -");
  }
}

void add_input(const fs::path& input, const fs::path& output, std::vector<DeblurJob>& jobs) {
  std::error_code ignored;
  if (is_stream(input)) {
    jobs.push_back(job_of(input, "stdin"));
  } else if (is_folder(input)) {
    add_folder(input, output, jobs);
  } else if (has_wildcards(input.string()) && !fs::exists(input, ignored)) {
    add_pattern(input.string(), output, jobs);
  } else {
    check_no_container(input);
    jobs.push_back(job_of(input, input.filename()));
  }
}

// "restored.webp" would become a folder of this name.
void check_no_other_format(const fs::path& output) {
  if (is_folder(output)) return;
  for (const char* extension : {".gif", ".webp", ".tif", ".tiff", ".jp2", ".jxl", ".avif", ".heic", ".heif",
                                ".ppm", ".pgm", ".pnm"}) {
    if (output.extension() != extension) continue;
    throw UsageError(
        "-o " + output.string() +
        ": results are PNG, JPEG, BMP or TGA; end it in .png, .jpg, .bmp or .tga, or name a folder");
  }
}

// Whether -o is the one result's name or stream.
bool names_one_result(const PlanOptions& options, const std::vector<DeblurJob>& jobs) {
  const bool to_stdout = is_stream(options.output);
  if (!to_stdout && (!is_image_path(options.output) || is_folder(options.output))) {
    check_no_other_format(options.output);
    return false;
  }
  const std::string name = to_stdout ? "-o -" : options.output.string();
  if (jobs.size() != 1 || options.inputs.size() != 1 || is_folder(options.inputs[0])) {
    throw UsageError(name + (to_stdout ? ": standard output takes one picture" : ": -o names one image") +
                     ", but the input is a folder or several files; give a folder");
  }
  if (!to_stdout && options.extension_given) {
    throw UsageError(name + ": -o names the file and its format already; leave --ext away");
  }
  return true;
}

void check_streams(const PlanOptions& options) {
  const auto from_stdin = std::count_if(options.inputs.begin(), options.inputs.end(), is_stream);
  if (from_stdin > 1) throw UsageError("-: standard input was given twice; it can be read once");
  if (from_stdin > 0 && !options.sharp.empty())
    throw UsageError("--sharp finds pictures by their names, and standard input has none; give a file");
  if (is_stream(options.output) && options.compare)
    throw UsageError(
        "--compare writes a second picture, which standard output has no room for; give a folder with -o");
}

std::vector<DeblurJob> list_jobs(const PlanOptions& options) {
  check_streams(options);
  std::vector<DeblurJob> jobs;
  for (const fs::path& input : options.inputs) add_input(input, options.output, jobs);
  const bool one_result = names_one_result(options, jobs);
  for (DeblurJob& job : jobs) {
    job.output =
        one_result ? options.output : options.output / with_extension(job.relative, options.extension);
    if (options.compare) job.compare = compare_name(job.output);
  }
  return jobs;
}

void check_results(const std::vector<DeblurJob>& jobs, const PlanOptions& options) {
  std::set<fs::path> inputs;
  for (const DeblurJob& job : jobs) inputs.insert(comparable_path(job.input));
  std::map<fs::path, fs::path> source_of;  // result -> input
  for (const DeblurJob& job : jobs) {
    for (const fs::path& result : {job.output, job.compare}) {
      if (result.empty() || is_stream(result)) continue;
      const fs::path target = comparable_path(result);
      const auto [other, is_new] = source_of.emplace(target, job.input);
      check(is_new || !same_path(other->second, job.input), job.input.string(),
            ": is given twice, by its name or with a folder that holds it; give it once");
      check(is_new, job.input.string(), ": its result would be ", result.string(), ", as that of ",
            other->second.string(), "; restore them into different folders, or give --ext keep");
      const bool replaces_own_input =
          options.overwrite && result == job.output && target == comparable_path(job.input);
      check(replaces_own_input || !inputs.contains(target), result.string(),
            ": the result would replace an input picture; choose another -o, or give --overwrite to restore "
            "in place");
      check(options.sharp.empty() || !lies_in(target, comparable_path(options.sharp)), result.string(),
            ": the result would lie in the folder of sharp pictures; choose another -o");
    }
  }
}

}  // namespace

bool same_path(const fs::path& a, const fs::path& b) { return comparable_path(a) == comparable_path(b); }

void check_writable(const fs::path& folder) {
  std::error_code ignored;
  fs::path present = folder;  // the nearest one that exists; nothing is created
  while (present.empty() || !fs::exists(present, ignored)) {
    present = present.has_parent_path() ? present.parent_path() : fs::path(".");
  }
  check(is_folder(present), folder.string(), ": cannot be created: ", present.string(),
        " is not a folder; choose another -o");
  if (::access(present.c_str(), W_OK | X_OK) == 0) return;
  fail(present.string(), ": cannot be written to: ", std::strerror(errno), "; choose another -o");
}

std::vector<DeblurJob> plan_deblurring(const PlanOptions& options) {
  std::vector<DeblurJob> jobs = list_jobs(options);
  check(
      !jobs.empty(), options.inputs.at(0).string(),
      ": holds no image, expected .png, .jpg, .jpeg, .bmp or .tga files in it or below; give another folder");
  check_results(jobs, options);
  for (const DeblurJob& job : jobs) {
    if (!is_stream(job.output)) check_writable(job.output.parent_path());
  }
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
