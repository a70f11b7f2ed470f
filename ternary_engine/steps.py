"""What a converted network does, as a list of small steps over named values.

A value is one of

* ``real``: a float (or other ONNX) array in the layout of the source graph, batch first;
* ``codes``: a few-valued tensor (`codes.Codes`), packed in bit planes by the runtime;
* ``sums``: the integer sums of a crossbar layer.

Codes and sums are images: (sample, channel, row, column). A 1-D convolution has one row, a plain
linear layer one row and one column, a matrix product over a sequence one row and T columns. Steps
say nothing of memory layout: packing, fusing and threads are the runtime's business.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ternary_engine.codes import Codes

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Geometry:
    """The window of a convolution or pooling, rows before columns.

    Attributes:
        kernel: window size (rows, columns).
        strides: steps between windows.
        pads: zeros added (top, left, bottom, right); pooling ignores padded places.
        dilations: distance between taps.
        groups: channel groups of a convolution.
        ceil_mode: pooling only: a last, partly filled window counts.
    """

    kernel: tuple[int, int] = (1, 1)
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)
    groups: int = 1
    ceil_mode: bool = False


@dataclass(frozen=True, kw_only=True)
class Encode:
    """real -> codes, by comparison with exact float32 steps.

    ``k`` = number of thresholds of the element's channel with ``x >= threshold``; the code's
    integer has index ``k``, or ``levels - 1 - k`` where ``decreasing`` is set.

    Attributes:
        source: a real value of shape (N, C, ...); one of shape (N, T, C) when ``channels_last``.
        target: the codes.
        codes: their code.
        thresholds: float32 [C or 1, levels - 1], ascending along the second axis; -inf is always
            reached, NaN (at the end) never. A NaN input reaches none.
        decreasing: bool [C or 1].
        channels_last: the real value has its channels in the last axis (matrix product over a
            sequence); its other axes become the columns.
        flatten: all axes but the first are taken as channels, in order.
    """

    source: str
    target: str
    codes: Codes
    thresholds: Float32Array
    decreasing: BoolArray
    channels_last: bool = False
    flatten: bool = False


@dataclass(frozen=True, kw_only=True)
class Crossbar:
    """codes -> sums: the products of a layer with few-bit inputs, in exact integers.

    A linear layer after Flatten has the image it flattens as its kernel. The sums have one
    channel per output of the layer; a layer whose weights need several trit planes
    gives the weighted total of its planes.

    Attributes:
        source: codes. target: sums.
        layer: name of the `Layer` with the trits.
        geometry: window over the source image.
        apart: the sums have two channels per output: of the cells read as +1, then of those read
            as -1 (counted positive).
    """

    source: str
    target: str
    layer: str
    geometry: Geometry
    apart: bool = False


@dataclass(frozen=True, kw_only=True)
class RealCrossbar:
    """real -> real: a layer whose sensed weights meet a real-valued input in float adders.

    Attributes:
        source, target: real values.
        layer: name of the `Layer`; its trits times its scales are the weights.
        model: serialised ONNX model of the one node, with graph inputs (source, "weights").
        geometry: window over the source image.
        form: of source and target, as in `LookupReal`.
        factor: what the node multiplies its products by (alpha of Gemm).
    """

    source: str
    target: str
    layer: str
    model: bytes
    geometry: Geometry
    form: str
    factor: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """sums -> codes, by comparison with integer thresholds; indices as in `Encode`.

    Attributes:
        source: sums. target: codes.
        codes: their code.
        thresholds: int32 [C, levels - 1], ascending along the second axis; a step that never comes
            lies beyond the range of the sums.
        decreasing: bool [C].
    """

    source: str
    target: str
    codes: Codes
    thresholds: Int32Array
    decreasing: BoolArray


@dataclass(frozen=True, kw_only=True)
class LookupCodes:
    """sums -> codes through a table, for chains that are not monotone.

    Attributes:
        source: sums. target: codes.
        codes: their code.
        minimum: the sum that the first column stands for.
        table: int16 [C, range] of code integers.
    """

    source: str
    target: str
    codes: Codes
    minimum: int
    table: npt.NDArray[np.int16]


@dataclass(frozen=True, kw_only=True)
class LookupReal:
    """sums -> real through a table: what the source graph makes of every possible sum.

    Attributes:
        source: sums. target: a real value.
        minimum: the sum that the first column stands for.
        table: float32 [C, range].
        form: shape of the target: "NCHW", "NCL" (one row), "NC" (one row, one column) or "NTC"
            (one row, channels last).
    """

    source: str
    target: str
    minimum: int
    table: Float32Array
    form: str


@dataclass(frozen=True, kw_only=True)
class ScaleReal:
    """sums -> real: ``float32(sum) * scale + offset`` per channel, rounded after each operation.

    Where a table would be too large, or the rest of the graph needs the plain sum.

    Attributes:
        source: sums. target: a real value.
        scale: float32 [C].
        offset: float32 [C] or None.
        form: as in `LookupReal`.
        negative: for sums that are `apart`, float32 [C]: the scale of -1, whose sums times it are
            subtracted; else None.
    """

    source: str
    target: str
    scale: Float32Array
    offset: Float32Array | None
    form: str
    negative: Float32Array | None = None


@dataclass(frozen=True, kw_only=True)
class Pool:
    """codes -> codes: the largest code in each window, or the smallest.

    Attributes:
        source, target: codes of the same code.
        geometry: the window; padded places do not take part.
        smallest: bool [C], channels that take the smallest (their thresholds decrease).
    """

    source: str
    target: str
    geometry: Geometry
    smallest: BoolArray


@dataclass(frozen=True, kw_only=True)
class Join:
    """codes -> codes: the channels of several images, one image after another.

    Attributes:
        sources, target: codes of the same code, images of the same size.
    """

    sources: tuple[str, ...]
    target: str


@dataclass(frozen=True, kw_only=True)
class Decode:
    """codes -> real: the code's own float32 values.

    Attributes:
        source: codes. target: a real value.
        form: as in `LookupReal`.
    """

    source: str
    target: str
    form: str


@dataclass(frozen=True, kw_only=True)
class Digital:
    """real -> real: a piece of the source graph that ONNX Runtime executes.

    Attributes:
        sources, targets: real values, named as the model's inputs and outputs.
        model: serialised ONNX model.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    model: bytes


Step = (
    Encode
    | Crossbar
    | RealCrossbar
    | Threshold
    | LookupCodes
    | LookupReal
    | ScaleReal
    | Pool
    | Join
    | Decode
    | Digital
)


def sources(step: Step) -> tuple[str, ...]:
    """Names of the values that a step reads."""
    return step.sources if isinstance(step, Digital | Join) else (step.source,)
