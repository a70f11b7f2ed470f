"""Resistances: distributions, programming conditions, faults, drift, fits."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from scipy import stats

import ternary_engine as te
from ternary_engine.device import Drift, Empirical, LogNormal, Programming
from tests import statistics

STATES = ("lrs", "hrs")
SAMPLES = 100_000


def _devices():
    measured = LogNormal(3e5, 0.7).ppf((np.arange(301) + 0.5) / 301)
    return {
        "talk": te.Device(),
        "degraded": te.Device.preset("degraded"),
        "low-energy": te.Device.preset("low-energy"),
        "faulty": te.Device(stuck_lrs=0.03, stuck_hrs=0.05),
        "aged": te.Device().aged(1e7, 85.0),
        "measured": te.Device(hrs=Empirical(measured)),
        "all of a cycle": te.Device(device_share=0.0),
        "all of a device": te.Device(device_share=1.0),
    }


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", _devices())
def test_samples_are_distributed_as_told(name: str, state: str, seed: int) -> None:
    device = _devices()[name]
    r = device.sample(state, SAMPLES, seed=seed)
    found = stats.kstest(r, lambda x: device.cdf(state, x))
    statistics.assert_probability(found.pvalue, f"{name}, {state}")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", _devices())
def test_pdf_cdf_and_ppf_agree(name: str, state: str) -> None:
    device = _devices()[name]
    shares = np.linspace(0.001, 0.999, 997)
    r = device.ppf(state, shares)
    np.testing.assert_allclose(device.cdf(state, r), shares, atol=1e-9)
    grid = np.geomspace(r[0], r[-1], 400_001)
    inside = np.trapezoid(device.pdf(state, grid), grid)
    assert inside == pytest.approx(shares[-1] - shares[0], abs=2e-5)


def test_same_seed_same_devices(seed: int) -> None:
    device = te.Device(stuck_lrs=0.1, stuck_hrs=0.1)
    for state in STATES:
        whole = device.sample(state, 1000, seed=seed)
        assert (device.sample(state, 300, seed=seed) == whole[:300]).all()
        assert (device.sample(state, 1000, seed=seed) == whole).all()
        assert (device.sample(state, 1000, seed=seed + 1) != whole).all()


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_share_of_the_device_stays_over_cycles(share: float, seed: int) -> None:
    device = te.Device(device_share=share)
    first, second = (np.log(device.sample("hrs", SAMPLES, seed, cycle)) for cycle in (0, 1))
    found = np.corrcoef(first, second)[0, 1]
    error = (1 - share**2) / math.sqrt(SAMPLES)
    assert abs(found - share) <= statistics.SIGMAS * error + 1e-12


def test_stuck_devices_are_as_many_as_asked_for_and_stay(seed: int) -> None:
    """Values of no spread, so that every device shows what it is."""
    stuck = {"stuck_lrs": 0.01, "stuck_hrs": 0.004}
    device = te.Device(lrs=LogNormal(5e3, 0.0), hrs=LogNormal(3e5, 0.0), **stuck)
    as_lrs = device.sample("lrs", 10 * SAMPLES, seed=seed)
    as_hrs = device.sample("hrs", 10 * SAMPLES, seed=seed, cycle=5)
    for r, name, value in ((as_hrs, "stuck_lrs", 5e3), (as_lrs, "stuck_hrs", 3e5)):
        hits = int((r == value).sum())
        statistics.assert_rate(hits, 10 * SAMPLES, stuck[name], name)
    assert not ((as_hrs == 5e3) & (as_lrs == 3e5)).any()


def test_presets() -> None:
    talk, low = te.Device(), te.Device.preset("low-energy")
    assert te.Device.preset("talk") == talk
    assert (talk.compliance, talk.reset_voltage, talk.pulse_width) == (200e-6, 2.5, 100e-6)
    assert talk.programming_energy / low.programming_energy == pytest.approx(30, rel=0.01)
    assert low.endurance > talk.endurance
    # Read alone against the best reference, each state wrong as often as the other.
    for device, rate, factor in ((talk, 1e-4, 2.0), (low, 3.3e-2, 1.05)):
        lrs, hrs = device.resistance("lrs"), device.resistance("hrs")
        gap = math.log(hrs.median / lrs.median)
        raw = stats.norm.sf(gap / (lrs.sigma + hrs.sigma))
        assert rate / factor < raw < rate * factor


def test_stronger_programming_widens_the_window() -> None:
    medians = [
        [te.Device(**{name: v}).resistance(state).median for v in values]
        for name, state, values in (
            ("compliance", "lrs", (400e-6, 200e-6, 100e-6)),
            ("reset_voltage", "hrs", (1.5, 2.0, 2.5, 3.0)),
            ("pulse_width", "hrs", (1e-6, 1e-5, 1e-4)),
        )
    ]
    for found in medians:
        assert found == sorted(found)
        assert len(set(found)) == len(found)
    spreads = [te.Device(compliance=c).resistance("lrs").sigma for c in (4e-4, 2e-4, 1e-4)]
    assert spreads == sorted(spreads)
    assert te.Device(compliance=50e-6).resistance("lrs").median == pytest.approx(20e3)


@pytest.mark.parametrize("hrs", [None, Empirical(np.geomspace(1e5, 1e6, 50))])
def test_drift_is_monotone_and_faster_when_hot(hrs) -> None:
    device = te.Device(hrs=hrs)
    times = [0.0, 1e3, 1e5, 1e7, 1e9]
    lrs = [device.aged(t, 85.0).resistance("lrs").median for t in times]
    high = [device.aged(t, 85.0).resistance("hrs").median for t in times]
    wide = [device.aged(t, 85.0).resistance("hrs").sigma for t in times]
    assert all(np.diff(lrs) > 0)
    assert all(np.diff(high) < 0)
    assert all(np.diff(wide) > 0)
    hot = [device.aged(1e5, t).resistance("hrs").median for t in (0.0, 27.0, 85.0, 150.0)]
    assert all(np.diff(hot) < 0)
    assert device.aged(0.0, 150.0).resistance("hrs").median == device.resistance("hrs").median


def test_drift_is_the_law_it_says() -> None:
    drift = Drift(hrs_rate=-0.1, widening=0.02, time=100.0, activation=0.0)
    aged = te.Device(drift=drift).aged(100.0 * (math.e - 1.0)).resistance("hrs")
    fresh = te.Device().resistance("hrs")
    assert math.log(aged.median / fresh.median) == pytest.approx(-0.1)
    assert aged.sigma == pytest.approx(math.hypot(fresh.sigma, 0.02))


def test_aged_devices_keep_their_order(seed: int) -> None:
    device = te.Device()
    fresh, aged = (d.sample("hrs", 1000, seed=seed) for d in (device, device.aged(1e8, 85.0)))
    assert (np.argsort(fresh) == np.argsort(aged)).all()


def _write(path, rows, header="state,resistance") -> None:
    path.write_text(header + "\n" + "\n".join(f"{s},{r}" for s, r in rows) + "\n")


@pytest.mark.parametrize("kind", ["lognormal", "empirical"])
def test_fit_finds_what_samples_came_from(tmp_path, kind: str, seed: int) -> None:
    n, device = 4000, te.Device()
    rows = [(s.upper(), r) for s in STATES for r in device.sample(s, n, seed=seed)]
    _write(tmp_path / "samples.csv", rows)
    found = te.Device.fit(tmp_path / "samples.csv", kind=kind)
    for fit in found.fitted:
        true = device.resistance(fit.state)
        assert fit.samples == n
        assert abs(fit.median - true.median) < statistics.SIGMAS * fit.median_error
        assert abs(fit.sigma - true.sigma) < statistics.SIGMAS * fit.sigma_error
        assert fit.median_error < 0.02 * true.median
        assert fit.distance < 2.5 / math.sqrt(n)
        assert found.resistance(fit.state).median == pytest.approx(fit.median)


def test_fit_error_tells_a_bad_fit(tmp_path, seed: int) -> None:
    """Two clusters are no log-normal, but samples are themselves."""
    rng = np.random.default_rng(seed)
    clusters = np.concatenate([rng.normal(1e5, 1e3, 500), rng.normal(1e6, 1e4, 500)])
    _write(tmp_path / "s.csv", [("LRS", 5e3), ("LRS", 6e3), *(("HRS", r) for r in clusters)])
    distances = {
        kind: te.Device.fit(tmp_path / "s.csv", kind=kind).fitted[1].distance
        for kind in ("lognormal", "empirical")
    }
    assert distances["lognormal"] > 0.2
    assert distances["empirical"] < 0.01


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        ("state,ohms", [("LRS", 1)], "no column 'resistance'; it has state, ohms"),
        ("state,resistance", [("LRS", 1), ("MRS", 2)], "line 3: state 'MRS'; it is LRS or HRS"),
        ("state,resistance", [("LRS", "abc")], "line 2: resistance 'abc'"),
        ("state,resistance", [("LRS", -5)], "line 2: resistance '-5'"),
        ("state,resistance", [("LRS", 1), ("LRS", 2), ("HRS", 9)], "1 samples of HRS"),
    ],
)
def test_bad_samples_are_named(tmp_path, header: str, rows, said: str) -> None:
    _write(tmp_path / "s.csv", rows, header)
    with pytest.raises(te.FormatError, match=re.escape(said)):
        te.Device.fit(tmp_path / "s.csv")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: te.Device(compliance=0.0), "compliance: got 0.0; it takes a number above 0"),
        (lambda: te.Device(reset_voltage=-1), "reset_voltage: got -1"),
        (lambda: te.Device(pulse_width=math.nan), "pulse_width: got nan; it takes a finite"),
        (lambda: te.Device(compliance=2e-6), "LRS above HRS: medians of 5e+05 and 3.35e+05 ohms"),
        (lambda: te.Device(lrs=LogNormal(5e3, -0.1)), "sigma: got -0.1; it takes 0 or more"),
        (lambda: te.Device(lrs=LogNormal(0, 0.1)), "median: got 0"),
        (lambda: te.Device(stuck_lrs=0.6, stuck_hrs=0.6), "together they are at most 1"),
        (lambda: te.Device(stuck_lrs=1.5), "stuck_lrs: got 1.5; it takes a number from 0 to 1"),
        (lambda: te.Device(device_share=-0.1), "device_share: got -0.1"),
        (lambda: te.Device.preset("best"), "preset: got 'best'; it takes one of talk, degraded"),
        (lambda: te.Device().aged(-1.0), "seconds: got -1.0; it takes 0 or more, in seconds"),
        (
            lambda: te.Device().aged(1.0, -300.0),
            "temperature: got -300.0; it takes degrees Celsius",
        ),
        (lambda: te.Device().sample("mid", 3), "state: got 'mid'; it takes 'lrs' or 'hrs'"),
        (lambda: te.Device().sample("lrs", -1), "n: got -1"),
        (lambda: Programming(hrs_sigma=-1), "hrs_sigma: got -1; it takes 0 or more"),
        (lambda: Drift(time=0), "time: got 0; it takes a number above 0, in seconds"),
        (lambda: Empirical([1.0]), "samples: got 1; it takes at least 2"),
        (lambda: Empirical([1.0, math.inf]), "not a finite number above 0 ohms"),
    ],
)
def test_impossible_parameters_say_what_is_wrong(make, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        make()


def test_not_a_number() -> None:
    with pytest.raises(TypeError, match="compliance: got '1'; it takes a number, in amperes"):
        te.Device(compliance="1")  # type: ignore[arg-type]
