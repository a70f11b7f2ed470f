"""Networks with concatenated channels beside ONNX Runtime's float32, codes joined or not.

``python -m bench.concats`` prints a table: one thread, engines by turns, the least of many calls.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from unittest import mock

import numpy as np
import onnx
from onnx import TensorProto

from ternary_engine.benchmark.peers import session
from ternary_engine.converters import concats, convert, recipes
from ternary_engine.network import Network
from tests import networks

SIZE, BATCH, ROUNDS = 16, 16, 60


def _block(b: networks.Builder, x: str, outputs: int, inputs: int, taps: int, name: str) -> str:
    weights = b.weights((outputs, inputs, taps, taps), "ternary", f"{name}.weight")
    return b.node("Conv", x, weights, name=name, pads=[taps // 2] * 4)


def _codes(b: networks.Builder, x: str, channels: int, inputs: int) -> str:
    return b.quantise(b.batch_norm(x, channels, (inputs * 4 / 9) ** 0.5, gain=0.6), "ternary")


def _finish(b: networks.Builder, x: str, channels: int) -> onnx.ModelProto:
    x = b.node("Flatten", b.node("GlobalAveragePool", x))
    weights = b.weights((10, channels), "ternary", "head.weight")
    b.node("Gemm", x, weights, name="head", transB=1, output="y")
    return b.model(
        {"x": (TensorProto.FLOAT, ["N", 3, SIZE, SIZE])}, {"y": (TensorProto.FLOAT, ["N", 10])}
    )


def fire(*, early: bool, modules: int = 4) -> onnx.ModelProto:
    """Fire modules of 32 and twice 64 channels; codes before or behind the concatenation."""
    b, channels = networks.Builder(0), 64
    x = _codes(b, _block(b, "x", channels, 3, 3, "stem"), channels, 27)
    for i in range(modules):
        x = _codes(b, _block(b, x, 32, channels, 1, f"squeeze{i}"), 32, channels)
        parts = [_block(b, x, 64, 32, taps, f"expand{i}x{taps}") for taps in (1, 3)]
        if early:
            parts = [_codes(b, p, 64, 32 * t) for p, t in zip(parts, (1, 9), strict=True)]
        x, channels = b.node("Concat", *parts, axis=1), 128
        x = x if early else _codes(b, x, channels, 160)
    return _finish(b, x, channels)


def dense(*, early: bool, layers: int = 6) -> onnx.ModelProto:
    """A dense block that grows by 32 channels; codes before or behind the concatenation."""
    b, channels = networks.Builder(0), 64
    x = _block(b, "x", channels, 3, 3, "stem")
    x = _codes(b, x, channels, 27) if early else b.batch_norm(x, channels, 3.0, gain=0.6)
    for i in range(layers):
        y = x if early else _codes(b, x, channels, 2)
        z = _block(b, y, 32, channels, 3, f"grow{i}")
        z = _codes(b, z, 32, channels * 9) if early else b.batch_norm(z, 32, 24.0, gain=0.6)
        x, channels = b.node("Concat", x, z, axis=1), channels + 32
    return _finish(b, x if early else _codes(b, x, channels, 2), channels)


def without_joining(model: onnx.ModelProto) -> Network:
    """The network whose concatenations are left to ONNX Runtime."""
    with (
        mock.patch.object(concats, "sink", return_value=False),
        mock.patch.object(recipes.Cook, "_joined", return_value=None),
    ):
        return convert(model)


def shortest(calls: Sequence[Callable[[], object]]) -> list[float]:
    """Seconds of each call, by turns."""
    best = [np.inf] * len(calls)
    for _ in range(ROUNDS):
        for i, call in enumerate(calls):
            began = time.perf_counter()
            call()
            best[i] = min(best[i], time.perf_counter() - began)
    return best


def main() -> None:
    """Print the table."""
    x = np.random.default_rng(0).normal(size=(BATCH, 3, SIZE, SIZE)).astype(np.float32)
    print("| network | joined codes | floats | ONNX Runtime float32 |\n|---|---|---|---|")
    for name, model in (
        ("fire modules, codes behind the Concat", fire(early=False)),
        ("fire modules, codes before it", fire(early=True)),
        ("dense block, codes before the Concat", dense(early=True)),
        ("dense block, codes behind it", dense(early=False)),
    ):
        joined, apart, peer = convert(model), without_joining(model), session(model)
        np.testing.assert_array_equal(joined.run(x), apart.run(x))
        engines = (joined, apart)
        runs = [lambda net=net: net.run(x, threads=1) for net in engines]
        times = shortest([*runs, lambda peer=peer: peer.run(None, {"x": x})])
        ratios = [f"{t * 1e3:.1f} ms, {times[-1] / t:.1f} x" for t in times[:2]]
        print(f"| {name} | {' | '.join(ratios)} | {times[-1] * 1e3:.1f} ms |")


if __name__ == "__main__":
    main()
