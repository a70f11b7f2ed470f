"""Windows of convolutions and pools: pads resolved, one dimension seen as one row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ternary_engine.converters.batch import Shapes
from ternary_engine.converters.graph import Node
from ternary_engine.steps import Geometry


def layer_geometry(
    node: Node,
    shapes: Shapes,
    weights: Sequence[int],
    image: tuple[int, int],
    extra: tuple[int, int, int, int],
) -> Geometry:
    """The window of a layer.

    Args:
        node: Conv, Gemm or MatMul.
        shapes: of the graph.
        weights: shape of the layer's weights.
        image: rows and columns of the source image, a linear layer's kernel.
        extra: pads besides the node's own.
    """
    if node.op != "Conv":
        return Geometry(kernel=image)
    attributes, rank = node.attributes, len(weights) - 2
    kernel = list(weights[2:])
    strides = list(attributes.get("strides", [1] * rank))
    dilations = list(attributes.get("dilations", [1] * rank))
    spatial = (shapes.per_sample(node.inputs[0]) or ())[1:]
    sizes = [size or 1 for size in spatial]
    pads = list(_pads(attributes, kernel, strides, dilations, sizes))
    if rank == 1:
        kernel, strides, dilations = [1, *kernel], [1, *strides], [1, *dilations]
        pads = [0, pads[0], 0, pads[1]]
    top, left, bottom, right = (a + b for a, b in zip(pads, extra, strict=True))
    return Geometry(
        kernel=(kernel[0], kernel[1]),
        strides=(strides[0], strides[1]),
        pads=(top, left, bottom, right),
        dilations=(dilations[0], dilations[1]),
        groups=int(attributes.get("group", 1)),
    )


def has_fixed_pads(node: Node, shapes: Shapes) -> bool:
    """Whether pads are the same at every size that the graph leaves open."""
    if node.attributes.get("auto_pad", b"NOTSET") in (b"NOTSET", b"VALID"):
        return True
    return not shapes.open_sizes or set(node.attributes.get("strides", [1])) == {1}


def is_padded(node: Node) -> bool:
    """Whether a layer may have windows that reach over the edge."""
    mode = node.attributes.get("auto_pad", b"NOTSET")
    return (
        node.op == "Conv"
        and mode != b"VALID"
        and (mode != b"NOTSET" or any(node.attributes.get("pads", [0])))
    )


def pool_geometry(node: Node, shapes: Shapes) -> Geometry:
    """The window of a max pool."""
    attributes = node.attributes
    kernel = list(attributes["kernel_shape"])
    rank = len(kernel)
    strides = list(attributes.get("strides", [1] * rank))
    dilations = list(attributes.get("dilations", [1] * rank))
    sizes = [size or 1 for size in (shapes.per_sample(node.inputs[0]) or ())[1:]]
    pads = list(_pads(attributes, kernel, strides, dilations, sizes))
    if rank == 1:
        kernel, strides, dilations = [1, *kernel], [1, *strides], [1, *dilations]
        pads = [0, pads[0], 0, pads[1]]
    return Geometry(
        kernel=(kernel[0], kernel[1]),
        strides=(strides[0], strides[1]),
        pads=(pads[0], pads[1], pads[2], pads[3]),
        dilations=(dilations[0], dilations[1]),
        ceil_mode=bool(attributes.get("ceil_mode", 0)),
    )


def _pads(
    attributes: dict[str, object],
    kernel: list[int],
    strides: list[int],
    dilations: list[int],
    sizes: list[int],
) -> Iterator[int]:
    """Pads of both sides, auto_pad resolved."""
    mode = attributes.get("auto_pad", b"NOTSET")
    given = attributes.get("pads", [0] * (2 * len(kernel)))
    if mode == b"NOTSET" and isinstance(given, list):
        yield from (int(p) for p in given)
        return
    if mode == b"VALID":
        yield from [0] * (2 * len(kernel))
        return
    totals = [
        max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        for n, k, s, d in zip(sizes, kernel, strides, dilations, strict=True)
    ]
    smaller = [total // 2 for total in totals]
    larger = [total - small for total, small in zip(totals, smaller, strict=True)]
    yield from (smaller + larger if mode == b"SAME_UPPER" else larger + smaller)
