"""Error rates: quadrature against counting, limits that are known, studies, use in a network."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import ternary_engine as te
from ternary_engine import zoo
from ternary_engine.device import Empirical, LogNormal
from ternary_engine.physics.rates import error_rates, interval
from ternary_engine.physics.studies import conditions
from tests import statistics

KINDS = ("sign_flip", "drop", "rise")
SAMPLES = 300_000
CASES = {
    "talk": (te.Device(), te.SenseAmp()),
    "degraded": (te.Device.preset("degraded"), te.SenseAmp()),
    "low-energy": (te.Device.preset("low-energy"), te.SenseAmp()),
    "thin": (te.Device.preset("low-energy"), te.SenseAmp(flavour="thin-oxide", corner="sf")),
    "nominal": (te.Device(), te.SenseAmp(flavour="nominal", mismatch_sigma=0.1)),
    "low supply": (te.Device(), te.SenseAmp(vdd=0.9)),
    "faulty": (te.Device(stuck_lrs=0.02, stuck_hrs=0.03), te.SenseAmp()),
    "aged": (te.Device().aged(1e8, 85.0), te.SenseAmp()),
    "measured": (
        te.Device(hrs=Empirical(np.random.default_rng(1).lognormal(12.0, 0.8, 400))),
        te.SenseAmp(),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_quadrature_is_what_counting_finds(name: str, seed: int) -> None:
    device, sense = CASES[name]
    exact = error_rates(device, sense)
    counted = error_rates(device, sense, method="monte-carlo", samples=SAMPLES, seed=seed)
    for kind in KINDS:
        rate = getattr(exact, kind)
        hits = round(getattr(counted, kind) * SAMPLES)
        statistics.assert_rate(hits, SAMPLES, rate, f"{name}, {kind}")
        if hits == 0:
            assert rate < 1e-3


def test_default_rates_are_of_the_recalled_order() -> None:
    """Type 1 under 1e-6, type 2 under 1 %, type 3 6.5 % and, degraded, 18.5 %: recalled figures."""
    talk, degraded = (error_rates(*CASES[name]) for name in ("talk", "degraded"))
    assert talk.sign_flip < 1e-6
    assert talk.drop < 0.01
    assert talk.rise == pytest.approx(0.065, rel=0.02)
    assert degraded.rise == pytest.approx(0.185, rel=0.02)
    assert degraded.drop < 0.01


def test_quadrature_reaches_rates_that_no_counting_could() -> None:
    """A sharp LRS and HRS, a wide gap: type 2 is the far tail of LRS beyond the threshold."""
    sense = te.SenseAmp(mismatch_sigma=0.0, noise_sigma=0.0)
    hrs = LogNormal(1e9, 0.0)
    threshold = sense.threshold(1e9)
    for deviations in (3.0, 6.0, 6.5):
        device = te.Device(lrs=LogNormal(threshold * math.exp(-0.3 * deviations), 0.3), hrs=hrs)
        rate = error_rates(device, sense).drop
        assert rate == pytest.approx(stats.norm.sf(deviations), rel=1e-3)


@pytest.mark.parametrize(("q", "lost"), [(0.1, 0.015), (0.02, 0.003), (0.005, 0.0008)])
def test_type_3_without_noise_is_that_of_two_independent_devices(q: float, lost: float) -> None:
    """1 - (1 - q)**2, q = P(R_HRS < R_th), where the other branch does not matter.

    A share q of HRS devices lies far below the threshold and the rest does not conduct. Of pairs
    of two low ones, those that fall together resolve too late: they are what little is missing.
    """
    sense = te.SenseAmp(mismatch_sigma=0.0, noise_sigma=0.0)
    few = 200
    low = LogNormal(3e3, 1.0).ppf((np.arange(few) + 0.5) / few)
    open_ones = np.full(round(few / q) - few, 1e9)
    device = te.Device(lrs=LogNormal(1e3, 0.0), hrs=Empirical(np.append(low, open_ones)))
    below = float(device.cdf("hrs", sense.threshold()))
    assert below == pytest.approx(q, rel=0.02)
    rise = error_rates(device, sense).rise
    either, exactly_one = 1 - (1 - below) ** 2, 2 * below * (1 - below)
    assert exactly_one * 0.9999 < rise <= either * 1.003
    assert rise == pytest.approx(either, rel=lost)


def test_threshold_model_gives_the_law_exactly(seed: int) -> None:
    """The read model of facts: 0 where min(R) lies above R_th; counted with sampled devices."""
    device, n = te.Device(), 400_000
    pair = [device.sample("hrs", n, seed=seed + side) for side in (0, 1)]
    threshold = te.SenseAmp().threshold()
    q = float(device.cdf("hrs", threshold))
    hits = int((np.minimum(*pair) < threshold).sum())
    statistics.assert_rate(hits, n, 1 - (1 - q) ** 2)


@pytest.mark.parametrize(("hits", "n"), [(0, 50), (1, 50), (20, 50), (50, 50)])
def test_intervals_are_those_of_clopper_and_pearson(hits: int, n: int) -> None:
    low, high = interval(hits, n)
    assert low == pytest.approx(stats.beta.ppf(0.025, hits, n - hits + 1) if hits else 0.0)
    assert high == pytest.approx(stats.beta.ppf(0.975, hits + 1, n - hits) if hits < n else 1.0)


def test_counting_is_reproducible_and_holds_the_truth() -> None:
    device, sense = CASES["low-energy"]
    first, again, other = (
        error_rates(device, sense, method="monte-carlo", samples=20_000, seed=s) for s in (1, 1, 2)
    )
    assert first == again
    assert first != other
    for place, kind in enumerate(KINDS):
        assert first.low[place] <= getattr(first, kind) <= first.high[place]
        width = first.high[place] - first.low[place]
        rate = getattr(first, kind)
        assert width == pytest.approx(2 * 1.96 * math.sqrt(rate * (1 - rate) / 20_000), rel=0.15)


def test_stuck_devices_cost_what_they_must() -> None:
    """Sharp states: a +1 with BL stuck at HRS is read as 0, a 0 with one stuck at LRS is not."""
    a, b = 0.01, 0.02
    sense = te.SenseAmp()
    device = te.Device(lrs=LogNormal(5e3, 0.01), hrs=LogNormal(1e6, 0.01), stuck_lrs=a, stuck_hrs=b)
    found = error_rates(device, sense)
    one_low = 2 * a * (1 - a)  # of two stuck at LRS, which falls first is a matter of chance
    assert one_low < found.rise < 1 - (1 - a) ** 2
    assert b * (1 - a) <= found.drop < b + a  # and pairs of LRS that stay level
    assert a * b <= found.sign_flip < a * b + 0.5 * a  # half the pairs of LRS, at most


def test_from_device_runs_a_network() -> None:
    device, sense = te.Device.preset("degraded"), te.SenseAmp()
    errors = te.SenseErrors.from_device(device, sense)
    assert errors.per == "read"
    assert errors.rise == pytest.approx(0.185, rel=0.02)
    assert te.SenseErrors.from_device(device, sense, per="program").per == "program"
    counted = te.SenseErrors.from_device(
        device, sense, method="monte-carlo", samples=10_000, seed=3
    )
    assert counted.rise == pytest.approx(0.185, rel=0.15)
    net = te.convert(zoo.path("mlp_ternary"))
    x, labels = zoo.data("mlp_ternary")
    scores = net.run(x[:100], errors=errors, seed=1)
    assert not (scores == net.run(x[:100])).all()
    assert (scores == net.run(x[:100], errors=errors, seed=1)).all()
    assert (scores.argmax(axis=1) == labels[:100]).mean() > 0.8


def test_rates_over_supply_go_as_told() -> None:
    """Less supply: fewer 0 that rise, more +1 and -1 that drop."""
    found = conditions(te.Device(), te.SenseAmp(), vdd=[0.9, 1.0, 1.2, 2.0, 5.0])
    assert [one.vdd for one in found] == [0.9, 1.0, 1.2, 2.0, 5.0]
    assert all(np.diff([one.rise for one in found]) > 0)
    assert all(np.diff([one.drop for one in found]) < 0)
    assert all(np.diff([one.threshold for one in found]) > 0)
    energy = [one.energy_one / one.vdd**2 for one in found]
    assert max(energy) / min(energy) < 1.1  # as C VDD**2


def test_rates_over_time_corner_and_temperature() -> None:
    sense = te.SenseAmp()
    times = conditions(te.Device(), sense, sense_time=[10e-9, 50e-9, 100e-9])
    assert all(np.diff([one.rise for one in times]) > 0)
    assert all(np.diff([one.drop for one in times]) < 0)
    grid = conditions(te.Device(), sense, temperature=[-40, 85], corner=["ss", "ff"])
    assert [(one.temperature, one.corner) for one in grid] == [
        (-40, "ss"),
        (-40, "ff"),
        (85, "ss"),
        (85, "ff"),
    ]
    assert grid[0].rise < grid[1].rise < grid[3].rise
    assert set(grid[0].to_dict()) >= {"vdd", "corner", *KINDS}


def test_hopeless_conditions_are_told() -> None:
    with pytest.warns(te.PhysicsWarning, match=r"1e-09 s: too short, 100 %.*takes 5\.5\de-09 s at"):
        found = error_rates(te.Device(), te.SenseAmp(sense_time=1e-9))
    assert found.drop == pytest.approx(1.0)
    assert conditions(te.Device(), te.SenseAmp(), vdd=[0.6])[0].drop == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "guess"}, "method: got 'guess'; it takes quadrature or monte-carlo"),
        ({"method": "monte-carlo", "samples": 0}, "samples: got 0; it takes a whole number"),
    ],
)
def test_bad_options(options, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        error_rates(te.Device(), te.SenseAmp(), **options)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["talk", "degraded", "low-energy", "thin"])
def test_quadrature_is_what_long_counting_finds(name: str, seed: int) -> None:
    device, sense = CASES[name]
    exact = error_rates(device, sense)
    n = 4_000_000
    counted = error_rates(device, sense, method="monte-carlo", samples=n, seed=seed)
    for kind in KINDS:
        hits = round(getattr(counted, kind) * n)
        statistics.assert_rate(hits, n, getattr(exact, kind), f"{name}, {kind}")
