"""Random bits stored, read and decoded, and what is wrong in the end counted."""

from __future__ import annotations

import numpy as np

from ternary_engine.ecc.channel import Counts, stored_and_read
from ternary_engine.ecc.schemes import Scheme, find_scheme
from ternary_engine.physics import checks
from ternary_engine.physics.binary_reads import BitRates

__all__ = ["simulate"]

_CHUNK = 1 << 22


def simulate(scheme: str | Scheme, raw: float, bits: int, seed: int | None = None) -> Counts:
    """Send random bits through devices of a raw error rate.

    Devices alone err independently with the raw rate; what comes out of a code is decoded by the
    real decoder. For pairs both devices are drawn: ln R is normal, of one spread in both states,
    which lie so far apart that one device alone errs with the raw rate; a pair is wrong where its
    HRS lies below its LRS.

    Args:
        scheme: see `find_scheme`.
        raw: rate at which a device alone is read wrong, above 0 and below 0.5.
        bits: of data.
        seed: names the draws; None draws a fresh one.
    """
    from ternary_engine.errors import check_seed

    made = find_scheme(scheme)
    if not 0.0 < checks.number("raw", raw, "") < 0.5:
        raise ValueError(f"raw: got {raw}; it takes an error rate above 0 and below 0.5")
    if isinstance(bits, bool) or not isinstance(bits, int | np.integer) or bits < 0:
        raise ValueError(f"bits: got {bits!r}; it takes a whole number of bits")
    numbers = np.random.Generator(np.random.Philox(check_seed(seed)))
    if made.paired:
        return _pairs(float(raw), int(bits), numbers)
    counts = Counts()
    # Whole words in every chunk but the last.
    step = _CHUNK if made.code is None else max(_CHUNK // made.code.data, 1) * made.code.data
    for start in range(0, int(bits), step):
        data = numbers.random(min(step, int(bits) - start)) < 0.5
        counts += stored_and_read(data, made, BitRates(raw, raw), numbers)[1]
    return counts


def _pairs(raw: float, bits: int, numbers: np.random.Generator) -> Counts:
    from scipy.special import ndtri

    gap = -2.0 * float(ndtri(raw))
    counts = Counts()
    for start in range(0, bits, _CHUNK):
        n = min(_CHUNK, bits - start)
        low, high = numbers.standard_normal((2, n))
        wrong = int((low > high + gap).sum())
        alone = int((low > 0.5 * gap).sum() + (high < -0.5 * gap).sum())
        counts += Counts(n, 2 * n, raw_errors=alone, wrong=wrong)
    return counts
