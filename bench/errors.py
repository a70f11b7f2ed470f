"""What sense errors cost: ``python -m bench.errors``, from the root, prints the tables.

Ratios are to the error-free run of the same network in the same process, on one thread, engines
timed by turns (`ternary_engine.benchmark`). Where the processor has a faster way than popcounts
(matrix tiles, look-ups), error-free layers run on it; both that run and one on the popcounts that
sensed layers use are shown.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt
import onnx

import ternary_engine as te
from bench import suites, tables
from ternary_engine.benchmark import alternate, machine
from ternary_engine.benchmark.cases import OURS, Case
from ternary_engine.benchmark.peers import import_peer, present, session
from ternary_engine.benchmark.torch_peer import network as torch_network
from ternary_engine.errors import LayerErrors
from ternary_engine.runtime import noise
from tests.networks import mlp, vgg

Array = npt.NDArray[Any]
RATES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
LASTING = ("sample", "batch", "program")
BATCH, ROWS, INPUTS, OUTPUTS = 16, 960, 1152, 128
POPCOUNTS, PEER, NAIVE = "popcounts", "onnxruntime float32, no errors", "naive per cell 0.001"
NUMPY_WAY, TORCH_WAY = "flip weights in NumPy, run float32", "flip weights in PyTorch, run float32"
GOALS = {"read 0.0001": 2.0, "read 0.001": 4.0, "read 0.01": 6.0, "sample 0.001": 2.0}  # at most
FASTER = {PEER: 2.0, NAIVE: 100.0}  # "read 0.001" at least so many times as fast as these


def on_popcounts(model: onnx.ModelProto) -> te.Network:
    """A network whose error-free layers run on the popcounts that sensed layers use."""
    with suites.on_popcounts():
        network = te.convert(model)
        port = network.inputs[0]
        network.run(np.zeros((1, *(size or 1 for size in port.shape[1:])), np.float32))
        return network


def noisy_calls(network: te.Network, x: Array) -> dict[str, Callable[[], object]]:
    """Runs with errors: per read at all rates, and the others at 1e-3."""

    def call(errors: te.SenseErrors) -> Callable[[], object]:
        return lambda: network.run(x, errors=errors, seed=1, threads=1)

    calls = {f"read {rate:g}": call(te.SenseErrors.from_ber(rate)) for rate in RATES}
    for per in LASTING:
        calls[f"{per} 0.001"] = call(te.SenseErrors.from_ber(1e-3, per=per))
    return calls


def whole_network(filters: int = 128) -> Case:
    """The VGG of the ternary papers; ``ours`` is error-free."""
    model = vgg(filters)
    network, plain, peer = te.convert(model), on_popcounts(model), session(model)
    x = np.random.default_rng(0).normal(size=(BATCH, 3, 32, 32)).astype(np.float32)
    flipped = published_way(model, network)
    calls = {
        OURS: lambda: network.run(x, threads=1),
        POPCOUNTS: lambda: plain.run(x, threads=1),
        **noisy_calls(network, x),
        PEER: lambda: peer.run(None, {"x": x})[0],
        NUMPY_WAY: lambda: flipped(x, 1e-3),
    }

    def in_torch() -> Callable[[], object]:
        run = published_in_torch(model, network)
        return lambda: run(x, 1e-3)

    others, skipped = present({TORCH_WAY: in_torch})
    return Case(
        name=f"VGG f={filters}, batch {BATCH}",
        suite="errors",
        work=BATCH,
        unit="sample",
        calls=calls | others,
        skipped=skipped,
        batch=BATCH,
    )


def product() -> Case:
    """One layer of 1,152 inputs."""
    model = mlp((INPUTS, OUTPUTS))
    network, plain = te.convert(model), on_popcounts(model)
    x = np.random.default_rng(0).integers(-1, 2, (ROWS, INPUTS)).astype(np.float32)
    sampler = naive_product(network.layers[0], x.astype(np.int8))
    calls = {
        OURS: lambda: network.run(x, threads=1),
        POPCOUNTS: lambda: plain.run(x, threads=1),
        **noisy_calls(network, x),
        NAIVE: lambda: sampler(1e-3),
    }
    return Case(
        name=f"product {ROWS}x{INPUTS}x{OUTPUTS}",
        suite="errors",
        work=ROWS * INPUTS * OUTPUTS,
        unit="MAC",
        calls=calls,
        batch=ROWS,
    )


# What others do


@nb.njit(nogil=True)
def naive_reads(x, trits, table, seed, sums):
    """One random number for every cell whose input is on, and what it is then read as."""
    np.random.seed(seed)  # noqa: NPY002  what Numba compiles
    for row in range(x.shape[0]):
        for output in range(trits.shape[0]):
            total = 0
            for cell in range(x.shape[1]):
                value = x[row, cell]
                if value != 0:
                    stored = trits[output, cell] + 1
                    u = np.random.random()  # noqa: NPY002
                    read = int(u >= table[stored, 0]) + int(u >= table[stored, 1]) - 1
                    total += value * read
            sums[row, output] = total


def naive_product(layer: te.Layer, x: Array) -> Callable[[float], Array]:
    """The sums of a layer by the naive sampler."""
    sums = np.empty((len(x), layer.outputs), np.int32)

    def call(ber: float) -> Array:
        table = np.cumsum(te.SenseErrors.from_ber(ber).resolve(layer), axis=1)
        naive_reads(x, layer.trits[0], table, 1, sums)
        return sums

    return call


def published_way(model: onnx.ModelProto, network: te.Network) -> Callable[[Array, float], Array]:
    """A fresh draw of every weight with NumPy for each batch, then the float network.

    Weights become inputs of the graph, as they change from run to run.
    """
    free = onnx.ModelProto()
    free.CopyFrom(model)
    weights = {}
    for layer in network.layers:
        name = f"{layer.name}.weight"
        (tensor,) = (t for t in free.graph.initializer if t.name == name)
        weights[name] = onnx.numpy_helper.to_array(tensor)
        shape = list(tensor.dims)
        value = onnx.helper.make_tensor_value_info(name, tensor.data_type, shape)
        free.graph.initializer.remove(tensor)
        free.graph.input.append(value)
    peer, random = session(free), np.random.default_rng(0)

    def draw(w: Array, ber: float) -> Array:
        """0 becomes -1 or +1 with probability q, and what is not 0 becomes 0 with q / 2."""
        zero = w == 0.0
        q = 2.0 * ber / (1.0 + zero.mean())
        u = random.random(w.shape, np.float32)
        rise = np.where(u < q / 2, np.float32(1), np.float32(-1)) * (u < q)
        return np.where(zero, rise, w * (u >= q / 2)).astype(np.float32)

    def call(x: Array, ber: float) -> Array:
        feeds = {name: draw(w, ber) for name, w in weights.items()}
        return peer.run(None, {"x": x, **feeds})[0]

    return call


def published_in_torch(
    model: onnx.ModelProto, network: te.Network
) -> Callable[[Array, float], Array]:
    """The same draw in PyTorch, where the training code does it, and PyTorch's float network.

    Raises:
        AbsentPeerError: PyTorch is not installed.
    """
    torch, run = import_peer("torch"), torch_network(model)
    names = [f"{layer.name}.weight" for layer in network.layers]
    tensors = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    weights = {name: torch.from_numpy(tensors[name].copy()) for name in names}

    def draw(w: Any, ber: float) -> Any:
        zero = w == 0
        q = 2 * ber / (1 + zero.float().mean())
        u = torch.rand_like(w)
        rise = torch.where(u < q / 2, 1.0, -1.0) * (u < q)
        return torch.where(zero, rise, w * (u >= q / 2))

    def call(x: Array, ber: float) -> Array:
        return run(x, {name: draw(w, ber) for name, w in weights.items()})

    return call


# Draws of cells, and memory


def draw_speed(rate: float = 1e-3, seconds: float = 0.5) -> dict[str, float]:
    """Cells of a layer drawn per second on one core: events alone, and a whole new network."""
    network = te.convert(vgg(128))
    layer = max(network.layers, key=lambda one: one.cells)
    errors = te.SenseErrors.from_ber(rate, per="program")
    resolved = LayerErrors(errors.resolve(layer), "program")
    total = sum(one.cells for one in network.layers)
    found = {}
    for name, cells, call in (
        ("draw", layer.cells, lambda seed: noise.draw_faults(layer, resolved, seed, 0)),
        ("program", total, lambda seed: network.program(errors=errors, seed=seed)),
    ):
        best, seed, end = float("inf"), 0, time.perf_counter() + seconds
        while seed < 3 or time.perf_counter() < end:
            before = time.thread_time()
            call(seed)
            best, seed = min(best, time.thread_time() - before), seed + 1
        found[name] = cells / best
    return found


MEMORY = """
import resource, sys, tracemalloc
import numpy as np, ternary_engine as te
net, per, batch = te.load(sys.argv[1]), sys.argv[2], int(sys.argv[3])
x = np.random.default_rng(0).normal(size=(batch, 3, 32, 32)).astype(np.float32)
how = {} if per == "clean" else {"errors": te.SenseErrors.from_ber(1e-3, per=per), "seed": 1}
tracemalloc.start()
net.run(x[:4], threads=1, **how)
net.run(x, threads=1, **how)
print(tracemalloc.get_traced_memory()[1], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10)
"""


def memory(batch: int = 64) -> dict[str, tuple[int, int]]:
    """Peak of the arrays of one run, and of its whole process, in bytes; each in a fresh one."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vgg.tern"
        te.convert(vgg(128)).save(path)
        for per in ("clean", "read", *LASTING):
            command = [sys.executable, "-c", MEMORY, str(path), per, str(batch)]
            told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            traced, resident = map(int, told.split())
            found[per] = traced, resident
    return found


# Tables


def rows_of(case: Case, seconds: float) -> list[dict[str, Any]]:
    """Times of one case, and their ratios to the error-free runs."""
    timings = alternate(case.calls, seconds=seconds, on_this_thread=True)
    taken = {name: timing.seconds for name, timing in timings.items()}
    rows = [
        {
            "case": case.name,
            "run": "error-free" if name == OURS else name,
            "ms": spent * 1e3,
            "of error-free": spent / taken[OURS],
            "of popcounts": spent / taken[POPCOUNTS],
            "goal": _goal(case, name),
        }
        for name, spent in taken.items()
    ]
    for peer, least in FASTER.items():
        if peer in taken:
            ratio = taken[peer] / taken["read 0.001"]
            what = f"read 0.001 is {ratio:.1f} times as fast as {peer}"
            rows.append({"case": case.name, "claim": what, "goal": f"at least {least:g}"})
    return rows


def _goal(case: Case, run: str) -> str:
    """What is asked for; per sample of networks only: a lone layer redraws all for little work."""
    asked = run in GOALS and not (run.startswith("sample") and case.unit == "MAC")
    return f"at most {GOALS[run]:g}" if asked else ""


def main() -> None:
    """Measure everything; Markdown on stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="on each engine of a case")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    rows = [row for case in (whole_network(), product()) for row in rows_of(case, options.seconds)]
    figures = {
        "date": datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="minutes"),
        "machine": machine(),
        "load average": os.getloadavg()[0],
        "rows": rows,
        "cells per second": draw_speed(),
        "memory": memory(),
    }
    print(tables.errors_tables(figures))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
