#include "models/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <optional>
#include <sstream>

#include "core/ops.h"
#include "data/atomic_file.h"
#include "data/folder_lock.h"
#include "data/image_io.h"
#include "data/input_file.h"
#include "data/loader.h"
#include "data/metrics_log.h"
#include "layers/adam.h"
#include "layers/ema.h"
#include "layers/schedule.h"
#include "models/checkpoint.h"
#include "models/train_step.h"
#include "models/weights.h"

namespace dg {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

const std::vector<std::string> kColumns{
    "epoch",        "learning_rate", "images_per_second", "seconds",      "g_content",     "g_adversarial",
    "d_real",       "d_fake",        "d_penalty",         "psnr_blurred", "psnr_restored", "ssim_blurred",
    "ssim_restored"};

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
        folder_(std::move(folder)),
        events_(std::move(events)),
        preset_(find_preset(options_.generator.preset)),
        context_({.device = options_.device,
                  .precision = options_.precision,
                  .conv_backend = options_.conv_backend,
                  .threads = options_.threads,
                  .seed = options_.seed}),
        training_data_(open_training_data(options_, events_)),
        validation_data_(open_validation_data(options_, events_)) {
    build_networks();
    if (discriminator_ && options_.objective.gan_type == GanType::wgan && weight_clip_of(options_) == 0.0 &&
        options_.discriminator.family == DiscriminatorFamily::patch) {
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
      message("warning: the file system of " + folder_.string() +
              " has no locks; do not start a second process in this folder");
    }
  }

  // --init-weights. Not needed once there is a checkpoint.
  void load_initial_weights() {
    if (options_.init_weights.empty()) return;
    load_weights(options_.init_weights, *generator_);
    if (ema_) ema_.emplace(*generator_, options_.ema_decay);  // the averages start from them as well
    message("the generator starts from " + options_.init_weights);
  }

  // The newest checkpoint that can be read; none: the run starts over, which gives the same result.
  void restore_newest_checkpoint() {
    for (const fs::path& part : {checkpoint_folder(), folder_, folder_ / "strips"}) {
      if (fs::exists(part)) remove_stale_temporaries(part);
    }
    const auto configured_steps = state_.total_steps;
    const auto found = list_checkpoints(checkpoint_folder());
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
    check(found.empty(), folder_.string(), ": none of its ", found.size(),
          " checkpoints can be used; of the newest: ", newest_problem);
    message("no checkpoint yet: the run starts at step 0");
    load_initial_weights();
  }

  TrainResult run() override;

 private:
  fs::path checkpoint_folder() const { return folder_ / "checkpoints"; }
  void message(const std::string& text) const {
    if (events_.on_message) events_.on_message(text);
  }
  std::int64_t steps_per_epoch() const {
    return std::max<std::int64_t>(1,
                                  (training_data_->size() + options_.batch_size - 1) / options_.batch_size);
  }

  void build_networks();
  std::vector<LossTerm> train_step(const Batch& batch);
  void guard(const std::vector<LossTerm>& terms) const;
  void guard_weights() const;
  std::string last_good_checkpoint() const;
  void decide_total_steps();
  void report(const std::vector<LossTerm>& losses);
  void validate_now();
  void save();
  void save_generator(const fs::path& path, Metadata extra);

  TrainOptions options_;
  fs::path folder_;
  TrainerEvents events_;
  std::unique_ptr<FolderLock> lock_;
  Preset preset_;
  Context context_;
  std::unique_ptr<PairSource> training_data_;
  std::unique_ptr<PairSource> validation_data_;

  std::unique_ptr<Module> generator_;
  std::unique_ptr<Module> discriminator_;
  std::unique_ptr<VggFeatures> features_;
  std::optional<Objective> objective_;
  std::optional<Adam> generator_optimizer_;
  std::optional<Adam> discriminator_optimizer_;
  std::optional<TrainStep> step_;
  std::optional<Ema> ema_;
  TrainingState state_;

  std::optional<MetricsLog> log_;
  fs::path last_checkpoint_;
  Clock::time_point started_;
  Clock::time_point last_report_;
  Clock::time_point calibration_started_;
  std::int64_t first_step_ = 0;  // of this process
  std::int64_t last_report_step_ = 0;
};

void RunTrainer::build_networks() {
  generator_ = make_generator(context_, options_.generator);
  if (options_.objective.adversarial_weight != 0.0) {
    DiscriminatorOptions d = options_.discriminator;
    const bool resized = options_.augment.preprocess == Preprocess::resize;
    d.height = resized ? options_.augment.load_height : options_.augment.crop_size;
    d.width = resized ? options_.augment.load_width : options_.augment.crop_size;
    discriminator_ = make_discriminator(context_, d);
  }
  if (options_.objective.content == ContentLoss::perceptual) {
    features_ = make_vgg_features(context_, options_.vgg, options_.vgg_weights);
  }
  objective_.emplace(options_.objective, features_.get());
  const AdamConfig adam{options_.learning_rate, options_.beta1, options_.beta2, options_.epsilon};
  generator_optimizer_.emplace(generator_->parameters(), adam);
  if (discriminator_) discriminator_optimizer_.emplace(discriminator_->parameters(), adam);
  step_.emplace(*generator_, discriminator_.get(), *objective_, *generator_optimizer_,
                discriminator_optimizer_ ? &*discriminator_optimizer_ : nullptr,
                TrainStepOptions{options_.critic_updates, weight_clip_of(options_), options_.cuda_graph});
  if (options_.ema_decay > 0.0) ema_.emplace(*generator_, options_.ema_decay);
  state_ = {.context = &context_,
            .generator = generator_.get(),
            .discriminator = discriminator_.get(),
            .ema = ema_ ? &*ema_ : nullptr,
            .generator_optimizer = &*generator_optimizer_,
            .discriminator_optimizer = discriminator_optimizer_ ? &*discriminator_optimizer_ : nullptr};
}

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

// A step can end with a finite loss and broken weights; such weights are neither scored nor saved. The sum of squares
// overflows for weights that no network recovers from, too.
void RunTrainer::guard_weights() const {
  for (const Module* network : {generator_.get(), discriminator_.get()}) {
    if (network == nullptr) continue;
    for (const NamedTensor& p : network->state()) {
      check(std::isfinite(sum(square(p.tensor.detach())).item()), "training diverged at step ", state_.step,
            ": the weights ", p.name, " of the ", network == generator_.get() ? "generator" : "discriminator",
            " are no longer finite, or beyond use; ", last_good_checkpoint(),
            ". Start again with a lower --lr");
    }
  }
}

std::string RunTrainer::last_good_checkpoint() const {
  return last_checkpoint_.empty() ? "there is no checkpoint yet"
                                  : "the last good checkpoint is " + last_checkpoint_.string();
}

// Returns the losses to report: the generator's, and those of the last discriminator update.
std::vector<LossTerm> RunTrainer::train_step(const Batch& batch) {
  const Shape shape{batch.n, batch.h, batch.w, 3};
  const double rate = schedule_for(options_, state_.total_steps)(state_.step);
  const bool adversarial = discriminator_ && state_.step >= options_.gan_start;
  const StepLosses losses = (*step_)(shape, batch.blurred, batch.sharp, rate, adversarial);
  for (const auto& update : losses.critic) guard(update);
  guard(losses.generator);
  if (ema_) ema_->update();
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

void RunTrainer::report(const std::vector<LossTerm>& losses) {
  const double elapsed = seconds_since(last_report_);
  const auto images = static_cast<double>((state_.step - last_report_step_) * options_.batch_size);
  StepReport r;
  r.step = state_.step;
  r.total_steps = state_.total_steps;
  r.epoch = static_cast<double>(state_.step) / static_cast<double>(steps_per_epoch());
  r.learning_rate = generator_optimizer_->learning_rate();
  r.images_per_second = elapsed > 0.0 ? images / elapsed : 0.0;
  const double per_step = seconds_since(started_) / static_cast<double>(state_.step - first_step_);
  r.seconds_left =
      static_cast<double>(std::max<std::int64_t>(0, state_.total_steps - state_.step)) * per_step;
  for (const LossTerm& term : losses) r.losses.emplace_back(term.name, term.value.item());
  if (events_.on_step) events_.on_step(r);
  if (state_.step % options_.log_every != 0 && state_.step != state_.total_steps) return;
  last_report_ = Clock::now();
  last_report_step_ = state_.step;
  MetricsRow row{state_.step,
                 {{"epoch", r.epoch},
                  {"learning_rate", r.learning_rate},
                  {"images_per_second", r.images_per_second},
                  {"seconds", seconds_since(started_)}}};
  row.values.insert(row.values.end(), r.losses.begin(), r.losses.end());
  log_->write(row);
}

void RunTrainer::validate_now() {
  if (!validation_data_) return;
  Restorer restorer(*generator_, {preset_.size_multiple, preset_.minimum_size});
  ValidationReport report{.step = state_.step, .scores = {}, .best = false};
  {
    std::optional<EmaScope> averages;
    if (ema_) averages.emplace(*ema_);
    report.scores = validate(restorer, *validation_data_, validation_options(options_));
    report.best = report.scores.psnr_restored > state_.best_psnr;
    if (report.best) {
      state_.best_psnr = report.scores.psnr_restored;
      save_generator(folder_ / "best.safetensors", {{"validation_psnr", std::to_string(state_.best_psnr)}});
    }
  }
  const fs::path strip =
      folder_ / "strips" / checkpoint_path("", state_.step).replace_extension(".png").filename();
  write_image(strip, to_integer(stack(report.scores.strips)));
  log_->write({state_.step,
               {{"psnr_blurred", report.scores.psnr_blurred},
                {"psnr_restored", report.scores.psnr_restored},
                {"ssim_blurred", report.scores.ssim_blurred},
                {"ssim_restored", report.scores.ssim_restored}}});
  if (events_.on_validation) events_.on_validation(report);
}

// The weights that the generator holds now: inside an EmaScope, the averages.
void RunTrainer::save_generator(const fs::path& path, Metadata extra) {
  extra.merge(to_metadata(options_.generator));
  extra["step"] = std::to_string(state_.step);
  save_weights(path, *generator_, extra);
}

// The checkpoint comes last: a run that is killed before it repeats the step and writes the other files again; one
// that is killed after it has them all.
void RunTrainer::save() {
  {
    std::optional<EmaScope> averages;
    if (ema_) averages.emplace(*ema_);
    save_generator(folder_ / "generator.safetensors", {});
  }
  const fs::path path = checkpoint_path(checkpoint_folder(), state_.step);
  save_checkpoint(path, state_, options_.generator);
  last_checkpoint_ = path;

  auto all = list_checkpoints(checkpoint_folder());
  // Damaged ones that resume has skipped lie ahead of this step: they must not count as kept.
  std::erase_if(all, [&](const CheckpointFile& file) { return file.step > state_.step; });
  const auto keep = static_cast<std::size_t>(options_.keep_checkpoints);
  for (std::size_t i = 0; i + keep < all.size(); ++i) {
    std::error_code ignored;  // a checkpoint that cannot be removed costs space, not results
    fs::remove(all[i].path, ignored);
  }
}

TrainResult RunTrainer::run() {
  log_.emplace(folder_, kColumns, state_.step);
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
    report(losses);
    const bool validates =
        last || (options_.validate_every > 0 && state_.step % options_.validate_every == 0);
    const bool saves = last || state_.step % options_.checkpoint_every == 0;
    if (validates || saves) guard_weights();
    if (validates) validate_now();
    if (saves) {
      save();
      saved_step = state_.step;
    }
  }
  if (saved_step != state_.step) {
    guard_weights();
    save();
  }
  return {state_.step, !stopped, seconds_since(started_), last_checkpoint_};
}

void write_text(const fs::path& path, const std::string& text) {
  write_file_atomically(path, std::as_bytes(std::span(text)));
}

std::string read_text(const fs::path& path) {
  const auto bytes = read_file(path);
  return {bytes.begin(), bytes.end()};
}

void append_command(const fs::path& folder, const std::string& command_line) {
  std::ofstream file(folder / "command.txt", std::ios::app);
  file << command_line << '\n' << std::flush;
  check(file.good(), (folder / "command.txt").string(),
        ": cannot be written; check permissions and free space");
}

fs::path config_of(const fs::path& folder) { return folder / "config.json"; }

void check_unused(const fs::path& folder) {
  check(!fs::exists(config_of(folder)), folder.string(), ": already holds a run; continue it with --resume ",
        folder.string(), ", or give another --out");
}

}  // namespace

std::unique_ptr<Trainer> Trainer::start(const TrainOptions& options, const fs::path& folder,
                                        const std::string& command_line, TrainerEvents events) {
  check_options(options);
  check_unused(folder);
  auto trainer = std::make_unique<RunTrainer>(options, folder, std::move(events));
  trainer->load_initial_weights();
  std::error_code error;
  for (const char* part : {"checkpoints", "strips"}) {
    fs::create_directories(folder / part, error);
    check(!error, folder.string(), ": the run folder cannot be created: ", error.message(),
          "; give another --out");
  }
  trainer->hold(std::make_unique<FolderLock>(folder));
  check_unused(folder);  // now that nobody else can start a run in it
  append_command(folder, command_line);
  // Last: whoever sees it sees a whole run folder.
  write_text(config_of(folder), to_json(with_absolute_paths(options)));
  return trainer;
}

std::unique_ptr<Trainer> Trainer::resume(const fs::path& folder, const ResumeOverrides& overrides,
                                         const std::string& command_line, TrainerEvents events) {
  const fs::path config = config_of(folder);
  check(fs::exists(config), folder.string(), ": holds no run to resume: there is no config.json");
  auto lock = std::make_unique<FolderLock>(folder);
  TrainOptions options = train_options_from_json(read_text(config), config.string());
  if (overrides.steps > 0) options.steps = overrides.steps;
  if (overrides.threads >= 0) options.threads = overrides.threads;
  if (overrides.workers >= 0) options.workers = overrides.workers;
  check_options(options);
  auto trainer = std::make_unique<RunTrainer>(options, folder, std::move(events));
  trainer->hold(std::move(lock));
  trainer->restore_newest_checkpoint();
  append_command(folder, command_line);
  if (overrides.steps > 0) write_text(config, to_json(options));
  return trainer;
}

}  // namespace dg
