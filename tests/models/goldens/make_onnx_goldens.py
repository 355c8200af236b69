#!/usr/bin/env python3
"""What onnxruntime makes of our ONNX models. See README.md.

    mkdir models && DEBLURGAN_KEEP_ONNX=models build/ci/tests/test_models "onnx_export*"
    python3 make_onnx_goldens.py models
"""

import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

import golden_formula as formula

HERE = pathlib.Path(__file__).parent


def fnv1a64(content):
    value = 14695981039346656037
    for byte in content:
        value = ((value ^ byte) * 1099511628211) & formula.MASK
    return value


def main(folder):
    for path in sorted(pathlib.Path(folder).glob("*.onnx")):
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        metadata = {entry.key: entry.value for entry in model.metadata_props}
        multiple = int(metadata["size_multiple"])
        sizes = [(1, 256, 256, 3), (2, 36, 28, 3) if multiple == 4 else (2, multiple, 2 * multiple, 3)]
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        document = {"made_with": f"onnxruntime {onnxruntime.__version__}",
                    "fnv1a64": str(fnv1a64(path.read_bytes())), "cases": []}
        for shape in sizes:
            image = formula.image("input", shape).astype(np.float32).transpose(0, 3, 1, 2)
            output = session.run(["restored"], {"image": np.ascontiguousarray(image)})[0].transpose(0, 2, 3, 1)
            document["cases"].append({"input_shape": list(shape), "output_shape": list(output.shape),
                                      "output": formula.summary("output", output.astype(np.float64), 32)})
        formula.write(HERE / f"onnx_{path.stem}.json", document)
        print(path.stem, path.stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1])
