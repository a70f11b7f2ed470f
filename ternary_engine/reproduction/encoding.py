"""Panel: how a ternary weight is stored in two devices."""

from __future__ import annotations

import itertools

import numpy as np

from ternary_engine import zoo
from ternary_engine.device import Device, State
from ternary_engine.encoding import pack_trits
from ternary_engine.reproduction.panel import Claim, Panel, Setting, Table, Verdict
from ternary_engine.sense import SenseAmp

__all__ = ["panel"]

PAIRS: dict[int, tuple[State, State]] = {1: ("lrs", "hrs"), 0: ("hrs", "hrs"), -1: ("hrs", "lrs")}
_KERNEL = 9  # weights of a 3 x 3 kernel


def panel(setting: Setting) -> Panel:
    """Store each weight, read it back, multiply it by both inputs."""
    del setting  # nothing here takes time
    device, sense = Device(), SenseAmp()
    median = {state: device.resistance(state).median for state in ("lrs", "hrs")}
    rows, right, multiplied = [], True, True
    for weight, (bl, blb) in PAIRS.items():
        pair = median[bl], median[blb]
        read = int(sense.read(*pair).value)
        times = [int(sense.xnor(*pair, x).value) for x in (1, -1)]
        right &= read == weight
        multiplied &= times == [weight, -weight]
        bits = f"{int(pack_trits(np.array([weight], np.int8))[0]):02b}"
        rows.append((_trit(weight), bl.upper(), blb.upper(), bits, *map(_trit, (read, *times))))
    columns = ("weight", "BL", "BLb", "bits", "read", "read × (+1)", "read × (−1)")
    return Panel(
        "encoding",
        "Encoding",
        (
            "Each weight is written to a pair of devices, kept in two bits, and read back by the "
            "model of the amplifier at the medians of the device (parameters chosen)."
        ),
        (
            Claim(
                "LRS/HRS is +1, HRS/HRS is 0, HRS/LRS is −1",
                "deck",
                "talk",
                "all three are read back" if right else "not all three are read back",
                _held(right),
            ),
            _overhead(),
            Claim(
                "The binary product happens inside the sense amplifier: the input swaps its "
                "branches (XNOR)",
                "deck",
                "talk; Hirtzlin 2020",
                f"{'all' if multiplied else 'not all'} six products of −1, 0, +1 by ±1 are right",
                _held(multiplied),
            ),
            _kernels(),
        ),
        tables=(Table("encoding", columns, rows),),
    )


def _held(condition: bool) -> Verdict:
    return "holds" if condition else "does not hold"


def _overhead() -> Claim:
    """Device pairs of two networks of one architecture."""
    pairs = [
        sum(layer.cells for layer in zoo.load(name).layers)
        for name in ("mlp_ternary", "mlp_binary")
    ]
    return Claim(
        "A ternary synapse takes no more memory than a binary 2T2R one",
        "deck",
        "talk",
        f"64-256-256-10: {pairs[0]:,} device pairs ternary, {pairs[1]:,} binary",
        _held(pairs[0] == pairs[1]),
    )


def _kernels() -> Claim:
    ternary = sum(1 for _ in itertools.product((-1, 0, 1), repeat=_KERNEL))
    binary = sum(1 for _ in itertools.product((-1, 1), repeat=_KERNEL))
    weights = next(one for one in zoo.load("cnn_ternary").layers if one.name == "conv2").weights
    kernels = np.asarray(weights).reshape(-1, _KERNEL)
    used = len(np.unique(kernels, axis=0))
    return Claim(
        "There are 19,683 ternary kernels of 3 × 3, and 512 binary ones",
        "deck",
        "talk",
        f"counted: {ternary:,} and {binary:,}; conv2 of cnn_ternary has {used:,} different ones "
        f"among its {len(kernels):,}",
        _held((ternary, binary) == (19_683, 512)),
    )


def _trit(value: int) -> str:
    return f"{value:+d}".replace("-", "\N{MINUS SIGN}") if value else "0"
