// What deblurgan-deblur tells: a line per picture, and one JSON document.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "apps/deblur_arguments.h"
#include "apps/deblur_plan.h"
#include "apps/deblur_scores.h"
#include "data/byte_stream.h"
#include "models/restore_pipeline.h"

namespace dg::apps {

// Standard output in the hands of a picture, a film or a JSON document: text for people then goes to standard error.
// Throws ClosedByReader where nobody reads standard output any more.
class Console {
 public:
  explicit Console(const DeblurArguments& arguments);
  void say(const std::string& line);       // not with --quiet
  void result(const std::string& line);    // with --quiet too
  void document(const std::string& text);  // to standard output

 private:
  PipeOutput out_;
  bool text_on_stdout_;
  bool quiet_;
};

struct PictureReport {
  std::string input = {};
  std::string output = {};
  std::int64_t width = 0;
  std::int64_t height = 0;
  int channels = 0;
  int bit_depth = 0;
  double decode_seconds = 0.0;
  double restore_seconds = 0.0;
  double encode_seconds = 0.0;
  std::int64_t batch = 1;
  std::optional<RestorePlan> plan = {};
  std::int64_t peak_bytes = 0;  // of the process, so far
  std::optional<Comparison> scores = {};
  std::vector<std::string> notes = {};
  std::string failure = {};  // not empty: the picture could not be restored
};

// Collects the pictures of a run and prints each. Used from one thread at a time.
class DeblurReport {
 public:
  DeblurReport(const DeblurArguments& arguments, Console& console, std::int64_t pictures);

  void add(PictureReport picture);
  void foretell(PictureReport picture);  // of a dry run
  std::int64_t restored() const { return restored_; }
  std::int64_t failed() const { return static_cast<std::int64_t>(pictures_.size()) - restored_; }
  std::int64_t planned() const { return planned_; }

  std::string network;  // "preset small, step 3000, averaged weights"

  // The means, and with --json the document. `run` is missing and `ended` says why where the run was cut short.
  void finish(const std::optional<PipelineReport>& run, const std::string& ended = {});

 private:
  std::string json(const std::optional<PipelineReport>& run, const std::string& ended) const;

  const DeblurArguments& arguments_;
  Console& console_;
  std::int64_t planned_;
  std::int64_t restored_ = 0;
  std::vector<PictureReport> pictures_;
  std::vector<Comparison> scores_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// A film, once it is through.
struct FilmReport {
  std::string input = {};
  std::string output = {};
  std::int64_t width = 0;
  std::int64_t height = 0;
  RestorePlan plan = {};
  PipelineReport run = {};
};

// Frames per second, of all and by stage.
std::string text_of(const FilmReport& film);
std::string json_of(const FilmReport& film, const DeblurArguments& arguments);

std::string text_of_bytes(std::int64_t bytes);      // "1.3 GiB"
std::string text_of_duration(double seconds);       // "2:05", "1:00:00"
std::string text_of_plan(const RestorePlan& plan);  // "whole, about 1.3 GiB"

}  // namespace dg::apps
