from __future__ import annotations

import pytest

from ternary_engine import text


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (8.5e-7, "850 ns"),
        (1.234e-5, "12.3 µs"),
        (9.9996e-4, "1.00 ms"),
        (0.00456, "4.56 ms"),
        (7.888, "7.89 s"),
        (99.4, "99.4 s"),
        (185.2, "3 min 05 s"),
    ],
)
def test_duration(seconds: float, written: str) -> None:
    assert text.duration(seconds) == written


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (3.14159, "3.14/s"),
        (99.6, "100/s"),
        (999.6, "1,000/s"),
        (12_345, "12,300/s"),
        (999_499, "999,000/s"),
        (1_234_000, "1.23 M/s"),
        (2.5e9, "2,500 M/s"),
    ],
)
def test_rate(number: float, written: str) -> None:
    assert text.rate(number) == written


def test_rate_with_a_unit() -> None:
    assert text.rate(12_345, "samples") == "12,300 samples/s"
    assert text.rate(12_345_678, "samples") == "12.3 M samples/s"


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),
        (12_345_678, "12.3 MB"),
        (5_000_000_000, "5.00 GB"),
    ],
)
def test_size(number: int, written: str) -> None:
    assert text.size(number) == written


def test_the_rest() -> None:
    assert text.count(12345) == "12,345"
    assert text.percent(0.975) == "97.50 %"
    assert text.percent(0.975, 0) == "98 %"
    assert text.shape((16, 3, None)) == "16x3xN"
    assert text.shape(()) == "scalar"
