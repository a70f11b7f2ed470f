"""Mutations of packed files whose checksum is made to fit again."""

from __future__ import annotations

import hashlib
import json
import random
from typing import Any

from ternary_engine import storage
from tests.fuzz.fields import INTEGERS

ODD: tuple[Any, ...] = (
    *INTEGERS, 0.5, -1.5, 1e300, None, True, False, "", "x", "float32", "object", "O", "binary",
    "ternary", "unsigned", "signed", "crossbar", "NCHW", "NTC", "NC", "free", "whole", [], [1],
    [0, 0],
    [[1, 1], [2]], {}, {"$array": "t0"}, {"$array": "missing"}, {"$bytes": "t0"}, {"$map": {}},
    {"$record": "Network"}, {"$record": "Codes"}, {"$record": "dict"}, {"$record": []},
    {"$map": {"$array": "t0"}}, {"$array": []},
)  # fmt: skip
WIDTHS = {"U8": 1, "I8": 1, "BOOL": 1, "I16": 2, "I32": 4, "I64": 8, "F32": 4, "F64": 8, "U64": 8}


class Parts:
    """A packed file taken apart: header of tensors, metadata, network, data."""

    def __init__(self, content: bytes) -> None:
        length = int.from_bytes(content[:8], "little")
        self.header = json.loads(content[8 : 8 + length])
        self.metadata = json.loads(self.header.pop("__metadata__")[storage.ENTRY])
        self.network = json.loads(self.metadata["network"])
        self.data = bytearray(content[8 + length :])

    def sealed(self) -> bytes:
        """The file, with a checksum that fits its contents where that can be worked out."""
        text = json.dumps(self.network, separators=(",", ":"))
        tensors = {}
        try:
            view = memoryview(bytes(self.data))
            tensors = {n: storage._tensor(e, view) for n, e in self.header.items()}
            digest = storage._digest(tensors, text)
        except Exception:  # offsets or types are wrong: refused before any checksum
            digest = hashlib.sha256(text.encode()).hexdigest()
        self.metadata |= {"network": text, "sha256": digest}
        header = {"__metadata__": {storage.ENTRY: json.dumps(self.metadata)}, **self.header}
        encoded = json.dumps(header).encode()
        return len(encoded).to_bytes(8, "little") + encoded + bytes(self.data)


def mutate(content: bytes, draw: random.Random) -> bytes:
    """Change one to three things and seal the file again."""
    parts = Parts(content)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        draw.choice((_record, _record, _record, _tensor_entry, _data, _step))(parts, draw)
    return parts.sealed()


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) inside a JSON value."""
    found: list[tuple[Any, Any]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        found.append((value, key))
        if isinstance(item, dict | list):
            found += _places(item)
    return found


def _record(parts: Parts, draw: random.Random) -> None:
    places = _places(parts.network)
    container, key = draw.choice(places)
    kind = draw.random()
    if kind < 0.15:
        del container[key]
    elif kind < 0.5:
        before = container[key]
        near = before + draw.choice((1, -1)) if isinstance(before, int) else draw.choice(ODD)
        container[key] = near
    elif kind < 0.75:
        container[key] = draw.choice(ODD)
    else:
        other, name = draw.choice(places)
        held = dict(enumerate(other)) if isinstance(other, list) else other
        container[key] = json.loads(json.dumps(held.get(name)))


def _tensor_entry(parts: Parts, draw: random.Random) -> None:
    name = draw.choice(list(parts.header))
    entry = parts.header[name]
    kind = draw.randrange(6)
    if kind == 0:
        entry["dtype"] = draw.choice((*WIDTHS, "F99", 3, None))
    elif kind == 1:  # a type of the same width: the shape still fits
        entry["dtype"] = draw.choice([t for t, w in WIDTHS.items() if w == WIDTHS[entry["dtype"]]]
                                     if entry["dtype"] in WIDTHS else ["U8"])  # fmt: skip
    elif kind == 2:
        entry["shape"] = draw.choice(([], [-1], [0], [1, -1], [1 << 40], [2, 2], "x", None, 7))
    elif kind == 3 and isinstance(entry["shape"], list) and entry["shape"]:
        shape = entry["shape"]
        entry["shape"] = draw.choice((shape[::-1], [*shape, 1], [1, *shape], shape[1:]))
    elif kind == 4:
        entry["data_offsets"] = draw.choice(
            ([0, 8], [8, 0], [-8, 8], [0, 1 << 60], [0], None, ["a", "b"], [0.5, 8.5])
        )
    else:
        parts.header[name] = parts.header[draw.choice(list(parts.header))]


def _data(parts: Parts, draw: random.Random) -> None:
    if not parts.data:
        return
    if draw.random() < 0.1:
        del parts.data[draw.randrange(len(parts.data)) :]
        return
    for _ in range(draw.choice((1, 1, 8))):
        place = draw.randrange(len(parts.data))
        parts.data[place] = draw.choice((0, 0xFF, 0x7F, 0x80, draw.randrange(256)))


def _step(parts: Parts, draw: random.Random) -> None:
    """Remove, repeat or exchange steps, layers or ports."""
    if not isinstance(parts.network, dict):
        return
    items = parts.network.get(draw.choice(("steps", "steps", "layers", "inputs", "outputs")))
    if not isinstance(items, list) or not items:
        return
    first, second = draw.randrange(len(items)), draw.randrange(len(items))
    kind = draw.randrange(3)
    if kind == 0:
        del items[first]
    elif kind == 1:
        items.insert(first, json.loads(json.dumps(items[second])))
    else:
        items[first], items[second] = items[second], items[first]
