"""A network whose weights are kept as bits, with or without a code, and read with errors."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ternary_engine.device import Device
from ternary_engine.ecc.channel import Counts, stored_and_read
from ternary_engine.ecc.schemes import Scheme, find_scheme
from ternary_engine.ecc.words import BoolArray
from ternary_engine.encoding import pack_trits
from ternary_engine.layer import Layer
from ternary_engine.physics import checks
from ternary_engine.physics.binary_reads import BitRates, read_alone, read_paired

if TYPE_CHECKING:
    from ternary_engine.network import Network

__all__ = ["Protected", "ProtectedLayer", "protect"]


@dataclass(frozen=True)
class ProtectedLayer:
    """The stored bits of one layer.

    Attributes:
        name: of the layer.
        weights: trits or binary weights stored: one a cell.
        bits_per_weight: 1 in a binary layer, else 2.
        wrong_weights: weights that come out as another.
        counts: of its bits.
    """

    name: str
    weights: int
    bits_per_weight: int
    wrong_weights: int
    counts: Counts


@dataclass(frozen=True, eq=False)
class Protected:
    """A network as it is read back from its stored bits.

    Attributes:
        network: with the weights that came out.
        scheme: how bits were stored.
        rates: of the stored bits: of a device alone, or of a pair.
        expected: rate of wrong bits of data in closed form; where the two rates differ, that of a
            code at their mean over the stored bits, which is close (docs/physics.md).
        layers: what happened in each crossbar layer.
        seed: of the draws.
    """

    network: Network
    scheme: Scheme
    rates: BitRates
    expected: float
    layers: tuple[ProtectedLayer, ...]
    seed: int

    @functools.cached_property
    def counts(self) -> Counts:
        """Of all layers together."""
        return functools.reduce(Counts.__add__, (one.counts for one in self.layers), Counts())

    @property
    def weights(self) -> int:
        """Weights stored."""
        return sum(one.weights for one in self.layers)

    @property
    def wrong_weights(self) -> int:
        """Weights that come out as another."""
        return sum(one.wrong_weights for one in self.layers)

    @property
    def devices(self) -> int:
        """Resistive devices that all weights take; in ternary pairs they take two a weight."""
        return self.counts.devices

    def to_dict(self) -> dict[str, Any]:
        """Everything but the network, in plain values."""
        return {
            "scheme": self.scheme.name,
            "seed": self.seed,
            "rates": dataclasses.asdict(self.rates),
            "expected": self.expected,
            "rate": self.counts.rate,
            "weights": self.weights,
            "wrong_weights": self.wrong_weights,
            **dataclasses.asdict(self.counts),
            "layers": [dataclasses.asdict(one) for one in self.layers],
        }

    def __str__(self) -> str:
        """One line: what it costs, and what is wrong in the end."""
        counts = self.counts
        return (
            f"{self.scheme.label}: {self.weights:,} weights in {counts.devices:,} devices; "
            f"{counts.raw_errors:,} stored bits read wrong, {counts.wrong:,} of {counts.bits:,} "
            f"bits of data wrong in the end ({counts.rate:.2g}; expected {self.expected:.2g}), "
            f"{self.wrong_weights:,} weights"
        )


def protect(
    net: Network,
    code: str | Scheme = "secded(72,64)",
    *,
    raw_ber: float | None = None,
    device: Device | None = None,
    seed: int | None = None,
) -> Protected:
    """Store a network's weights as bits, read them back with errors, and correct what can be.

    A weight of a binary layer is one bit (1 for +1), a trit two: whether it is +1 and whether it
    is -1, the same that its device pair holds. So one wrong bit makes a 0 of a +1 and never a -1;
    both bits set are read as 0. Stored bits err independently, once: what is read is kept, as it
    must be where a word is decoded before it is used.

    Args:
        net: the network; layers outside the crossbar stay as they are.
        code: ``"secded(n,k)"`` or ``"sec(n,k)"`` for words of n devices with k bits, ``"1t1r"``
            for bits as they are, ``"2t2r"`` for a differential pair of devices a bit.
        raw_ber: rate at which a device alone is read wrong, below 0.5; pairs then err as two
            log-normal devices of one spread do.
        device: instead of ``raw_ber``: alone it is read against the best reference.
        seed: names the draws; None draws a fresh one.

    Raises:
        ValueError: an impossible rate, or no such code; neither or both of raw_ber and device.

    Examples:
        >>> import ternary_engine as te
        >>> stored = te.protect(te.zoo.load("mlp_binary"), "secded(72,64)", raw_ber=1e-3, seed=1)
        >>> stored.devices / stored.weights
        1.125
        >>> stored.counts.raw_errors > 10 * stored.counts.wrong
        True
    """
    from ternary_engine.errors import check_seed

    scheme, seed = find_scheme(code), check_seed(seed)
    rates = _rates(scheme, raw_ber, device)
    layers, told = [], []
    for layer in net.layers:
        if layer.pairs is None:
            layers.append(layer)
            continue
        made, one = _through(layer, scheme, rates, seed)
        layers.append(made)
        told.append(one)
    network = dataclasses.replace(net, layers=tuple(layers))
    expected = _expected(net, scheme, rates)
    return Protected(network, scheme, rates, expected, tuple(told), seed)


def _rates(scheme: Scheme, raw_ber: float | None, device: Device | None) -> BitRates:
    """Rates of the stored bits: of devices alone, or of pairs."""
    if (raw_ber is None) == (device is None):
        raise ValueError("protect takes either raw_ber or device, for the errors of a device")
    if device is not None:
        if not isinstance(device, Device):
            raise TypeError(f"device: got {device!r}; it takes a te.Device")
        return read_paired(device) if scheme.paired else read_alone(device)
    raw = checks.number("raw_ber", raw_ber, "")
    if not 0.0 <= raw < 0.5:
        raise ValueError(f"raw_ber: got {raw}; it takes an error rate from 0 to below 0.5")
    bits = float(scheme.residual(raw)) if scheme.paired else raw
    return BitRates(bits, bits)


def _expected(net: Network, scheme: Scheme, rates: BitRates) -> float:
    """Rate of wrong bits of data in closed form, with the ones and zeros that the network has."""
    stored = [_to_bits(layer) for layer in net.layers if layer.pairs is not None]
    bits = sum(one.size for one in stored)
    ones = sum(int(np.count_nonzero(one)) for one in stored) / bits if bits else 0.5
    mean = ones * rates.lrs + (1.0 - ones) * rates.hrs
    if scheme.code is None:
        return mean
    checks_share = scheme.code.checks / scheme.code.length  # of these, about half are ones
    return float(scheme.residual((1.0 - checks_share) * mean + checks_share * rates.mean))


def _through(
    layer: Layer, scheme: Scheme, rates: BitRates, seed: int
) -> tuple[Layer, ProtectedLayer]:
    """A layer as its bits come out, and what happened to them."""
    from ternary_engine.kernels.random import stream_keys

    words = stream_keys(seed, f"{layer.name}/protect").tolist()
    numbers = np.random.Generator(np.random.Philox(key=words[0] | words[1] << 64))
    bits = _to_bits(layer)
    read, counts = stored_and_read(bits.reshape(-1), scheme, rates, numbers)
    trits = _to_trits(layer, read.reshape(bits.shape))
    assert layer.pairs is not None
    pairs = np.stack([pack_trits(plane) for plane in trits])
    wrong = int(np.count_nonzero(trits != layer.trits.reshape(trits.shape)))
    told = ProtectedLayer(layer.name, layer.cells, bits.shape[-1], wrong, counts)
    return dataclasses.replace(layer, pairs=pairs), told


def _to_bits(layer: Layer) -> BoolArray:
    """Bits of a layer; bool [cells, 1 or 2]."""
    trits = layer.trits.reshape(-1)
    if layer.binary:
        return trits[:, None] > 0
    return np.stack([trits > 0, trits < 0], axis=1)


def _to_trits(layer: Layer, bits: BoolArray) -> npt.NDArray[np.int8]:
    """Trits that bits stand for; int8 [planes, weights]."""
    ones = bits.astype(np.int8)
    flat = 2 * ones[:, 0] - 1 if layer.binary else ones[:, 0] - ones[:, 1]
    return flat.reshape(layer.planes, -1)
