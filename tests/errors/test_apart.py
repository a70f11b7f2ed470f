"""Layers whose +1 and -1 have scales of their own: two sums per output, one read of each cell."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine.network import Network, Port
from tests import statistics
from tests.errors.single import CASES, Single, build, kinds_of_errors
from tests.oracles import naive_errors

NAMES = (
    "linear", "convolution", "strides", "groups", "binary inputs", "three bits",
    "signed, four bits", "three bits, groups",
)  # fmt: skip
PERS = ("read", "sample", "batch", "program")
BATCH = 3


def network_of(one: Single) -> Network:
    """The layer's network, with its sums apart."""
    encode, crossbar, scale = one.network.steps
    outputs = 2 * one.case.outputs
    port = one.network.outputs[0]
    return dataclasses.replace(
        one.network,
        steps=(
            encode,
            dataclasses.replace(crossbar, apart=True),
            dataclasses.replace(scale, scale=np.ones(outputs, np.float32)),
        ),
        outputs=(Port("y", port.dtype, (None, outputs, *port.shape[2:])),),
    )


def naive(one: Single, image: np.ndarray, errors: te.SenseErrors, seed: int, **how) -> np.ndarray:
    code = (one.case.kind, one.case.bits, one.trits, one.case.geometry)
    table, random = errors.resolve(one.layer), np.random.default_rng(seed)
    return naive_errors.sums(image, *code, table, errors.per, random, apart=True, **how)


def compare(
    one: Single, errors: te.SenseErrors, seed: int, *, record: bool = False, draws: int = 300
) -> None:
    network, image = network_of(one), one.image(seed)
    if errors.per == "program":
        seeds = np.random.default_rng(seed).integers(0, 2**62, draws // 2).tolist()
        x = one.feed(image, 1)
        engine = np.concatenate([network.run(x, errors=errors, seed=s) for s in seeds])
        drawn = np.concatenate([naive(one, image, errors, s) for s in seeds])
    else:
        size = BATCH if errors.per == "batch" else 1
        x = one.feed(image, draws * size)
        engine = network.run(x, errors=errors, seed=seed, batch_size=size, record=record)
        engine = (engine[0] if record else engine)[::size]
        images = np.repeat(image, draws * size, axis=0)
        drawn = naive(one, images, errors, seed, batch_size=size)[::size]
    sums = one.sums(engine)
    statistics.assert_same_everywhere(sums, drawn, "engine and naive")
    for part in range(3):
        hashed = [
            statistics.fingerprints(values, np.random.default_rng([seed, part]))
            for values in (sums, drawn)
        ]
        statistics.assert_same(*hashed, "engine and naive, all sums of a draw")


@pytest.mark.parametrize("per", PERS)
@pytest.mark.parametrize("name", NAMES)
def test_sums_apart_are_those_of_the_naive_sampler(name: str, per: str, seed: int) -> None:
    errors = list(kinds_of_errors(CASES[name]).values())[-1]
    compare(build(CASES[name], seed), dataclasses.replace(errors, per=per), seed)


@pytest.mark.slow
@pytest.mark.parametrize("per", PERS)
@pytest.mark.parametrize("name", NAMES)
def test_every_kind_of_error_apart(name: str, per: str, seed: int) -> None:
    one = build(CASES[name], seed)
    for errors in kinds_of_errors(CASES[name]).values():
        compare(one, dataclasses.replace(errors, per=per), seed, draws=800)


@pytest.mark.parametrize("name", NAMES)
def test_recorded_sums_apart(name: str, seed: int) -> None:
    one = build(CASES[name], seed)
    errors = list(kinds_of_errors(CASES[name]).values())[-1]
    compare(one, errors, seed, record=True)
    network, x = network_of(one), one.feed(one.image(seed), 9)
    for per in PERS:
        how = {"errors": dataclasses.replace(errors, per=per), "seed": seed, "batch_size": 2}
        y, record = network.run(x, record=True, **how)
        assert network.run(x, replay=record).tobytes() == y.tobytes()


@pytest.mark.parametrize("per", PERS)
@pytest.mark.parametrize("name", NAMES)
def test_rates_0_and_1(name: str, per: str, seed: int) -> None:
    """A sign flip everywhere exchanges the two sums; a drop everywhere leaves none."""
    one = build(CASES[name], seed)
    network, x = network_of(one), one.feed(one.image(seed), 3)
    clean = network.run(x)
    shape = (3, one.case.outputs, 2, *clean.shape[2:])
    none = network.run(x, errors=te.SenseErrors(per=per), seed=seed)
    assert none.tobytes() == clean.tobytes()
    flipped = network.run(x, errors=te.SenseErrors(sign_flip=1.0, per=per), seed=seed)
    np.testing.assert_array_equal(flipped.reshape(shape), clean.reshape(shape)[:, :, ::-1])
    assert not network.run(x, errors=te.SenseErrors(drop=1.0, per=per), seed=seed).any()


@pytest.mark.parametrize("per", ["read", "sample"])
def test_threads_and_batches_change_nothing(per: str, seed: int) -> None:
    one = build(CASES["three bits"], seed)
    network, x = network_of(one), one.feed(one.image(seed), 40)
    errors = te.SenseErrors(sign_flip=0.1, rise=0.1, per=per)
    expected = network.run(x, errors=errors, seed=seed, threads=1)
    for how in ({"threads": 3}, {"batch_size": 7}):
        np.testing.assert_array_equal(network.run(x, errors=errors, seed=seed, **how), expected)
    part = network.run(x[:11], errors=errors, seed=seed)
    np.testing.assert_array_equal(part, expected[:11])
