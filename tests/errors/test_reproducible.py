"""The same seed gives the same bits: whatever the threads, chunks, batch split and process."""

from __future__ import annotations

import functools
import hashlib
import subprocess
import sys

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine.runtime import execute
from tests import networks
from tests.errors.single import Case, build

SAMPLES = 23
PERS = ("read", "sample", "batch", "program")
MODELS = {
    "linear": lambda: networks.mlp((70, 40, 10), seed=1),
    "real inputs": lambda: networks.vgg(16, seed=2, size=8),
    "binary": lambda: networks.conv_stack((3, 20, 8), "binary", "binary", seed=3, pads=[1] * 4),
    "groups": lambda: networks.conv_stack((4, 16, 8), seed=4, groups=4, strides=[2, 1]),
    "8 bits": lambda: networks.conv_stack((3, 16, 8), seed=5, uint8=True, pads=[1, 0, 1, 2]),
    "residual": lambda: networks.residual(16, 1, seed=6),
    "sequence": lambda: networks.sequence(seed=7),
}
STRENGTHS = {"rare": 1e-3, "frequent": 0.1}


@functools.cache
def network(name: str) -> te.Network:
    return te.convert(MODELS[name]())


def samples(name: str, count: int = SAMPLES) -> np.ndarray:
    port = network(name).inputs[0]
    random = np.random.default_rng(11)
    shape = (count, *(9 if size is None else size for size in port.shape[1:]))
    if port.dtype == "uint8":
        return random.integers(0, 256, shape, np.uint8)
    return random.normal(0, 0.5, shape).astype(np.float32)


def errors_of(per: str, strength: float = 0.1) -> te.SenseErrors:
    return te.SenseErrors(sign_flip=strength, per=per)


def run(name: str, x: np.ndarray, per: str, seed: int, strength: float = 0.1, **how) -> np.ndarray:
    return network(name).run(x, errors=errors_of(per, strength), seed=seed, **how)


def same(a: np.ndarray, b: np.ndarray) -> None:
    assert a.dtype == b.dtype
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("per", PERS)
@pytest.mark.parametrize("name", MODELS)
def test_threads_and_chunks_change_nothing(
    name: str, per: str, strength: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, rate = samples(name), STRENGTHS[strength]
    expected = run(name, x, per, seed, rate, threads=1)
    assert strength == "rare" or (expected != network(name).run(x)).any()
    for threads in (1, 2, 3):
        same(run(name, x, per, seed, rate, threads=threads), expected)
    for first, most in ((1, 1), (2, 3), (5, 7), (1024, 1024)):
        monkeypatch.setattr(execute, "_FIRST_CHUNK", first)
        monkeypatch.setattr(execute, "_MAX_CHUNK", most)
        same(run(name, x, per, seed, rate, threads=2), expected)
        fresh = te.convert(MODELS[name]()) if name == "linear" else network(name)
        same(fresh.run(x, errors=errors_of(per, rate), seed=seed), expected)


@pytest.mark.parametrize("per", ["read", "sample"])
@pytest.mark.parametrize("name", MODELS)
def test_batch_size_changes_nothing(name: str, per: str, seed: int) -> None:
    x = samples(name)
    expected = run(name, x, per, seed)
    for size in (1, 2, 7, SAMPLES, 1000):
        same(run(name, x, per, seed, batch_size=size), expected)


@pytest.mark.parametrize("strength", STRENGTHS.values())
@pytest.mark.parametrize("per", ["read", "sample", "program"])
@pytest.mark.parametrize("name", MODELS)
def test_the_first_samples_are_a_run_of_their_own(
    name: str, per: str, strength: float, seed: int
) -> None:
    x = samples(name)
    whole = run(name, x, per, seed, strength)
    for k in (1, 2, 5, 16, 22):
        same(run(name, x[:k], per, seed, strength), whole[:k])
    assert run(name, x[:0], per, seed).shape == whole[:0].shape


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_is_drawn_by_its_number(name: str, seed: int) -> None:
    """A run of one batch is the first batch of a longer run; every batch has a draw of its own."""
    x = samples(name)
    whole = run(name, x, "batch", seed, batch_size=5, threads=1)
    same(run(name, x[:5], "batch", seed), whole[:5])
    same(run(name, x, "batch", seed, batch_size=5, threads=3), whole)
    assert (run(name, x, "batch", seed) != whole).any()
    same(run(name, x, "batch", seed)[:5], whole[:5])
    repeated = np.concatenate([x[:5], x[:5]])
    first, second = np.split(run(name, repeated, "batch", seed, batch_size=5), 2)
    assert (first != second).any()


@pytest.mark.parametrize("per", PERS)
def test_runs_leave_nothing_behind(per: str, seed: int) -> None:
    """Clean and noisy runs in any order, of any size, on one network, are those on a fresh one."""
    name, x = "real inputs", samples("real inputs")
    used = network(name)
    clean = te.convert(MODELS[name]()).run(x)
    noisy = te.convert(MODELS[name]()).run(x, errors=errors_of(per), seed=seed)
    for _ in range(2):
        same(used.run(x), clean)
        same(used.run(x, errors=errors_of(per), seed=seed), noisy)
        for other in PERS:
            used.run(x[:3], errors=errors_of(other, 0.3), seed=seed + 1, batch_size=2)
        same(used.run(x[:4], errors=errors_of(per), seed=seed, batch_size=SAMPLES), noisy[:4])
        same(used.run(x[:7]), clean[:7])


@pytest.mark.parametrize("per", PERS)
def test_other_seeds_give_other_errors(per: str, seed: int) -> None:
    x = np.repeat(samples("linear", 1), SAMPLES, axis=0)
    seeds = [seed, seed + 1, seed + 2**40, seed + 2**64, 2**200 + seed]
    runs = [run("linear", x, per, s).tobytes() for s in seeds]
    assert len(set(runs)) == len(runs)
    assert run("linear", x, per, 2**200 + seed).tobytes() == runs[-1]


def test_no_seed_is_a_fresh_seed() -> None:
    x = samples("linear")
    runs = {network("linear").run(x, errors=errors_of("read")).tobytes() for _ in range(3)}
    assert len(runs) == 3
    chips = {network("linear").program(errors=errors_of("read")).run(x).tobytes() for _ in range(3)}
    assert len(chips) == 3


@pytest.mark.parametrize("kind", ["ternary", "unsigned", "real"])
def test_samples_and_positions_have_streams_of_their_own(kind: str, seed: int) -> None:
    """The same sample again and again, and the same window everywhere: all sums differ."""
    case = Case(kind, channels=40, size=(1, 9), outputs=60)
    one, image = build(case, seed), np.ones((1, 40, 1, 9), np.int64)
    for per, positions in (("read", 9), ("sample", 1)):
        y = one.change(image, SAMPLES, errors_of(per, 0.2), seed)[:, :, 0]
        draws = y.transpose(0, 2, 1).reshape(-1, case.outputs)
        assert len(np.unique(draws, axis=0)) == SAMPLES * positions


def test_layers_err_as_they_would_alone(seed: int) -> None:
    """Errors of a layer are drawn by its name: those of other layers do not change them."""
    net, x = network("linear"), samples("linear")
    first, last = (layer.name for layer in net.layers)
    both = net.run(x, errors={first: errors_of("program"), last: errors_of("program")}, seed=seed)
    chip = net.program(errors={first: errors_of("read")}, seed=seed)
    same(chip.run(x, errors={last: errors_of("program")}, seed=seed), both)


PROCESS = """
import hashlib, multiprocessing, sys
from tests.errors import test_reproducible as t

def work(channel):
    channel.send([digest(per) for per in t.PERS])

def digest(per):
    y = t.run("linear", t.samples("linear"), per, int(sys.argv[2]))
    return hashlib.sha256(y.tobytes()).hexdigest()

if __name__ == "__main__":
    own = [digest(per) for per in t.PERS]
    print(*own)
    if sys.argv[1] != "alone":
        context = multiprocessing.get_context(sys.argv[1])
        receiver, sender = context.Pipe(duplex=False)
        child = context.Process(target=work, args=(sender,))
        child.start()
        print(*receiver.recv())
        child.join()
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_draw_the_same(method: str, seed: int, root, tmp_path) -> None:
    script = tmp_path / "draws.py"
    script.write_text(f"import sys; sys.path.insert(0, {str(root)!r})\n{PROCESS}")
    told = subprocess.run(
        [sys.executable, script, method, str(seed)], capture_output=True, text=True, timeout=120
    )
    assert told.returncode == 0, told.stderr
    parent, child = told.stdout.splitlines()
    assert parent == child
    here = [run("linear", samples("linear"), per, seed).tobytes() for per in PERS]
    assert parent.split() == [hashlib.sha256(bits).hexdigest() for bits in here]
