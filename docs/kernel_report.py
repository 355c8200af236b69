#!/usr/bin/env python3
"""Writes the registers, spills and shared memory of every CUDA kernel into docs/kernels.md.

    docs/kernel_report.py [--arch 80 --arch 90a --arch 120] [--file norm] [--jobs 2] [--check]

Each file of kernels/cuda is compiled as the build compiles it, and what ptxas says (-Xptxas -v) becomes the table between
the markers in docs/kernels.md. Fails if a kernel spills registers to local memory. float64 instantiations, which are there
for gradient checks, are excused and left out. Needs nvcc (on the PATH, $CUDACXX or /usr/local/cuda) and c++filt, no GPU.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
KERNELS = ROOT / "kernels" / "cuda"
PAGE = ROOT / "docs" / "kernels.md"
BEGIN = "<!-- kernel report: written by docs/kernel_report.py -->"
END = "<!-- end of the kernel report -->"
ARCHITECTURES = ["80", "90a", "120"]


def find_nvcc():
    candidates = [os.environ.get("CUDACXX"), shutil.which("nvcc"), "/usr/local/cuda/bin/nvcc"]
    for path in candidates:
        if path and pathlib.Path(path).is_file():
            return path
    sys.exit("kernel_report: no nvcc was found: put it on the PATH or set CUDACXX")


def compile_verbosely(nvcc, source, architecture):
    """What ptxas says about the kernels of one file."""
    with tempfile.TemporaryDirectory() as folder:
        command = [nvcc, "-std=c++20", "-O3", "-DNDEBUG", "--expt-relaxed-constexpr", "-lineinfo", f"-I{ROOT}",
                   f"-gencode=arch=compute_{architecture},code=sm_{architecture}", "-Xptxas", "-v",
                   "-c", str(source), "-o", str(pathlib.Path(folder) / "kernels.o")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{source.name} for sm_{architecture}: nvcc failed:\n{done.stderr.strip()}")
    return done.stdout + done.stderr


def parse(log):
    """[(mangled name, {stack, stores, loads, registers, shared})] of one log."""
    kernels, name, facts = [], None, {}
    for line in log.splitlines():
        if match := re.search(r"Compiling entry function '(\S+)'", line):
            name, facts = match[1], {}
        elif match := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line):
            facts.update(stack=int(match[1]), stores=int(match[2]), loads=int(match[3]))
        elif name and (match := re.search(r"Used (\d+) registers", line)):
            shared = re.search(r"(\d+) bytes smem", line)
            facts.update(registers=int(match[1]), shared=int(shared[1]) if shared else 0)
            kernels.append((name, facts))
            name = None
    return kernels


def demangle(names):
    done = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True)
    return [short(name) for name in done.stdout.splitlines()]


def short(name):
    """'void dg::cuda::(anonymous namespace)::norm_kernel<float, 4>(int, ...)' -> 'norm_kernel<float, 4>'."""
    name = name.removeprefix("void ")
    for part in ("(anonymous namespace)::", "dg::cuda::", "dg::"):
        name = name.replace(part, "")
    name = re.sub(r"\(([A-Za-z_][\w:]*)\)(-?\d)", r"\2", name)  # (bool)1, (Op)3
    name = re.sub(r"_GLOBAL__N__\w+::", "", name)
    depth = 0
    for i, letter in enumerate(name):  # cut the parameter list, which begins outside of <>
        if letter == "<":
            depth += 1
        elif letter == ">":
            depth -= 1
        elif letter == "(" and depth == 0:
            name = name[:i]
            break
    return name.replace(" >", ">").strip()


def is_double(name):
    return re.search(r"\bdouble\b", name) is not None


def collect(nvcc, sources, architectures, jobs):
    """{file: {kernel: {architecture: facts}}}"""
    work = [(source, architecture) for source in sources for architecture in architectures]
    report = {source.name: {} for source in sources}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        logs = pool.map(lambda item: compile_verbosely(nvcc, *item), work)
        for (source, architecture), log in zip(work, logs):
            kernels = parse(log)
            for name, (_, facts) in zip(demangle([k[0] for k in kernels]), kernels):
                report[source.name].setdefault(name, {})[architecture] = facts
    return report


def spills(report):
    found = []
    for file, kernels in report.items():
        for name, by_architecture in kernels.items():
            for architecture, facts in by_architecture.items():
                if facts.get("stores", 0) + facts.get("loads", 0) > 0 and not is_double(name):
                    found.append(f"{file}: {name} on sm_{architecture} spills {facts['stores']} bytes")
    return found


def cells(architectures, by_architecture, what):
    """One number where all architectures agree, else all of them."""
    values = [str(what(by_architecture[a])) if a in by_architecture else "-" for a in architectures]
    return values[0] if len(set(values)) == 1 else " / ".join(values)


def render(report, architectures, version):
    lines = [BEGIN, "", f"By {version}, for " + ", ".join(f"sm_{a}" for a in architectures) +
             "; where they differ, in this order. Shared memory is the static part; most kernels ask for theirs at launch. "
             "Spills are bytes stored; the stack frame holds arrays that are indexed at run time. float64 is left out.", "",
             "| file | kernel | registers | spills | stack | shared |", "| -- | -- | --: | --: | --: | --: |"]
    for file, kernels in report.items():
        for name, facts in sorted(kernels.items()):
            if is_double(name):
                continue
            columns = [cells(architectures, facts, lambda f, key=key: f.get(key, 0))
                       for key in ("registers", "stores", "stack", "shared")]
            lines.append(f"| {file} | `{name}` | " + " | ".join(columns) + " |")
    return "\n".join([*lines, "", END])


def rewrite(page, text):
    old = page.read_text(encoding="utf-8") if page.exists() else ""
    if old.count(BEGIN) != 1 or old.count(END) != 1 or old.index(BEGIN) > old.index(END):
        sys.exit(f"kernel_report: {page} needs these two lines, once and in this order:\n{BEGIN}\n{END}")
    new = old[:old.index(BEGIN)] + text + old[old.index(END) + len(END):]
    if new != old:
        page.write_text(new, encoding="utf-8")
    return new != old


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", action="append", metavar="SM", help="default: " + ", ".join(ARCHITECTURES))
    parser.add_argument("--file", action="append", metavar="NAME", help="these files only, printed, not written")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--check", action="store_true", help="print the table and judge it, write nothing")
    arguments = parser.parse_args()

    architectures = arguments.arch or ARCHITECTURES
    sources = sorted(KERNELS.glob("*.cu"))
    if arguments.file:
        sources = [s for s in sources if s.stem in arguments.file]
    if not sources:
        sys.exit(f"kernel_report: there is no such file in {KERNELS}")
    nvcc = find_nvcc()
    version = subprocess.run([nvcc, "--version"], capture_output=True, text=True, check=True).stdout
    release = re.search(r"release [\d.]+, V([\d.]+)", version)
    try:
        report = collect(nvcc, sources, architectures, arguments.jobs)
    except RuntimeError as error:
        sys.exit(f"kernel_report: {error}")
    text = render(report, architectures, "nvcc " + (release[1] if release else "of unknown version"))
    if arguments.check or arguments.file or arguments.arch:
        print(text)
    else:
        print(f"{PAGE}: " + ("rewritten" if rewrite(PAGE, text) else "unchanged"))
    found = spills(report)
    for line in found:
        print("kernel_report: " + line, file=sys.stderr)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
