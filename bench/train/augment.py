"""Augmentations of a batch of images [N, C, H, W], drawn from torch's global generator."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def shift(x: Tensor, reach: int, *, edge: bool) -> Tensor:
    """Move each image by -reach..reach pixels; what enters is the edge's value, or 0."""
    n, _, height, width = x.shape
    rows = torch.arange(height) + torch.randint(-reach, reach + 1, (n, 1))
    columns = torch.arange(width) + torch.randint(-reach, reach + 1, (n, 1))
    samples = torch.arange(n).view(n, 1, 1)
    moved = x.permute(0, 2, 3, 1)[
        samples,
        rows.clamp(0, height - 1).view(n, height, 1).to(x.device),
        columns.clamp(0, width - 1).view(n, 1, width).to(x.device),
    ].permute(0, 3, 1, 2)
    if edge:
        return moved
    inside_rows = ((rows >= 0) & (rows < height)).view(n, 1, height, 1)
    inside_columns = ((columns >= 0) & (columns < width)).view(n, 1, 1, width)
    return moved * (inside_rows & inside_columns).to(x.device)


def flip(x: Tensor) -> Tensor:
    """Mirror each image left-right with probability one half."""
    mirrored = torch.rand(len(x), 1, 1, 1).to(x.device) < 0.5
    return torch.where(mirrored, x.flip(3), x)


AUGMENTATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda x: x,
    "noise": lambda x: x + 0.2 * torch.randn_like(x),
    "shift2": lambda x: shift(x, 2, edge=False),
    "flip_shift2": lambda x: shift(flip(x), 2, edge=True),
    "flip_crop4": lambda x: shift(flip(x), 4, edge=True),
}
