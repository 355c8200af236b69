#!/usr/bin/env python3
"""A man page from what a program says of itself, so that the two cannot differ.

    man_page.py PROGRAM PROGRAM.1 --see-also="NAME NAME..." --sections=FILE

--help gives the sections NAME to EXIT STATUS, --version the footer; FILE is roff for sections of this program alone, such
as FILES. help2man would do, but that it cannot read the options as CLI11 lists them, and fills the lines of examples.

The layout that is read: a description; "Usage: ..."; groups of options, a title with a colon and then lines of
"  -s,--name TYPE=DEFAULT   text", the text from column 30 on, on the next line where the names are too long; at last free
text, with "Examples:" and "Exit code: 0 done, 1 failed" in it.
"""

import argparse
import pathlib
import re
import subprocess

COLUMN = 30  # where the text of an option begins

# A type, with the check that CLI11 adds to it (bounds, values, or one that its type tells already), and the default.
CHECKED = r"(.*?)(?::(?:\w+ in \[(.*)\]|\{(.*)\}|FILE|DIR|PATH[^=]*|POSITIVE|NONNEGATIVE|NUMBER|SIZE \[.*\]))?(?:=(.*))?"

# What programs take from the environment does not show in their help, but the options that it is about do.
ENVIRONMENT = {
    "--threads": ("OMP_NUM_THREADS", "At most as many threads, where --threads does not say how many."),
    "--conv-backend": ("DEBLURGAN_CUDNN",
                       "The file of NVIDIA's library for --conv-backend cudnn; else libcudnn.so.9 or .8 is looked for."),
}
# For programs whose help has no line "Exit code: ...".
EXIT_CODES = [("0", "done"), ("1", "failed"), ("2", "wrong arguments"), ("130", "ended by Ctrl-C")]


# ---- roff ----


def escaped(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"(?m)^([.'])", r"\\&\1", text)


def bold(text):
    return f"\\fB{escaped(text)}\\fR"


def italic(text):
    return f"\\fI{escaped(text)}\\fR"


def tagged(tag, text):
    return f".TP\n{tag}\n{escaped(text)}\n"


def verbatim(lines):
    return ".PP\n.in +4n\n.EX\n" + escaped("\n".join(lines)) + "\n.EE\n.in\n"


# ---- the help's parts ----


def is_option(line):
    return re.match(r"  -{1,2}[A-Za-z]", line) is not None


def entries(lines):
    """(what stands left, text) of each option or positional argument."""
    found = []
    for index, line in enumerate(lines):
        following = lines[index + 1] if index + 1 < len(lines) else ""
        if line.startswith(" " * COLUMN):
            left, text = found.pop()
            found.append((left, f"{text} {line.strip()}".strip()))
        elif len(line) > COLUMN and line[COLUMN - 1] == " " and not following.startswith(" " * COLUMN):
            found.append((line[:COLUMN].strip(), line[COLUMN:].strip()))
        else:
            found.append((line.strip(), ""))
    return found


def parse(text):
    """The help as (description, {title: entries}, paragraphs of free text)."""
    before, after = re.split(r"^Usage: .*\n", text, maxsplit=1, flags=re.MULTILINE)
    groups, rest = {}, []
    for block in re.split(r"\n\n+", after.strip("\n")):
        title, *lines = block.split("\n")
        if title.endswith(":") and lines and (title == "Positionals:" or is_option(lines[0])):
            groups[title[:-1]] = entries(lines)
        else:
            rest.append(block)
    description, *more = re.split(r"\n\n+", before.strip("\n"))
    return description, groups, more + rest


def split_left(left, text=""):
    """"-o,--out DIR:CHECK=DEFAULT ... REQUIRED Needs: --all" as names, type, and sentences about the rest."""
    left, *conditions = re.split(r" (?=(?:Needs|Excludes): )", left)
    names, _, kind = left.partition(" ")
    names = re.sub(r"\{[^}]*\}", "", names).split(",")
    notes = []
    if kind.endswith(" REQUIRED"):
        kind = kind.removesuffix(" REQUIRED")
        notes.append("Required.")
    several = kind.endswith(" ...")
    kind, bounds, values, default = re.fullmatch(CHECKED, kind.removesuffix(" ...")).groups()
    if bounds:
        notes.append(f"From {bounds.replace(' - ', ' to ')}.")
    if values and not all(value in text for value in values.split(",")):
        notes.append(f"One of {values.replace(',', ', ')}.")
    if default:
        notes.append(f"Default: {default}.")
    for condition in conditions:
        word, _, others = condition.partition(": ")
        others = ", ".join(others.split())
        notes.append(f"Only with {others}." if word == "Needs" else f"Not with {others}.")
    return names, kind + (" ..." if several and kind else ""), notes


def option(left, text):
    names, kind, notes = split_left(left, text)
    if text and notes and text[-1] not in ".!?":
        text += "."
    if names[0].startswith("-"):
        tag = ", ".join(map(bold, names)) + (f" {italic(kind)}" if kind else "")
    else:
        tag = italic(kind or names[0])
    return tagged(tag, " ".join([text, *notes]).strip())


# ---- the page ----


def synopsis(program, groups):
    """What must be given is named; a positional argument in brackets need not be."""
    words = [f".B {escaped(program)}", "[\\fIOPTIONS\\fR]"]
    for title, options in groups.items():
        for left, _ in options:
            names, kind, notes = split_left(left)
            required = "Required." in notes
            if title == "Positionals":
                words.append(italic(kind) if required else f"[{italic(kind)}]")
            elif required:
                words.insert(1, f"{bold(names[0])} {italic(kind)}")
    return "\n".join(words) + "\n"


def free_text(block):
    """Paragraphs are filled; indented lines are kept, and become a list where they are a word and its meaning."""
    page, plain, kept = "", [], []

    def flush():
        nonlocal page
        if plain:
            page += ".PP\n" + escaped(" ".join(plain)) + "\n"
        items = []
        for line in kept:
            if item := re.match(r"  (\S+)  +(\S.*)", line):
                items.append([item[1], item[2]])
            elif items:
                items[-1][1] += " " + line.strip()
        if any(re.match(r"  \S+ \S", line) for line in kept):
            items = []
        if items:
            page += "".join(tagged(bold(word), meaning) for word, meaning in items)
        elif kept:
            page += verbatim([line[2:] for line in kept])
        plain.clear()
        kept.clear()

    for line in block.split("\n"):
        if line.startswith("  "):
            kept.append(line)
            continue
        if kept:
            flush()
        plain.append(line)
    flush()
    return page


def exit_codes(paragraphs):
    """Takes "Exit code: ..." and what follows it out of its paragraph."""
    for index, block in enumerate(paragraphs):
        before, found, codes = block.partition("Exit code: ")
        if found:
            paragraphs[index] = before.strip("\n")
            words = re.split(r"(?:^|, )(\d+) ", " ".join(codes.split("\n")).rstrip("."))
            return list(zip(words[1::2], words[2::2]))
    return EXIT_CODES


def page(program, version, text, see_also, sections):
    description, groups, paragraphs = parse(text)
    codes = exit_codes(paragraphs)
    examples = [block for block in paragraphs if block.startswith("Examples:\n")]
    paragraphs = [block for block in paragraphs if block and block not in examples]
    sentence = description.split("\n")[0].rstrip(".")
    options = [names for group in groups.values() for left, _ in group for names in split_left(left)[0]]

    result = f'.\\" Made by cmake/man_page.py from {program} \\-\\-help.\n'
    result += f'.TH {program.upper()} 1 "" "{version}" "User Commands"\n.nh\n.ad l\n'
    result += f".SH NAME\n{escaped(program)} \\- {escaped(sentence[0].lower() + sentence[1:])}\n"
    result += f".SH SYNOPSIS\n{synopsis(program, groups)}"
    result += f".SH DESCRIPTION\n{escaped(description)}\n" + "".join(map(free_text, paragraphs))
    result += ".SH OPTIONS\n"
    for title, group in groups.items():
        if title not in ("Positionals", "Options"):
            result += f".SS {escaped(title)}\n"
        result += "".join(option(*entry) for entry in group)
    if examples:
        result += ".SH EXAMPLES\n"
        for block in examples:
            result += verbatim(line.removeprefix("  ") for line in block.split("\n")[1:])
    result += ".SH EXIT STATUS\n"
    result += "".join(tagged(bold(code), f"{meaning[0].upper()}{meaning[1:]}.") for code, meaning in codes)
    variables = [entry for name, entry in ENVIRONMENT.items() if name in options]
    if variables:
        result += ".SH ENVIRONMENT\n" + "".join(tagged(bold(name), meaning) for name, meaning in variables)
    result += sections
    result += ".SH SEE ALSO\n" + ",\n".join(f"\\%{bold(name)}(1)" for name in see_also if name != program) + "\n"
    return result


def said_by(program, option_name):
    return subprocess.run([program, option_name], check=True, capture_output=True, text=True).stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("page")
    parser.add_argument("--see-also", default="")
    parser.add_argument("--sections", default="")
    arguments = parser.parse_args()
    program = pathlib.Path(arguments.program).name
    text = said_by(arguments.program, "--help").replace(arguments.program, program)
    version = said_by(arguments.program, "--version").strip().replace(program, "deblurgan")
    sections = pathlib.Path(arguments.sections).read_text() if arguments.sections else ""
    pathlib.Path(arguments.page).write_text(page(program, version, text, arguments.see_also.split(), sections))


if __name__ == "__main__":
    main()
