"""Panel: networks of CIFAR-10 under errors, from results that ship."""

from __future__ import annotations

from collections.abc import Sequence

from ternary_engine.reproduction import curves, findings, shipped
from ternary_engine.reproduction.panel import Claim, Panel, Picture, Setting, Table
from ternary_engine.reproduction.study import Row

__all__ = ["panel"]

_IMMUNE = 0.01  # loss of accuracy
_TALK, _DEGRADED = "talk, 1.2 V", "degraded, 1.2 V"


def panel(setting: Setting) -> Panel:
    """T/T and B/B networks by rate, by type, and under the rates of the device model."""
    del setting
    rows = list(shipped.resilience())
    by_rate = [row for row in rows if row["study"] == "ber"]
    sizes = sorted({_size(row["network"]) for row in by_rate})
    pairs = [(f"T/T {size}", f"B/B {size}") for size in sizes]
    largest = pairs[-1][0]
    alone = [row for row in rows if row["study"] == "type" and row["network"] == largest]
    physics = [row for row in rows if row["study"] == "physics"]
    note = f"results that ship; {by_rate[0]['samples']:,} test images, JPEG re-compressed"
    return Panel(
        "cifar",
        "Errors in networks of CIFAR-10",
        f"{shipped.NOTE} The networks of the panel above, seed 0, trained without errors; "
        "measured by bench/evidence/resilience.py on test images of all classes, three trials "
        "a point.",
        (
            findings.standard(by_rate, [binary for _, binary in pairs], "CIFAR-10"),
            findings.ahead(by_rate, pairs, "CIFAR-10"),
            findings.harm(alone, largest, "CIFAR-10"),
            _immune(physics),
        ),
        (
            Picture(
                "cifar",
                curves.by_duration(by_rate, note),
                "Accuracy by bit error rate. Dashed: without errors.",
                wide=True,
            ),
            Picture(
                "cifar_types",
                curves.by_type(alone, note),
                f"{largest}: loss of accuracy by one type of error at a time, per read.",
            ),
        ),
        (
            _physics(physics),
            findings.points("cifar", by_rate),
            findings.points("cifar_types", alone),
        ),
    )


def _size(network: str) -> str:
    return network.split(" ", 1)[1]


def _immune(rows: Sequence[Row]) -> Claim:
    names = list(dict.fromkeys(row["network"] for row in rows))
    drops = {
        (name, condition): findings.mean(rows, "accuracy_drop", network=name, condition=condition)
        for name in names
        for condition in (_TALK, _DEGRADED)
    }
    counted = f"{rows[0]['samples']:,} images, {len({row['trial'] for row in rows})} trials"
    listed = "; ".join(
        f"{name} loses {100 * drops[name, _TALK]:.2f} pt, degraded "
        f"{100 * drops[name, _DEGRADED]:.2f} pt"
        for name in names
    )
    immune = [drops[name, _TALK] < _IMMUNE for name in names]
    return Claim(
        "Ternary networks are immune to the errors that the chip shows: no ECC is needed",
        "quoted",
        "Laborieux 2021",
        f"under the model's rates at the talk's condition {listed} ({counted})",
        "holds" if all(immune) else "holds in part" if any(immune) else "does not hold",
    )


def _physics(rows: Sequence[Row]) -> Table:
    """Accuracy of each ternary network by device condition and supply."""
    listed = []
    keys = dict.fromkeys((row["network"], row["condition"]) for row in rows)
    for name, condition in keys:
        here = [r for r in rows if (r["network"], r["condition"]) == (name, condition)]
        rates = [f"{here[0][kind]:.2g}" for kind in ("type1", "type2", "type3")]
        accuracy, drop = (findings.mean(here, column) for column in ("accuracy", "accuracy_drop"))
        listed.append((name, condition, *rates, f"{accuracy:.2%}", f"{100 * drop:.2f} pt"))
    columns = ("network", "device, supply", "type 1", "type 2", "type 3", "accuracy", "loss")
    note = "From physics: SenseErrors.from_device, errors per read; parameters chosen."
    return Table("physics", columns, listed, note=note)
