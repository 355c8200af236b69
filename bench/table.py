#!/usr/bin/env python3
"""Turns the JSON of deblurgan-bench-conv, deblurgan-bench-step and bench/pytorch_step.py into tables and pictures.

    bench/table.py RESULT.json... [--markdown FILE] [--svg FILE] [--bundle FILE]

Without --markdown the tables go to standard output. --bundle writes all results into one file, which is read like the
others; a file that cannot be read (a run that was stopped) is named and left out. The picture shows, for each
convolution, the speed of our fastest kernel and of cuDNN, and, where steps were measured, images per second. Needs Python
alone.
"""
import argparse
import json
import pathlib
import sys
from html import escape


def read(paths):
    """{name: content} of all files, those in bundles included."""
    results = {}
    for path in map(pathlib.Path, paths):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if not {"bundle", "steps", "benchmarks"} & data.keys():
                raise ValueError("neither 'benchmarks' nor 'steps' in it; is it a result of our benchmarks?")
        except (OSError, ValueError) as error:
            print(f"table.py: {path} is left out: {error}", file=sys.stderr)
            continue
        results.update(data.get("bundle", {path.name: data}))
    return results


def split(results):
    """Kernel rows (Google Benchmark), step rows (ours), and what each file says about its machine."""
    kernels = [row for data in results.values() for row in data.get("benchmarks", [])]
    steps = [row for data in results.values() for row in data.get("steps", [])]
    contexts = [(name, data.get("context", {})) for name, data in results.items()]
    return kernels, steps, contexts


def number(value, digits=3):
    """Three significant digits, without an exponent: 0.0123, 1.23, 123, 12345."""
    if value is None:
        return ""
    if value == 0:
        return "0"
    magnitude = abs(value)
    decimals = 0
    while decimals < 6 and magnitude * 10**decimals < 10 ** (digits - 1):
        decimals += 1
    return f"{value:.{decimals}f}"


def table(header, rows, left=1):
    """A Markdown table; the first `left` columns are text."""
    rule = ["--"] * left + ["--:"] * (len(header) - left)
    lines = [header, rule, *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


# --- kernels ---


def kernel_case(row):
    """'conv/deblurgan/1x256x256/block/forward/bf16/tiled/iterations:1/manual_time' -> its words up to the kernel."""
    words = row["name"].split("/iterations:")[0].split("/")
    if words[0] == "conv" and len(words) == 7:
        return {"kind": "conv", "case": tuple(words[1:6]), "kernel": words[6]}
    if words[0] == "memory" and len(words) == 4:
        return {"kind": "memory", "case": tuple(words[1:4]), "kernel": words[2]}
    return None


def conv_groups(kernels):
    """{(network, size, layer, pass, dtype): {kernel: row}}, in the order of the files; later files win."""
    groups = {}
    for row in kernels:
        case = kernel_case(row)
        if case and case["kind"] == "conv":
            groups.setdefault(case["case"], {})[case["kernel"]] = row
    return groups


def ran(row):
    return not row.get("error_occurred", False)


def ours_and_rival(group):
    """Our fastest kernel that ran, its row, and cuDNN's row or None."""
    ours = [(row["real_time"], name, row) for name, row in group.items() if name != "cudnn" and ran(row)]
    rival = group.get("cudnn")
    if rival is not None and not ran(rival):
        rival = None
    if not ours:
        return None, None, rival
    _, name, row = min(ours, key=lambda item: item[0])
    return name, row, rival


def conv_tables(kernels):
    by_place = {}
    for case, group in conv_groups(kernels).items():
        by_place.setdefault((case[0], case[1]), []).append((case, group))
    text = ""
    for (network, size), cases in by_place.items():
        rows = []
        for (_, _, layer, direction, dtype), group in cases:
            name, row, rival = ours_and_rival(group)
            if row is None:
                failures = [r.get("error_message", "no result") for r in group.values() if not ran(r)]
                rows.append([f"{layer} {direction}", dtype, "failed: " + (failures or ["no result"])[0]] + [""] * 6)
                continue
            failed = [kernel for kernel, r in group.items() if not ran(r)]
            rows.append([
                f"{layer} {direction}", dtype, name + (f" ({', '.join(failed)} failed)" if failed else ""),
                number(row["real_time"]), number(row.get("spread_percent"), 2),
                number(row.get("TFLOP/s")), number(row.get("peak_percent")),
                number(rival["real_time"]) if rival else "",
                number(100.0 * rival["real_time"] / row["real_time"]) if rival else ""])
        text += f"### {network}, {size}\n\n" + table(
            ["convolution", "type", "our fastest", "ms", "spread %", "TFLOP/s", "% of peak", "cuDNN ms",
             "% of cuDNN's speed"], rows, left=3) + "\n"
    return text


def memory_table(kernels):
    rows = []
    for row in kernels:
        case = kernel_case(row)
        if not case or case["kind"] != "memory":
            continue
        size, name, dtype = case["case"]
        if not ran(row):
            rows.append([name, size, dtype, "failed: " + row.get("error_message", "no result"), "", "", ""])
            continue
        rows.append([name, size, dtype, number(row["real_time"]), number(row.get("spread_percent"), 2),
                     number(row.get("GB/s")), number(row.get("peak_percent"))])
    if not rows:
        return ""
    return "### Norms, activations, losses, Adam\n\n" + table(
        ["kernel", "size", "type", "ms", "spread %", "GB/s", "% of a copy"], rows, left=3) + "\n"


# --- steps ---

PHASES = ["data", "generator", "critic", "content", "adversarial", "backward", "optimizer"]


def step_title(step):
    return (f"{step['preset']} {step['batch']}x{step['height']}x{step['width']} {step['precision']}, "
            f"{step['framework']} {step['mode']}")


def step_table(steps):
    if not steps:
        return ""
    rows = []
    for step in steps:
        if "error" in step:
            rows.append([step_title(step), "failed: " + step["error"]] + [""] * (3 + len(PHASES)))
            continue
        phases = step.get("phases", {})
        rows.append([step_title(step), number(step["images_per_second"]), number(step["step"]["median_ms"]),
                     number(step["step"]["spread_percent"], 2), number(step.get("peak_MiB"))]
                    + [number(phases[p]["median_ms"]) if p in phases else "" for p in PHASES])
    return "### Training step\n\nPhases in ms, measured with a wait after each.\n\n" + table(
        ["step", "images/s", "ms", "spread %", "peak MiB", *PHASES], rows) + "\n"


def context_text(contexts):
    skipped = {"host_name", "executable", "caches", "load_avg", "library_build_type", "cpu_scaling_enabled"}
    text = ""
    for name, context in contexts:
        facts = [f"{key} {value}" for key, value in context.items() if key not in skipped]
        text += f"- `{name}`: " + "; ".join(facts) + "\n"
    return text


def markdown(kernels, steps, contexts):
    return conv_tables(kernels) + memory_table(kernels) + step_table(steps) + "### Where\n\n" + context_text(contexts)


# --- picture ---

WIDTH, LABEL, ROW, FONT = 960, 330, 22, 12
OURS, RIVAL, INK, GREY = "#1f6f8b", "#e39b3b", "#222222", "#777777"


class Picture:
    """Horizontal bars under headings, top to bottom."""

    def __init__(self):
        self.parts, self.y = [], 14

    def text(self, x, y, words, size=FONT, colour=INK, anchor="start"):
        self.parts.append(f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}" text-anchor="{anchor}">'
                          f"{escape(words)}</text>")

    def heading(self, words, note=""):
        self.y += 22
        self.text(10, self.y, words, size=15)
        if note:
            self.text(WIDTH - 10, self.y, note, colour=GREY, anchor="end")
        self.y += 12

    def bars(self, label, bars, longest):
        """bars: [(value, colour, words)]; one line of the picture."""
        self.text(LABEL - 8, self.y + 14, label, anchor="end")
        height = (ROW - 4) / len(bars)
        for i, (value, colour, words) in enumerate(bars):
            top = self.y + i * height
            length = max(1.0, (WIDTH - LABEL - 150) * value / longest)
            self.parts.append(f'<rect x="{LABEL}" y="{top:.1f}" width="{length:.1f}" height="{height - 1:.1f}" '
                              f'fill="{colour}"/>')
            self.text(f"{LABEL + length + 5:.1f}", f"{top + height - 1.5:.1f}", words, size=min(11, height + 1),
                      colour=GREY)
        self.y += ROW

    def svg(self):
        height = self.y + 12
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
                f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">\n'
                f'<rect width="{WIDTH}" height="{height}" fill="white"/>\n' + "\n".join(self.parts) + "\n</svg>\n")


def draw(kernels, steps, contexts):
    picture = Picture()
    device = next((c["device"] for _, c in contexts if "device" in c), "")
    by_place = {}
    for case, group in conv_groups(kernels).items():
        name, row, rival = ours_and_rival(group)
        if row is not None and "TFLOP/s" in row:
            by_place.setdefault((case[0], case[1], case[4]), []).append((case, name, row, rival))
    if by_place:
        picture.heading("Convolutions, TFLOP/s", device)
        picture.bars("colours", [(1, OURS, "deblurgan"), (1, RIVAL, "cuDNN")], 4)
    for (network, size, dtype), cases in by_place.items():
        picture.heading(f"{network}, {size}, {dtype}")
        longest = max(max(row["TFLOP/s"], rival["TFLOP/s"] if rival else 0.0) for _, _, row, rival in cases)
        for case, name, row, rival in cases:
            bars = [(row["TFLOP/s"], OURS, f"{number(row['TFLOP/s'])}  {name}")]
            if rival:
                bars.append((rival["TFLOP/s"], RIVAL, number(rival["TFLOP/s"])))
            picture.bars(f"{case[2]} {case[3]}", bars, longest)
    measured = [s for s in steps if "error" not in s]
    if measured:
        picture.heading("Training step, images/s", device)
        longest = max(s["images_per_second"] for s in measured)
        for s in measured:
            colour = OURS if s["framework"] == "deblurgan" else RIVAL
            picture.bars(step_title(s), [(s["images_per_second"], colour, number(s["images_per_second"]))], longest)
    return picture.svg()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", metavar="RESULT.json")
    parser.add_argument("--markdown", metavar="FILE", help="write the tables here instead of printing them")
    parser.add_argument("--svg", metavar="FILE", help="write the picture")
    parser.add_argument("--bundle", metavar="FILE", help="write all results into one file")
    arguments = parser.parse_args()
    results = read(arguments.results)
    if not results:
        sys.exit("table.py: there is nothing to show")
    kernels, steps, contexts = split(results)
    text = markdown(kernels, steps, contexts)
    if arguments.markdown:
        pathlib.Path(arguments.markdown).write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    if arguments.svg:
        pathlib.Path(arguments.svg).write_text(draw(kernels, steps, contexts), encoding="utf-8")
    if arguments.bundle:
        pathlib.Path(arguments.bundle).write_text(json.dumps({"bundle": results}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
