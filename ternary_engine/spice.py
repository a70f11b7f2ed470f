"""The sense amplifier as a netlist for ngspice, from the same parameters, and a run of it.

The transistors are behavioural sources with the same EKV currents as the model: both describe one
circuit, and SPICE integrates it with methods and code of its own.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ternary_engine.exceptions import TernaryEngineError

if TYPE_CHECKING:
    from ternary_engine.sense import SenseAmp, Waveforms

__all__ = ["SpiceError", "available", "netlist", "simulate"]

_POINTS = 2000  # at least, over the duration
_SERIES = 1e-3  # ohms; SPICE takes no resistor of 0
_LIMIT = 120.0  # s for one run
_DATA = "waveforms.txt"

_TEMPLATE = """\
* Precharge sense amplifier, {flavour}, {vdd:g} V, {celsius:g} C, corner {corner}
* Parameters are chosen defaults of ternary-engine unless you set them; none is measured.
* EKV: I = Is (F(vp - vs) - F(vp - vd)), F(v) = ln(1 + exp(v / 2Ut))^2, vp = (vg - vt) / n
.func f(v) {{ln(1+exp(v/{volt!r}))**2}}
Vdd vdd 0 {vdd!r}
Cbl bl 0 {c!r} IC={vdd!r}
Cblb blb 0 {c!r} IC={vdd!r}
* NMOS, each with the other output for its gate
Bn1 bl x1 I={isn!r}*(f((V(blb)-{vt1!r})/{nn!r}-V(x1))-f((V(blb)-{vt1!r})/{nn!r}-V(bl)))
Bn2 blb x2 I={isn!r}*(f((V(bl)-{vt2!r})/{nn!r}-V(x2))-f((V(bl)-{vt2!r})/{nn!r}-V(blb)))
* access transistors and devices
Rs1 x1 y1 {series!r}
Rs2 x2 y2 {series!r}
Rbl y1 0 {r_bl!r}
Rblb y2 0 {r_blb!r}
* PMOS, cross-coupled alike
Bp1 vdd bl I={isp!r}*(f((V(vdd)-V(blb)-{vtp!r})/{np!r})
+ -f((V(vdd)-V(blb)-{vtp!r})/{np!r}-(V(vdd)-V(bl))))
Bp2 vdd blb I={isp!r}*(f((V(vdd)-V(bl)-{vtp!r})/{np!r})
+ -f((V(vdd)-V(bl)-{vtp!r})/{np!r}-(V(vdd)-V(blb))))
.options reltol=1e-6 abstol=1e-15 vntol=1e-9 chgtol=1e-19
.tran {step!r} {duration!r} 0 {step!r} uic
"""

_CONTROL = f"""\
.control
set wr_singlescale
set numdgt=12
run
wrdata {_DATA} v(bl) v(blb) i(Vdd)
.endc
.end
"""


class SpiceError(TernaryEngineError):
    """A run of ngspice that failed, or no ngspice to run."""


def netlist(
    sense: SenseAmp,
    r_bl: float,
    r_blb: float,
    offset: float = 0.0,
    *,
    duration: float | None = None,
) -> str:
    """The circuit of one read, ready for ``ngspice -b``; its waveforms go to waveforms.txt.

    Args:
        sense: the amplifier.
        r_bl: ohms.
        r_blb: ohms.
        offset: V, threshold of the NMOS on the side of BL less that on the side of BLb.
        duration: s; default the sense time.
    """
    circuit = sense.circuit
    t = circuit.transistors
    end = sense.sense_time if duration is None else duration
    filled = _TEMPLATE.format(
        flavour=sense.flavour,
        corner=sense.corner,
        celsius=sense.temperature,
        vdd=circuit.vdd,
        volt=circuit.volt,
        c=circuit.capacitance,
        series=max(_SERIES, circuit.series),
        isn=t.current_n,
        isp=t.current_p,
        nn=t.slope_n,
        np=t.slope_p,
        vt1=t.threshold_n + 0.5 * offset,
        vt2=t.threshold_n - 0.5 * offset,
        vtp=t.threshold_p,
        r_bl=float(r_bl),
        r_blb=float(r_blb),
        step=end / _POINTS,
        duration=end,
    )
    return filled + _CONTROL


def available() -> bool:
    """Whether ngspice can be run (Debian: the package ngspice)."""
    return shutil.which("ngspice") is not None


def simulate(circuit: str) -> Waveforms:
    """Run a netlist of `netlist` and give its waveforms.

    Raises:
        SpiceError: ngspice is not there, fails or takes over two minutes.
    """
    from ternary_engine.sense import Waveforms

    program = shutil.which("ngspice")
    if program is None:
        raise SpiceError("ngspice is not installed (Debian and Ubuntu: apt-get install ngspice)")
    with tempfile.TemporaryDirectory() as folder:
        source, data = Path(folder) / "circuit.cir", Path(folder) / _DATA
        source.write_text(circuit, encoding="ascii")
        try:
            done = subprocess.run(
                [program, "-b", source.name],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise SpiceError(f"ngspice took over {_LIMIT:g} s") from error
        if not data.exists():
            tail = " / ".join((done.stdout + done.stderr).strip().splitlines()[-3:])
            raise SpiceError(f"ngspice failed with status {done.returncode}: {tail}")
        time, bl, blb, current = np.loadtxt(data).T
    # What the supply gave while sensing, and what recharging the outputs will take.
    supplied = np.concatenate(
        [[0.0], np.cumsum(0.5 * np.diff(time) * -(current[1:] + current[:-1]))]
    )
    vdd = float(circuit.split("Vdd vdd 0 ", 1)[1].split()[0])
    c = float(circuit.split("Cbl bl 0 ", 1)[1].split()[0])
    return Waveforms(time, bl, blb, vdd * (supplied + c * (2.0 * vdd - bl - blb)))
