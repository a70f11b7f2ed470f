"""Cases by family and number: the same number is the same file, whoever asks."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz import corpus, fields, hostile, hostile_values, packed, wire

FAMILIES = ("bytes", "fields", "hostile", "external", "packed bytes", "packed sealed")
Files = dict[str, bytes | Path]  # a path is where a link leads


@dataclass(frozen=True)
class Case:
    """A file to be taken or refused.

    Attributes:
        family, number: what it was made from.
        origin: the file it is a mutant of.
        data: its bytes.
        files: others beside it, by name.
    """

    family: str
    number: int
    origin: str
    data: bytes
    files: Files = field(default_factory=dict)

    @property
    def is_packed(self) -> bool:
        """Whether it is a packed file (or was one)."""
        return self.family.startswith("packed")

    def write(self, folder: Path) -> Path:
        """Put it into an empty folder with what belongs beside it; gives its path."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            if isinstance(content, Path):
                path.symlink_to(content)
            else:
                path.write_bytes(content)
        path = folder / ("net.tern" if self.is_packed else "model.onnx")
        path.write_bytes(self.data)
        return path


def make(family: str, number: int, seed: int = 0) -> Case:
    """Make a case."""
    draw = random.Random(f"{seed}/{family}/{number}")
    if family.startswith("packed"):
        name = draw.choice((*corpus.PACKED, corpus.EVERY_STEP, corpus.EVERY_STEP))
        mutate = wire.mutate if family == "packed bytes" else packed.mutate
        return Case(family, number, name, mutate(corpus.packed(name), draw))
    if family == "external":
        model, files = hostile_values.external(draw)
        data = model.SerializeToString()
        return Case(family, number, family, data, files)
    if family == "hostile":
        maker = draw.choice((*hostile.STRUCTURES, *hostile_values.VALUES))
        return Case(family, number, maker.__name__, maker(draw).SerializeToString())
    names, weights = corpus.names()
    (name,) = draw.choices(names, weights)
    mutate = wire.mutate if family == "bytes" else fields.mutate
    return Case(family, number, name, mutate(corpus.model(name), draw))
