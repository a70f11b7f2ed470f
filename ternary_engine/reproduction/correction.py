"""Panel: one device, two devices, or a code over single devices."""

from __future__ import annotations

import math

from ternary_engine.device import Device
from ternary_engine.ecc import SCHEMES, Counts, figures, find_scheme, simulate
from ternary_engine.physics.binary_reads import read_alone
from ternary_engine.reproduction.panel import Claim, Panel, Picture, Setting, Table

__all__ = ["panel"]

RAW = (1e-1, 3.3e-2, 1e-2, 1e-3, 1e-4)
_EQUAL = ("2t2r", "sec(7,4)", "secded(8,4)")  # two devices a bit, or nearly
_COUNTED = 3  # of the raw rates: the others err too rarely to be counted
_ALIKE = 1.5  # rates closer than this factor are one benefit
_SIGMAS = 5.0


def panel(setting: Setting) -> Panel:
    """Rates in the end over the raw rate: closed form, and counted behind real decoders."""
    bits = 1_000_000 if setting.quick else 20_000_000
    rows, worst = [], 0.0
    for place, raw in enumerate(RAW):
        cells = []
        for name in _EQUAL:
            expected = float(find_scheme(name).residual(raw))
            cells.append(f"{expected:.2e}")
            if place < _COUNTED:
                counts = simulate(name, raw, bits, seed=setting.seed)
                worst = max(worst, _deviation(name, counts, expected))
                cells.append(f"{counts.wrong / counts.bits:.2e}")
            else:
                cells.append("")
        rows.append((f"{raw:g}", *cells))
    labels = [find_scheme(name).label for name in _EQUAL]
    columns = ("1T1R", *(f"{label}{kind}" for label in labels for kind in ("", ", counted")))
    return Panel(
        "codes",
        "One device, two devices, codes",
        (
            "Bits in one device (1T1R), in two complementary ones (2T2R), or in single devices "
            "under a Hamming code of the same redundancy. Devices are log-normal with one spread "
            "in both states; a detected double error leaves the data as read."
        ),
        (_pairs_and_codes(), _counted(worst, bits), _strength()),
        (
            Picture(
                "codes",
                figures.rates_over_raw(SCHEMES),
                "Closed form. SECDED(72,64) takes 1.125 devices a bit, the rest about two.",
            ),
        ),
        (Table("codes", columns, rows),),
    )


def _deviation(name: str, counts: Counts, expected: float) -> float:
    """Distance from the closed form in standard deviations; errors of a word come in groups."""
    code = find_scheme(name).code
    grouped = 1 if code is None else code.data
    sigma = math.sqrt(expected * grouped / counts.bits)
    return abs(counts.wrong / counts.bits - expected) / sigma


def _pairs_and_codes() -> Claim:
    ratios = [
        float(find_scheme("2t2r").residual(raw) / find_scheme("secded(8,4)").residual(raw))
        for raw in RAW
    ]
    alike = max(ratios) < _ALIKE
    return Claim(
        "Differential pairs achieve the same reliability benefits as error correction, without "
        "any CMOS overhead",
        "quoted",
        "Bocquet 2018",
        f"2T2R errs {min(ratios):.2f} to {max(ratios):.2f} times as often as SECDED(8,4) at raw "
        f"rates from {RAW[-1]:g} to {RAW[0]:g}; the decoder that it spares is not modelled",
        "holds" if alike else "does not hold",
    )


def _counted(worst: float, bits: int) -> Claim:
    return Claim(
        "P(2T2R wrong) = Φ(√2 · Φ⁻¹(P(1T1R wrong))); SECDED(8,4) about 7p², SEC(7,4) about 9p²",
        "derived",
        "",
        f"{bits / 1e6:g} million bits through drawn devices and real decoders: "
        f"{worst:.1f} standard deviations from the closed form at most",
        "holds" if worst < _SIGMAS else "does not hold",
    )


def _strength() -> Claim:
    strong = read_alone(Device.preset("talk")).mean
    weak = read_alone(Device.preset("low-energy")).mean
    return Claim(
        "About 1e-4 at the strong condition, 3.3e-2 at 30 times less energy (one device alone)",
        "recalled",
        "Hirtzlin 2019",
        f"{strong:.1e} and {weak:.1e} in the model",
        "set so",
    )
