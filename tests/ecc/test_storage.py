"""A network through stored bits: which weights, at what price, how many wrong in the end."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine.ecc import SCHEMES, HammingCode, find_scheme
from ternary_engine.ecc.channel import stored_and_read, wrong_places
from ternary_engine.ecc.schemes import paired_rate
from ternary_engine.physics.binary_reads import BitRates, read_alone, read_paired
from tests import statistics

NETWORKS = ("cnn_ternary", "mlp_binary")


@pytest.fixture(scope="module", params=NETWORKS)
def net(request: pytest.FixtureRequest) -> te.Network:
    return te.zoo.load(request.param)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_without_errors_nothing_changes(net: te.Network, scheme: str) -> None:
    stored = te.protect(net, scheme, raw_ber=0.0, seed=1)
    for before, after in zip(net.layers, stored.network.layers, strict=True):
        assert (before.pairs == after.pairs).all()
    assert (stored.counts.wrong, stored.wrong_weights, stored.expected) == (0, 0, 0.0)


def test_the_price_in_devices(net: te.Network) -> None:
    bits = net.layers[0].binary or 2
    cells = sum(layer.cells for layer in net.layers)
    for name in SCHEMES:
        stored = te.protect(net, name, raw_ber=1e-3, seed=1)
        assert stored.weights == cells
        assert stored.counts.bits == cells * bits
        code = find_scheme(name).code
        if code is None:
            assert stored.devices == cells * bits * find_scheme(name).devices_per_bit
        else:  # whole words, layer by layer
            words = [-(-layer.cells * bits // code.data) for layer in net.layers]
            assert stored.devices == sum(words) * code.length


@pytest.mark.parametrize("scheme", SCHEMES)
def test_errors_are_as_many_as_asked_for(net: te.Network, scheme: str, seed: int) -> None:
    raw = 0.02
    stored = te.protect(net, scheme, raw_ber=raw, seed=seed)
    counts, made = stored.counts, find_scheme(scheme)
    if made.paired:
        statistics.assert_rate(counts.raw_errors, counts.bits, float(paired_rate(raw)))
        assert counts.wrong == counts.raw_errors
    else:
        statistics.assert_rate(counts.raw_errors, counts.devices, raw)
    assert stored.expected == pytest.approx(float(made.residual(raw)), rel=1e-12)
    clusters = 9 if made.code else 1  # bits of a word go wrong together
    error = math.sqrt(clusters * counts.bits * stored.expected)
    assert abs(counts.wrong - counts.bits * stored.expected) <= statistics.SIGMAS * error


def test_wrong_weights_are_those_that_differ(net: te.Network, seed: int) -> None:
    stored = te.protect(net, "secded(8,4)", raw_ber=0.05, seed=seed)
    differ = [
        int((before.weights != after.weights).sum())
        for before, after in zip(net.layers, stored.network.layers, strict=True)
    ]
    assert differ == [one.wrong_weights for one in stored.layers]
    assert stored.wrong_weights == sum(differ) > 0


def test_one_wrong_bit_of_a_trit_makes_it_0_or_unequal_0(seed: int) -> None:
    """+1 and -1 are each other's only after two errors; 0 becomes either, as often."""
    net, raw = te.zoo.load("mlp_ternary"), 0.1
    stored = te.protect(net, "1t1r", raw_ber=raw, seed=seed)
    before = np.concatenate([layer.trits.ravel() for layer in net.layers])
    after = np.concatenate([layer.trits.ravel() for layer in stored.network.layers])
    ones, zeros = before != 0, before == 0
    for name, hits, n, chance in (
        ("sign flips", (ones & (after == -before)).sum(), ones.sum(), raw**2),
        ("drops", (ones & (after == 0)).sum(), ones.sum(), raw),
        ("rises to +1", (zeros & (after == 1)).sum(), zeros.sum(), raw * (1 - raw)),
        ("rises to -1", (zeros & (after == -1)).sum(), zeros.sum(), raw * (1 - raw)),
    ):
        if name == "drops":  # the set bit lost and the other not gained, or only gained: LRS/LRS
            chance = 2 * raw * (1 - raw)
        statistics.assert_rate(int(hits), int(n), chance, name)


def test_same_seed_same_network(net: te.Network) -> None:
    first, again, other = (te.protect(net, raw_ber=0.01, seed=seed) for seed in (3, 3, 4))
    pairs = [[layer.pairs for layer in one.network.layers] for one in (first, again, other)]
    assert all((a == b).all() for a, b in zip(pairs[0], pairs[1], strict=True))
    assert any((a != b).any() for a, b in zip(pairs[0], pairs[2], strict=True))
    assert first.counts == again.counts


def test_a_device_errs_as_it_does_alone_and_in_a_pair(net: te.Network, seed: int) -> None:
    device = te.Device.preset("low-energy")
    alone = te.protect(net, "1t1r", device=device, seed=seed)
    assert alone.rates == read_alone(device)
    statistics.assert_rate(alone.counts.wrong, alone.counts.bits, alone.expected)
    paired = te.protect(net, "2t2r", device=device, seed=seed)
    assert paired.rates == read_paired(device)
    statistics.assert_rate(paired.counts.wrong, paired.counts.bits, paired.expected)


def test_unequal_rates_of_both_states(seed: int) -> None:
    bits = np.random.default_rng(seed).random(1_000_000) < 0.3
    for rates in (
        BitRates(0.05, 0.002),
        BitRates(0.0, 0.4),
        BitRates(1.0, 0.5),
        BitRates(0.0, 0.0),
    ):
        read, counts = stored_and_read(
            bits, find_scheme("1t1r"), rates, np.random.default_rng(seed + 1)
        )
        assert counts.wrong == (read != bits).sum() == counts.raw_errors
        for value, rate in ((True, rates.lrs), (False, rates.hrs)):
            here = bits == value
            statistics.assert_rate(int((read != bits)[here].sum()), int(here.sum()), rate)


def test_codes_over_unequal_rates_are_close_to_their_mean(seed: int) -> None:
    """Of random data exact to the third order, as three bits of a word are independent."""
    bits = np.random.default_rng(seed).random(4_000_000) < 0.5
    rates = BitRates(0.015, 0.005)
    for name in ("sec(7,4)", "secded(8,4)"):
        scheme = find_scheme(name)
        counts = stored_and_read(bits, scheme, rates, np.random.default_rng(seed + 1))[1]
        expected = float(scheme.residual(rates.mean))
        error = math.sqrt(9 * expected / bits.size)
        assert abs(counts.rate - expected) <= statistics.SIGMAS * error + 0.01 * expected


@pytest.mark.parametrize("rate", [1e-9, 1e-4, 0.03, 0.19, 0.21, 0.9, 1.0])
def test_places_are_independent(rate: float, seed: int) -> None:
    n = 500_000
    places = wrong_places(np.zeros(n, bool), BitRates(rate, rate), np.random.default_rng(seed))
    assert (np.diff(places) > 0).all()
    statistics.assert_rate(places.size, n, rate)
    if places.size > 1000:
        statistics.assert_uniform(np.bincount(places % 10, minlength=10))
        neighbours = int((np.diff(places) == 1).sum())
        statistics.assert_rate(neighbours, places.size - 1, rate, "neighbours")


def test_words_in_many_chunks(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Chunks hold whole words, and bits stay in their order."""
    from ternary_engine.ecc import channel

    bits = np.random.default_rng(seed).random(10_007) < 0.5
    monkeypatch.setattr(channel, "_MOST_BITS", 1000)
    for name in ("sec(7,4)", "secded(72,64)"):
        scheme = find_scheme(name)
        read, counts = stored_and_read(
            bits, scheme, BitRates(0.0, 0.0), np.random.default_rng(seed + 1)
        )
        assert (read == bits).all()
        code = scheme.code
        assert isinstance(code, HammingCode)
        assert counts.devices == -(-bits.size // code.data) * code.length
        noisy, told = stored_and_read(
            bits, scheme, BitRates(0.05, 0.05), np.random.default_rng(seed + 1)
        )
        assert told.wrong == (noisy != bits).sum() > 0


def test_several_trits_a_weight_and_layers_outside(seed: int) -> None:
    """A weight of more levels is several trits; a digital layer is left alone."""
    net = te.zoo.load("cnn_ternary")
    first, second, *rest = net.layers
    codes = np.random.default_rng(seed).integers(-13, 14, first.shape).astype(np.int8)
    deep = dataclasses.replace(first, pairs=te.Layer.pack(codes))
    digital = dataclasses.replace(second, placement="digital", pairs=None)
    net = dataclasses.replace(net, layers=(deep, digital, *rest))
    stored = te.protect(net, "1t1r", raw_ber=0.05, seed=seed)
    told = stored.layers[0]
    assert told.weights == deep.cells == 3 * codes.size
    assert told.counts.bits == 2 * deep.cells
    wrong = stored.network.layers[0].trits != deep.trits
    assert told.wrong_weights == wrong.sum() > 0
    assert stored.network.layers[1] is digital
    assert [one.name for one in stored.layers] == [deep.name, *(one.name for one in rest)]


def test_accuracy_is_bought(seed: int) -> None:
    """At the rate of weak programming: a code or a second device gives accuracy back."""
    net, (x, labels) = te.zoo.load("cnn_ternary"), te.zoo.data("cnn_ternary")

    def accuracy(scheme: str) -> float:
        runs = [
            (te.protect(net, scheme, raw_ber=0.1, seed=seed + i).network.run(x).argmax(1) == labels)
            for i in range(4)
        ]
        return float(np.mean(runs))

    found = {name: accuracy(name) for name in ("1t1r", "2t2r", "secded(8,4)")}
    assert found["2t2r"] > found["1t1r"] + 0.02
    assert found["secded(8,4)"] > found["1t1r"] + 0.02


def test_what_it_tells(net: te.Network) -> None:
    stored = te.protect(net, "secded(72,64)", raw_ber=1e-3, seed=1)
    line = str(stored)
    for part in ("SECDED(72,64)", f"{stored.weights:,} weights", f"{stored.devices:,} devices"):
        assert part in line
    told = json.loads(json.dumps(stored.to_dict()))
    assert told["scheme"] == "secded(72,64)"
    assert told["seed"] == 1
    assert sum(one["counts"]["wrong"] for one in told["layers"]) == told["wrong"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "either raw_ber or device"),
        ({"raw_ber": 0.1, "device": te.Device()}, "either raw_ber or device"),
        ({"raw_ber": 0.5}, "raw_ber: got 0.5; it takes an error rate from 0 to below 0.5"),
        ({"raw_ber": -1e-3}, "raw_ber: got -0.001"),
        ({"raw_ber": math.nan}, "raw_ber: got nan"),
        ({"code": "secded(73,64)", "raw_ber": 0.1}, "with 64 data bits it is secded"),
        ({"raw_ber": 0.1, "seed": -1}, "seed: got -1"),
    ],
)
def test_bad_input_says_what_is_wrong(net: te.Network, options, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        te.protect(net, **options)


def test_not_a_device(net: te.Network) -> None:
    with pytest.raises(TypeError, match=r"device: got 'talk'; it takes a te\.Device"):
        te.protect(net, device="talk")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="raw_ber: got '1e-3'; it takes a number"):
        te.protect(net, raw_ber="1e-3")  # type: ignore[arg-type]
