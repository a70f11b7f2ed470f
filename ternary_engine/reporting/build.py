"""The whole report: measure, then write the page."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

import ternary_engine
from ternary_engine import benchmark, text
from ternary_engine.errors import Per
from ternary_engine.files import atomic_write
from ternary_engine.mapping import Cost, CostParameters, Outputs, map_network
from ternary_engine.mapping import Mapping as ArrayMapping
from ternary_engine.mapping import cost as count_cost
from ternary_engine.mapping.tables import energy
from ternary_engine.network import Network, Port
from ternary_engine.reporting import sections
from ternary_engine.reporting.html import Markup, paragraph, section
from ternary_engine.reporting.measure import Accuracy, measure
from ternary_engine.reporting.page import page
from ternary_engine.sweeps import Results, read_results
from ternary_engine.sweeps.identity import pack

__all__ = ["RATES", "report"]

Array = npt.NDArray[Any]

RATES = (1e-3, 1e-2, 3e-2, 1e-1)


def report(
    net: Network,
    x: Array | Mapping[str, Array],
    labels: Array | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    array: tuple[int, int] = (32, 32),
    outputs: Outputs = "rows",
    parameters: CostParameters | None = None,
    rates: Sequence[float] = RATES,
    per: Per = "read",
    trials: int = 5,
    seed: int = 0,
    results: Results | str | os.PathLike[str] | None = None,
    command: str = "",
) -> str:
    """Write one HTML page on a network: layers, accuracy, arrays, cost, provenance.

    The page needs nothing else: style, pictures and figures are inside, nothing is loaded.

    Args:
        net: a converted network.
        x: typical samples, as for `Network.run`.
        labels: classes of the samples; without them, answers under errors are compared with those
            without. Defaults to none.
        out: file to write, complete or not at all; defaults to none.
        array: rows and columns of an array; defaults to 32 x 32.
        outputs: what the weights of an output lie along, see `te.map`; defaults to rows.
        parameters: of the cost; default to `CostParameters()`.
        rates: bit error rates to measure the accuracy under; default to 1e-3, 1e-2, 3e-2, 0.1.
        per: what one draw of errors lasts for; defaults to ``"read"``.
        trials: of each rate; defaults to 5.
        seed: names the error draws; defaults to 0.
        results: of a sweep, or its file, to show as well.
        command: that made the report, to be shown.

    Returns:
        The page.

    Raises:
        TypeError, ValueError: bad samples, labels, array or rates; no samples.
        OSError: ``out`` cannot be written.
    """
    hashed = pack(net)[1]
    swept = read_results(results) if isinstance(results, str | os.PathLike) else results
    named = Path(results).name if isinstance(results, str | os.PathLike) else "results"
    made: list[tuple[str, str, Markup]] = [("network", "Network", sections.network(net))]
    measured, shown = _accuracy(net, x, labels, rates=rates, per=per, trials=trials, seed=seed)
    made.append(("accuracy", "Accuracy", shown))
    mapping, priced = _cost(net, x, array, outputs, parameters)
    if mapping is not None and priced is not None:
        made.append(("arrays", "Arrays", sections.arrays(mapping)))
        made.append(("cost", "Cost", sections.cost(priced)))
    if swept is not None:
        made.append(("sweep", "Sweep", sections.sweep(swept, named, hashed)))
    origin = sections.provenance(_provenance(net, hashed, seed), command)
    made.append(("provenance", "Provenance", origin))
    title = net.provenance.get("file", "network")
    html = page(title, _ports(net), _tiles(net, measured, mapping, priced), made)
    if out is not None:
        with atomic_write(out) as temporary:
            temporary.write_bytes(html.encode("utf-8", "replace"))
    return html


def _accuracy(
    net: Network, x: Any, labels: Array | None, **how: Any
) -> tuple[Accuracy | None, Markup]:
    """Accuracy where there is a way to tell; labels that are given must fit."""
    try:
        measured = measure(net, x, labels, **how)
    except ValueError as error:
        if labels is not None or not str(error).startswith("accuracy takes"):
            raise
        note = paragraph(f"No accuracy: the first output holds no classes ({error}).", "note")
        return None, section("accuracy", "Accuracy under sense errors", note)
    return measured, sections.accuracy(measured)


def _cost(
    net: Network,
    x: Any,
    array: tuple[int, int],
    outputs: Outputs,
    parameters: CostParameters | None,
) -> tuple[ArrayMapping | None, Cost | None]:
    if not any(layer.placement == "crossbar" for layer in net.layers):
        return None, None
    mapping = map_network(net, array, outputs=outputs, x=x)
    return mapping, count_cost(net, x, mapping=mapping, parameters=parameters)


def _ports(net: Network) -> str:
    def written(ports: tuple[Port, ...]) -> str:
        return ", ".join(f"{port.name} {port.dtype} {text.shape(port.shape)}" for port in ports)

    return f"{written(net.inputs)} → {written(net.outputs)}"


def _tiles(
    net: Network, measured: Accuracy | None, mapping: ArrayMapping | None, priced: Cost | None
) -> list[tuple[str, str]]:
    tiles = []
    if measured is not None and measured.labelled:
        tiles.append((text.percent(measured.error_free), "accuracy without errors"))
    if measured is not None and measured.dots:
        worst = measured.dots[-1]
        what = "" if measured.labelled else "same answers "
        shown = text.percent(worst.accuracy.value)
        tiles.append((shown, f"{what}at bit error rate {worst.rate:g}"))
    if mapping is not None and priced is not None:
        total = mapping.totals
        tiles += [
            (text.count(total["cells"]), "device pairs with a weight"),
            (text.count(total["arrays"]), f"arrays of {mapping.array[0]} x {mapping.array[1]}"),
            (energy(priced.totals["energy"]), "per inference, estimated"),
            (text.duration(priced.totals["latency"]), "latency, estimated"),
        ]
    return tiles or [(text.count(len(net.layers)), "layers")]


def _provenance(net: Network, hashed: str, seed: int) -> list[tuple[str, str]]:
    machine = benchmark.machine()
    now = datetime.datetime.now(datetime.UTC)
    versions = {"ternary-engine": ternary_engine.__version__, **machine["versions"]}
    return [
        ("made", now.strftime("%Y-%m-%d %H:%M UTC")),
        ("network hash", hashed),
        *((f"source: {key}", str(value)) for key, value in net.provenance.items()),
        ("seed", str(seed)),
        ("machine", f"{benchmark.device()}; {machine['system']}"),
        ("Python", machine["python"]),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]
