// Picture files in and out: what the pipeline reads from and writes to.
#pragma once

#include <vector>

#include "apps/deblur_arguments.h"
#include "apps/deblur_plan.h"
#include "apps/deblur_report.h"
#include "data/byte_stream.h"
#include "data/picture.h"
#include "models/restore_pipeline.h"

namespace dg::apps {

// Whoever read standard output has closed it: the exit code is that of SIGPIPE.
class OutputClosed : public EndsPipeline {
 public:
  using EndsPipeline::EndsPipeline;
};

class JobSource final : public PictureSource {
 public:
  JobSource(const std::vector<DeblurJob>& jobs, ByteInput& standard_input)
      : jobs_(jobs), standard_input_(standard_input) {}
  std::optional<NamedPicture> next(const std::stop_token& stop) override;
  // Of the picture on standard input, once it has been handed out.
  ImageFormat stdin_format() const { return stdin_format_; }

 private:
  const std::vector<DeblurJob>& jobs_;
  ByteInput& standard_input_;
  std::size_t next_ = 0;
  ImageFormat stdin_format_ = ImageFormat::png;
};

// Encodes, writes, compares with the sharp picture, reports.
class JobSink final : public PictureSink {
 public:
  JobSink(const std::vector<DeblurJob>& jobs, const JobSource& source, const DeblurArguments& arguments,
          DeblurReport& report)
      : jobs_(jobs), source_(source), arguments_(arguments), report_(report) {}
  void put(RestoredPicture picture, const std::stop_token& stop) override;
  void failed(std::int64_t index, const std::string& why) override;

 private:
  void tell_report(PictureReport picture);
  ImageFormat output_format(const DeblurJob& job) const;
  std::optional<Comparison> compare(const DeblurJob& job, const Picture& blurred, const Picture& restored,
                                    const std::stop_token& stop) const;

  const std::vector<DeblurJob>& jobs_;
  const JobSource& source_;
  const DeblurArguments& arguments_;
  DeblurReport& report_;
};

}  // namespace dg::apps
