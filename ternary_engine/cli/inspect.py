"""``ternary-engine inspect``: what a network holds, and where each layer lies."""

from __future__ import annotations

from ternary_engine.cli import screen
from ternary_engine.cli.options import AsJson, NetworkFile

__all__ = ["inspect"]


def inspect(network: NetworkFile, json: AsJson = False) -> None:
    """Show a network layer by layer.

    For each layer: its operator, where it is placed (crossbar or digital) and
    why, what its input is, shape, distinct weight values, trit planes (where
    a layer has several: a pair of cells per weight in each), share of zeros,
    scales, device pairs and bits. Then totals and the compression against
    float32.

    Examples:
      $ ternary-engine inspect net.tern
      $ ternary-engine inspect model.onnx --json
    """
    from ternary_engine import summary
    from ternary_engine.cli import data

    net = data.load_network(network)
    if json:
        screen.emit_json(summary.as_dict(net))
    else:
        screen.emit(summary.renderable(net, screen.width()))
