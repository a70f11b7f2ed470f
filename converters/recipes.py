"""How a few-valued tensor comes to be codes: the steps that make it of sums or of a real value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ternary_engine.codes import Codes
from ternary_engine.converters.batch import Shapes
from ternary_engine.converters.chains import Chain, ChainFunction, Walker
from ternary_engine.converters.concats import joins_channels
from ternary_engine.converters.graph import Graph, Node
from ternary_engine.converters.thresholds import (
    Domain,
    code_indices,
    find_steps,
    tabulate,
    to_values,
)
from ternary_engine.converters.values import Analysis
from ternary_engine.converters.weighted import Weighted, feed, feeds_apart
from ternary_engine.converters.windows import pool_geometry
from ternary_engine.steps import (
    Encode,
    Join,
    LookupCodes,
    LookupReal,
    Pool,
    ScaleReal,
    Step,
    Threshold,
)

LARGEST_TABLE = 1 << 20  # entries of a lookup table
NEAREST = 4  # short chains that are tried when the longest fails


@dataclass(frozen=True)
class Recipe:
    """Steps that make codes of a tensor.

    Attributes:
        steps: in order; the last one's target is ``codes_name(tensor)``.
        sums: output of the crossbar layer whose sums they read, if any.
        real: the real value they read, if any.
        codes: the code.
        image: rows and columns of the codes; a linear layer's kernel.
        flat: the tensor has channels, rows and columns in one axis.
        joined: tensors whose codes they join.
    """

    steps: tuple[Step, ...]
    sums: str | None
    real: str | None
    codes: Codes
    image: tuple[int, int]
    flat: bool
    joined: tuple[str, ...] = ()


def codes_name(tensor: str, axis: int = 1) -> str:
    """The value name of a tensor's codes."""
    return f"{tensor}:codes" if axis == 1 else f"{tensor}:codes{axis}"


def sums_name(tensor: str) -> str:
    """The value name of a layer's sums."""
    return f"{tensor}:sums"


class Cook:
    """Finds recipes, and remembers them."""

    def __init__(
        self, graph: Graph, shapes: Shapes, analysis: Analysis, layers: dict[str, Weighted]
    ) -> None:
        self.graph = graph
        self.shapes = shapes
        self.analysis = analysis
        self.layers = layers
        self.walker = Walker(graph, shapes)
        self._codes: dict[tuple[str, int], Recipe] = {}
        self._not_of_sums: set[tuple[str, int]] = set()

    def codes(self, tensor: str, axis: int) -> Recipe:
        """The recipe for the codes of a tensor that has a code."""
        key = (tensor, axis)
        if key not in self._codes:
            code = self.analysis.codes(tensor)
            if code is None:
                raise ValueError(f"{tensor!r} has no code")
            self._codes[key] = self._find(tensor, axis, code)
        return self._codes[key]

    def real(self, tensor: str, axis: int) -> tuple[Step, str] | None:
        """A table or scaling that makes a real tensor of sums, and the layer output it reads."""
        if self.shapes.dtypes.get(tensor) != np.float32:
            return None
        if (tensor, axis) in self._not_of_sums:
            return None
        layer = self.layers.get(tensor)
        if layer is not None and layer.apart:
            return self._apart(tensor, layer) if self.channel_axis(tensor) == axis else None
        chains = list(self.walker.chains(tensor, axis, moves=False))
        chain = chains[-1]
        item = self.integer_layer(chain.source)
        if item is None or self.channel_axis(chain.source) != axis:
            # a walk from any tensor on the way ends at the same place
            self._not_of_sums.update((passed.source, axis) for passed in chains)
            return None
        form = self.form(tensor, chain.source)
        span = 2 * item.largest_sum() + 1
        if form and span * item.outputs <= LARGEST_TABLE:
            domain, function = self._of_sums(chain, item, item.outputs)
            pieces = [target for target, *_ in tabulate(function, domain)]
            table = np.ascontiguousarray(np.concatenate(pieces).T, np.float32)
            return LookupReal(
                source=sums_name(chain.source), target=tensor, minimum=domain.low, table=table,
                form=form,
            ), chain.source  # fmt: skip
        if tensor != chain.source:
            return None
        start = feed(self.graph, item)
        return ScaleReal(
            source=sums_name(tensor), target=tensor, scale=start.scale, offset=start.bias,
            form=self.form(tensor, tensor),
        ), tensor  # fmt: skip

    def integer_layer(self, tensor: str) -> Weighted | None:
        """The layer with integer sums whose output the tensor is."""
        item = self.layers.get(tensor)
        one_sum = item is not None and item.where == "crossbar" and not item.apart
        return item if one_sum else None

    def _apart(self, tensor: str, item: Weighted) -> tuple[Step, str]:
        """The real output of a layer with two sums for each output."""
        plus, minus = feeds_apart(self.graph, item)
        return ScaleReal(
            source=sums_name(tensor), target=tensor, scale=plus.scale, offset=plus.bias,
            negative=minus, form=self.form(tensor, tensor),
        ), tensor  # fmt: skip

    def channel_axis(self, tensor: str) -> int:
        """Where the channels of a layer's output lie: last for a matrix product over a sequence."""
        return _axis_of(self.layers[tensor].node, self.shapes, tensor)

    def form(self, tensor: str, layer_output: str) -> str:
        """Shape of a real tensor made of images; empty where none fits."""
        rank = len(self.shapes.shapes[tensor])
        if rank == 3:
            return "NTC" if self.channel_axis(layer_output) == 2 else "NCL"
        return {2: "NC", 4: "NCHW"}.get(rank, "")

    def _of_sums(self, chain: Chain, item: Weighted, channels: int) -> tuple[Domain, ChainFunction]:
        largest = item.largest_sum()
        axis = self.channel_axis(chain.source)
        start = feed(self.graph, item)
        function = ChainFunction(self.graph, self.shapes, chain, channels, axis, start)
        return Domain(-largest, largest, function.dtype, odd=item.odd), function

    def _find(self, tensor: str, axis: int, code: Codes) -> Recipe:
        joined = self._joined(tensor, axis, code)
        if joined is not None:
            return joined
        for chain in _candidates(list(self.walker.chains(tensor, axis))):
            item = self.integer_layer(chain.source)
            if item is not None and self.channel_axis(chain.source) == axis:
                recipe = self._from_sums(chain, item, code)
            else:
                recipe = self._from_real(chain, axis, code)
            if recipe is not None:
                return recipe
        return self._between_levels(tensor, axis, code)

    def _joined(self, tensor: str, axis: int, code: Codes) -> Recipe | None:
        """A concatenation of channels whose parts have this code; some part of sums."""
        node = self.walker.producers.get(tensor)
        if node is None or axis != 1 or not joins_channels(self.graph, self.shapes, node):
            return None
        if any(self.analysis.codes(name) != code for name in node.inputs):
            return None
        parts = [self.codes(name, axis) for name in node.inputs]
        first = parts[0]
        alike = all((part.image, part.flat) == (first.image, first.flat) for part in parts)
        if not alike or all(part.real is not None for part in parts):
            return None
        step = Join(
            sources=tuple(codes_name(name) for name in node.inputs), target=codes_name(tensor)
        )
        return Recipe((step,), None, None, code, first.image, first.flat, tuple(node.inputs))

    def _from_sums(self, chain: Chain, item: Weighted, code: Codes) -> Recipe | None:
        image = self._image(chain.source, self.channel_axis(chain.source))
        if image is None:
            return None
        domain, function = self._of_sums(chain, item, item.outputs)
        steps = find_steps(function, domain, code)
        source, axis = sums_name(chain.source), self.channel_axis(chain.source)
        names = self._names(chain, axis)
        first: Step
        if steps is None:
            table = self._table(function, domain, code) if not chain.pools else None
            if table is None:
                return None
            first = LookupCodes(
                source=source, target=names[0], codes=code, minimum=domain.low, table=table
            )
        else:
            first = Threshold(
                source=source,
                target=names[0],
                codes=code,
                thresholds=np.clip(steps.keys, -(1 << 31), (1 << 31) - 1).astype(np.int32),
                decreasing=steps.decreasing,
            )
        pools = self._pools(chain, steps.smallest if steps else (), names, item.outputs)
        image = self._image_after(chain, image)
        return Recipe((first, *pools), chain.source, None, code, image, chain.flat)

    def _table(
        self, function: ChainFunction, domain: Domain, code: Codes
    ) -> npt.NDArray[np.int16] | None:
        if domain.size * function.channels > LARGEST_TABLE:
            return None
        pieces = [code_indices(target, code) for target, *_ in tabulate(function, domain)]
        if any(piece is None for piece in pieces):
            return None
        index = np.concatenate([piece for piece in pieces if piece is not None]).T
        table: npt.NDArray[np.int16] = np.array(code.integers, np.int16)[index]
        return table

    def _from_real(self, chain: Chain, axis: int, code: Codes) -> Recipe | None:
        domain = Domain.of(self.shapes.dtypes[chain.source])
        image = self._image(chain.source, axis)
        if domain is None or image is None or (axis == 2 and chain.moves):
            return None
        inside = self.shapes.per_sample(chain.source) or (1,)
        whole = (inside[0] if axis == 1 else inside[-1]) or 1
        channels = whole if chain.per_channel else 1
        function = ChainFunction(self.graph, self.shapes, chain, channels, axis)
        steps = find_steps(function, domain, code)
        if steps is None:
            return None
        source = chain.source
        flatten = chain.flat and not chain.pools and channels == 1
        if flatten:  # a long flat row packs far better than an image of few channels
            chain, image = replace(chain, moves=(), flat=False), (1, 1)
        names = self._names(chain, axis)
        encode = Encode(
            source=source,
            target=names[0],
            codes=code,
            thresholds=to_values(steps, domain),
            decreasing=steps.decreasing,
            channels_last=axis == 2,
            flatten=flatten,
        )
        pools = self._pools(chain, steps.smallest, names, whole)
        return Recipe(
            (encode, *pools), None, source, code, self._image_after(chain, image), chain.flat
        )

    def _between_levels(self, tensor: str, axis: int, code: Codes) -> Recipe:
        """The tensor is computed as a real value; steps lie midway between its levels."""
        values = np.array(code.values, np.float64)
        middle = ((values[1:] + values[:-1]) / 2).astype(np.float32)
        encode = Encode(
            source=tensor,
            target=codes_name(tensor, axis),
            codes=code,
            thresholds=middle[None, :],
            decreasing=np.zeros(1, np.bool_),
            channels_last=axis == 2,
        )
        return Recipe((encode,), None, tensor, code, self._image(tensor, axis) or (1, 1), False)

    def _image(self, tensor: str, axis: int) -> tuple[int, int] | None:
        """Rows and columns of a tensor's image."""
        inside = self.shapes.per_sample(tensor)
        if inside is None or not 1 <= len(inside) <= 3:
            return None
        if len(inside) == 1:
            return (1, 1)
        if len(inside) == 2:
            return (1, (inside[1] if axis == 1 else inside[0]) or 1)
        return (inside[1] or 1, inside[2] or 1) if axis == 1 else None

    def _image_after(self, chain: Chain, image: tuple[int, int]) -> tuple[int, int]:
        pools = chain.pools
        return (self._image(pools[-1].outputs[0], 1) or image) if pools else image

    def _names(self, chain: Chain, axis: int) -> list[str]:
        """Targets of the first step and of each pool."""
        count = len(chain.pools)
        last = codes_name(chain.target, axis)
        return [f"{last}/{index}" for index in range(count)] + [last]

    def _pools(
        self, chain: Chain, smallest: Sequence[npt.NDArray[np.bool_]], names: list[str],
        channels: int,
    ) -> Iterator[Pool]:  # fmt: skip
        for index, node in enumerate(chain.pools):
            yield Pool(
                source=names[index],
                target=names[index + 1],
                geometry=pool_geometry(node, self.shapes),
                smallest=np.broadcast_to(smallest[index], channels).copy(),
            )


def _candidates(chains: list[Chain]) -> list[Chain]:
    """Chains worth evaluating, longest first: where all fail, trying each would take long."""
    before_moves = [
        chain for chain, longer in pairwise(chains) if len(longer.moves) > len(chain.moves)
    ]
    chosen = [*chains[:NEAREST], *before_moves[-NEAREST:], chains[-1]]
    return sorted({id(c): c for c in chosen}.values(), key=lambda c: len(c.nodes), reverse=True)


def _axis_of(node: Node, shapes: Shapes, tensor: str) -> int:
    return len(shapes.shapes[tensor]) - 1 if node.op == "MatMul" else 1
