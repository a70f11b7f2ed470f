"""Local functions: inlined, once it is sure that this comes to an end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx
from onnx import inliner

from ternary_engine.converters.sessions import brief
from ternary_engine.exceptions import ConversionError

MOST_NODES = 30_000  # after inlining; the largest networks in use have a third of it

Key = tuple[str, str]


def inline(model: onnx.ModelProto) -> onnx.ModelProto:
    """Put the bodies of local functions in the place of their calls.

    Raises:
        ConversionError: a function calls itself, there would be too many nodes, or a call does not
            fit its function.
    """
    if not model.functions:
        return model
    bodies = {_key(f.domain, f.name): list(_calls(f.node)) for f in model.functions}
    total = sum(_size(key, bodies, {}, []) for key in _calls(model.graph.node))
    if total > MOST_NODES:
        raise ConversionError(
            f"local functions make {total:,} nodes when inlined; {MOST_NODES:,} are the most"
        )
    try:
        return inliner.inline_local_functions(model)
    except Exception as error:  # the inliner raises bare RuntimeErrors
        raise ConversionError(f"local functions cannot be inlined: {brief(error)}") from error


def _key(domain: str, name: str) -> Key:
    return ("" if domain == "ai.onnx" else domain, name)


def _calls(nodes: Iterable[onnx.NodeProto]) -> Iterator[Key]:
    """What every node calls, those in subgraphs too."""
    for node in nodes:
        yield _key(node.domain, node.op_type)
        for attribute in node.attribute:
            for graph in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
                yield from _calls(graph.node)


def _size(key: Key, bodies: dict[Key, list[Key]], known: dict[Key, int], path: list[Key]) -> int:
    """Nodes that a call becomes."""
    if key not in bodies:
        return 1
    if key in path:
        names = " -> ".join(name for _, name in [*path[path.index(key) :], key])
        raise ConversionError(f"local function {key[1]!r} calls itself: {names}")
    if key not in known:
        inner = [*path, key]
        known[key] = sum(_size(call, bodies, known, inner) for call in bodies[key])
    return known[key]
