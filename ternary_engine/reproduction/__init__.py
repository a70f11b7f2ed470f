"""The results of the talk, redrawn from shipped networks, data and models, beside its claims."""

from __future__ import annotations

from ternary_engine.reproduction.build import Reproduction, reproduce
from ternary_engine.reproduction.panel import Claim, Panel

__all__ = ["Claim", "Panel", "Reproduction", "reproduce"]
