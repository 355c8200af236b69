#include "apps/deblur_video.h"

#include <chrono>
#include <filesystem>
#include <fmt/core.h>
#include <memory>
#include <system_error>
#include <unistd.h>

#include "apps/common.h"
#include "apps/deblur_pictures.h"
#include "apps/deblur_plan.h"
#include "apps/deblur_report.h"
#include "data/frame_stream.h"
#include "data/image_io.h"
#include "data/y4m.h"
#include "kernels/check.h"

namespace dg::apps {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

bool is_y4m_name(const fs::path& path) { return path.extension() == ".y4m"; }

std::string word_for(const fs::path& path, const char* stream) {
  return path == kStandardStream ? std::string(stream) : path.string();
}

// ---- in ----

// Whatever is wrong with a frame, those behind it cannot be found.
class FrameSource final : public PictureSource {
 public:
  explicit FrameSource(FrameReader& reader) : reader_(reader) {}

  std::optional<NamedPicture> next(const std::stop_token& stop) override {
    try {
      std::optional<Image> frame = reader_.next(stop);
      if (!frame) return std::nullopt;
      return NamedPicture{fmt::format("frame {}", ++frames_), {std::move(*frame), {}}};
    } catch (const Error& error) {
      throw EndsPipeline(error.what());
    }
  }

 private:
  FrameReader& reader_;
  std::int64_t frames_ = 0;
};

// How many frames a file holds, for the time that is left; nothing for a pipe.
std::optional<std::int64_t> count_frames(const fs::path& input, std::size_t header, std::size_t frame) {
  std::error_code error;
  if (!fs::is_regular_file(input, error)) return std::nullopt;
  const auto bytes = fs::file_size(input, error);
  if (error || bytes < header) return std::nullopt;
  return static_cast<std::int64_t>((bytes - header) / frame);
}

// ---- out ----

class FrameSink final : public PictureSink {
 public:
  FrameSink(FrameWriter& writer, std::optional<std::int64_t> total, bool quiet)
      : writer_(writer), total_(total), quiet_(quiet) {}

  void put(RestoredPicture picture, const std::stop_token& stop) override {
    try {
      writer_.put(picture.restored, stop);
    } catch (const ClosedByReader& closed) {
      throw OutputClosed(closed.what());
    } catch (const Error& error) {
      throw EndsPipeline(error.what());
    }
    ++written_;
    if (!quiet_) tell_progress();
  }

  // A frame cannot be left away: sound and picture would part.
  void failed(std::int64_t, const std::string& why) override { throw EndsPipeline(why); }

  std::int64_t written() const { return written_; }

 private:
  void tell_progress() {
    constexpr std::chrono::seconds kEvery{5};
    const auto now = Clock::now();
    if (now - told_ < kEvery) return;
    told_ = now;
    const double rate = static_cast<double>(written_) / std::chrono::duration<double>(now - start_).count();
    std::string line = fmt::format("frame {}", written_);
    if (total_) line += fmt::format("/{}", *total_);
    line += fmt::format("  {:.2f} frames/s", rate);
    if (total_)
      line += fmt::format("  {} left", text_of_duration(static_cast<double>(*total_ - written_) / rate));
    fmt::print(stderr, "{}\n", line);
  }

  FrameWriter& writer_;
  std::optional<std::int64_t> total_;
  bool quiet_;
  std::int64_t written_ = 0;
  Clock::time_point start_ = Clock::now();
  Clock::time_point told_ = start_;
};

// Where the film goes: standard output, a file, or a file of the input's name in a folder that is there.
fs::path output_of(const DeblurArguments& a) {
  const fs::path& output = a.plan.output;
  std::error_code ignored;
  if (output == kStandardStream || !fs::is_directory(output, ignored)) return output;
  const fs::path& input = a.plan.inputs[0];
  return output / fs::path(input == kStandardStream ? "stdin" : input.stem()).concat(a.raw ? ".rgb" : ".y4m");
}

void check_output(const DeblurArguments& a, const fs::path& output) {
  if (output == kStandardStream) return;
  const fs::path& input = a.plan.inputs[0];
  check(a.plan.overwrite || !same_path(output, input), output.string(),
        ": the result would replace its input; choose another -o, or give --overwrite");
  check_writable(output.parent_path());
}

// ---- the film ----

// The streams and what reads and writes their frames.
struct Film {
  std::unique_ptr<ByteInput> file_in;
  std::unique_ptr<FrameReader> reader;
  std::optional<Y4mFormat> y4m;  // none: raw
  std::optional<std::int64_t> total;

  std::unique_ptr<ByteOutput> out;
  FileOutput* file_out = nullptr;
  std::unique_ptr<FrameWriter> writer;

  Film(const DeblurArguments& a, ByteInput& standard_input) {
    const fs::path& input = a.plan.inputs[0];
    if (input != kStandardStream) {
      file_in = std::make_unique<ByteInput>(input);
      file_in->set_meanwhile(hear_interrupt);
    }
    ByteInput& in = file_in ? *file_in : standard_input;
    if (a.raw) {
      reader = std::make_unique<RawFrameReader>(in, a.raw->width, a.raw->height);
      total = count_frames(input, 0, static_cast<std::size_t>(3 * a.raw->width * a.raw->height));
      return;
    }
    auto y4m_reader = std::make_unique<Y4mReader>(in);
    y4m = y4m_reader->format();
    const std::size_t frame =
        std::string_view("FRAME\n").size() + ycbcr_frame_bytes(y4m->width, y4m->height, y4m->samples());
    total = count_frames(input, y4m_header(*y4m).size() + 1, frame);
    reader = std::move(y4m_reader);
  }

  void open_output(const fs::path& path) {
    if (path == kStandardStream) {
      out = std::make_unique<PipeOutput>(STDOUT_FILENO, "standard output");
    } else {
      std::error_code error;
      if (path.has_parent_path()) fs::create_directories(path.parent_path(), error);
      check(!error, path.string(), ": its folder cannot be created: ", error.message(),
            "; choose another -o");
      auto file = std::make_unique<FileOutput>(path);
      file_out = file.get();
      out = std::move(file);
    }
    if (y4m) {
      writer = std::make_unique<Y4mWriter>(*out, *y4m);
    } else {
      writer = std::make_unique<RawFrameWriter>(*out, reader->width(), reader->height());
    }
  }
};

}  // namespace

bool names_film(const DeblurArguments& a) {
  return a.video || a.raw || (a.plan.inputs.size() == 1 && is_y4m_name(a.plan.inputs[0]));
}

bool is_y4m(ByteInput& input) { return input.peek(kY4mMagic.size()) == kY4mMagic; }

void check_film_arguments(const DeblurArguments& a) {
  const PlanOptions& plan = a.plan;
  if (plan.inputs.size() != 1) throw UsageError("--video: got several inputs, expected one film at a time");
  if (plan.compare || !plan.sharp.empty() || plan.extension_given)
    throw UsageError("--compare, --sharp and --ext are for pictures; leave them away with a film");
  const fs::path output = output_of(a);
  if (output == kStandardStream) return;
  if (a.raw ? is_image_path(output) || is_y4m_name(output) : !is_y4m_name(output)) {
    throw UsageError(output.string() + ": -o has to end in " + (a.raw ? ".rgb" : ".y4m") +
                     " for this film; for other formats send -o - to ffmpeg");
  }
}

int deblur_film(const DeblurArguments& a, DeblurNetwork& network, ByteInput& standard_input) {
  check_film_arguments(a);
  const fs::path output = output_of(a);
  check_output(a, output);
  Film film(a, standard_input);
  FilmReport report{.input = word_for(a.plan.inputs[0], "standard input"),
                    .output = word_for(output, "standard output"),
                    .width = film.reader->width(),
                    .height = film.reader->height()};
  report.plan = network.restorer.plan(report.width, report.height, a.batch);
  if (!a.quiet && !a.dry_run) {
    fmt::print(stderr, "{}: {}\n{} -> {}  {}x{}\n", a.weights.string(), network.description(), report.input,
               report.output, report.width, report.height);
  }
  Console console(a);
  if (a.dry_run) {
    const std::string line = fmt::format("{} -> {}  {}x{}  {}", report.input, report.output, report.width,
                                         report.height, text_of_plan(report.plan));
    if (a.json) {
      console.document(json_of(report, a));
    } else {
      console.result(line);
    }
    return report.plan.fits ? 0 : 1;
  }

  film.open_output(output);
  FrameSource source(*film.reader);
  FrameSink sink(*film.writer, film.total, a.quiet);
  try {
    report.run = restore_all(network.restorer, source, sink, network.pipeline_options(a));
  } catch (const Interrupted&) {
    throw Interrupted(fmt::format("interrupted after {} frames", sink.written()));
  } catch (const OutputClosed&) {
    throw;
  } catch (const EndsPipeline& error) {
    fail(error.what(), " (after ", sink.written(), " restored frames",
         film.file_out != nullptr ? ", which were not kept)" : ")");
  }
  check(report.run.restored > 0, report.input, ": holds no frame; check the program before the pipe");
  if (film.file_out != nullptr) film.file_out->commit();
  if (!a.quiet) fmt::print(stderr, "{}", text_of(report));
  if (a.json) console.document(json_of(report, a));
  return 0;
}

}  // namespace dg::apps
