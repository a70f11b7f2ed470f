"""The sense amplifier: decisions, times, energy, XNOR, the circuit in ngspice."""

from __future__ import annotations

import math
import re
import time
import warnings

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine import spice
from ternary_engine.physics.integrate import PRECISE, Precision
from ternary_engine.physics.studies import read_map, separation

ONE, ZERO, MINUS = (5e3, 350e3), (320e3, 350e3), (350e3, 5e3)
FLAVOURS = ("thick-oxide", "thin-oxide", "nominal")
needs_spice = pytest.mark.skipif(
    not spice.available(), reason="ngspice is not installed (Debian: apt-get install ngspice)"
)


def test_the_pairs_of_the_talk() -> None:
    reads = te.SenseAmp().read(*np.transpose([ONE, ZERO, MINUS]))
    assert reads.value.tolist() == [1, 0, -1]
    assert reads.time[0] == reads.time[2] < 10e-9
    assert np.isinf(reads.time[1])


def test_shapes_broadcast() -> None:
    sense = te.SenseAmp()
    reads = sense.read(np.full((3, 1), 5e3), np.full(4, 350e3), 0.0)
    assert reads.value.shape == reads.time.shape == reads.energy.shape == (3, 4)
    assert sense.read(5e3, 350e3).value.shape == ()
    assert sense.read([], []).value.shape == (0,)


def test_each_cell_alone_and_among_others_agree(seed: int) -> None:
    rng = np.random.default_rng(seed)
    r1, r2 = rng.lognormal(11, 1.5, (2, 50))
    offset = rng.normal(0, 0.01, 50)
    sense = te.SenseAmp()
    together = sense.read(r1, r2, offset).time
    alone = [float(sense.read(*cell).time) for cell in zip(r1, r2, offset, strict=True)]
    assert together.tolist() == alone


def test_mirrored_cells_read_the_opposite(seed: int) -> None:
    rng = np.random.default_rng(seed)
    r1, r2 = rng.lognormal(11, 1.5, (2, 5000))
    offset = rng.normal(0, 0.01, 5000)
    sense = te.SenseAmp()
    there, back = sense.read(r1, r2, offset), sense.read(r2, r1, -offset)
    assert (there.value == -back.value).all()
    np.testing.assert_allclose(there.time, back.time, rtol=1e-5)
    np.testing.assert_allclose(there.energy, back.energy, rtol=1e-5)


def test_offset_handicaps_its_side() -> None:
    times = te.SenseAmp().read(20e3, 300e3, [-0.05, 0.0, 0.05]).time
    assert times[0] < times[1] < times[2]
    sides = te.SenseAmp(flavour="nominal").read(50e3, 50e3, [-0.05, 0.05]).value
    assert sides.tolist() == [1, -1]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_fast_reads_are_the_precise_ones(flavour: str, seed: int) -> None:
    """Float32 with long steps: no decision differs unless it is within 5e-3 of the sense time."""
    rng = np.random.default_rng(seed)
    r1, r2 = rng.lognormal(11.5, 1.3, (2, 20_000))
    offset = rng.normal(0, 0.01, 20_000)
    sense = te.SenseAmp(flavour=flavour)
    fast, precise = (
        sense.read(r1, r2, offset, horizon=2 * sense.sense_time, precise=p) for p in (False, True)
    )
    both = np.isfinite(fast.time) & np.isfinite(precise.time)
    assert both.mean() > 0.3
    # A pair of nearly equal branches hangs in the balance; rounding moves when it falls.
    clear = both & (np.abs(np.log(r1 / r2)) > 0.3)
    np.testing.assert_allclose(fast.time[clear], precise.time[clear], rtol=5e-3)
    near = np.abs(precise.time / sense.sense_time - 1.0) < 5e-3
    balanced = np.abs(np.log(r1 / r2)) < 1e-3
    assert ((fast.value == precise.value) | near | balanced).all()
    np.testing.assert_allclose(fast.energy[clear], precise.energy[clear], rtol=5e-3)


def test_precise_reads_have_converged(seed: int) -> None:
    rng = np.random.default_rng(seed)
    r1, r2 = rng.lognormal(11, 1.3, (2, 2000))
    offset = rng.normal(0, 0.01, 2000)
    circuit = te.SenseAmp().circuit
    finest = Precision(np.float64, 640, 2.0)
    some, best = (circuit.resolve(r1, r2, offset, 100e-9, p)[2] for p in (PRECISE, finest))
    clear = np.isfinite(best) & np.isfinite(some) & (np.abs(np.log(r1 / r2)) > 0.05)
    assert clear.mean() > 0.5
    np.testing.assert_allclose(some[clear], best[clear], rtol=1e-4)


def test_separation_grows_as_the_supply_falls() -> None:
    """The talk's central claim: near threshold, a 0 takes ever longer than a +1 to resolve."""
    supplies = [5.0, 3.3, 2.5, 1.8, 1.5, 1.2, 1.0, 0.9]
    times = [separation(te.SenseAmp(vdd=v), te.Device()) for v in supplies]
    gaps = [zero - one for one, zero in times]
    assert all(np.diff(gaps) > 0)
    assert gaps[supplies.index(1.2)] > 5 * gaps[0]


@needs_spice
def test_separation_grows_in_spice() -> None:
    gaps = []
    for vdd, duration in ((5.0, 100e-9), (2.5, 200e-9), (1.8, 3e-7), (1.2, 1e-6), (0.9, 4e-6)):
        sense = te.SenseAmp(vdd=vdd)
        times = [
            _resolved(spice.simulate(sense.netlist(*pair, duration=duration)), 0.5 * vdd)
            for pair in (ONE, ZERO)
        ]
        model = sense.read([ONE[0], ZERO[0]], 350e3, horizon=duration, precise=True).time
        np.testing.assert_allclose(times, model, rtol=1e-3)
        gaps.append(times[1] - times[0])
    assert gaps == sorted(gaps)
    assert gaps[3] > 5 * gaps[0]


def _resolved(waves, level: float) -> float:
    gap = np.abs(waves.bl - waves.blb)
    if gap.max() < level:
        return math.inf
    end = int(np.argmax(gap >= level)) + 1
    return float(np.interp(level, gap[:end], waves.time[:end]))


CONDITIONS = [
    te.SenseAmp(),
    te.SenseAmp(flavour="thin-oxide", temperature=85.0, corner="sf"),
    te.SenseAmp(flavour="nominal", corner="fs"),
    te.SenseAmp(vdd=1.0, temperature=-40.0, corner="ss", capacitance=80e-15),
]


@needs_spice
@pytest.mark.parametrize("sense", CONDITIONS, ids=str)
def test_model_and_spice_are_one_circuit(sense) -> None:
    """Waveforms within 0.1 % of the supply, resolve times and energy within 0.1 %."""
    for pair, offset in ((ONE, 0.0), (ZERO, 0.02), (MINUS, -0.01), ((60e3, 200e3), 0.01)):
        ours = sense.waveforms(*pair, offset)
        theirs = spice.simulate(sense.netlist(*pair, offset))
        for name in ("bl", "blb"):
            known = np.interp(theirs.time, ours.time, getattr(ours, name))
            assert np.abs(known - getattr(theirs, name)).max() < 1e-3 * sense.supply
        read = sense.read(*pair, offset, precise=True)
        time = _resolved(theirs, 0.5 * sense.supply)
        assert float(read.time) == pytest.approx(time, rel=1e-3)
        decision = 0.0 if math.isinf(time) else np.sign(theirs.blb[-1] - theirs.bl[-1])
        assert read.value == decision
        assert ours.energy[-1] == pytest.approx(theirs.energy[-1], rel=1e-3)


def test_a_spice_that_fails_says_so() -> None:
    if not spice.available():
        with pytest.raises(spice.SpiceError, match="ngspice is not installed"):
            spice.simulate("")
        return
    netlist = te.SenseAmp().netlist(*ONE).replace("Bn1 bl x1 I=", "Bn1 bl x1 I=nonsense")
    with pytest.raises(spice.SpiceError, match="ngspice failed"):
        spice.simulate(netlist)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_energy_is_that_of_the_waveform(flavour: str) -> None:
    """A read that has settled draws what its waveform says; of C VDD**2, no less than it must."""
    sense = te.SenseAmp(flavour=flavour)
    energy = float(sense.read(*ONE).energy)
    assert energy == pytest.approx(sense.waveforms(*ONE).energy[-1], rel=0.01)
    assert 1.0 <= energy / (sense.capacitance * sense.supply**2) < 1.2
    open_ended = te.SenseAmp().read(*ZERO)
    assert open_ended.energy == pytest.approx(te.SenseAmp().waveforms(*ZERO).energy[-1], rel=1e-3)


def test_xnor_multiplies() -> None:
    stored = np.array([1, 1, 0, 0, -1, -1])
    pairs = {1: ONE, 0: ZERO, -1: MINUS}
    r1, r2 = np.transpose([pairs[w] for w in stored])
    x = np.array([1, -1] * 3)
    assert (te.SenseAmp().xnor(r1, r2, x).value == stored * x).all()
    with pytest.raises(ValueError, match="inputs of -1 and \\+1"):
        te.SenseAmp().xnor(r1, r2, 0)


def test_offset_stays_with_the_amplifier_when_inputs_swap_branches() -> None:
    sense = te.SenseAmp(flavour="nominal")
    products = sense.xnor(50e3, 50e3, [1, -1], 0.05).value
    assert products.tolist() == [-1, -1]


def test_read_map() -> None:
    found = read_map(te.SenseAmp(), points=41)
    assert (found.value == -found.value.T).all()
    assert set(np.unique(found.value)) == {-1, 0, 1}
    assert (np.diff(found.value.astype(int), axis=0) <= 0).all()  # more ohms on BL: never more +1
    threshold = te.SenseAmp().threshold(found.r_blb[-1])
    assert ((found.value[:, -1] == 1) == (found.r_bl < threshold)).all()


def test_threshold_is_where_reads_change() -> None:
    sense = te.SenseAmp()
    r = sense.threshold(335e3)
    assert 80e3 < r < 120e3  # about 100 kilohms (recalled)
    assert sense.read([0.999 * r, 1.001 * r], 335e3, precise=True).value.tolist() == [1, 0]
    with pytest.warns(te.PhysicsWarning):
        te.SenseAmp(sense_time=1e-10).read(*ONE)
    assert te.SenseAmp(sense_time=1e-10).threshold() == 0.0


def test_corners_and_temperature_act_as_they_should() -> None:
    time = {c: float(te.SenseAmp(corner=c).read(*ONE).time) for c in ("ff", "fs", "tt", "sf", "ss")}
    assert time["ff"] < time["tt"] < time["ss"]
    assert time["fs"] < time["tt"] < time["sf"]
    near = [float(te.SenseAmp(temperature=t).read(*ONE).time) for t in (-40, 27, 125)]
    assert near == sorted(near, reverse=True)  # near threshold, heat speeds up
    far = [te.SenseAmp("nominal", temperature=t).read(100.0, 350e3).time for t in (-40, 27, 125)]
    assert far == sorted(far)  # far above it, heat slows down


def test_flavours() -> None:
    assert te.SenseAmp().supply == 1.2
    assert te.SenseAmp(flavour="thin-oxide").supply == 0.6
    assert te.SenseAmp(flavour="nominal").supply == 5.0
    assert te.SenseAmp("nominal").circuit.transistors == te.SenseAmp().circuit.transistors
    assert te.SenseAmp("nominal", vdd=1.2).read(*ONE).time == te.SenseAmp().read(*ONE).time


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"vdd": 0.0}, "vdd: got 0.0; it takes a number above 0, in volts"),
        ({"vdd": -1.2}, "vdd: got -1.2"),
        ({"sense_time": 0}, "sense_time: got 0; it takes a number above 0, in seconds"),
        ({"sense_time": math.inf}, "sense_time: got inf; it takes a finite number"),
        ({"mismatch_sigma": -1e-3}, "mismatch_sigma: got -0.001; it takes 0 or more, in volts"),
        ({"noise_sigma": -1e-3}, "noise_sigma: got -0.001"),
        ({"capacitance": 0.0}, "capacitance: got 0.0"),
        ({"series_resistance": -1.0}, "series_resistance: got -1.0"),
        ({"resolve_share": 1.0}, "resolve_share: got 1.0; it takes a number between 0 and 1"),
        ({"temperature": -274}, "temperature: got -274; it takes degrees Celsius above -273.15"),
        ({"corner": "xx"}, "corner: got 'xx'; it takes one of tt, ff, ss, fs, sf"),
        ({"flavour": "cmos"}, "flavour: got 'cmos'; it takes one of thick-oxide"),
        ({"vdd": math.nan}, "vdd: got nan; it takes a finite number, in volts"),
    ],
)
def test_impossible_parameters_say_what_is_wrong(options, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        te.SenseAmp(**options)


@pytest.mark.parametrize("bad", [0.0, -5.0, math.inf, math.nan])
def test_impossible_resistances(bad: float) -> None:
    with pytest.raises(ValueError, match=r"r_blb: got .*; it takes ohms, finite and above 0"):
        te.SenseAmp().read(5e3, bad)


def test_hopeless_sense_time_warns_with_the_figure() -> None:
    sense = te.SenseAmp(sense_time=1e-9)
    with pytest.warns(te.PhysicsWarning, match=r"1e-09 s: too short.*takes 2\.99e-09 s at 1.2 V"):
        reads = sense.read(*ONE)
    assert reads.value == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        te.SenseAmp(sense_time=10e-9).read(*ONE)


@pytest.mark.slow
def test_ten_million_reads_in_ten_seconds(seed: int) -> None:
    n, device, sense = 1_000_000, te.Device(), te.SenseAmp()
    lrs, hrs, other = (
        device.sample(s, n, seed=seed + i) for i, s in enumerate(("lrs", "hrs", "hrs"))
    )
    offset = np.random.default_rng(seed).normal(0, sense.read_sigma, n)
    sense.read(lrs[:16], hrs[:16])
    for first in (lrs, other):
        best = math.inf
        for _ in range(3):
            began = time.process_time()
            sense.read(first, hrs, offset)
            best = min(best, time.process_time() - began)
        assert 10 * best < 10.0
