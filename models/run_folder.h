// What lies where in a run folder, and the small files in it that tell what the run is and how it stands. The list of all
// files is in models/trainer.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace dg {

struct RunFolder {
  std::filesystem::path path;

  std::filesystem::path config() const { return path / "config.json"; }
  std::filesystem::path command() const { return path / "command.txt"; }
  std::filesystem::path networks() const { return path / "networks.txt"; }
  std::filesystem::path status() const { return path / "status.json"; }
  std::filesystem::path metrics() const { return path / "metrics.csv"; }
  std::filesystem::path report() const { return path / "report.html"; }
  std::filesystem::path tensorboard() const { return path / "tensorboard"; }
  std::filesystem::path checkpoints() const { return path / "checkpoints"; }
  std::filesystem::path strips() const { return path / "strips"; }
  std::filesystem::path strip(std::int64_t step) const;
  std::filesystem::path newest_generator() const { return path / "generator.safetensors"; }
  std::filesystem::path best_generator() const { return path / "best.safetensors"; }

  // Throws Error if a run is there already.
  void check_unused() const;
  // The folder and those in it. Throws Error where they cannot be made.
  void create() const;
  // Adds a line to command.txt. Throws Error where it cannot be written.
  void append_command(const std::string& command_line) const;
};

enum class RunState : std::uint8_t { training, finished, stopped, failed };

const char* name_of(RunState state);

// A message of the trainer, with its time of day in UTC, "2026-01-31 18:05:09".
struct RunNote {
  std::string time;
  std::string text;
};

// How a run stands: status.json. It is written from time to time, so a killed run seems to train still.
struct RunStatus {
  RunState state = RunState::training;
  std::int64_t step = 0;
  std::int64_t total_steps = 0;  // 0: not decided yet
  double seconds_left = 0.0;     // estimate
  std::string updated;           // as RunNote::time
  std::string host;
  std::string device;
  std::string version;         // of deblurgan
  std::vector<RunNote> notes;  // the newest
};

// Fills in `updated`. The file appears whole or not at all; throws Error where it cannot be written.
void write_status(const RunFolder& run, RunStatus status);
// Nothing where there is no such file, as in runs of versions before it. Throws Error naming a damaged one.
std::optional<RunStatus> read_status(const RunFolder& run);

// A text file as one piece: for both Error as in data/atomic_file.h and data/input_file.h.
void write_text_file(const std::filesystem::path& path, const std::string& text);
std::string read_text_file(const std::filesystem::path& path);

// Now, as in RunNote.
std::string time_text();
// "1:05:09", "4:20"
std::string clock_text(double seconds);

}  // namespace dg
