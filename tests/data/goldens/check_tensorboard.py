#!/usr/bin/env python3
"""What the real TensorBoard makes of a run's event files: scalars, strips and text, held against metrics.csv.

    pip install tensorboard
    python3 check_tensorboard.py RUN

RUN is a run folder of deblurgan-train, best one that was killed and resumed: then nothing may appear twice. The files are
read by TensorBoard's reader in Python, and by a server of it (which may use its data server) through HTTP.
"""
import csv
import json
import pathlib
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import tensorboard
from tensorboard.backend.event_processing import event_accumulator

NAMES = {"loss/": ["g_content", "g_adversarial", "d_real", "d_fake", "d_penalty"],
         "training/": ["learning_rate", "images_per_second"],
         "validation/": ["psnr_blurred", "psnr_restored", "ssim_blurred", "ssim_restored"]}
STRIP = "blurred | restored | sharp"
PORT = 16006

run = pathlib.Path(sys.argv[1])
folder = run / "tensorboard"


def expected():
    """{tag: [(step, value), ...]} of metrics.csv."""
    rows = list(csv.DictReader(open(run / "metrics.csv")))
    table = {prefix + name: [(int(row["step"]), float(row[name])) for row in rows if row.get(name)]
             for prefix, names in NAMES.items() for name in names}
    return {tag: values for tag, values in table.items() if values}


def same(tag, got, wanted):
    assert [step for step, _ in got] == [step for step, _ in wanted], (tag, got, wanted)
    for (_, a), (_, b) in zip(got, wanted):
        assert abs(a - b) <= 1e-6 * max(1.0, abs(b)), (tag, a, b)


def is_png(data, strip):
    assert data == strip.read_bytes(), f"{strip}: other bytes than the event file's"


def check_reader(table):
    reader = event_accumulator.EventAccumulator(str(folder), size_guidance=dict.fromkeys(
        ["tensors", "images", "scalars"], 0))
    reader.Reload()
    assert set(reader.Tags()["scalars"]) == set(table), reader.Tags()
    assert reader.Tags()["images"] == [STRIP], reader.Tags()
    assert set(reader.Tags()["tensors"]) == {"configuration", "command", "networks"}, reader.Tags()
    for tag, wanted in table.items():
        same(tag, [(e.step, e.value) for e in reader.Scalars(tag)], wanted)
    strips = reader.Images(STRIP)
    assert [e.step for e in strips] == [step for step, _ in table["validation/psnr_restored"]]
    for e in strips:
        is_png(e.encoded_image_string, run / "strips" / f"step-{e.step:08}.png")
    text = reader.Tensors("configuration")[-1].tensor_proto.string_val[0].decode()
    for key in json.load(open(run / "config.json")):
        assert f"| {key} |" in text, key
    print(f"reader: {len(table)} scalars, {len(strips)} strips, {sum(map(len, table.values()))} values")


def get(path, **query):
    query = "?" + urllib.parse.urlencode(query) if query else ""
    with urllib.request.urlopen(f"http://localhost:{PORT}/{path}{query}", timeout=10) as answer:
        return answer.read()


def check_server(table, fast):
    server = subprocess.Popen([sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--port", str(PORT),
                               "--samples_per_plugin", "scalars=1000000,images=1000", f"--load_fast={fast}"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for attempt in range(120):
            try:
                tags = json.loads(get("data/plugin/scalars/tags"))
                if len(tags.get(".", {})) == len(table):
                    break
            except OSError:
                pass
            time.sleep(0.5)
        time.sleep(2)
        for tag, wanted in table.items():
            got = json.loads(get("data/plugin/scalars/scalars", tag=tag, run="."))
            same(tag, [(step, value) for _, step, value in got], wanted)
        images = json.loads(get("data/plugin/images/images", tag=STRIP, run=".", sample=0))
        assert [i["step"] for i in images] == [step for step, _ in table["validation/psnr_restored"]], images
        for i in images:
            is_png(get("data/plugin/images/individualImage?" + i["query"]), run / "strips" / f"step-{i['step']:08}.png")
        for tag, part in [("configuration", "<table>"), ("networks", "<code>"), ("command", "<code>")]:
            texts = json.loads(get("data/plugin/text/text", tag=tag, run="."))
            assert part in texts[-1]["text"], texts
        print(f"server, --load_fast={fast}: the same")
    finally:
        server.terminate()
        server.wait()


print("tensorboard", tensorboard.version.VERSION)
table = expected()
check_reader(table)
for fast in ["false", "true"]:
    check_server(table, fast)
