#include "models/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <optional>
#include <sstream>

#include "data/atomic_file.h"
#include "data/folder_lock.h"
#include "data/image_io.h"
#include "data/loader.h"
#include "layers/ema.h"
#include "layers/schedule.h"
#include "layers/summary.h"
#include "models/checkpoint.h"
#include "models/detail/trained_networks.h"
#include "models/run_folder.h"
#include "models/run_log.h"
#include "models/weights.h"

namespace dg {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Steps whose speed decides how many fit into --minutes; the first ones are slower and do not count.
constexpr std::int64_t kCalibrationSteps = 12;
constexpr std::int64_t kWarmupSteps = 2;
// Of the time that is left, the share planned for steps; the rest is for validation and checkpoints.
constexpr double kStepShare = 0.93;

Schedule schedule_for(const TrainOptions& o, std::int64_t total_steps) {
  if (total_steps == 0 || o.schedule == ScheduleKind::constant) return constant_schedule(o.learning_rate);
  if (o.schedule == ScheduleKind::cosine) {
    return make_schedule(CosineDecay{.base = o.learning_rate, .final = 0.0, .steps = total_steps});
  }
  const auto constant = static_cast<std::int64_t>(
      std::llround(static_cast<double>(total_steps) * o.epochs / std::max(1, o.epochs + o.decay_epochs)));
  return make_schedule(ConstantThenLinearDecay{o.learning_rate, constant, total_steps - constant});
}

LoaderOptions loader_options(const TrainOptions& o) {
  return {.batch_size = o.batch_size, .seed = o.seed, .workers = o.workers, .augment = o.augment};
}

class RunTrainer final : public Trainer {
 public:
  RunTrainer(TrainOptions options, fs::path folder, TrainerEvents events)
      : options_(std::move(options)),
        folder_{std::move(folder)},
        events_(std::move(events)),
        messages_(remember_messages(events_)),
        preset_(find_preset(options_.generator.preset)),
        context_({.device = options_.device,
                  .precision = options_.precision,
                  .conv_backend = options_.conv_backend,
                  .threads = options_.threads,
                  .exact = options_.exact,
                  .seed = options_.seed}),
        training_data_(open_training_data(options_, events_)),
        validation_data_(open_validation_data(options_, events_)),
        networks_(context_, options_),
        state_(networks_.state(context_)) {
    if (networks_.discriminator && options_.objective.gan_type == GanType::wgan &&
        weight_clip_of(options_) == 0.0 && options_.discriminator.family == DiscriminatorFamily::patch) {
      message(
          "warning: wgan without --weight-clip: nothing bounds the PatchGAN's scores, so they may diverge");
    }
    state_.total_steps = options_.steps > 0 ? options_.steps
                         : options_.minutes > 0.0
                             ? 0
                             : (options_.epochs + options_.decay_epochs) * steps_per_epoch();
  }

  const TrainOptions& options() const override { return options_; }

  // Keeps other trainers out of the run folder for as long as this one lives.
  void hold(std::unique_ptr<FolderLock> lock) {
    lock_ = std::move(lock);
    if (!lock_->held()) {
      message("warning: the file system of " + folder_.path.string() +
              " has no locks; do not start a second process in this folder");
    }
  }

  // --init-weights. Not needed once there is a checkpoint.
  void load_initial_weights() {
    if (options_.init_weights.empty()) return;
    networks_.start_from(options_.init_weights, options_.ema_decay);
    message("the generator starts from " + options_.init_weights);
  }

  // The newest checkpoint that can be read; none: the run starts over, which gives the same result.
  void restore_newest_checkpoint() {
    for (const fs::path& part : {folder_.checkpoints(), folder_.path, folder_.strips()}) {
      if (fs::exists(part)) remove_stale_temporaries(part);
    }
    const auto configured_steps = state_.total_steps;
    const auto found = list_checkpoints(folder_.checkpoints());
    std::string newest_problem;
    for (auto it = found.rbegin(); it != found.rend(); ++it) {
      try {
        load_checkpoint(it->path, state_);
      } catch (const Error& error) {
        if (newest_problem.empty()) newest_problem = error.what();
        message("checkpoint skipped: " + std::string(error.what()));
        continue;
      }
      if (configured_steps > 0) state_.total_steps = configured_steps;  // --steps may have been raised
      last_checkpoint_ = it->path;
      message("resumed at step " + std::to_string(state_.step) + " from " + it->path.string());
      return;
    }
    check(found.empty(), folder_.path.string(), ": none of its ", found.size(),
          " checkpoints can be used; of the newest: ", newest_problem);
    message("no checkpoint yet: the run starts at step 0");
    load_initial_weights();
  }

  // networks.txt. Of pictures of 256 pixels at most: a forward of those fits wherever a training does.
  void describe_networks_once() {
    if (fs::exists(folder_.networks())) return;
    Shape image = training_image(options_);
    if (options_.discriminator.family == DiscriminatorFamily::patch)  // the others take one size only
      image = {1, std::min<std::int64_t>(image[1], 256), std::min<std::int64_t>(image[2], 256), 3};
    write_text_file(folder_.networks(),
                    describe_networks(image, *networks_.generator, networks_.discriminator.get()));
  }

  TrainResult run() override;

 private:
  // All that is said is kept for the log, which does not exist while the data are opened.
  static std::shared_ptr<std::vector<std::string>> remember_messages(TrainerEvents& events) {
    auto kept = std::make_shared<std::vector<std::string>>();
    events.on_message = [kept, tell = std::move(events.on_message)](const std::string& text) {
      kept->push_back(text);
      if (tell) tell(text);
    };
    return kept;
  }
  void message(const std::string& text) const { events_.on_message(text); }
  std::int64_t steps_per_epoch() const {
    return std::max<std::int64_t>(1,
                                  (training_data_->size() + options_.batch_size - 1) / options_.batch_size);
  }

  std::vector<LossTerm> train_step(const Batch& batch);
  void guard(const std::vector<LossTerm>& terms) const;
  void guard_weights() const;
  std::string last_good_checkpoint() const;
  void decide_total_steps();
  StepReport report(const std::vector<LossTerm>& losses);
  void validate_now();
  void save();
  void save_generator(const fs::path& path, Metadata extra);
  void log_messages();
  TrainResult train();

  TrainOptions options_;
  RunFolder folder_;
  TrainerEvents events_;
  std::shared_ptr<std::vector<std::string>> messages_;  // not yet in the log
  std::unique_ptr<FolderLock> lock_;
  Preset preset_;
  Context context_;
  std::unique_ptr<PairSource> training_data_;
  std::unique_ptr<PairSource> validation_data_;

  TrainedNetworks networks_;
  TrainingState state_;

  std::optional<RunLog> log_;
  fs::path last_checkpoint_;
  Clock::time_point started_;
  Clock::time_point last_report_;
  Clock::time_point calibration_started_;
  std::int64_t first_step_ = 0;  // of this process
  std::int64_t last_report_step_ = 0;
};

void RunTrainer::guard(const std::vector<LossTerm>& terms) const {
  for (const LossTerm& term : terms) {
    const double value = term.value.item();
    if (std::isfinite(value) && std::abs(value) <= options_.divergence_limit) continue;
    fail("training diverged at step ", state_.step + 1, ": the loss term ", term.name, " is ",
         std::isnan(value) ? "not a number" : std::to_string(value), "; ", last_good_checkpoint(),
         ". Start again with a lower --lr, or raise --divergence-limit (now ", options_.divergence_limit,
         ")");
  }
}

// A step can end with a finite loss and broken weights; such weights are neither scored nor saved.
void RunTrainer::guard_weights() const {
  const std::string broken = networks_.broken_weights();
  check(broken.empty(), "training diverged at step ", state_.step, ": the weights ", broken,
        " are no longer finite, or beyond use; ", last_good_checkpoint(), ". Start again with a lower --lr");
}

std::string RunTrainer::last_good_checkpoint() const {
  return last_checkpoint_.empty() ? "there is no checkpoint yet"
                                  : "the last good checkpoint is " + last_checkpoint_.string();
}

// Returns the losses to report: the generator's, and those of the last discriminator update.
std::vector<LossTerm> RunTrainer::train_step(const Batch& batch) {
  const Shape shape{batch.n, batch.h, batch.w, 3};
  const double rate = schedule_for(options_, state_.total_steps)(state_.step);
  const bool adversarial = networks_.discriminator && state_.step >= options_.gan_start;
  const StepLosses losses = (*networks_.step)(shape, batch.blurred, batch.sharp, rate, adversarial);
  for (const auto& update : losses.critic) guard(update);
  guard(losses.generator);
  if (networks_.ema) networks_.ema->update();
  std::vector<LossTerm> terms = losses.generator;
  if (adversarial) terms.insert(terms.end(), losses.critic.back().begin(), losses.critic.back().end());
  return terms;
}

void RunTrainer::decide_total_steps() {
  if (state_.total_steps != 0) return;
  const std::int64_t done = state_.step - first_step_;
  if (done == kWarmupSteps) calibration_started_ = Clock::now();
  if (done < kCalibrationSteps) return;
  const double per_step =
      seconds_since(calibration_started_) / static_cast<double>(kCalibrationSteps - kWarmupSteps);
  const double left = std::max(0.0, options_.minutes * 60.0 - seconds_since(started_)) * kStepShare;
  state_.total_steps = state_.step + std::max<std::int64_t>(1, std::llround(left / per_step));
  std::ostringstream text;
  text.precision(3);
  text << state_.total_steps << " steps fit into " << options_.minutes << " minutes at " << per_step
       << " s a step";
  message(text.str());
}

StepReport RunTrainer::report(const std::vector<LossTerm>& losses) {
  const double elapsed = seconds_since(last_report_);
  const auto images = static_cast<double>((state_.step - last_report_step_) * options_.batch_size);
  StepReport r;
  r.step = state_.step;
  r.total_steps = state_.total_steps;
  r.epoch = static_cast<double>(state_.step) / static_cast<double>(steps_per_epoch());
  r.learning_rate = networks_.generator_optimizer->learning_rate();
  r.images_per_second = elapsed > 0.0 ? images / elapsed : 0.0;
  const double per_step = seconds_since(started_) / static_cast<double>(state_.step - first_step_);
  r.seconds_left =
      static_cast<double>(std::max<std::int64_t>(0, state_.total_steps - state_.step)) * per_step;
  for (const LossTerm& term : losses) r.losses.emplace_back(term.name, term.value.item());
  if (events_.on_step) events_.on_step(r);
  if (state_.step % options_.log_every == 0 || state_.step == state_.total_steps) {
    last_report_ = Clock::now();
    last_report_step_ = state_.step;
    log_->losses(r, seconds_since(started_));
  }
  return r;
}

void RunTrainer::validate_now() {
  if (!validation_data_) return;
  Restorer restorer(*networks_.generator, {preset_.size_multiple, preset_.minimum_size});
  ValidationReport report{.step = state_.step, .scores = {}, .best = false};
  {
    std::optional<EmaScope> averages;
    if (networks_.ema) averages.emplace(*networks_.ema);
    report.scores = validate(restorer, *validation_data_, validation_options(options_));
    report.best = report.scores.psnr_restored > state_.best_psnr;
    if (report.best) {
      state_.best_psnr = report.scores.psnr_restored;
      save_generator(folder_.best_generator(), {{"validation_psnr", std::to_string(state_.best_psnr)}});
    }
  }
  const Image strip = to_integer(stack(report.scores.strips));
  const std::vector<std::uint8_t> png = encode_image(strip, ImageFormat::png);
  write_file_atomically(folder_.strip(state_.step), std::as_bytes(std::span(png)));
  log_->validation(report, strip.width, strip.height, png);
  if (events_.on_validation) events_.on_validation(report);
}

// The weights that the generator holds now: inside an EmaScope, the averages.
void RunTrainer::save_generator(const fs::path& path, Metadata extra) {
  extra.merge(to_metadata(options_.generator));
  extra["step"] = std::to_string(state_.step);
  save_weights(path, *networks_.generator, extra);
}

// The checkpoint comes last: a run that is killed before it repeats the step and writes the other files again; one
// that is killed after it has them all.
void RunTrainer::save() {
  {
    std::optional<EmaScope> averages;
    if (networks_.ema) averages.emplace(*networks_.ema);
    save_generator(folder_.newest_generator(), {});
  }
  const fs::path path = checkpoint_path(folder_.checkpoints(), state_.step);
  save_checkpoint(path, state_, options_.generator);
  last_checkpoint_ = path;

  auto all = list_checkpoints(folder_.checkpoints());
  // Damaged ones that resume has skipped lie ahead of this step: they must not count as kept.
  std::erase_if(all, [&](const CheckpointFile& file) { return file.step > state_.step; });
  const auto keep = static_cast<std::size_t>(options_.keep_checkpoints);
  for (std::size_t i = 0; i + keep < all.size(); ++i) {
    std::error_code ignored;  // a checkpoint that cannot be removed costs space, not results
    fs::remove(all[i].path, ignored);
  }
}

void RunTrainer::log_messages() {
  for (const std::string& text : *messages_) log_->note(text);
  messages_->clear();
}

TrainResult RunTrainer::run() {
  log_.emplace(folder_, options_, context_.backend().description(), state_.step, events_.on_message);
  log_messages();
  try {
    TrainResult result = train();
    log_->end(result.finished ? RunState::finished : RunState::stopped);
    return result;
  } catch (const std::exception& error) {
    log_->end(RunState::failed, error.what());
    throw;
  }
}

TrainResult RunTrainer::train() {
  BatchLoader loader(*training_data_, loader_options(options_), state_.step);
  started_ = last_report_ = Clock::now();
  first_step_ = last_report_step_ = state_.step;
  std::int64_t saved_step = last_checkpoint_.empty() ? -1 : state_.step;
  bool stopped = false;
  while (state_.total_steps == 0 || state_.step < state_.total_steps) {
    if (events_.should_stop && events_.should_stop()) {
      stopped = true;
      break;
    }
    const std::vector<LossTerm> losses = train_step(loader.next());
    ++state_.step;
    decide_total_steps();
    const bool last = state_.step == state_.total_steps;
    const StepReport made = report(losses);
    const bool validates =
        last || (options_.validate_every > 0 && state_.step % options_.validate_every == 0);
    const bool saves = last || state_.step % options_.checkpoint_every == 0;
    if (validates || saves) guard_weights();
    if (validates) validate_now();
    if (saves) {
      save();
      saved_step = state_.step;
    }
    log_messages();
    log_->step_made(made, validates || saves);
  }
  if (saved_step != state_.step) {
    guard_weights();
    save();
  }
  return {state_.step, !stopped, seconds_since(started_), last_checkpoint_};
}

}  // namespace

std::unique_ptr<Trainer> Trainer::start(const TrainOptions& options, const fs::path& folder,
                                        const std::string& command_line, TrainerEvents events) {
  check_options(options);
  const RunFolder run{folder};
  run.check_unused();
  auto trainer = std::make_unique<RunTrainer>(options, folder, std::move(events));
  trainer->load_initial_weights();
  run.create();
  trainer->hold(std::make_unique<FolderLock>(folder));
  run.check_unused();  // now that nobody else can start a run in it
  run.append_command(command_line);
  trainer->describe_networks_once();
  // Last: whoever sees it sees a whole run folder.
  write_text_file(run.config(), to_json(with_absolute_paths(options)));
  return trainer;
}

std::unique_ptr<Trainer> Trainer::resume(const fs::path& folder, const ResumeOverrides& overrides,
                                         const std::string& command_line, TrainerEvents events) {
  const RunFolder run{folder};
  const fs::path config = run.config();
  check(fs::exists(config), folder.string(), ": holds no run to resume: there is no config.json");
  auto lock = std::make_unique<FolderLock>(folder);
  TrainOptions options = train_options_from_json(read_text_file(config), config.string());
  if (overrides.steps > 0) options.steps = overrides.steps;
  if (overrides.threads >= 0) options.threads = overrides.threads;
  if (overrides.workers >= 0) options.workers = overrides.workers;
  check_options(options);
  auto trainer = std::make_unique<RunTrainer>(options, folder, std::move(events));
  trainer->hold(std::move(lock));
  trainer->restore_newest_checkpoint();
  run.append_command(command_line);
  trainer->describe_networks_once();
  if (overrides.steps > 0) write_text_file(config, to_json(options));
  return trainer;
}

std::string describe_networks(const Shape& image, Module& generator, Module* discriminator) {
  std::string text = "Generator\n" + to_string(summary(generator, image));
  if (discriminator != nullptr) text += "\nDiscriminator\n" + to_string(summary(*discriminator, image));
  return text;
}

}  // namespace dg
