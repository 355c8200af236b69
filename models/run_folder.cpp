#include "models/run_folder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "data/atomic_file.h"
#include "data/input_file.h"
#include "kernels/check.h"
#include "models/checkpoint.h"

namespace dg {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

constexpr std::array kStates{RunState::training, RunState::finished, RunState::stopped, RunState::failed};

RunState parse_state(const std::string& name) {
  for (const RunState state : kStates) {
    if (name == name_of(state)) return state;
  }
  fail("unknown state '", name, "'");
}

}  // namespace

fs::path RunFolder::strip(std::int64_t step) const {
  return strips() / checkpoint_path("", step).replace_extension(".png").filename();
}

void RunFolder::check_unused() const {
  check(!fs::exists(config()), path.string(), ": already holds a run; continue it with --resume ",
        path.string(), ", or give another --out");
}

void RunFolder::create() const {
  std::error_code error;
  for (const fs::path& part : {checkpoints(), strips()}) {
    fs::create_directories(part, error);
    check(!error, path.string(), ": the run folder cannot be created: ", error.message(),
          "; give another --out");
  }
}

void RunFolder::append_command(const std::string& command_line) const {
  std::ofstream file(command(), std::ios::app);
  file << command_line << '\n' << std::flush;
  check(file.good(), command().string(), ": cannot be written; check permissions and free space");
}

const char* name_of(RunState state) {
  switch (state) {
    case RunState::training: return "training";
    case RunState::finished: return "finished";
    case RunState::stopped: return "stopped";
    case RunState::failed: return "failed";
  }
  return "unknown";
}

void write_status(const RunFolder& run, RunStatus status) {
  status.updated = time_text();
  Json json{{"state", name_of(status.state)},
            {"step", status.step},
            {"total_steps", status.total_steps},
            {"seconds_left", status.seconds_left},
            {"updated", status.updated},
            {"host", status.host},
            {"device", status.device},
            {"version", status.version},
            {"notes", Json::array()}};
  for (const RunNote& note : status.notes)
    json["notes"].push_back({{"time", note.time}, {"text", note.text}});
  // Messages hold names of files, which need not be UTF-8.
  write_text_file(run.status(), json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::optional<RunStatus> read_status(const RunFolder& run) {
  if (!fs::exists(run.status())) return std::nullopt;
  try {
    const Json json = Json::parse(read_text_file(run.status()));
    RunStatus status;
    status.state = parse_state(json.at("state").get<std::string>());
    status.step = json.at("step").get<std::int64_t>();
    status.total_steps = json.at("total_steps").get<std::int64_t>();
    status.seconds_left = json.at("seconds_left").get<double>();
    status.updated = json.at("updated").get<std::string>();
    status.host = json.at("host").get<std::string>();
    status.device = json.at("device").get<std::string>();
    status.version = json.at("version").get<std::string>();
    for (const Json& note : json.at("notes"))
      status.notes.push_back({note.at("time").get<std::string>(), note.at("text").get<std::string>()});
    return status;
  } catch (const nlohmann::json::exception& error) {
    fail(run.status().string(), ": not the status of a run: ", error.what(), "; move the file away");
  } catch (const Error& error) {
    fail(run.status().string(), ": not the status of a run: ", error.what(), "; move the file away");
  }
}

void write_text_file(const fs::path& path, const std::string& text) {
  write_file_atomically(path, std::as_bytes(std::span(text)));
}

std::string read_text_file(const fs::path& path) {
  const auto bytes = read_file(path);
  return {bytes.begin(), bytes.end()};
}

std::string time_text() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &utc);
  return text.data();
}

std::string clock_text(double seconds) {
  const auto s = static_cast<long>(std::lround(std::max(seconds, 0.0)));
  std::array<char, 48> text{};
  if (s >= 3600) {
    std::snprintf(text.data(), text.size(), "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
  } else {
    std::snprintf(text.data(), text.size(), "%ld:%02ld", s / 60, s % 60);
  }
  return text.data();
}

}  // namespace dg
