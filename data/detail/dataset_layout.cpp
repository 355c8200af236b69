// Everything is sorted by name, so that a listing is the same on every file system.
#include "data/detail/dataset_layout.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include "data/image_io.h"

namespace dg {
namespace {

namespace fs = std::filesystem;

using NamedFiles = std::map<std::string, fs::path>;  // stem relative to a folder -> file

struct PairNames {
  const char* blurred;
  const char* sharp;
};
constexpr std::array<PairNames, 6> kPairNames{{{"a", "b"},
                                               {"blur", "sharp"},
                                               {"blurred", "sharp"},
                                               {"blur_gamma", "sharp"},
                                               {"input", "target"},
                                               {"input_crops", "target_crops"}}};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string quoted(const fs::path& path) { return "'" + path.string() + "'"; }

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

// Subfolders by lower-case name. Sorted, so that everything that follows is the same on each machine.
std::map<std::string, fs::path> subfolders(const fs::path& folder) {
  std::map<std::string, fs::path> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.is_directory() && !is_hidden(entry.path())) {
      fs::path& known = found[lower(entry.path().filename().string())];
      if (known.empty() || entry.path() < known) {  // A and a side by side: the same one each time
        known = entry.path();
      }
    }
  }
  return found;
}

std::optional<fs::path> subfolder(const fs::path& folder, const std::string& name) {
  const auto found = subfolders(folder);
  const auto it = found.find(name);
  return it == found.end() ? std::nullopt : std::optional(it->second);
}

void add_image(NamedFiles& files, const fs::path& file, const fs::path& folder,
               std::vector<DatasetProblem>& problems) {
  if (!is_image_path(file) || is_hidden(file) || !fs::is_regular_file(file)) {
    return;
  }
  const std::string name = fs::path(file.lexically_relative(folder)).replace_extension().generic_string();
  const auto [it, is_new] = files.emplace(name, file);
  if (!is_new) {
    const auto [first, second] = std::minmax(it->second, file);
    problems.push_back(
        {DatasetProblem::Severity::error,
         quoted(first) + " and " + quoted(second) + " have the same name but for the extension; keep one"});
  }
}

NamedFiles images_in(const fs::path& folder, std::vector<DatasetProblem>& problems) {
  NamedFiles files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    add_image(files, entry.path(), folder, problems);
  }
  return files;
}

NamedFiles images_below(const fs::path& folder, std::vector<DatasetProblem>& problems) {
  NamedFiles files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    add_image(files, entry.path(), folder, problems);
  }
  return files;
}

bool holds_images(const fs::path& folder) {
  return std::any_of(fs::directory_iterator(folder), fs::directory_iterator(),
                     [](const fs::directory_entry& entry) { return is_image_path(entry.path()); });
}

// The subfolder of a split; the folder itself where it has no splits at all. A folder with other splits but
// not this one is an error: reading all of it would train on test pictures.
fs::path split_folder(const fs::path& folder, Split split) {
  static constexpr std::array<std::pair<const char*, Split>, 4> kNames{{{"train", Split::train},
                                                                        {"val", Split::validation},
                                                                        {"validation", Split::validation},
                                                                        {"test", Split::test}}};
  const auto children = subfolders(folder);
  std::string others;
  for (const auto& [name, meaning] : kNames) {
    if (const auto it = children.find(name); it != children.end()) {
      if (meaning == split) {
        return it->second;
      }
      others += (others.empty() ? "" : ", ") + it->second.filename().string();
    }
  }
  check(others.empty(), "data set: ", quoted(folder), " has no ", name_of(split), " folder, only ", others,
        "; choose another split or give the folder itself");
  return folder;
}

// Fills listing.pairs from two sets of names, and reports those without a partner.
void match(DatasetListing& listing, const std::string& prefix, const fs::path& blurred_folder,
           const fs::path& sharp_folder) {
  const NamedFiles blurred = images_below(blurred_folder, listing.problems);
  const NamedFiles sharp = images_below(sharp_folder, listing.problems);
  const auto report = [&](const NamedFiles& files, const NamedFiles& partners,
                          const fs::path& partner_folder) {
    std::vector<std::string> alone;
    for (const auto& [name, path] : files) {
      if (!partners.contains(name)) {
        alone.push_back(path.string());
      }
    }
    if (!alone.empty()) {
      listing.problems.push_back(
          {DatasetProblem::Severity::error, name_some(alone) + (alone.size() == 1 ? " has" : " have") +
                                                " no partner in " + quoted(partner_folder) +
                                                "; both files of a pair need the same name"});
    }
  };
  report(blurred, sharp, sharp_folder);
  report(sharp, blurred, blurred_folder);
  for (const auto& [name, path] : blurred) {
    if (const auto it = sharp.find(name); it != sharp.end()) {
      listing.pairs.push_back({prefix + name, path, it->second});
    }
  }
}

void take_sharp(DatasetListing& listing, const std::string& prefix, const NamedFiles& files) {
  for (const auto& [name, path] : files) {
    listing.pairs.push_back({prefix + name, {}, path});
  }
}

// SEQUENCE/{blur,blur_gamma,sharp}. The two blurs differ: blur averages the frames as recorded, blur_gamma in
// a space linearised by a gamma curve of 2.2, so which one was read belongs in the log.
std::optional<DatasetListing> list_gopro(const fs::path& base, const DatasetOptions& options) {
  DatasetListing listing;
  const bool sharp_only = options.layout == DatasetLayout::sharp_only;
  listing.kind = sharp_only ? ListingKind::sharp_only : ListingKind::pairs;
  int sequences = 0;
  for (const auto& [key, sequence] : subfolders(base)) {
    const auto parts = subfolders(sequence);
    const auto sharp = parts.find("sharp");
    if (sharp == parts.end() || (!parts.contains("blur") && !parts.contains("blur_gamma"))) {
      continue;
    }
    ++sequences;
    const std::string prefix = sequence.filename().string() + "/";
    if (sharp_only) {
      take_sharp(listing, prefix, images_below(sharp->second, listing.problems));
    } else if (const auto blurred = parts.find(options.blur_key); blurred != parts.end()) {
      match(listing, prefix, blurred->second, sharp->second);
    } else {
      listing.problems.push_back({DatasetProblem::Severity::error, "the sequence " + quoted(sequence) +
                                                                       " has no folder '" + options.blur_key +
                                                                       "'; choose the other blur key"});
    }
  }
  if (sequences == 0) {
    return std::nullopt;
  }
  std::ostringstream text;
  text << "GOPRO_Large, " << sequences << (sequences == 1 ? " sequence, " : " sequences, ")
       << (sharp_only ? std::string("sharp") : options.blur_key + " -> sharp");
  listing.description = text.str();
  return listing;
}

// Two folders side by side, one file of each pair in each.
std::optional<DatasetListing> list_two_folders(const fs::path& base, const DatasetOptions& options) {
  const auto children = subfolders(base);
  std::vector<PairNames> present;
  for (const PairNames& names : kPairNames) {
    if (children.contains(names.blurred) && children.contains(names.sharp)) {
      present.push_back(names);
    }
  }
  // blur and blur_gamma beside one sharp folder are a choice that the blur key makes, not a conflict.
  if (children.contains("blur") && children.contains("blur_gamma")) {
    std::erase_if(present, [&](const PairNames& names) {
      return std::string(names.sharp) == "sharp" && options.blur_key != names.blurred;
    });
  }
  if (present.empty()) {
    return std::nullopt;
  }
  check(present.size() == 1, "data set: ", quoted(base), " holds more than one layout, among them ",
        present[0].blurred, "|", present[0].sharp, " and ", present.back().blurred, "|", present.back().sharp,
        "; keep the folders of one");

  const fs::path blurred = split_folder(children.at(present[0].blurred), options.split);
  const fs::path sharp = split_folder(children.at(present[0].sharp), options.split);
  DatasetListing listing;
  const std::string blurred_name = children.at(present[0].blurred).filename().string();
  const std::string sharp_name = children.at(present[0].sharp).filename().string();
  if (options.layout == DatasetLayout::sharp_only) {
    listing.kind = ListingKind::sharp_only;
    take_sharp(listing, "", images_below(sharp, listing.problems));
    listing.description = "sharp only, folder " + sharp_name;
  } else {
    match(listing, "", blurred, sharp);
    listing.description = "two folders, " + blurred_name + " -> " + sharp_name;
  }
  return listing;
}

bool named_like_strips(const fs::path& folder) {
  const std::string name = lower(folder.filename().string());
  return name == "ab" || name == "aligned" || name == "strips";
}

DatasetListing list_strips(const fs::path& base) {
  DatasetListing listing;
  listing.kind = ListingKind::strips;
  const auto inner = subfolder(base, "ab");
  for (const auto& [name, path] : images_in(inner.value_or(base), listing.problems)) {
    listing.pairs.push_back({name, path, path});
  }
  listing.description = "aligned strips, left half -> right half";
  return listing;
}

[[noreturn]] void fail_unknown_layout(const fs::path& base) {
  for (const auto& [name, path] : subfolders(base)) {
    for (const PairNames& names : kPairNames) {
      if (name == names.blurred || name == names.sharp) {
        fail("data set: ", quoted(base), " has the folder '", path.filename().string(),
             "' but not its partner; a pair of folders is ", names.blurred, " and ", names.sharp);
      }
    }
  }
  fail("data set: no pictures found in ", quoted(base),
       "; expected picture files, or the folders A and B, blur and sharp, input and target, or SEQUENCE/blur "
       "and "
       "SEQUENCE/sharp");
}

}  // namespace

std::string name_some(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) {
    text += (i == 0 ? "'" : ", '") + names[i] + "'";
  }
  if (names.size() > kShown) {
    text += " and " + std::to_string(names.size() - kShown) + " more";
  }
  return text;
}

DatasetListing list_dataset(const std::string& spec, const DatasetOptions& options) {
  fs::path root = fs::path(spec).lexically_normal();
  if (!root.has_filename()) {
    root = root.parent_path();  // "folder/" is "folder"
  }
  check(!spec.empty(), "data set: the folder's name is empty; give a folder or the word procedural");
  check(fs::exists(root), "data set: ", quoted(root),
        " does not exist; give a folder or the word procedural");
  check(fs::is_directory(root), "data set: ", quoted(root),
        " is a file; give the folder that holds the pictures");
  check(options.blur_key == "blur" || options.blur_key == "blur_gamma", "data set: the blur key is '",
        options.blur_key, "', expected blur or blur_gamma");
  try {
    const fs::path base = split_folder(root, options.split);
    const bool strips = options.layout == DatasetLayout::aligned ||
                        (options.layout == DatasetLayout::automatic &&
                         (named_like_strips(base) || named_like_strips(root)) && holds_images(base));
    std::optional<DatasetListing> listing;
    if (strips) {
      listing = list_strips(base);
    } else {
      listing = list_gopro(base, options);
      if (!listing) {
        listing = list_two_folders(base, options);
      }
      if (!listing && holds_images(base)) {
        listing.emplace();
        listing->kind = ListingKind::sharp_only;
        listing->description = "sharp only";
        take_sharp(*listing, "", images_in(base, listing->problems));
      }
    }
    if (!listing) {
      fail_unknown_layout(base);
    }
    check(!listing->pairs.empty() || !listing->problems.empty(), "data set: no pictures found in ",
          quoted(base), ", read as '", listing->description, "'; put PNG, JPEG, BMP or TGA files there");
    std::ostringstream text;
    text << listing->description << ": " << listing->pairs.size()
         << (listing->kind == ListingKind::sharp_only ? " pictures" : " pairs") << " in " << quoted(base)
         << " (split " << name_of(options.split) << (base == root ? ", the folder has no splits)" : ")");
    listing->description = text.str();
    return *std::move(listing);
  } catch (const fs::filesystem_error& error) {
    fail("data set: cannot read ", quoted(error.path1()), " (", error.code().message(),
         "); check its permissions");
  }
}

}  // namespace dg
