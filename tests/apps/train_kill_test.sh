# Ctrl-C, and kill -9 at random moments and in the middle of writes: the resumed run ends with the bytes of one that
# nobody disturbed. The last checkpoint holds all state, so its hash is compared.
readonly steps=120
readonly options=(--preset small --gan-type wgan-gp --ngf 4 --blocks 1 --ndf 4 --dropout 0.2 --ema 0.9 --crop-size 32 --batch-size 1
  --data procedural --validate-every 20 --validation-images 1 --checkpoint-every 1 --steps "$steps" --seed 11
  --threads 1 --quiet)

fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
# The hash of everything that a finished run leaves to be used.
result_of() {
  cat "$1/checkpoints/step-00000$steps.safetensors" "$1/generator.safetensors" "$1/best.safetensors" \
    "$1/strips/step-00000$steps.png" | sha256sum
}
newest() { find "$1/checkpoints" -name 'step-*.safetensors' | sort | tail -n 1; }
start_or_resume() {
  if [[ -e run/config.json ]]; then exec "$DG_TRAIN" --resume run --quiet; fi
  exec "$DG_TRAIN" "${options[@]}" --out run
}
# Job control, because bash lets background jobs ignore Ctrl-C otherwise. The job is the program itself.
launch() { set -m; start_or_resume >>log 2>&1 & job=$!; set +m; }

microseconds() { printf '%s' "${EPOCHREALTIME//[.,]/}"; }

began=$(microseconds)
"$DG_TRAIN" "${options[@]}" --out whole
readonly duration=$(($(microseconds) - began))
expected=$(result_of whole)

# ---- Ctrl-C ----
launch
for _ in $(seq 600); do
  [[ -d run/checkpoints && -n $(newest run) ]] && break
  sleep 0.05
done
kill -INT "$job"
code=0; wait "$job" || code=$?
[[ $code == 130 ]] || fail "Ctrl-C gave exit code $code, expected 130: $(cat log)"
grep -q '^deblurgan-train: stopped at step [0-9]*, saved as run/checkpoints/step-[0-9]*.safetensors; continue with --resume run$' log ||
  fail "Ctrl-C said: $(cat log)"
[[ $(wc -l <log) == 1 ]] || fail "Ctrl-C said more than a sentence: $(cat log)"

# ---- kill -9 ----
# Six times after up to an eighth of the whole run's time, so that it does not end before; six times during a write.
RANDOM=${KILL_SEED:-20260101}
landed=0
halves=0
for round in $(seq 12); do
  launch
  if ((round % 2)); then
    delay=$((RANDOM * duration / 8 / 32768))
    sleep "$((delay / 1000000)).$(printf '%06d' $((delay % 1000000)))"
  else
    until compgen -G "run/checkpoints/*.$job.0.tmp" >/dev/null || ! kill -0 "$job" 2>/dev/null; do :; done
  fi
  kill -KILL "$job" 2>/dev/null && landed=$((landed + 1))
  wait "$job" 2>/dev/null || true
  compgen -G "run/checkpoints/*.$job.0.tmp" >/dev/null && halves=$((halves + 1))
done
printf '%d kills, %d of them in the middle of a checkpoint, the newest is %s\n' "$landed" "$halves" "$(newest run)"
((landed >= 6 && halves >= 1)) || fail "the kills came too late to test anything"
[[ $(wc -l <log) == 1 ]] || fail "a resumed run complained: $(cat log)"

(start_or_resume)
[[ $(result_of run) == "$expected" ]] || fail "the resumed run ended differently"
[[ -z $(find run -name '*.tmp') ]] || fail "temporaries are left: $(find run -name '*.tmp')"
for run in whole run; do cut -d, -f1,2,3 "$run/metrics.csv" >"$run.rows"; done
cmp whole.rows run.rows || fail "the tables of losses differ in their rows"
