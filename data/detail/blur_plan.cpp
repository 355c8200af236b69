#include "data/detail/blur_plan.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <map>
#include <system_error>

#include "data/picture_folder.h"
#include "kernels/check.h"

namespace dg {
namespace {

namespace fs = std::filesystem;

using Folders = std::map<fs::path, std::vector<fs::path>>;  // folder relative to the input -> its pictures

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

Folders folders_below(const fs::path& input, const fs::path& output) {
  std::error_code error;
  check(fs::exists(input, error), input.string(),
        ": does not exist; give the folder that holds the pictures");
  check(fs::is_directory(input, error), input.string(),
        ": is a file; give the folder that holds the pictures");
  const fs::path skipped = comparable_path(output);
  check(!lies_in(comparable_path(input), skipped), input.string(), ": lies in the output folder ",
        output.string(), "; choose another output folder");
  Folders found;
  for (const fs::path& path : pictures_below(input, skipped)) {
    found[path.lexically_relative(input).parent_path()].push_back(path);
  }
  check(!found.empty(), input.string(),
        ": holds no picture, expected .png, .jpg, .jpeg, .bmp or .tga files in it or below; give another "
        "folder");
  return found;
}

// Pairs found among the photographs: their blurred halves are no sharp pictures.
void check_not_pairs(const fs::path& input, const Folders& folders) {
  for (const auto& [folder, files] : folders) {
    for (const char* name : {"blur", "blurred", "blur_gamma"}) {
      const fs::path sharp = (input / folder).parent_path() / "sharp";
      std::error_code ignored;
      check(lower(folder.filename().string()) != name || !fs::is_directory(sharp, ignored),
            (input / folder).string(), ": holds blurred pictures, since ", sharp.string(),
            " stands beside it; give folders of sharp pictures only");
    }
  }
}

// "train/0001" could be read as a split of the data set.
void check_no_splits(const fs::path& input, const Folders& folders) {
  static constexpr std::array<const char*, 4> kSplits{"train", "val", "validation", "test"};
  for (const auto& [folder, files] : folders) {
    if (folder.empty()) continue;
    const std::string top = lower(folder.begin()->string());
    check(std::find(kSplits.begin(), kSplits.end(), top) == kSplits.end(), input.string(),
          ": is divided already, it holds the folder ", folder.begin()->string(), "; leave the split away");
  }
}

std::string name_without_extension(const fs::path& folder, const fs::path& file) {
  return (folder / file.filename()).replace_extension().generic_string();
}

void sort_frames(std::vector<fs::path>& files) {
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return natural_less(a.filename().string(), b.filename().string());
  });
}

// photo_07 of 12
std::string numbered(const std::string& name, std::int64_t variant, std::int64_t variants) {
  if (variants == 1) return name;
  const std::string number = std::to_string(variant + 1);
  return name + "_" + std::string(std::to_string(variants).size() - number.size(), '0') + number;
}

void add_variants(BlurPlan& plan, const BlurDatasetOptions& options, BlurJob job) {
  job.group = job.name;
  for (std::int64_t variant = 0; variant < options.variants; ++variant) {
    job.name = numbered(job.group, variant, options.variants);
    plan.jobs.push_back(job);
  }
}

void plan_frames(BlurPlan& plan, const BlurDatasetOptions& options, const fs::path& folder,
                 std::vector<fs::path> files) {
  sort_frames(files);
  const auto count = static_cast<std::size_t>(options.frames);
  const auto stride = static_cast<std::size_t>(options.stride > 0 ? options.stride : options.frames);
  if (files.size() < count) {
    plan.problems.push_back((options.input / folder).string() + ": holds " + std::to_string(files.size()) +
                            " frames, expected at least the " + std::to_string(count) +
                            " of one average; average fewer, or leave the folder away");
    return;
  }
  for (std::size_t first = 0; first + count <= files.size(); first += stride) {
    BlurJob job;
    job.files.assign(files.begin() + static_cast<std::ptrdiff_t>(first),
                     files.begin() + static_cast<std::ptrdiff_t>(first + count));
    job.name = name_without_extension(folder, job.sharp());
    job.group = folder.empty() ? "." : folder.generic_string();
    plan.jobs.push_back(std::move(job));
  }
}

void check_names(const BlurDatasetOptions& options, const Folders& folders, const BlurPlan& plan) {
  std::map<std::string, fs::path> seen;
  for (const auto& [folder, files] : folders) {
    for (const fs::path& file : files) {
      const auto [other, is_new] = seen.emplace(name_without_extension(folder, file), file);
      check(is_new, file.string(), ": has the name of ", other->second.string(),
            " but for the extension; rename one of them");
    }
  }
  for (std::size_t i = 1; i < plan.jobs.size(); ++i) {
    check(plan.jobs[i].name != plan.jobs[i - 1].name, options.input.string(), ": two pairs would be called '",
          plan.jobs[i].name, "'; rename a picture whose name ends in _ and a number");
  }
}

}  // namespace

bool natural_less(const std::string& a, const std::string& b) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (!is_digit(a[i]) || !is_digit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i;
      ++j;
      continue;
    }
    const auto number = [&](const std::string& text, std::size_t& at) {  // without leading zeros
      while (at < text.size() && text[at] == '0') ++at;
      const std::size_t start = at;
      while (at < text.size() && is_digit(text[at])) ++at;
      return text.substr(start, at - start);
    };
    const std::string left = number(a, i);
    const std::string right = number(b, j);
    if (left.size() != right.size()) return left.size() < right.size();
    if (left != right) return left < right;
  }
  if (i < a.size() || j < b.size()) return i == a.size();
  return a < b;  // they differ in leading zeros at most
}

BlurPlan plan_blur_dataset(const BlurDatasetOptions& options) {
  BlurPlan plan;
  Folders folders;
  if (options.source == BlurSource::scenes) {
    for (std::int64_t i = 0; i < options.scenes; ++i) {
      const std::string number = std::to_string(i);
      BlurJob job;
      job.name = "scene_" + std::string(number.size() < 6 ? 6 - number.size() : 0, '0') + number;
      job.scene = i;
      add_variants(plan, options, std::move(job));
    }
  } else {
    folders = folders_below(options.input, options.output);
    check_not_pairs(options.input, folders);
    if (options.train_share < 1.0) check_no_splits(options.input, folders);
    for (const auto& [folder, files] : folders) {
      if (options.source == BlurSource::frames) {
        plan_frames(plan, options, folder, files);
        continue;
      }
      for (const fs::path& file : files) {
        BlurJob job;
        job.name = name_without_extension(folder, file);
        job.files = {file};
        add_variants(plan, options, std::move(job));
      }
    }
  }
  check(!plan.jobs.empty(), plan.problems.empty() ? options.input.string() : plan.problems.front());
  std::sort(plan.jobs.begin(), plan.jobs.end(),
            [](const BlurJob& a, const BlurJob& b) { return a.name < b.name; });
  check_names(options, folders, plan);
  return plan;
}

}  // namespace dg
