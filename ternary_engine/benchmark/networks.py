"""Whole networks: the VGG of the ternary papers at several sizes, and those of the zoo."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ternary_engine.benchmark import models, peers, torch_peer
from ternary_engine.benchmark.cases import FLOAT32, INT8, ONE_THREAD, OURS, TORCH, Call, Case
from ternary_engine.benchmark.goals import goals_for

if TYPE_CHECKING:
    from onnx import ModelProto

    from ternary_engine.network import Network

__all__ = ["VGG_SETTINGS", "network_case", "vgg_case", "vgg_image", "zoo_case"]

Array = npt.NDArray[Any]

VGG_SETTINGS = (  # filters, batch, threads
    (128, 64, 1), (128, 1, 1), (128, 64, 2), (32, 64, 1), (32, 1, 1), (16, 64, 1), (16, 1, 1),
)  # fmt: skip
CALIBRATION = 8  # images that int8's ranges are read off


def vgg_image(batch: int) -> Array:
    """Random images, float32 [batch, 3, 32, 32]."""
    return np.random.default_rng(0).normal(size=(batch, 3, 32, 32)).astype(np.float32)


def vgg_case(filters: int, batch: int, threads: int = 1) -> Case:
    """Set up the VGG with ternary weights and activations, from ONNX.

    float32 runs the very graph. int8 runs the same layers with activations of 8 bits instead of
    ternary ones (and without the ternarisers, which it would have to compute in float).

    Args:
        filters: the VGG's size.
        batch: images in a call.
        threads: of every engine.
    """
    from ternary_engine.converters import convert

    model = models.vgg(filters)
    started = time.perf_counter()
    network = convert(model)
    return network_case(
        network,
        model,
        vgg_image(batch),
        name=f"VGG f={filters}",
        suite="vgg",
        threads=threads,
        real=models.vgg(filters, activations="real"),
        started=started,
    )


def zoo_case(name: str, batch: int | None = None, threads: int = 1) -> Case:
    """Set up a network of the zoo on its own data.

    Args:
        name: of the network.
        batch: samples in a call, repeated as needed; defaults to its data.
        threads: of every engine.
    """
    from ternary_engine import zoo

    started = time.perf_counter()
    network = zoo.load(name)
    data, _ = zoo.data(name)
    x = np.resize(data, (batch or len(data), *data.shape[1:]))
    return network_case(
        network, zoo.path(name), x, name=name, suite="zoo", threads=threads, started=started
    )


def network_case(
    network: Network,
    model: ModelProto | str | os.PathLike[str],
    x: Array,
    *,
    name: str,
    suite: str,
    threads: int = 1,
    real: ModelProto | None = None,
    started: float | None = None,
) -> Case:
    """Set up a network beside ONNX Runtime on the model it came from.

    Args:
        network: the converted network.
        model: its source.
        x: one batch.
        name: what to call it.
        suite: what it belongs to.
        threads: of every engine; with two or more, ours on one thread takes part, and only
            ONNX Runtime's float32 beside it.
        real: the same layers with real activations, to be quantised to int8; None for neither int8
            nor PyTorch.
        started: when conversion began, by ``time.perf_counter``; defaults to now.
    """
    started = time.perf_counter() if started is None else started
    ours = network.run(x, threads=threads)
    prepared = time.perf_counter() - started
    floats = peers.onnxruntime_run(model, threads=threads)
    _check_classes(name, ours, floats(x))
    found: dict[str, Callable[[], Call]] = {FLOAT32: lambda: lambda: floats(x)}
    if threads > 1:
        found[ONE_THREAD] = lambda: lambda: network.run(x, threads=1)
    elif real is not None:
        found[INT8] = lambda: _int8(real, x)
        found[TORCH] = lambda: _torch(model, x)
    calls, skipped = peers.present(found)
    batch = len(x)
    goal = "threads" if threads > 1 else f"{name} batch {batch}"
    return Case(
        name=name,
        suite=suite,
        work=batch,
        unit="sample",
        calls={OURS: lambda: network.run(x, threads=threads), **calls},
        skipped=skipped,
        goals=goals_for(goal),
        batch=batch,
        threads=threads,
        prepare_seconds=prepared,
    )


def _int8(real: ModelProto, x: Array) -> Call:
    quantised = peers.onnxruntime_run(peers.int8_model(real, x[:CALIBRATION]))
    return lambda: quantised(x)


def _torch(model: Any, x: Array) -> Call:
    run = torch_peer.network(model)
    return lambda: run(x)


def _check_classes(name: str, ours: Array, theirs: Array) -> None:
    """Most samples must have the same largest output.

    Not all: float32 sums of the first layer may be rounded differently, and then a code that sits
    on a threshold differs.
    """
    same = np.mean(ours.argmax(axis=-1) == theirs.argmax(axis=-1))
    if same < 0.9:
        raise AssertionError(f"{name}: only {same:.0%} of the classes are ONNX Runtime's")
