"""Bits in resistive memory: one device, two devices, or one device and an error-correcting code."""

from __future__ import annotations

from ternary_engine.ecc.channel import Counts
from ternary_engine.ecc.hamming import HammingCode
from ternary_engine.ecc.schemes import SCHEMES, Scheme, find_scheme
from ternary_engine.ecc.simulation import simulate
from ternary_engine.ecc.storage import Protected, ProtectedLayer, protect
from ternary_engine.ecc.trade_offs import TradeOff, programming_path, trade_offs

__all__ = [
    "SCHEMES",
    "Counts",
    "HammingCode",
    "Protected",
    "ProtectedLayer",
    "Scheme",
    "TradeOff",
    "find_scheme",
    "programming_path",
    "protect",
    "simulate",
    "trade_offs",
]
