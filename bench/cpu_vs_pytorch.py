#!/usr/bin/env python3
"""Measures deblurgan beside PyTorch, onnxruntime and OpenVINO on this machine's CPU, in float32, into one JSON file.

    ./dev bench-rivals                                     # sets everything up and runs this; docs/performance.md
    bench/cpu_vs_pytorch.py --programs build/release --out result.json [--only forward,step] [--threads 2] [--quick]

Parts: forward (the generator `deblurgan`, 256x256 and 1280x720, with memory), backward (its forward and backward),
step (a WGAN-GP training step), convolutions (every shape of the presets), scaling (ours, to 4K, and by threads).
Contenders take turns, round by round, so that what else the machine does hurts all alike. A variant of a rival (a memory
layout, a compiler) that the first round shows to be far behind the rival's best is not measured again. bench/cpu_table.py
makes the tables and compares with the targets.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import signal
import subprocess
import sys
import tempfile
import time

from cpu_contenders import Failed, OurGenerator, OurStep, TorchStep, Worker, our_convolutions, summarize, torch_cases

PARTS = ["forward", "backward", "step", "convolutions", "scaling"]
FAR_BEHIND = 1.2  # times its rival's fastest variant
SCALING_SIZES = ["256x256", "512x512", "720x1280", "1080x1920", "2160x3840"]
CONVOLUTION_NETWORKS = ["deblurgan", "keras", "deblurgan_critic", "keras_critic", "vgg19", "small", "small_critic"]
CONVOLUTION_SAMPLING = {"at_least": 5, "at_most": 7, "seconds": 0.1}


def say(words):
    print(f"rivals: {words}", file=sys.stderr, flush=True)


def take_turns(title, contenders, rounds, runs):
    """Lets contenders run, each `runs` times a round; {name: summary of its seconds, and its memory}."""
    seconds, results, out = {c.name: [] for c in contenders}, {}, set()
    alive = list(contenders)
    for turn in range(rounds):
        # Each round begins with another one.
        for contender in alive[turn % len(alive):] + alive[:turn % len(alive)]:
            try:
                seconds[contender.name] += contender.run(runs)
                say(f"{title}, round {turn + 1}: {contender.name} {min(seconds[contender.name]):.3f} s at best")
            except Failed as error:
                say(f"{title}: {contender.name} is out: {error}")
                results[contender.name] = {"error": str(error)}
                out.add(contender)
        if turn == 0 and rounds > 1:
            out |= far_behind([c for c in alive if c not in out], seconds)
        for contender in set(alive) & out:
            finish(contender, seconds, results)
        alive = [c for c in alive if c not in out]
        if not alive:
            break
    for contender in alive:
        finish(contender, seconds, results)
    return {c.name: results[c.name] for c in contenders}


def finish(contender, seconds, results):
    if contender.name not in results:
        results[contender.name] = {**summarize(seconds[contender.name]), **contender.memory()}
    contender.close()


def far_behind(contenders, seconds):
    best = {}
    for c in contenders:
        best[c.rival] = min(best.get(c.rival, float("inf")), min(seconds[c.name]))
    return {c for c in contenders if min(seconds[c.name]) > FAR_BEHIND * best[c.rival]}


def begin(workers):
    """Starts them one after the other, so that none is set up while another one is; those that cannot be say why later."""
    for worker in workers:
        say(f"starting {worker.name}")
        worker.begin()
    compare_outputs(workers)
    return workers


def compare_outputs(workers):
    """All compute the same function of the same picture, or the comparison means nothing."""
    outputs = {w.name: w.output for w in workers if w.output}
    for name, values in outputs.items():
        first = next(iter(outputs.values()))
        worst = max(abs(a - b) for a, b in zip(values, first))
        if not worst < 1e-3:
            sys.exit(f"cpu_vs_pytorch.py: {name} computes something else than {next(iter(outputs))}: off by {worst:.3g}")


# --- the parts ---


def measure_forward(setup, versions):
    result = {}
    rivals = ["torch:channels_last", "torch:contiguous", "torch:compiled", "onnxruntime", "openvino"]
    # Frozen graphs are deprecated in favour of compiled ones; at the larger size they would cost another minute.
    for size, rivals, rounds, runs in (("256x256", ["torch:frozen", *rivals], 4, 3), ("720x1280", rivals, 3, 1)):
        workers = begin([Worker(setup, rival, "forward", size) for rival in rivals])
        for worker in workers:
            versions.update(worker.versions)
        ours = OurGenerator(setup, f"deblurgan/1x{size}/forward")
        result[size] = take_turns(f"forward {size}", [ours, *workers], *setup.effort(rounds, runs))
    return result


def measure_backward(setup, versions):
    variants = ["torch:channels_last", "torch:contiguous", "torch:compiled"]
    workers = begin([Worker(setup, variant, "forward_backward", "256x256") for variant in variants])
    for worker in workers:
        versions.update(worker.versions)
    ours = OurGenerator(setup, "deblurgan/1x256x256/forward_backward")
    return {"256x256": take_turns("forward and backward", [ours, *workers], *setup.effort(3, 2))}


def measure_step(setup, versions):
    contenders = [OurStep(setup), TorchStep(setup, "channels_last", "eager"), TorchStep(setup, "contiguous", "eager"),
                  TorchStep(setup, "channels_last", "compiled")]
    result = take_turns("training step", contenders, *setup.effort(2, 2))
    for contender in contenders:
        if contender.phases:
            result[contender.name]["phases_ms"] = contender.phases
        versions.update(contender.versions)
    return {"256x256": result}


def measure_convolutions(setup, versions):
    """{"network/size/layer/pass": {"shape", "algorithm", "deblurgan": summary, "torch:LAYOUT": summary}}"""
    worker = begin([Worker(setup, "torch", "convolution", "1x1")])[0]
    versions.update(worker.versions)
    result, seconds = {}, {}
    rounds, _ = setup.effort(2, 1)
    for turn in range(rounds):
        for network in CONVOLUTION_NETWORKS[:1] if setup.quick else CONVOLUTION_NETWORKS:
            say(f"convolutions of {network}, round {turn + 1}")
            rows = our_convolutions(setup, network, CONVOLUTION_SAMPLING)
            for name, row in rows.items():
                result.setdefault(name, {"shape": row["shape"], "algorithm": row["algorithm"]})
                seconds.setdefault((name, "deblurgan"), []).append(row["seconds"])
            for layer, case in torch_cases(rows).items():
                for layout, passes in worker.ask({"convolution": case, **CONVOLUTION_SAMPLING}).items():
                    for direction, times in passes.items():
                        median = summarize(times)["median_ms"] * 1e-3
                        seconds.setdefault((f"{layer}/{direction}", f"torch:{layout}"), []).append(median)
    worker.close()
    for (name, contender), medians in seconds.items():
        result[name][contender] = summarize(medians)  # the medians of the rounds
    return result


def measure_scaling(setup, _):
    result = {"pixels": {}, "threads": {}}
    per_pixel = 0.0
    for size in SCALING_SIZES[:2] if setup.quick else SCALING_SIZES:
        height, width = map(int, size.split("x"))
        pixels = height * width
        if 1.3 * per_pixel * pixels > available_memory():
            result["pixels"][size] = {"error": f"needs {per_pixel * pixels / 1e9:.1f} GB, which are not free"}
            continue
        runs = 1 if pixels > 4e6 else 2 if pixels > 2e6 else 3 if pixels > 5e5 else 9
        one = take_turns(f"ours {size}", [OurGenerator(setup, f"deblurgan/1x{size}/forward")], 1,
                         1 if setup.quick else runs)
        result["pixels"][size] = {"megapixels": pixels * 1e-6, **one["deblurgan"]}
        per_pixel = one["deblurgan"].get("growth", 0.0) / pixels
    counts = [1, 2] if setup.threads >= 2 else [1]
    case = "deblurgan/1x256x256/forward"
    result["threads"] = take_turns("ours by threads", [OurGenerator(setup, case, count) for count in counts],
                                   *setup.effort(4, 3))
    return result


# --- where ---


class Setup:
    """What all parts share."""

    def __init__(self, arguments, folder):
        self.programs, self.threads, self.quick = pathlib.Path(arguments.programs), arguments.threads, arguments.quick
        self.folder = folder
        self.onnx = folder / "generator.onnx"
        # Other programs read how many threads they may have from here.
        self.environment = {**os.environ, "OMP_NUM_THREADS": str(self.threads), "MKL_NUM_THREADS": str(self.threads),
                            "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor")}

    def effort(self, rounds, runs):
        return (1, 1) if self.quick else (rounds, runs)

    def call(self, *command):
        done = subprocess.run([str(word) for word in command], env=self.environment, capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise Failed(f"{command[0]} ended with exit code {done.returncode}: {said[-1] if said else 'no output'}")
        return done.stdout

    def program(self, name):
        for folder in ("bench", "apps"):
            if (self.programs / folder / name).exists():
                return self.programs / folder / name
        raise Failed(f"{self.programs} has no {name}; build it, or name the build's folder by --programs")

    def write_onnx(self):
        weights = self.folder / "generator.safetensors"
        self.call(self.program("generator_bench"), "--case", "deblurgan/1x256x256/forward", "--save-weights", weights)
        self.call(self.program("deblurgan-convert"), weights, "--output", self.onnx, "--quiet")


def available_memory():
    with open("/proc/meminfo", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable:"))


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), platform.machine())


def pin(threads):
    """This process and all that it starts to as many cores; returns the number."""
    cores = sorted(os.sched_getaffinity(0))
    threads = threads or len(cores)
    if threads > len(cores):
        sys.exit(f"cpu_vs_pytorch.py: --threads is {threads}, but the process may use {len(cores)} cores only")
    os.sched_setaffinity(0, cores[:threads])
    return threads


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", default="build/release", help="the build with our programs (build/release)")
    parser.add_argument("--out", required=True, help="JSON file")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas: " + ", ".join(PARTS))
    parser.add_argument("--threads", type=int, default=0, help="and cores; 0: all that the process may use")
    parser.add_argument("--quick", action="store_true", help="each thing once, to see that all of it works")
    parser.add_argument("--commit", default="unknown", help="written into the JSON")
    arguments = parser.parse_args()
    arguments.parts = arguments.only.split(",")
    for part in arguments.parts:
        if part not in PARTS:
            parser.error(f"--only has '{part}', expected some of {', '.join(PARTS)}")
    return arguments


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the workers end, and the temporary folder goes
    arguments.threads = pin(arguments.threads)
    started = time.time()
    versions = {"python": platform.python_version()}
    with tempfile.TemporaryDirectory(prefix="rivals-") as folder:
        setup = Setup(arguments, pathlib.Path(folder))
        report = {"program": "bench/cpu_vs_pytorch.py", "command": " ".join(sys.argv), "commit": arguments.commit,
                  "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                  "processor": processor(), "cores": os.cpu_count(), "threads": arguments.threads,
                  "system": f"{platform.system()} {platform.release()}", "quick": arguments.quick,
                  "load_before": os.getloadavg()[0], "versions": versions, "parts": {}}
        try:
            setup.write_onnx()
            for part in PARTS:
                if part in arguments.parts:
                    began = time.time()
                    report["parts"][part] = globals()[f"measure_{part}"](setup, versions)
                    say(f"{part} took {time.time() - began:.0f} s")
        except Failed as error:
            sys.exit(f"cpu_vs_pytorch.py: {error}")
    report["minutes"] = round((time.time() - started) / 60, 1)
    out = pathlib.Path(arguments.out)
    out.with_suffix(".tmp").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    out.with_suffix(".tmp").replace(out)
    say(f"wrote {out} after {report['minutes']} minutes")


if __name__ == "__main__":
    main()
