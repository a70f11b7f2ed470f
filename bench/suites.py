"""Cases beside those of ``ternary-engine bench``: every size and shape that a network may have.

The cases of the package's own suites run here as well; `setups` gives all.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import ternary_engine as te
from ternary_engine.benchmark import models, networks, peers, products
from ternary_engine.benchmark.cases import FLOAT32, OURS, TORCH, AbsentPeerError, Case
from ternary_engine.benchmark.recorded import Recorded, layer_calls
from ternary_engine.benchmark.suites import Setup
from ternary_engine.benchmark.suites import setups as shipped
from ternary_engine.benchmark.torch_peer import product as torch_product

BATCHES = (1, 10, 100, 1_000, 10_000)
LARGE = (8192, 4096)  # inputs, outputs
COPIES = 16  # of its weights, used in turn: together they are larger than any cache
SWITCHES = ("TERNARY_ENGINE_AMX", "TERNARY_ENGINE_NIBBLES", "TERNARY_ENGINE_INT8")
POPCOUNTS = "ours on popcounts"
TFC = Path(__file__).resolve().parents[2] / "shared" / "models" / "TFC_2W2A.onnx"

SHAPES: tuple[dict[str, int], ...] = (
    {"size": 32, "channels": 3, "outputs": 16},
    {"size": 32, "channels": 16},
    {"size": 28, "channels": 24},
    {"size": 28, "channels": 24, "groups": 24},
    {"size": 28, "channels": 128, "groups": 128},
    {"size": 28, "channels": 128, "groups": 4},
    {"size": 28, "channels": 128, "kernel": 1},
    {"size": 14, "channels": 256, "outputs": 64, "kernel": 1},
    {"size": 14, "channels": 64, "outputs": 256, "kernel": 1},
)
BITS = (2, 4, 8)


def sizes() -> Iterator[Setup]:
    """Networks of the zoo and a VGG at batches of 1 to 10,000."""
    for name in ("mlp_ternary", "cnn_ternary"):
        for batch in BATCHES:
            setup = functools.partial(networks.zoo_case, name, batch)
            yield f"{name} batch {batch}", _in_suite("sizes", setup)
    for batch in (8, 512):
        setup = functools.partial(networks.vgg_case, 32, batch)
        yield f"VGG f=32 batch {batch}", _in_suite("sizes", setup)


def shapes() -> Iterator[Setup]:
    """Narrow, depthwise, grouped and 1 x 1 convolutions."""
    for shape in SHAPES:
        name = ", ".join(f"{key} {value}" for key, value in shape.items())
        yield name, functools.partial(products.convolution_case, **shape, suite="shapes")


def bits() -> Iterator[Setup]:
    """Ternary weights with inputs of several bits."""
    for count in BITS:
        shape = products.Shape(960, 1152, 128)
        kind = f"ternary x uint{count}"
        yield kind, functools.partial(products.product_case, kind, shape, suite="bits")


def large() -> Iterator[Setup]:
    """A large fully connected layer at batch 1, which memory limits."""
    yield "large linear layer", large_linear


def tfc() -> Iterator[Setup]:
    """FINN's TFC_2W2A, where its file is."""
    for batch in (1, 1_000):
        yield f"TFC_2W2A batch {batch}", functools.partial(tfc_case, batch)


def ways() -> Iterator[Setup]:
    """What the processor's own way (matrix tiles, look-ups) gains over popcounts."""
    for size in products.SHAPES:
        for kind in products.PRODUCTS:
            setup = functools.partial(products.product_case, kind, products.Shape(*size))
            yield f"{kind} {products.Shape(*size)}", functools.partial(_both_ways, setup)
    for filters, batch in ((128, 64), (128, 1), (16, 64)):
        setup = functools.partial(networks.vgg_case, filters, batch)
        yield f"VGG f={filters} batch {batch}", functools.partial(_both_ways, setup)


SUITES = {"sizes": sizes, "shapes": shapes, "bits": bits, "large": large, "tfc": tfc, "ways": ways}


def setups(suites: list[str]) -> Iterator[Setup]:
    """Cases of some suites, the package's own ones first."""
    yield from shipped(suites)
    for suite in suites:
        if suite in SUITES:
            yield from SUITES[suite]()


def _in_suite(suite: str, setup: Callable[[], Case]) -> Callable[[], Case]:
    def made() -> Case:
        case = setup()
        return Case(**(vars(case) | {"suite": suite}))

    return made


@contextlib.contextmanager
def on_popcounts() -> Iterator[None]:
    """Networks converted and first run within use popcounts for error-free layers, too."""
    before = {name: os.environ.get(name) for name in SWITCHES}
    os.environ.update(dict.fromkeys(SWITCHES, "0"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _both_ways(setup: Callable[[], Case]) -> Case:
    """A case with only ours in it, beside ours on popcounts."""
    case = setup()
    with on_popcounts():
        other = setup().calls[OURS]
        other()
    calls = {OURS: case.calls[OURS], POPCOUNTS: other}
    return Case(**(vars(case) | {"suite": "ways", "calls": calls, "goals": {}}))


def large_linear() -> Case:
    """One sample through a large layer, its weights read from memory every time.

    Every engine has several copies of its weights and takes them in turn.
    """
    inputs, outputs = LARGE
    model = models.linear(inputs, outputs)
    network = te.convert(model)
    x = np.random.default_rng(0).integers(-1, 2, (1, inputs)).astype(np.float32)
    recorded = layer_calls(network, x)
    weights = np.asarray(network.layers[0].trits[0]).reshape(outputs, inputs)
    if not np.array_equal(recorded.sums(), x @ weights.T):
        raise AssertionError("the large layer gives wrong sums")
    ours, packed = _in_turn(recorded)

    def float32() -> Callable[[], object]:
        calls = itertools.cycle([peers.onnxruntime_run(model)])
        return lambda: next(calls)(x)

    calls, skipped = peers.present({FLOAT32: float32, TORCH: lambda: torch_product(x, weights)})
    return Case(
        name=f"linear layer {inputs}x{outputs}, batch 1",
        suite="large",
        work=inputs * outputs,
        unit="MAC",
        calls={OURS: ours, **calls},
        skipped=skipped,
        roof="memory",
        roof_work=packed,
        batch=1,
    )


def _in_turn(recorded: Recorded) -> tuple[Callable[[], None], int]:
    """Calls on copies of the weights, and how many bytes of weights a call reads."""
    sizes = [a.nbytes for _, given in recorded.calls for a in given if isinstance(a, np.ndarray)]
    largest = max(sizes)
    sets = itertools.cycle([_copied(recorded, largest // 2) for _ in range(COPIES)])

    def call() -> None:
        for function, arguments in next(sets):
            function(*arguments)

    return call, sum(size for size in sizes if size > largest // 2)


def _copied(recorded: Recorded, more_than: int) -> list[tuple[Callable[..., Any], list[Any]]]:
    from ternary_engine.kernels.layout import aligned

    def copy(argument: Any) -> Any:
        if not isinstance(argument, np.ndarray) or argument.nbytes <= more_than:
            return argument
        words = aligned(argument.reshape(-1).view(np.uint64))
        return words.view(argument.dtype).reshape(argument.shape)

    return [(function, list(map(copy, given))) for function, given in recorded.calls]


def tfc_case(batch: int) -> Case:
    """TFC_2W2A beside ONNX Runtime on the same network in plain float form.

    Raises:
        AbsentPeerError: the file is not beside the repository.
    """
    from ternary_engine.converters.conversion import convert_openly

    if not TFC.is_file():
        raise AbsentPeerError(f"{TFC} is not there")
    converted = convert_openly(TFC)
    x = np.random.default_rng(0).random((batch, 1, 28, 28)).astype(np.float32)
    return networks.network_case(
        converted.network, converted.graph.whole(), x, name="TFC_2W2A", suite="tfc"
    )
