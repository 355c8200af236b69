// Workers claim pairs one by one; reading, blurring, encoding and writing run in parallel, the manifest is
// written under the lock. What a pair is drawn from depends on its name, so that it stays the same when
// pictures join the folder.
#include "data/blur_dataset.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <map>
#include <mutex>
#include <new>
#include <set>
#include <span>
#include <system_error>
#include <thread>
#include <utility>

#include "data/atomic_file.h"
#include "data/detail/blur_manifest.h"
#include "data/detail/blur_pair.h"
#include "data/detail/blur_plan.h"
#include "data/folder_lock.h"
#include "kernels/check.h"

namespace dg {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMaxSceneSide = 16384;

bool is_split(const BlurDatasetOptions& options) { return options.train_share < 1.0; }

// Group -> in train? Groups of former runs stay where they are; of the others those with the lowest random
// numbers fill up train. So a set that grew has no picture on both sides, and an interrupted run ends like an
// uninterrupted one.
std::map<std::string, bool> divide(const BlurDatasetOptions& options, const std::vector<BlurJob>& jobs,
                                   const std::map<std::string, BlurRecord>& records) {
  std::map<std::string, bool> in_train;
  for (const auto& [name, record] : records) in_train[record.group] = record.split == "train";
  auto known_train = std::count_if(in_train.begin(), in_train.end(), [](const auto& g) { return g.second; });
  std::set<std::pair<std::uint64_t, std::string>> fresh;
  for (const BlurJob& job : jobs) {
    if (in_train.contains(job.group)) continue;
    fresh.emplace(RandomStream(options.seed, stream_of(job.group)).bits64(), job.group);
  }
  const auto groups = static_cast<std::int64_t>(in_train.size() + fresh.size());
  check(groups >= 2, options.input.string(), ": there is only one ",
        options.source == BlurSource::frames ? "sequence" : "picture",
        ", which cannot be divided into train and test; leave the split away");
  const auto wanted = std::clamp<std::int64_t>(
      std::llround(options.train_share * static_cast<double>(groups)), 1, groups - 1);
  for (const auto& [number, group] : fresh) {
    const bool train = known_train < wanted;
    in_train[group] = train;
    known_train += train ? 1 : 0;
  }
  return in_train;
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  check(!error, folder.string(), ": cannot be created: ", error.message(), "; choose another output folder");
}

class Workshop {
 public:
  Workshop(const BlurDatasetOptions& options, const BlurDatasetEvents& events, BlurPlan plan)
      : options_(options),
        events_(events),
        plan_(std::move(plan)),
        lock_(options.output),
        manifest_(options) {
    if (is_split(options_)) in_train_ = divide(options_, plan_.jobs, manifest_.records());
    remove_leftovers();
    for (const std::string& problem : plan_.problems) report(problem);
  }

  BlurDatasetResult run() {
    const unsigned machine = std::max(1U, std::thread::hardware_concurrency());
    const std::size_t wanted = options_.threads > 0 ? static_cast<std::size_t>(options_.threads) : machine;
    std::vector<std::thread> workers;
    for (std::size_t i = 0; i < std::min(wanted, plan_.jobs.size()); ++i)
      workers.emplace_back([this] { work(); });
    for (std::thread& worker : workers) worker.join();
    if (fatal_) std::rethrow_exception(fatal_);
    manifest_.rewrite();
    for (const auto& [name, record] : manifest_.records()) {
      ++result_.pairs;
      result_.train += record.split == "train" ? 1 : 0;
      result_.test += record.split == "test" ? 1 : 0;
    }
    return std::move(result_);
  }

 private:
  std::string split_of(const BlurJob& job) const {
    if (!is_split(options_)) return {};
    return in_train_.at(job.group) ? "train" : "test";
  }

  // What killed processes were writing.
  void remove_leftovers() const {
    std::set<std::pair<std::string, std::string>> seen;
    for (const BlurJob& job : plan_.jobs) {
      const std::size_t slash = job.name.rfind('/');
      const std::string parent = slash == std::string::npos ? "" : job.name.substr(0, slash);
      const std::string split = split_of(job);
      if (!seen.emplace(split, parent).second) continue;
      for (const char* part : {"blurred", "sharp", "psf"}) {
        const fs::path folder = options_.output / split / part / parent;
        if (fs::is_directory(folder)) remove_stale_temporaries(folder);
      }
    }
  }

  void report(const std::string& failure) {
    result_.failures.push_back(failure);
    if (events_.on_failure) events_.on_failure(failure);
  }

  void work() {
    std::unique_lock lock(mutex_);
    while (!fatal_ && next_ < plan_.jobs.size()) {
      if (events_.should_stop && events_.should_stop()) {
        result_.stopped = true;
        return;
      }
      const BlurJob& job = plan_.jobs[next_++];
      try {
        lock.unlock();
        std::string failure = make(job);
        lock.lock();
        if (!failure.empty()) report(failure);
        ++done_;
        if (events_.on_progress) {
          events_.on_progress({done_, static_cast<std::int64_t>(plan_.jobs.size()), job.name});
        }
      } catch (...) {
        if (!lock.owns_lock()) lock.lock();
        if (!fatal_) fatal_ = std::current_exception();
      }
    }
  }

  // Without the lock. The sentence of a failure that concerns this pair only; what concerns the output is
  // thrown.
  std::string make(const BlurJob& job) {
    BlurPair pair;
    try {
      {
        const std::lock_guard lock(mutex_);
        if (manifest_.has(job)) {
          ++result_.kept;
          return {};
        }
      }
      pair = make_blur_pair(options_, job, split_of(job));
    } catch (const Error& error) {
      return error.what();
    } catch (const std::bad_alloc&) {
      return job.name + ": not enough memory; close other programs, or use fewer threads";
    }
    write(pair.record.sharp, pair.sharp);
    if (!pair.record.psf.empty()) write(pair.record.psf, pair.psf);
    write(pair.record.blurred, pair.blurred);
    const std::lock_guard lock(mutex_);
    remove_former(pair.record);
    manifest_.add(pair.record);
    ++result_.made;
    return {};
  }

  // A photograph that came back with another extension would leave two sharp pictures of one name.
  void remove_former(const BlurRecord& record) const {
    const auto former = manifest_.records().find(record.name);
    if (former == manifest_.records().end() || former->second.sharp == record.sharp) return;
    fs::remove(options_.output / former->second.sharp);
  }

  void write(const std::string& name, const std::vector<std::uint8_t>& bytes) const {
    const fs::path path = options_.output / name;
    make_folder(path.parent_path());
    write_file_atomically(path, std::as_bytes(std::span(bytes)));
  }

  const BlurDatasetOptions& options_;
  const BlurDatasetEvents& events_;
  const BlurPlan plan_;
  FolderLock lock_;
  std::map<std::string, bool> in_train_;

  std::mutex mutex_;  // guards all below, and calls of the events
  BlurManifest manifest_;
  std::size_t next_ = 0;
  std::int64_t done_ = 0;
  BlurDatasetResult result_;
  std::exception_ptr fatal_;
};

}  // namespace

void check_options(const BlurDatasetOptions& o) {
  check_options(o.blur);
  check(!o.output.empty(), "blur: the output folder's name is empty; give a folder");
  check(o.variants >= 1 && o.variants <= 10000, "blur: ", o.variants,
        " variants of each picture, expected 1 to 10000");
  check(o.train_share > 0.0 && o.train_share <= 1.0, "blur: the share of train is ", o.train_share,
        ", expected a number above 0 and below 1");
  check(o.format == ImageFormat::png || o.format == ImageFormat::jpeg,
        "blur: blurred pictures can be stored as PNG and JPEG only");
  check(o.threads >= 0 && o.threads <= 1024, "blur: ", o.threads, " threads, expected 0 to 1024");
  if (o.source == BlurSource::frames) {
    check(o.frames >= 3 && o.frames % 2 == 1, "blur: ", o.frames,
          " frames in an average, expected an odd number of at least 3, so that one is in the middle");
    check(o.stride >= 0, "blur: a stride of ", o.stride, " frames, expected at least 1");
    check(o.variants == 1 && !o.psf, "blur: averages of frames have no variants and no PSF");
  }
  if (o.source == BlurSource::scenes) {
    check(o.scenes >= 1, "blur: ", o.scenes, " scenes, expected at least 1");
    check(o.scene_width >= 1 && o.scene_height >= 1 && o.scene_width <= kMaxSceneSide &&
              o.scene_height <= kMaxSceneSide,
          "blur: scenes of ", o.scene_width, "x", o.scene_height, ", expected sides of 1 to ", kMaxSceneSide);
  }
}

BlurDatasetResult make_blur_dataset(const BlurDatasetOptions& options, const BlurDatasetEvents& events) {
  check_options(options);
  BlurPlan plan = plan_blur_dataset(options);
  make_folder(options.output);
  try {
    return Workshop(options, events, std::move(plan)).run();
  } catch (const fs::filesystem_error& error) {
    fail(error.path1().string(), ": ", error.code().message(), "; check its permissions");
  }
}

}  // namespace dg
