#!/usr/bin/env python3
"""One rival of bench/cpu_vs_pytorch.py, measured in a process of its own.

    bench/rival_worker.py --rival torch:channels_last --work forward --size 720x1280 --threads 2 --onnx generator.onnx

Reads requests, one JSON object a line, from standard input and answers each with a line on standard output:

    (at the start)                          {"ready": {package: version}, "output": [six values of the result]}
    {"runs": 3}                             {"seconds": [...]}
    {"convolution": {...}, "seconds": 0.1}  {layout: {pass: [...]}}, both layouts; with --work convolution
    {"memory": true}                        {"peak": bytes, "growth": bytes}

`peak` is the most that the process had resident so far (VmHWM), `growth` by how much that exceeds what was resident when
the framework had been imported and nothing else been done: the interpreter's and the libraries' code do not count in it.
"""
import argparse
import json
import subprocess
import sys
import time


def status_bytes(key):
    with open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024
    return 0


def picture(height, width):
    """The same for every rival."""
    import numpy
    return (0.3 * numpy.random.default_rng(1).standard_normal((1, 3, height, width))).astype(numpy.float32)


# --- the generator: functions that return what one run does ---


def torch_generator(onnx_file):
    """The network of bench/pytorch_step.py with the weights of the ONNX file, whose convolutions have the same order."""
    import onnx
    import torch
    from onnx import numpy_helper
    from pytorch_step import Generator
    graph = onnx.load(onnx_file).graph
    values = {tensor.name: tensor for tensor in graph.initializer}
    names = [name for node in graph.node if node.op_type in ("Conv", "ConvTranspose") for name in node.input[1:]]
    generator = Generator(keras=False)
    parameters = list(generator.parameters())
    if len(names) != len(parameters):
        raise RuntimeError(f"{onnx_file} has {len(names)} weights and biases, the network {len(parameters)}")
    with torch.no_grad():
        for parameter, name in zip(parameters, names):
            parameter.copy_(torch.from_numpy(numpy_helper.to_array(values[name]).copy()))
    return generator


def torch_forward(variant, arguments, size):
    import torch
    generator = torch_generator(arguments.onnx).eval().requires_grad_(False)
    image = torch.from_numpy(picture(*size))
    if variant != "contiguous":
        generator, image = (x.to(memory_format=torch.channels_last) for x in (generator, image))
    if variant == "frozen":
        with torch.no_grad():
            generator = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(generator, image)))
    elif variant == "compiled":
        # Freezing lets the compiler lay the weights out for oneDNN once.
        from torch._inductor import config
        config.freezing = True
        generator = torch.compile(generator)

    def run():
        with torch.inference_mode() if variant != "compiled" else torch.no_grad():
            return generator(image)

    return run


def torch_forward_backward(variant, arguments, size):
    import torch
    from torch.nn import functional as F
    generator = torch_generator(arguments.onnx).train()
    image = torch.from_numpy(picture(*size))
    sharp = image.flip(3)
    if variant != "contiguous":
        generator, image, sharp = (x.to(memory_format=torch.channels_last) for x in (generator, image, sharp))
    network = torch.compile(generator) if variant == "compiled" else generator

    def run():
        generator.zero_grad(set_to_none=True)
        loss = F.l1_loss(network(image), sharp)
        loss.backward()
        return loss

    return run


def onnxruntime_forward(arguments, size):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    for name, value in zip(("batch", "height", "width"), (1, *size)):
        options.add_free_dimension_override_by_name(name, value)
    session = onnxruntime.InferenceSession(arguments.onnx, options, providers=["CPUExecutionProvider"])
    image = picture(*size)
    return lambda: session.run(None, {"image": image})[0]


def openvino_forward(arguments, size):
    import openvino
    core = openvino.Core()
    model = core.read_model(arguments.onnx)
    model.reshape([1, 3, *size])
    # float32: by itself it takes bfloat16 where the processor has it.
    request = core.compile_model(model, "CPU", {
        "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": arguments.threads}).create_infer_request()
    image = picture(*size)
    return lambda: request.infer([image], share_inputs=True, share_outputs=True)[0]


def make_run(rival, variant, arguments, size):
    if rival == "torch":
        make = torch_forward if arguments.work == "forward" else torch_forward_backward
        return make(variant, arguments, size)
    return {"onnxruntime": onnxruntime_forward, "openvino": openvino_forward}[rival](arguments, size)


def timed(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


# --- single convolutions in PyTorch ---


class Convolution:
    """A convolution as torch.nn has it, in one layout: {pass: function}. What the layer does not compute is masked out."""

    def __init__(self, case, layout):
        import torch
        c, k, transposed = case["c"], case["k"], case["transposed"]
        x_shape = (case["n"], c, case["h"], case["w"])
        form = {"stride": [case["stride"]] * 2, "padding": case["padding"], "dilation": [1, 1],
                "transposed": transposed, "output_padding": [0, 0], "groups": 1}
        y_shape = tuple([case["n"], k] + [(size + 2 * pad - case["kernel"]) // case["stride"] + 1
                                          for size, pad in zip(x_shape[2:], case["padding"])])
        if transposed:
            form["output_padding"] = [size - ((out - 1) * case["stride"] - 2 * pad + case["kernel"]) for size, out, pad
                                      in zip(x_shape[2:], y_shape[2:], case["padding"])]
            x_shape, y_shape = y_shape, x_shape
        tensors = [0.5 * torch.randn(shape) for shape in (x_shape, (k, c, case["kernel"], case["kernel"]), y_shape)]
        if layout == "channels_last":
            tensors = [x.contiguous(memory_format=torch.channels_last) for x in tensors]
        x, weight, dy = tensors
        backward = torch.ops.aten.convolution_backward

        def gradients(mask):
            return lambda: backward(dy, x, weight, None, *form.values(), mask)

        self.passes = {"forward": lambda: torch.ops.aten.convolution(x, weight, None, *form.values()),
                       "grad_input": gradients([True, False, False]),
                       "grad_weight": gradients([False, True, False])}


def time_convolution(request, cold):
    """{layout: {pass: seconds}}, a cold cache before each run, as deblurgan-bench-conv has it."""
    import torch
    result = {}
    with torch.no_grad():
        for layout in ("contiguous", "channels_last"):
            result[layout] = {}
            for name, run in Convolution(request["convolution"], layout).passes.items():
                run()
                start, seconds = time.perf_counter(), []
                while len(seconds) < request["at_least"] or (
                        len(seconds) < request["at_most"] and time.perf_counter() - start < request["seconds"]):
                    cold.add_(1)
                    seconds.append(timed(run))
                result[layout][name] = seconds
    return result


# --- the conversation ---


def import_rival(rival, threads):
    """Everything that the work needs, so that what is resident afterwards is code; the versions."""
    import numpy
    versions = {"numpy": numpy.__version__}
    if rival == "torch":
        import onnx
        import torch
        from onnx import numpy_helper  # noqa: F401
        import pytorch_step  # noqa: F401
        torch.set_num_threads(threads)
        torch.manual_seed(1)
        versions.update(onnx=onnx.__version__, torch=torch.__version__)
    elif rival == "onnxruntime":
        import onnxruntime
        versions["onnxruntime"] = onnxruntime.__version__
    else:
        import openvino
        versions["openvino"] = openvino.__version__
    return versions


def values_of(result):
    """Six values of a picture, to compare the rivals by."""
    import numpy
    flat = numpy.asarray(result, dtype=numpy.float32).reshape(-1)
    return [float(flat[i * (flat.size - 1) // 5]) for i in range(6)]


def cache_bytes():
    """How much to overwrite for a cold cache: flush_bytes() of bench/backend_device.cpp."""
    done = subprocess.run(["getconf", "LEVEL3_CACHE_SIZE"], capture_output=True, text=True, check=False)
    size = int(done.stdout) if done.stdout.strip().isdigit() else 0
    return min(2 * size, 128 << 20) if size > 0 else 64 << 20


def answer(message):
    print(json.dumps(message), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rival", required=True, help="torch:VARIANT, onnxruntime or openvino; the variants are "
                        "contiguous, channels_last, frozen (forward only) and compiled")
    parser.add_argument("--work", choices=["forward", "forward_backward", "convolution"], default="forward")
    parser.add_argument("--size", default="256x256", help="of the picture, HxW")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--onnx", help="the generator, as deblurgan-convert writes it")
    arguments = parser.parse_args()
    rival, _, variant = arguments.rival.partition(":")
    versions = import_rival(rival, arguments.threads)
    imported = status_bytes("VmRSS")
    run, cold, output = None, None, None
    if arguments.work == "convolution":
        import torch
        cold = torch.zeros(cache_bytes() // 4)
    else:
        run = make_run(rival, variant, arguments, [int(side) for side in arguments.size.split("x")])
        for _ in range(2 if variant in ("frozen", "compiled") else 1):  # these two optimise while they warm up
            result = run()
        if arguments.work == "forward":
            output = values_of(result)
        del result
    answer({"ready": versions, "output": output})
    for line in sys.stdin:
        request = json.loads(line)
        if "runs" in request:
            answer({"seconds": [timed(run) for _ in range(request["runs"])]})
        elif "convolution" in request:
            answer(time_convolution(request, cold))
        else:
            peak = status_bytes("VmHWM")
            answer({"peak": peak, "growth": peak - imported})


if __name__ == "__main__":
    main()
