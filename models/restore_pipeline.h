// Many pictures, or a film, through one network: while it works at one picture, the next ones are decoded and the
// last ones encoded, each on a thread of its own. Results come in the order of the pictures.
//
// At most 2 + 2 * max(ahead, batch) + batch pictures are in memory at a time, and fewer where they are large: see
// in_flight_bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "data/picture.h"
#include "kernels/check.h"
#include "models/restorer.h"

namespace dg {

// The pictures that follow would fare no better: the disk is full, the stream broke off. Ends the run, where any
// other Error only concerns its picture.
class EndsPipeline : public Error {
 public:
  using Error::Error;
};

struct NamedPicture {
  std::string name;  // stands in messages
  Picture picture;
};

// Everything that gives pictures. Called from one thread, which is not the one that runs the pipeline.
class PictureSource {
 public:
  PictureSource() = default;
  PictureSource(const PictureSource&) = delete;
  PictureSource& operator=(const PictureSource&) = delete;
  virtual ~PictureSource() = default;

  // The next picture; nothing after the last one. Error (with the picture's name) or std::bad_alloc: this picture
  // cannot be read, and the next call goes on with the one behind it. EndsPipeline and other exceptions: there are
  // no more; what came before is still restored, and then the exception leaves restore_all. Must not wait longer
  // once stop is requested; what it then throws is not looked at.
  virtual std::optional<NamedPicture> next(const std::stop_token& stop) = 0;
};

struct RestoredPicture {
  std::int64_t index = 0;  // the source's count, from 0, with those that failed
  std::string name;
  Picture blurred;  // as the source gave it
  Image restored;   // of the same size, channels and depth
  double decode_seconds = 0.0;
  double restore_seconds = 0.0;  // a picture's share of its batch
  std::int64_t together = 1;     // pictures in its forward
  RestorePlan plan = {};         // with PipelineOptions::plan
};

// Everything that takes them, in order. Called from one thread, another one again.
class PictureSink {
 public:
  PictureSink() = default;
  PictureSink(const PictureSink&) = delete;
  PictureSink& operator=(const PictureSink&) = delete;
  virtual ~PictureSink() = default;

  // Error (with the picture's name) or std::bad_alloc: this picture fails, and failed() is told. EndsPipeline and
  // other exceptions end the run at once and leave restore_all.
  virtual void put(RestoredPicture picture, const std::stop_token& stop) = 0;
  // A picture that could not be decoded, restored or put. `why` names it.
  virtual void failed(std::int64_t index, const std::string& why) = 0;
};

struct PipelineOptions {
  std::int64_t batch = 1;  // neighbours of one size that go through in one forward
  std::int64_t ahead = 2;  // pictures that wait in front of the network, and as many behind it
  // Of decoded pictures and results, from the source to the sink. What does not fit waits to be decoded (as large
  // as the largest so far, it is assumed); as many pictures as a batch takes are never held back.
  std::int64_t in_flight_bytes = std::int64_t{1} << 30;
  bool plan = false;  // ask Restorer::plan for each size and hand it on
  // Both on the thread that called restore_all. What they throw ends the run at once.
  std::function<void()> meanwhile = {};       // about ten times a second while it waits
  std::function<void()> before_forward = {};  // before each forward, and between two attempts at one
};

struct StageTime {
  double busy = 0.0;     // seconds; decoding: with waiting for the disk or the pipe, encoding likewise
  double waiting = 0.0;  // for the stages beside it
};

struct PipelineReport {
  std::int64_t restored = 0;
  std::int64_t failed = 0;
  double seconds = 0.0;
  StageTime decode;
  StageTime restore;
  StageTime encode;
};

// Runs to the source's end, with the network on the calling thread. A batch that fails is tried again picture by
// picture, so that one that does not fit, or is damaged, takes none along. Throws what ends the run, see above; by
// then both other threads have ended. Throws Error for options below 1.
PipelineReport restore_all(Restorer& restorer, PictureSource& source, PictureSink& sink,
                           const PipelineOptions& options = {});

}  // namespace dg
