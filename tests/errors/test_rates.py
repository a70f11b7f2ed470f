"""Every rate from 1e-9 to 1, and what rates 0 and 1 and inputs 0 mean exactly."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats

import ternary_engine as te
from tests import statistics
from tests.errors.conftest import Force
from tests.errors.single import CASES, Case, Single, build, kinds_of_errors

RATES = [1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999, 1.0]
PERS = ("read", "sample", "batch", "program")
INPUTS, OUTPUTS = 1152, 48
WIDE = Case(channels=INPUTS, outputs=OUTPUTS)
ALL_ON = np.ones((1, INPUTS, 1, 1), np.int64)


def thirds() -> Single:
    """A third of the outputs with weights +1, a third with -1, a third with 0."""
    codes = np.repeat(np.repeat([1, -1, 0], OUTPUTS // 3)[:, None], INPUTS, axis=1)
    return build(WIDE, codes=codes)


def check_rate(rate: float, samples: int, seed: int) -> None:
    one = thirds()
    half = OUTPUTS // 3
    n = samples * half * INPUTS
    for errors, size in ((te.SenseErrors(sign_flip=rate), 2), (te.SenseErrors(drop=rate), 1)):
        change = one.change(ALL_ON, samples, errors, seed).reshape(samples, OUTPUTS)
        plus, minus = -change[:, :half], change[:, half : 2 * half]
        assert not change[:, 2 * half :].any()
        for what, each in (("+1", plus), ("-1", minus)):
            assert not (each % size).any()
            counts = each // size
            statistics.assert_rate(int(counts.sum()), n, rate, f"{errors}, stored {what}")
            mass = stats.binom.pmf(np.arange(INPUTS + 1), INPUTS, rate)
            seen = np.bincount(counts.ravel(), minlength=INPUTS + 1)
            statistics.assert_counts(seen, mass + 1e-300, f"{errors}, stored {what}")
    errors = te.SenseErrors(rise=rate)
    change = one.change(ALL_ON, samples, errors, seed).reshape(samples, OUTPUTS)
    assert not change[:, : 2 * half].any()
    rises = change[:, 2 * half :]
    if n * rate > 1000:
        statistics.assert_moments(rises, 0.0, INPUTS * rate, str(errors))
    else:
        statistics.assert_rate(int(np.abs(rises).sum()), n, rate, str(errors))


@pytest.mark.parametrize("rate", RATES)
def test_rates(rate: float, seed: int) -> None:
    check_rate(rate, 200, seed)


@pytest.mark.parametrize("way", ["rare", "frequent"])
@pytest.mark.parametrize("rate", [1e-9, 1e-6, 1e-4, 1e-3, 0.01])
def test_rates_by_either_sampler(rate: float, way: str, force: Force, seed: int) -> None:
    force(way)
    check_rate(rate, 200, seed)


@pytest.mark.slow
@pytest.mark.parametrize("rate", RATES)
def test_rates_over_many_reads(rate: float, seed: int) -> None:
    check_rate(rate, 40_000 if rate < 1e-3 else 4000, seed)


@pytest.mark.parametrize("rate", RATES)
def test_rates_of_real_inputs(rate: float, seed: int) -> None:
    case = Case("real", channels=500, outputs=20)
    one = build(case, codes=np.ones(case.shape, np.int64))
    image = np.ones((1, 500, 1, 1), np.int64)
    change = one.change(image, 40, te.SenseErrors(drop=rate), seed)
    statistics.assert_rate(int(-change.sum()), 40 * 500 * 20, rate, "drops")
    seen = np.bincount(-change.ravel(), minlength=501)
    statistics.assert_counts(seen, stats.binom.pmf(np.arange(501), 500, rate) + 1e-300)


@pytest.mark.parametrize("rate", [1e-6, *RATES[3:]])
def test_rates_of_programming(rate: float, seed: int) -> None:
    """Geometric skipping over cells: rates by stored value, and no place is preferred."""
    case = Case(channels=601, outputs=409)  # 245,809 cells fill no byte
    one = build(case, seed)
    stored = one.layer.trits.ravel()
    table = np.eye(3) + rate * (
        np.array([[0.2, 0.5, 0.3], [0.7, 0.1, 0.2], [0.25, 0.25, 0.5]]) - np.eye(3)
    )
    chip = one.network.program(errors=te.SenseErrors.from_table(table), seed=seed)
    read = chip.layers[0].trits.ravel()
    for trit in (-1, 0, 1):
        held = read[stored == trit]
        counts = np.array([(held == r).sum() for r in (-1, 0, 1)])
        for r in (-1, 0, 1):
            statistics.assert_rate(int(counts[r + 1]), held.size, table[trit + 1, r + 1])
        statistics.assert_counts(counts, table[trit + 1], f"stored {trit}")
    wrong = np.flatnonzero((read != stored) & (stored == 0))
    for step in (3, 4, 7, 8, 64):
        of_all = np.bincount(np.flatnonzero(stored == 0) % step, minlength=step)
        seen = np.bincount(wrong % step, minlength=step)
        statistics.assert_counts(seen, of_all / of_all.sum(), f"cells modulo {step}")
    tenths = np.bincount(np.flatnonzero(stored == 0) * 10 // stored.size, minlength=10)
    seen = np.bincount(wrong * 10 // stored.size, minlength=10)
    statistics.assert_counts(seen, tenths / tenths.sum(), "tenths of the layer")


def test_no_cell_is_skipped_at_the_ends(seed: int) -> None:
    """The first and the last cell err as often as the others."""
    case = Case(channels=7, outputs=3)
    one = build(case, codes=np.ones(case.shape, np.int64))
    errors = te.SenseErrors(drop=0.2, per="sample")
    image = np.eye(7, dtype=np.int64).reshape(7, 7, 1, 1)
    total = np.zeros((3, 7))
    for channel in range(7):
        total[:, channel] = (one.change(image[channel : channel + 1], 1000, errors, seed) != 0).sum(
            axis=(0, 2, 3)
        )
    for cell in total.ravel():
        statistics.assert_rate(int(cell), 1000, 0.2, f"{total}")


# Exactly


@pytest.mark.parametrize("per", PERS)
@pytest.mark.parametrize("name", CASES)
def test_rate_0_is_the_error_free_run(name: str, per: str, seed: int) -> None:
    one = build(CASES[name], seed)
    x = one.feed(one.image(seed), 3)
    clean = one.network.run(x)
    for errors in (te.SenseErrors(per=per), te.SenseErrors.from_ber(0.0, per=per)):
        assert one.network.run(x, errors=errors, seed=seed).tobytes() == clean.tobytes()
    mapped = one.network.run(x, errors={"layer": te.SenseErrors(per=per)}, seed=seed)
    assert mapped.tobytes() == clean.tobytes()
    assert one.network.run(x, errors={}, seed=seed).tobytes() == clean.tobytes()


@pytest.mark.parametrize("per", PERS)
@pytest.mark.parametrize("name", CASES)
def test_rate_1_errs_everywhere(name: str, per: str, seed: int) -> None:
    one = build(CASES[name], seed)
    x = one.feed(one.image(seed), 3)
    clean = one.network.run(x)
    flipped = one.network.run(x, errors=te.SenseErrors(sign_flip=1.0, per=per), seed=seed)
    np.testing.assert_array_equal(flipped, -clean)
    if not CASES[name].binary:
        dropped = one.network.run(x, errors=te.SenseErrors(drop=1.0, per=per), seed=seed)
        assert not dropped.any()
        risen = te.SenseErrors(rise=1.0, per=per)
        hot = build(Case(channels=1, outputs=64), codes=np.zeros((64, 1), np.int64))
        y = hot.network.run(np.ones((5, 1), np.float32), errors=risen, seed=seed)
        assert set(np.unique(y)) == {-1.0, 1.0}


@pytest.mark.parametrize("per", PERS)
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.kind != "binary"])
def test_cells_without_input_are_not_sensed(name: str, per: str, seed: int) -> None:
    """All inputs 0 (a binary input never is): nothing changes, whatever is read."""
    case = CASES[name]
    one = build(case, seed)
    for errors in kinds_of_errors(case).values():
        held = dataclasses.replace(errors, per=per)
        assert not one.change(one.image(seed) * 0, 20, held, seed).any()


@pytest.mark.parametrize("kind", ["ternary", "binary", "unsigned", "real"])
def test_padding_never_errs(kind: str, seed: int) -> None:
    """One pixel under a 3 x 3 window with pads: of nine cells one is sensed, at each position."""
    case = dataclasses.replace(CASES["convolution"], kind=kind, channels=1, size=(1, 1))
    case = dataclasses.replace(case, size=(1, 2), outputs=16)
    one = build(case, codes=np.ones(case.shape, np.int64))
    image = np.ones((1, 1, 1, 2), np.int64)
    for per in PERS:
        change = one.change(image, 400, te.SenseErrors(drop=0.5, per=per), seed)
        assert change.min() == -2, "two pixels lie under the window, and no more"
        assert change.max() == 0
        gone = one.change(image, 5, te.SenseErrors(drop=1.0, per=per), seed)
        assert (gone == -2).all()


def test_errors_of_one_layer_leave_the_input_of_zero_alone(seed: int) -> None:
    """Ternary inputs, half of them 0: only cells under the others change the sum."""
    one = thirds()
    image = ALL_ON.copy()
    image[0, ::2] = 0
    change = one.change(image, 50, te.SenseErrors(drop=1.0), seed).reshape(50, OUTPUTS)
    assert (change[:, : OUTPUTS // 3] == -INPUTS // 2).all()


@pytest.mark.parametrize("parts", [(0.9, 0.1), (0.8, 0.2), (0.7, 0.3), (0.55, 0.45)])
def test_rates_that_leave_nothing_but_rounding(parts: tuple[float, float], seed: int) -> None:
    """1 - 0.8 - 0.2 is less than 0 in floating point."""
    large, small = parts
    one, third = thirds(), OUTPUTS // 3
    for flip, drop in (parts, parts[::-1]):
        errors = te.SenseErrors(sign_flip=flip, drop=drop)
        change = -one.change(ALL_ON, 100, errors, seed).reshape(100, OUTPUTS)[:, :third]
        statistics.assert_rate(int((change - INPUTS).sum()), change.size * INPUTS, flip)
    table = [[large, small, 0.0], [small, 0.0, large], [0.0, small, large]]
    change = one.change(ALL_ON, 100, te.SenseErrors.from_table(table), seed).reshape(100, OUTPUTS)
    ups = (change[:, 2 * third :] + INPUTS) // 2
    statistics.assert_rate(int(ups.sum()), ups.size * INPUTS, large)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("rate", [5e-324, 1e-300, 2.0**-64])
def test_rates_too_small_to_be_seen(name: str, rate: float, seed: int) -> None:
    one = build(CASES[name], seed)
    for per in PERS:
        errors = te.SenseErrors(sign_flip=rate, per=per)
        assert not one.change(one.image(seed), 5, errors, seed).any()


@pytest.mark.parametrize("per", PERS)
def test_layers_without_inputs(per: str, seed: int) -> None:
    one = build(Case(channels=0, outputs=3), codes=np.zeros((3, 0), np.int64))
    for errors in (te.SenseErrors(rise=1.0, per=per), te.SenseErrors(drop=0.1, per=per)):
        y = one.network.run(np.zeros((2, 0), np.float32), errors=errors, seed=seed)
        assert y.tolist() == [[0.0] * 3] * 2
