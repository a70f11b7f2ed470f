"""One weighted layer of a network: what it stores, where it lives and why."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ternary_engine.encoding import from_trit_planes, pack_trits, to_trit_planes, unpack_trits

Kind = Literal["conv", "linear"]
Placement = Literal["crossbar", "digital"]

INT8_PLANES = 5  # five balanced-ternary digits reach 121, six 364


@dataclass(frozen=True, eq=False, kw_only=True)
class Layer:
    """A convolution or linear layer.

    Attributes:
        name: unique in the network.
        op: ONNX operator, e.g. ``Conv``.
        kind: ``conv`` or ``linear``.
        placement: ``crossbar`` (weights in device pairs, sensed) or ``digital`` (ONNX Runtime).
        input: ``ternary``, ``binary``, ``3 bits``... or ``real``.
        reason: why it was placed there.
        shape: shape of the weights in the source graph.
        output_axis: axis of ``shape`` that counts outputs (0 for Conv, 1 for MatMul).
        scales: float32; real weight = scale times code. [1] or [outputs]; where +1 and -1 have
            scales of their own (trained ternary quantisation), [1 or outputs, 2]: for +, for -.
            Empty for digital layers.
        pairs: device-pair states, uint8 [planes, bytes], `encoding.pack_trits` of each plane;
            None for digital layers.
        levels: number of distinct weight values in the source.
        binary: no weight is zero and none is meant to be: the layer has no zero state.
    """

    name: str
    op: str
    kind: Kind
    placement: Placement
    input: str
    reason: str
    shape: tuple[int, ...]
    output_axis: int
    scales: npt.NDArray[np.float32]
    pairs: npt.NDArray[np.uint8] | None
    levels: int
    binary: bool = False

    @staticmethod
    def pack(codes: npt.NDArray[np.signedinteger[Any]]) -> npt.NDArray[np.uint8]:
        """Device-pair states for the ``pairs`` field, from integer weights in ONNX shape."""
        return np.stack([pack_trits(plane) for plane in to_trit_planes(codes)])

    @functools.cached_property
    def trits(self) -> npt.NDArray[np.int8]:
        """int8 [planes, *shape]: the trit in every device pair (crossbar layers only)."""
        if self.pairs is None:
            raise ValueError(f"layer {self.name!r} is digital and stores no trits")
        return np.stack([unpack_trits(plane, self.shape) for plane in self.pairs])

    def with_trits(self, trits: npt.NDArray[np.int8]) -> Layer:
        """The same layer with other trits in its device pairs; int8 [planes, *shape]."""
        return replace(self, pairs=np.stack([pack_trits(plane) for plane in trits]))

    @property
    def weights(self) -> npt.NDArray[np.signedinteger[Any]] | None:
        """Weight codes in ONNX shape (trits where the layer is ternary); None if digital.

        int8; int16 where six trit planes reach beyond it.
        """
        if self.pairs is None:
            return None
        codes = from_trit_planes(self.trits)
        return codes if self.planes > INT8_PLANES else codes.astype(np.int8)

    @property
    def planes(self) -> int:
        """Device pairs per weight; 0 for digital layers."""
        return 0 if self.pairs is None else len(self.pairs)

    @property
    def outputs(self) -> int:
        """Number of outputs (channels)."""
        return self.shape[self.output_axis]

    @property
    def cells(self) -> int:
        """Device pairs in all; 0 for digital layers."""
        return self.planes * math.prod(self.shape)

    @functools.cached_property
    def zero_fraction(self) -> float:
        """Share of device pairs that store 0; 0.0 for digital layers."""
        if self.pairs is None or not self.cells:
            return 0.0
        return 1.0 - np.count_nonzero(self.trits) / self.cells

    def real_weights(self, trits: npt.NDArray[np.int8] | None = None) -> npt.NDArray[np.float32]:
        """float32 weights in ONNX shape: scales times codes.

        Args:
            trits: int8 [planes, *shape], as they are read; None for those stored.
        """
        codes = from_trit_planes(self.trits if trits is None else trits)
        spread = [1] * len(self.shape)
        spread[self.output_axis] = -1
        if self.scales.ndim == 1:
            return np.asarray(codes * self.scales.reshape(spread), np.float32)
        positive, negative = (self.scales[:, side].reshape(spread) for side in (0, 1))
        return np.asarray(codes * np.where(codes > 0, positive, negative), np.float32)
