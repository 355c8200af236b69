"""Those who compete in bench/cpu_vs_pytorch.py: how each is run, and how its answers are read.

A contender has a `name`, the `rival` whose variant it is, run(count) -> seconds of each run, memory() -> {} or
{"peak", "growth"} in bytes, `versions`, and close(). Failed says what went wrong in one sentence.
"""
import atexit
import json
import pathlib
import re
import statistics
import subprocess
import sys

from spread import quantile

HERE = pathlib.Path(__file__).resolve().parent


class Failed(Exception):
    pass


def summarize(seconds):
    """The median and the quartiles of all runs, in ms."""
    ordered = sorted(seconds)
    return {"median_ms": statistics.median(ordered) * 1e3, "quartile1_ms": quantile(ordered, 0.25) * 1e3,
            "quartile3_ms": quantile(ordered, 0.75) * 1e3,
            "fastest_ms": ordered[0] * 1e3, "slowest_ms": ordered[-1] * 1e3, "samples": len(ordered)}


class Contender:
    def __init__(self, setup, name, rival):
        self.setup, self.name, self.rival, self.versions = setup, name, rival, {}

    def memory(self):
        return {}

    def close(self):
        pass


class OurGenerator(Contender):
    """generator_bench, a process for each round."""

    def __init__(self, setup, case, threads=None):
        super().__init__(setup, "deblurgan" if threads is None else f"{threads} threads", f"deblurgan {threads}")
        self.case, self.threads, self.most = case, threads or setup.threads, {}

    def run(self, count):
        out = self.setup.folder / "ours.json"
        self.setup.call(self.setup.program("generator_bench"), "--case", self.case, "--samples", count, "--threads",
                        self.threads, f"--benchmark_out={out}", "--benchmark_out_format=json")
        rows = [row for row in json.loads(out.read_text())["benchmarks"] if row["run_type"] == "iteration"]
        for key, counter in (("peak", "process_MB"), ("growth", "growth_MB")):
            self.most[key] = max(self.most.get(key, 0), *(int(row[counter] * 1e6) for row in rows))
        return [row["real_time"] * 1e-3 for row in rows]

    def memory(self):
        return self.most


class Worker(Contender):
    """bench/rival_worker.py, one process that lives as long as it is needed."""

    def __init__(self, setup, rival, work, size):
        super().__init__(setup, rival, rival.partition(":")[0])
        self.work, self.size, self.output, self.process, self.failure = work, size, None, None, None

    def begin(self):
        self.log = open(self.setup.folder / f"{self.name.replace(':', '-')}.log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "rival_worker.py"), "--rival", self.name, "--work", self.work, "--size", self.size,
             "--threads", str(self.setup.threads), "--onnx", str(self.setup.onnx)], env=self.setup.environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)
        atexit.register(self.process.kill)  # where the script ends before close(), amid a long run
        try:
            first = self.read()
            self.versions, self.output = first["ready"], first["output"]
        except Failed as error:
            self.failure = error  # said when its turn comes

    def read(self):
        # Libraries print what they like, too.
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        self.process.wait()
        self.log.seek(0)
        said = self.log.read().strip().splitlines()
        raise Failed(f"exit code {self.process.returncode}: {said[-1] if said else 'no output'}")

    def ask(self, request):
        if self.failure:
            raise self.failure
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # read() tells why
        return self.read()

    def run(self, count):
        return self.ask({"runs": count})["seconds"]

    def memory(self):
        return self.ask({"memory": True})

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
        self.process.wait()
        self.log.close()


class OurStep(Contender):
    """deblurgan-bench-step, a process for each round; phases in the first."""

    def __init__(self, setup):
        super().__init__(setup, "deblurgan", "deblurgan")
        self.phases = None

    def command(self):
        return [self.setup.program("deblurgan-bench-step"), "--size", "256"]

    def run(self, count):
        out = self.setup.folder / "step.json"
        phases = [] if self.phases is None else ["--no-phases"]
        self.setup.call(*self.command(), "--preset", "deblurgan", "--batch", 1, "--threads", self.setup.threads,
                        "--samples", count, "--seconds", 600, *phases, "--out", out)
        report = json.loads(out.read_text())
        step = report["steps"][0]
        if self.phases is None:
            self.phases = {name: timing["median_ms"] for name, timing in step["phases"].items()}
        self.versions = {key: value for key, value in report["context"].items() if key == "torch"}
        return [ms * 1e-3 for ms in step["step"]["samples_ms"]]


class TorchStep(OurStep):
    """bench/pytorch_step.py, likewise."""

    def __init__(self, setup, layout, mode):
        super().__init__(setup)
        self.name, self.rival = f"torch:{layout if mode == 'eager' else mode}", "torch"
        self.layout, self.mode = layout, mode

    def command(self):
        return [sys.executable, HERE / "pytorch_step.py", "--layout", self.layout, "--mode", self.mode]


# --- convolutions ---

SHAPE = re.compile(r"(?P<n>\d+)x(?P<h>\d+)x(?P<w>\d+)x(?P<c>\d+) -> (?P<k>\d+), (?P<kernel>\d+)x\d+"
                   r"(, stride (?P<stride>\d+))?(, padding (?P<pads>\d+ \d+ \d+ \d+))?(?P<transposed>, transposed)?")


def our_convolutions(setup, network, sampling):
    """{"network/size/layer/pass": {"shape", "algorithm", "seconds"}} by deblurgan-bench-conv."""
    out = setup.folder / "conv.json"
    setup.call(setup.program("deblurgan-bench-conv"), "--samples", sampling["at_most"], "--seconds", sampling["seconds"],
               f"--benchmark_filter=^conv/{network}/(1x256x256|4x128x128)/", f"--benchmark_out={out}",
               "--benchmark_out_format=json")
    rows = {}
    for row in json.loads(out.read_text())["benchmarks"]:
        _, *place, direction, _, algorithm = row["name"].split("/iterations:")[0].split("/")
        rows["/".join([*place, direction])] = {"shape": row["label"], "algorithm": algorithm,
                                               "seconds": row["real_time"] * 1e-3}
    return rows


def torch_cases(rows):
    """{"network/size/layer": the convolution as bench/rival_worker.py takes it}"""
    cases = {}
    for name, row in rows.items():
        match = SHAPE.fullmatch(row["shape"])
        if match is None:
            raise Failed(f"the shape '{row['shape']}' of {name} is not understood")
        top, left, bottom, right = map(int, (match["pads"] or "0 0 0 0").split())
        # PyTorch pads alike on both sides: an input larger by the odd row has the same output, and as many operations.
        cases[name.rpartition("/")[0]] = {
            "n": int(match["n"]), "c": int(match["c"]), "k": int(match["k"]), "kernel": int(match["kernel"]),
            "h": int(match["h"]) + abs(bottom - top), "w": int(match["w"]) + abs(right - left),
            "stride": int(match["stride"] or 1), "padding": [min(top, bottom), min(left, right)],
            "transposed": match["transposed"] is not None}
    return cases
