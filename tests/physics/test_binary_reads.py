"""Binary reads: one device against a reference, two against each other; laws that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import ternary_engine as te
from ternary_engine.device import Empirical, LogNormal
from ternary_engine.ecc.schemes import paired_rate
from ternary_engine.physics.binary_reads import BitRates, read_alone, read_paired
from tests import statistics

LOW = 5e3
RATES = [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6]  # of pairs


def equal(gap: float, sigma: float = 0.6, **options: float) -> te.Device:
    """Both states of one spread, so many spreads apart."""
    high = LogNormal(LOW * math.exp(gap * sigma), sigma)
    return te.Device(lrs=LogNormal(LOW, sigma), hrs=high, **options)


def at_paired_rate(rate: float) -> te.Device:
    return equal(math.sqrt(2) * stats.norm.isf(rate))


@pytest.mark.parametrize("rate", RATES)
def test_pairs_follow_the_closed_form(rate: float) -> None:
    """p = Phi(sqrt(2) Phi**-1(p alone)), by quadrature down to 1e-6."""
    device = at_paired_rate(rate)
    alone, paired = read_alone(device), read_paired(device)
    assert alone.lrs == pytest.approx(alone.hrs, rel=1e-4)
    assert paired.mean == pytest.approx(rate, rel=1e-6)
    assert float(paired_rate(alone.mean)) == pytest.approx(rate, rel=1e-6)


@pytest.mark.parametrize("rate", RATES[:4])
def test_pairs_of_sampled_devices_are_counted(rate: float, seed: int) -> None:
    device, n = at_paired_rate(rate), 1_000_000
    low, high = device.sample("lrs", n, seed), device.sample("hrs", n, seed + 1)
    statistics.assert_rate(int((low > high).sum()), n, rate)
    alone = read_alone(device)
    statistics.assert_rate(int((low > alone.reference).sum()), n, alone.lrs)
    statistics.assert_rate(int((high < alone.reference).sum()), n, alone.hrs)


@pytest.mark.parametrize("rate", RATES)
def test_pairs_by_importance_sampling(rate: float, seed: int) -> None:
    """Devices drawn around the likeliest failure, where both meet half way, and weighed."""
    gap = math.sqrt(2) * stats.norm.isf(rate)
    z = np.random.default_rng(seed).standard_normal((2, 400_000))
    shift = np.array([[0.5 * gap], [-0.5 * gap]])
    weight = np.exp(-(shift * z).sum(axis=0) - 0.5 * (shift**2).sum())
    low, high = (z + shift) * 0.6 + np.log([[LOW], [LOW * math.exp(0.6 * gap)]])
    wrong = weight * (low > high)
    error = wrong.std() / math.sqrt(wrong.size)
    assert error < 0.01 * rate
    assert abs(wrong.mean() - rate) <= statistics.SIGMAS * error
    assert abs(wrong.mean() - read_paired(at_paired_rate(rate)).mean) <= statistics.SIGMAS * error


@pytest.mark.parametrize("rate", [1e-1, 1e-2])
def test_the_sense_amplifier_reads_pairs_so(rate: float, seed: int) -> None:
    """Given time, the side of the lower resistance falls first: the circuit, not the formula."""
    device, n = at_paired_rate(rate), 60_000
    sense = te.SenseAmp("nominal", sense_time=1e-3, mismatch_sigma=0.0, noise_sigma=0.0)
    value = sense.read(device.sample("lrs", n, seed), device.sample("hrs", n, seed + 1)).value
    statistics.assert_rate(int((value != 1).sum()), n, rate)


@pytest.mark.parametrize("name", ["talk", "degraded", "low-energy"])
def test_unequal_spreads_have_a_law_of_their_own(name: str) -> None:
    device = te.Device.preset(name)
    low, high = device.resistance("lrs"), device.resistance("hrs")
    gap = math.log(high.median / low.median)
    expected = stats.norm.sf(gap / math.hypot(low.sigma, high.sigma))
    assert read_paired(device).mean == pytest.approx(expected, rel=1e-6)
    balanced = stats.norm.sf(gap / (low.sigma + high.sigma))
    assert 0.8 * balanced < read_alone(device).mean <= balanced


def test_the_best_reference_is_the_best() -> None:
    devices = [
        te.Device(),
        te.Device(lrs=LogNormal(1e4, 0.3), hrs=LogNormal(1e5, 0.9)),
        te.Device(hrs=Empirical(LogNormal(1e5, 0.8).ppf((np.arange(300) + 0.5) / 300))),
        te.Device(stuck_lrs=0.01, stuck_hrs=0.002),
    ]
    for device in devices:
        best = read_alone(device)
        tried = [read_alone(device, r).mean for r in np.geomspace(6e3, 9e4, 200)]
        assert best.mean <= min(tried) * (1 + 1e-6)


def test_a_given_reference() -> None:
    device = te.Device()
    found = read_alone(device, 20e3)
    assert found.hrs == pytest.approx(float(device.cdf("hrs", 20e3)), rel=1e-9)
    assert found.lrs == pytest.approx(1 - float(device.cdf("lrs", 20e3)), rel=1e-6)
    assert found.mean == 0.5 * (found.lrs + found.hrs)


@pytest.mark.parametrize("sigma", [0.2, 0.6])
def test_a_reference_with_a_spread(sigma: float, seed: int) -> None:
    """It adds to the variance of either comparison; counted with sampled devices too."""
    device, reference = te.Device.preset("low-energy"), 36e3
    found = read_alone(device, reference, sigma)
    for state, rate in (("lrs", found.lrs), ("hrs", found.hrs)):
        held = device.resistance(state)
        gap = abs(math.log(reference / held.median))
        assert rate == pytest.approx(stats.norm.sf(gap / math.hypot(held.sigma, sigma)), rel=1e-6)
        n = 400_000
        drawn = reference * np.exp(sigma * np.random.default_rng(seed).standard_normal(n))
        r = device.sample(state, n, seed)
        wrong = r > drawn if state == "lrs" else r < drawn
        statistics.assert_rate(int(wrong.sum()), n, rate, state)
    assert found.mean > read_alone(device, reference).mean


def test_a_reference_as_wide_as_the_devices_undoes_half_of_the_pair() -> None:
    """A reference device in the middle: as wide a difference as in a pair, over half the gap."""
    device = equal(5.0)
    wide = read_alone(device, reference_sigma=0.6)
    assert wide.mean == pytest.approx(stats.norm.sf(2.5 / math.sqrt(2)), rel=1e-4)
    assert read_paired(device).mean < read_alone(device).mean < wide.mean


def test_stuck_devices_cost_what_they_must() -> None:
    device = te.Device(
        lrs=LogNormal(5e3, 0.01), hrs=LogNormal(1e6, 0.01), stuck_lrs=0.01, stuck_hrs=0.02
    )
    alone, paired = read_alone(device), read_paired(device)
    assert (alone.lrs, alone.hrs) == pytest.approx((0.02, 0.01))
    both = 0.01 * 0.02  # swapped; of two stuck alike, half are wrong
    assert paired.mean == pytest.approx(both + 0.5 * (0.01 * 0.98 + 0.02 * 0.99), rel=0.01)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: read_alone(te.Device(), 0.0), "reference: got 0.0; it takes a number above 0"),
        (lambda: read_alone(te.Device(), reference_sigma=-1), "reference_sigma: got -1"),
        (lambda: BitRates(1.2, 0.0), "lrs: got 1.2; it takes a number from 0 to 1"),
    ],
)
def test_impossible_parameters_say_what_is_wrong(make, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()
