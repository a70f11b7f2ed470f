"""Weighted nodes: what they store, what feeds them, and where they are placed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ternary_engine.codes import Codes
from ternary_engine.converters.batch import Shapes
from ternary_engine.converters.chains import Feed
from ternary_engine.converters.classify import Weights, classify
from ternary_engine.converters.graph import Graph, Node
from ternary_engine.converters.values import Analysis
from ternary_engine.converters.windows import has_fixed_pads, is_padded
from ternary_engine.layer import Layer

Where = Literal["crossbar", "real crossbar", "digital"]

CONVOLUTIONS = ("Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "DeformConv")
LINEAR = ("Gemm", "MatMul", "MatMulInteger", "QLinearMatMul", "QGemm", "MatMulNBits")
WEIGHT_INPUT = {"QLinearConv": 3, "QLinearMatMul": 3, "QGemm": 3}
PLAIN = ("Conv", "Gemm", "MatMul")
LARGEST_SUM = (1 << 31) - 1  # sums are int32


@dataclass(eq=False)
class Weighted:
    """A node with constant weights.

    Attributes:
        node: the node. name: of its layer.
        weight: name of the weight tensor. weights: what it turned out to be.
        output_axis: axis of the weights that counts outputs.
        where: its placement. reason: why.
        source: the tensor that the crossbar reads (after pads are taken off the input).
        codes: the code of that tensor; None where the input is real.
        pads: zeros added before the layer's own, (top, left, bottom, right).
    """

    node: Node
    name: str
    weight: str
    weights: Weights
    shape: tuple[int, ...]
    output_axis: int
    where: Where
    reason: str
    source: str
    codes: Codes | None
    pads: tuple[int, int, int, int]

    @property
    def kind(self) -> Literal["conv", "linear"]:
        """As in `Layer`."""
        return "conv" if self.node.op in CONVOLUTIONS else "linear"

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return self.shape[self.output_axis]

    @property
    def odd(self) -> bool:
        """Whether every sum is odd: an odd number of products +-1, also where signs flip."""
        binary = self.codes is not None and self.codes.kind == "binary" and self.weights.binary
        padded = any(self.pads) or is_padded(self.node)
        return binary and not padded and self.inputs_each % 2 == 1

    @property
    def apart(self) -> bool:
        """Whether +1 and -1 have scales of their own: two integer sums for each output."""
        return self.where == "crossbar" and not self.weights.symmetric

    @property
    def inputs_each(self) -> int:
        """Number of weights of one output."""
        return int(np.prod(self.shape, dtype=np.int64)) // max(self.outputs, 1)

    def largest_sum(self) -> int:
        """Largest magnitude of a sum, whatever the weights are read as."""
        if self.codes is None or self.weights.codes is None:
            raise ValueError(f"layer {self.name!r} has no integer sums")
        widest = max(abs(self.codes.integers[0]), abs(self.codes.integers[-1]))
        if self.codes.kind == "signed":  # its bit planes are read, and err, on their own
            widest = (1 << self.codes.bits) - 1
        return int(self.inputs_each * widest * (3**self.weights.planes - 1) // 2)

    def layer(self) -> Layer:
        """The record for the network."""
        on_crossbar = self.where != "digital" and self.weights.codes is not None
        codes = self.weights.codes
        return Layer(
            name=self.name,
            op=self.node.op,
            kind=self.kind,
            placement="crossbar" if on_crossbar else "digital",
            input=self.codes.label if self.codes else "real",
            reason=self.reason,
            shape=self.shape,
            output_axis=self.output_axis,
            scales=self.weights.scales if on_crossbar else np.empty(0, np.float32),
            pairs=Layer.pack(codes) if on_crossbar and codes is not None else None,
            levels=self.weights.levels,
            binary=on_crossbar and self.weights.binary,
        )


def find_layers(graph: Graph, shapes: Shapes, analysis: Analysis) -> dict[str, Weighted]:
    """All weighted nodes by the name of their output, in graph order."""
    found: dict[str, Weighted] = {}
    producers = graph.producers()
    taken: set[str] = set()
    for index, node in enumerate(graph.nodes):
        slot = WEIGHT_INPUT.get(node.op, 1)
        if node.op not in CONVOLUTIONS + LINEAR or slot >= len(node.inputs):
            continue
        if node.inputs[slot] not in graph.constants:
            slot = 0
            if node.op != "MatMul" or node.inputs[0] not in graph.constants:
                continue
        weight = graph.origins.get(node.inputs[slot], node.inputs[slot])
        name = _unique(node, weight, index, taken)
        found[node.outputs[0]] = _describe(graph, shapes, analysis, producers, node, slot, name)
    return found


def _unique(node: Node, weight: str, index: int, taken: set[str]) -> str:
    base = node.proto.name or weight.split("/te")[0] or f"{node.op}_{index}"
    name, count = base, 1
    while name in taken:
        count += 1
        name = f"{base}_{count}"
    taken.add(name)
    return name


def _describe(
    graph: Graph,
    shapes: Shapes,
    analysis: Analysis,
    producers: dict[str, Node],
    node: Node,
    slot: int,
    name: str,
) -> Weighted:
    weight = node.inputs[slot]
    array = graph.array(weight)
    axis = _output_axis(node, array.ndim)
    source, pads = _strip_pads(graph, producers, node)
    item = Weighted(
        node, name, weight, _NO_WEIGHTS, array.shape, axis, "digital", "", source, None, pads
    )
    plain = _unsupported(graph, shapes, node, slot)
    if array.dtype.kind == "f" or not plain:
        item.weights = classify(array, axis, weight, graph.steps.get(weight))
    item.reason = plain or item.weights.text
    if plain or not item.weights.few:
        return item
    item.where = "real crossbar"
    codes = analysis.codes(source)
    why = _not_integer(graph, shapes, item, codes)
    if codes is None or why:
        item.pads = (0, 0, 0, 0)
        item.source = node.inputs[0]
        item.reason = f"{item.weights.text}; {why or 'real-valued input'}"
        return item
    item.codes, item.where = codes, "crossbar"
    item.reason = f"{item.weights.text}; {codes.label} input"
    return item


_NO_WEIGHTS = Weights(None, np.empty(0, np.float32), 0, False, "")


def _output_axis(node: Node, rank: int) -> int:
    if node.op == "Gemm":
        return 0 if node.attributes.get("transB", 0) else 1
    if node.op in ("ConvTranspose", "QGemm"):
        return 1
    return 0 if node.op in (*CONVOLUTIONS, "MatMulNBits") else max(rank - 1, 0)


def _unsupported(graph: Graph, shapes: Shapes, node: Node, slot: int) -> str:
    """Why the crossbar cannot hold a node's weights, whatever their values."""
    if node.op not in PLAIN or node.domain:
        return f"{node.op} is computed digitally"
    rank = graph.array(node.inputs[slot]).ndim
    if slot == 0:
        return "constant first operand: the layer is computed digitally"
    if node.op == "MatMul" and rank != 2:
        return f"weights of rank {rank}: a crossbar layer takes a matrix"
    if node.op == "Conv" and rank not in (3, 4):
        return f"{rank - 2}-dimensional convolution: a crossbar layer takes 1 or 2"
    if node.op == "Gemm" and node.attributes.get("transA", 0):
        return "transA=1: the layer is computed digitally"
    if not graph.array(node.inputs[slot]).size:
        return "the layer has no weights"
    return "" if shapes.per_sample(node.outputs[0]) is not None else "no batch axis"


def _not_integer(graph: Graph, shapes: Shapes, item: Weighted, codes: Codes | None) -> str:
    """Why a layer with few-bit weights is summed in float; empty if it need not be."""
    node = item.node
    if codes is None:
        return ""
    rank = len(shapes.per_sample(node.inputs[0]) or ())
    if rank != {"Conv": len(item.shape) - 1, "Gemm": 1}.get(node.op, rank) or not 1 <= rank <= 3:
        return f"input of rank {rank + 1}"
    if node.op == "MatMul" and rank > 2:
        return f"input of rank {rank + 1}"
    if not has_fixed_pads(node, shapes):
        return "padding that depends on the size of the input"
    if shapes.dtypes[node.outputs[0]] != np.float32:
        return f"{shapes.dtypes[node.outputs[0]].name} arithmetic"
    if _bias(graph, item) is None:
        return "bias that is no constant per output"
    item.codes = codes
    too_large = item.largest_sum() > LARGEST_SUM
    item.codes = None
    return f"sums beyond {LARGEST_SUM:,}" if too_large else ""


def _strip_pads(
    graph: Graph, producers: dict[str, Node], node: Node
) -> tuple[str, tuple[int, int, int, int]]:
    """Input of a convolution without the zero Pad before it, and that Pad's widths."""
    source, none = node.inputs[0], (0, 0, 0, 0)
    pad = producers.get(source)
    if node.op != "Conv" or pad is None or pad.op != "Pad":
        return source, none
    widths = _zero_pad(graph, pad)
    if widths is None:
        return source, none
    rank = len(widths) // 2
    spatial = [*widths[2:rank], *widths[rank + 2 :]]
    outer = [*widths[:2], *widths[rank : rank + 2]]
    if rank not in (3, 4) or any(outer) or min(spatial) < 0:
        return source, none
    sides = [int(w) for w in spatial]
    if rank == 3:
        return pad.inputs[0], (0, sides[0], 0, sides[1])
    return pad.inputs[0], (sides[0], sides[1], sides[2], sides[3])


def _zero_pad(graph: Graph, pad: Node) -> list[int] | None:
    """Widths of a Pad with zeros over all axes; None for any other."""
    attributes = pad.attributes
    if attributes.get("mode", b"constant") != b"constant" or attributes.get("value", 0.0):
        return None
    if len(pad.inputs) < 2:
        return list(attributes["pads"]) if "pads" in attributes else None
    fill = pad.inputs[2] if len(pad.inputs) > 2 else ""
    if fill and (fill not in graph.constants or graph.array(fill).any()):
        return None
    some_axes = len(pad.inputs) > 3 and pad.inputs[3]
    if some_axes or pad.inputs[1] not in graph.constants:
        return None
    return [int(width) for width in graph.array(pad.inputs[1])]


def _bias(graph: Graph, item: Weighted) -> tuple[npt.NDArray[np.float32] | None] | None:
    """The bias per output in a tuple; None where it is not constant or not per output."""
    node = item.node
    if len(node.inputs) < 3 or not node.inputs[2]:
        return (None,)
    if node.inputs[2] not in graph.constants:
        return None
    bias = graph.array(node.inputs[2])
    if bias.size not in (1, item.outputs) or (bias.size > 1 and bias.shape[-1] != item.outputs):
        return None
    if node.op == "Gemm":
        bias = bias * np.float32(node.attributes.get("beta", 1.0))
    return (np.broadcast_to(bias.reshape(-1), item.outputs).astype(np.float32),)


def feed(graph: Graph, item: Weighted) -> Feed:
    """How the layer's integer sums become its output in the source graph."""
    return _feed(graph, item, item.weights.scales)


def feeds_apart(graph: Graph, item: Weighted) -> tuple[Feed, npt.NDArray[np.float32]]:
    """The same for a layer whose sums are apart: for +1, and the scale of -1."""
    plus, minus = (_feed(graph, item, side) for side in item.weights.scales.T)
    return plus, minus.scale


def _feed(graph: Graph, item: Weighted, scales: npt.NDArray[np.float32]) -> Feed:
    if item.codes is None:
        raise ValueError(f"layer {item.name!r} has no integer sums")
    alpha = float(item.node.attributes.get("alpha", 1.0)) if item.node.op == "Gemm" else 1.0
    scale = scales.astype(np.float64) * item.codes.scale * alpha
    bias = _bias(graph, item)
    spread = np.broadcast_to(scale, item.outputs).astype(np.float32)
    return Feed(spread, bias[0] if bias else None)
