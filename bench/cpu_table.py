#!/usr/bin/env python3
"""Turns the JSON of bench/cpu_vs_pytorch.py into the tables of docs/performance.md.

    bench/cpu_table.py RESULT.json [--page docs/performance.md]

Without --page the tables go to standard output; with it they replace what stands between the page's markers. Whether a
target is met is computed from the medians, here and nowhere else. Needs Python alone.
"""
import argparse
import json
import pathlib
import sys

from table import number, table

BEGIN = "<!-- rivals: written by bench/cpu_table.py -->"
END = "<!-- end of rivals -->"
NAMES = {"torch": "PyTorch", "onnxruntime": "onnxruntime", "openvino": "OpenVINO", "deblurgan": "deblurgan"}
LINEAR = 1.1  # the most that a megapixel may cost more than at 256x256


# --- reading the results ---


def measured(contenders):
    return {name: c for name, c in contenders.items() if isinstance(c, dict) and "median_ms" in c}


def best(contenders, rival):
    """(name, summary) of the rival's fastest variant, or None."""
    own = {name: c for name, c in measured(contenders).items() if name.partition(":")[0] == rival}
    return min(own.items(), key=lambda item: item[1]["median_ms"]) if own else None


def speed(ours, rival):
    """How many times as fast as the rival ours is: by the medians, and from the worst to the best of the quartiles."""
    return (rival["median_ms"] / ours["median_ms"], rival["quartile1_ms"] / ours["quartile3_ms"],
            rival["quartile3_ms"] / ours["quartile1_ms"])


def title(name):
    rival, _, variant = name.partition(":")
    return NAMES.get(rival, rival) + (f", {variant}" if variant else "")


def forward_at(report, size):
    return report["parts"].get("forward", {}).get(size, {})


# --- the targets ---


def verdict(value, wanted):
    return "not measured" if value is None else "met" if value >= wanted else "**missed**"


def speed_row(work, contenders, rival, wanted):
    ours, theirs = measured(contenders).get("deblurgan"), best(contenders, rival)
    value = speed(ours, theirs[1]) if ours and theirs else None
    shown = f"{value[0]:.2f}x ({value[1]:.2f} to {value[2]:.2f})" if value else ""
    against = title(theirs[0]) if theirs else NAMES[rival]
    return [work, against, f"at least {wanted}x", shown, verdict(value and value[0], wanted)]


def memory_row(contenders, key, words):
    """Against the variant of PyTorch that needed least, so that its compiler need not count."""
    torch = [(c[key], name) for name, c in measured(contenders).items() if name.startswith("torch") and key in c]
    ours = measured(contenders).get("deblurgan", {}).get(key)
    work, wanted = f"the same, peak memory{words}", 0.5
    if not torch or not ours:
        return [work, "PyTorch", f"at most {wanted}x", "", "not measured"]
    share = ours / min(torch)[0]
    return [work, title(min(torch)[1]), f"at most {wanted}x", f"{share:.2f}x", verdict(-share, -wanted)]


def convolution_speeds(report):
    """[(speed, name, ours, name of the rival, rival, case)], the slowest first."""
    rows = []
    for name, case in report["parts"].get("convolutions", {}).items():
        rival = best(case, "torch")
        if rival and "deblurgan" in case:
            rows.append((speed(case["deblurgan"], rival[1])[0], name, case["deblurgan"], *rival, case))
    return sorted(rows, key=lambda row: row[0])


def convolution_row(report):
    speeds = [row[0] for row in convolution_speeds(report)]
    if not speeds:
        return ["every convolution of the presets", "PyTorch, best layout", "never slower", "", "not measured"]
    slower = sum(value < 1.0 for value in speeds)
    return ["every convolution of the presets", "PyTorch, best layout", "never slower",
            f"{slower} of {len(speeds)} slower, the worst {speeds[0]:.2f}x", verdict(-slower, 0)]


def linear_row(report):
    costs = per_megapixel(report)
    row = ["cost of a megapixel, up to " + (list(costs)[-1] if costs else "4K"), "ours at 256x256",
           f"at most {LINEAR}x"]
    if "256x256" not in costs or len(costs) < 2:
        return row + ["", "not measured"]
    worst = max(costs.values()) / costs["256x256"]
    return row + [f"{worst:.2f}x", verdict(-worst, -LINEAR)]


def per_megapixel(report):
    sizes = measured(report["parts"].get("scaling", {}).get("pixels", {}))
    return {size: s["median_ms"] / s["megapixels"] for size, s in sizes.items()}


def threads_row(report):
    threads = measured(report["parts"].get("scaling", {}).get("threads", {}))
    row = ["two threads", "one thread", "at least 1.8x"]
    if not {"1 threads", "2 threads"} <= threads.keys():
        return row + ["", "not measured"]
    value = speed(threads["2 threads"], threads["1 threads"])
    return row + [f"{value[0]:.2f}x ({value[1]:.2f} to {value[2]:.2f})", verdict(value[0], 1.8)]


def targets(report):
    small, large = forward_at(report, "256x256"), forward_at(report, "720x1280")
    backward = report["parts"].get("backward", {}).get("256x256", {})
    step = report["parts"].get("step", {}).get("256x256", {})
    work = "generator forward, 256x256"
    return "### Targets\n\n" + table(
        ["work", "against", "target", "measured", ""],
        [speed_row(work, small, "torch", 2.5), speed_row(work, small, "onnxruntime", 1.5),
         speed_row(work, small, "openvino", 1.5), speed_row("generator forward, 1280x720", large, "torch", 2.5),
         memory_row(large, "peak", ", all"), memory_row(large, "growth", " beyond the code"),
         speed_row("training step, 256x256", step, "torch", 1.8),
         speed_row("generator forward + backward, 256x256", backward, "torch", 2.0), convolution_row(report),
         linear_row(report), threads_row(report)], left=5) + "\n"


# --- the tables ---


def contender_table(contenders):
    """One row each; the fastest variant of a rival is the one that counts."""
    ours, rows = measured(contenders).get("deblurgan"), []
    for name, c in contenders.items():
        if "error" in c:
            rows.append([title(name), "failed: " + c["error"].replace("|", "/")] + [""] * 5)
            continue
        faster = number(speed(ours, c)[0]) if ours and name != "deblurgan" else ""
        rows.append([title(name), number(c["median_ms"]), f"{number(c['quartile1_ms'])} to {number(c['quartile3_ms'])}",
                     c["samples"], faster, *(number(c[key] * 1e-6) if key in c else "" for key in ("peak", "growth"))])
    return table(["", "ms", "quartiles", "runs", "ours is faster by", "peak MB", "beyond the code, MB"], rows) + "\n"


def contender_tables(report):
    text = ""
    for part, words in (("forward", "Generator `deblurgan`, forward"), ("backward", "Generator, forward and backward"),
                        ("step", "Training step, WGAN-GP with five critic updates and VGG19")):
        for size, contenders in report["parts"].get(part, {}).items():
            height, width = size.split("x")
            text += f"### {words}, {width}x{height}\n\n" + contender_table(contenders)
            if part == "step":
                text += phase_table(contenders)
    return text


def phase_table(contenders):
    phased = {name: c["phases_ms"] for name, c in contenders.items() if "phases_ms" in c}
    if not phased:
        return ""
    phases = list(next(iter(phased.values())))
    rows = [[title(name)] + [number(times.get(phase)) for phase in phases] for name, times in phased.items()]
    return "Its phases in ms, with a wait after each:\n\n" + table(["", *phases], rows) + "\n"


def convolution_table(report):
    rows = []
    for value, name, ours, variant, rival, case in convolution_speeds(report):
        layer, _, direction = name.rpartition("/")
        spread = 100.0 * (ours["slowest_ms"] - ours["fastest_ms"]) / ours["median_ms"]
        their_spread = 100.0 * (rival["slowest_ms"] - rival["fastest_ms"]) / rival["median_ms"]
        rows.append([layer.replace("/1x256x256/", " "), direction, case["shape"], case["algorithm"],
                     number(ours["median_ms"]), number(spread, 2), variant.partition(":")[2], number(rival["median_ms"]),
                     number(their_spread, 2), number(value)])
    if not rows:
        return ""
    return ("### Convolutions\n\nThe least favourable first. The spread is that of the rounds' medians, slowest less "
            "fastest.\n\n" + table(["layer", "pass", "shape", "ours", "ms", "spread %", "PyTorch", "ms", "spread %",
                                    "ours is faster by"], rows, left=4) + "\n")


def scaling_tables(report):
    scaling, text = report["parts"].get("scaling", {}), ""
    rows = []
    for size, s in scaling.get("pixels", {}).items():
        height, width = size.split("x")
        if "median_ms" not in s:
            rows.append([f"{width}x{height}", s.get("error", ""), "", "", ""])
            continue
        rows.append([f"{width}x{height}", number(s["median_ms"]), number(s["median_ms"] / s["megapixels"]),
                     number(s.get("growth", 0) * 1e-6), number(s.get("growth", 0) * 1e-6 / s["megapixels"])])
    if rows:
        text += "### Ours by size\n\n" + table(["generator forward", "ms", "ms per megapixel", "MB beyond the code",
                                                "MB per megapixel"], rows) + "\n"
    if scaling.get("threads"):
        text += "### Ours by threads, 256x256\n\n" + contender_table(scaling["threads"])
    return text


def where(report):
    versions = ", ".join(f"{name} {version}" for name, version in sorted(report["versions"].items()))
    quick = "**A quick run, each thing once: no figure of it means anything.**\n\n" if report.get("quick") else ""
    return (f"{quick}{report['processor']}, {report['threads']} threads on as many of {report['cores']} cores, "
            f"{report['system']}; commit {report['commit']}, {report['date'][:10]}; {versions}. Load before the run: "
            f"{number(report['load_before'], 2)}; it took {number(report['minutes'])} minutes. Command: "
            f"`{report['command']}`.\n\n")


def markdown(report):
    return where(report) + targets(report) + contender_tables(report) + scaling_tables(report) + convolution_table(report)


def put_into(page, text):
    """Replaces what stands between the markers."""
    old = page.read_text(encoding="utf-8")
    if old.count(BEGIN) != 1 or old.count(END) != 1 or old.index(BEGIN) > old.index(END):
        sys.exit(f"cpu_table.py: {page} needs the lines '{BEGIN}' and '{END}', once each and in this order")
    head, rest = old.split(BEGIN)
    page.write_text(head + BEGIN + "\n\n" + text.rstrip() + "\n\n" + END + rest.split(END)[1], encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", metavar="RESULT.json")
    parser.add_argument("--page", metavar="FILE", help="replace the part between the markers of this page")
    arguments = parser.parse_args()
    try:
        report = json.loads(pathlib.Path(arguments.result).read_text(encoding="utf-8"))
        if "parts" not in report:
            raise ValueError("there is no 'parts' in it; is it a result of bench/cpu_vs_pytorch.py?")
    except (OSError, ValueError) as error:
        sys.exit(f"cpu_table.py: {arguments.result}: {error}")
    text = markdown(report)
    if arguments.page:
        put_into(pathlib.Path(arguments.page), text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
