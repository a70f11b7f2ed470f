"""Ternary and binary values with straight-through gradients, and errors in their storage."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

Kind = Literal["ternary", "binary", "real"]
KINDS: tuple[Kind, ...] = ("ternary", "binary", "real")
DELTA = 0.05


class _Ternarise(torch.autograd.Function):
    """Sign where |x| > DELTA, else 0; the gradient passes unchanged."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.where(x.abs() > DELTA, torch.sign(x), 0.0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


class _Binarise(torch.autograd.Function):
    """Sign with 0 counted as +1; the gradient passes unchanged."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.where(x >= 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


class _Gate(torch.autograd.Function):
    """Hardtanh and quantiser at once: two passes over memory forwards, one backwards.

    The values and gradients of the two apart, bit for bit.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, kind: Kind, window: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.window = window
        if kind == "ternary":
            return functional.hardshrink(x, DELTA).sign_()
        return torch.where(x >= 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        return torch.ops.aten.hardtanh_backward(gradient, x, -ctx.window, ctx.window), None, None


def gate(x: Tensor, kind: Kind, window: float = 1.0) -> Tensor:
    """Hardtanh between -window and window, then `quantise`, the quick way: for training."""
    if kind == "real":
        return functional.hardtanh(x, -window, window)
    return _Gate.apply(x, kind, window)


def quantise(x: Tensor, kind: Kind) -> Tensor:
    """Values as the chip holds them; gradients pass straight through."""
    if kind == "ternary":
        return _Ternarise.apply(x)
    if kind == "binary":
        return _Binarise.apply(x)
    return x


def inject(weights: Tensor, kind: Kind, ber: float) -> Tensor:
    """One draw of storage errors at bit error rate ``ber``, from torch's global generator.

    Binary: the sign flips with probability ber. Ternary: with q = 2 ber / (1 + p0), p0 the share
    of zeros, a zero becomes +1 or -1 with probability q/2 each and a +-1 becomes 0 with
    probability q/2, so ber of all weights are wrong. Real weights know no errors.
    """
    if kind == "real" or ber <= 0:
        return weights
    draw = torch.rand_like(weights)
    if kind == "binary":
        return weights + (torch.where(draw < ber, -weights, weights) - weights).detach()
    zero = weights == 0
    q = 2 * ber / (1 + zero.float().mean())
    risen = torch.where(draw < q / 2, 1.0, torch.where(draw < q, -1.0, 0.0))
    kept = torch.where(draw < q / 2, 0.0, weights)
    return weights + (torch.where(zero, risen, kept) - weights).detach()
