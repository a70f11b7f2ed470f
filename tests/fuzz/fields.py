"""Mutations of protobuf messages, by reflection: every field of every message can change."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

import onnx
from google.protobuf.descriptor import FieldDescriptor as Field

INTEGERS = (0, 1, -1, 2, 3, 4, 7, 8, 16, 127, 128, 255, 1 << 16, (1 << 31) - 1, 1 << 31, 1 << 40,
            (1 << 63) - 1, -2, -(1 << 31), -(1 << 63))  # fmt: skip
REALS = (0.0, -0.0, 1.0, -1.0, 0.5, math.nan, math.inf, -math.inf, 1e-45, 3e38, -3e38)
OPERATORS = """
    Add Sub Mul Div Mod Pow MatMul Gemm Conv MaxPool AveragePool Relu Sign Clip Round Cast
    Concat Reshape Flatten Transpose Squeeze Unsqueeze Gather Slice Split Pad Where Equal
    Greater Expand Tile Shape ConstantOfShape Range Loop If Identity Dropout BatchNormalization
    ReduceSum ReduceMax GlobalAveragePool QuantizeLinear DequantizeLinear DynamicQuantizeLinear
    QLinearConv QLinearMatMul MatMulInteger ConvInteger ConvTranspose Softmax Sum Max NonZero
    TopK Quant BipolarQuant Trunc MultiThreshold XnorPopcountMatMul RequantShift MatMulNBits
    QGemm Nonsense
""".split()  # noqa: SIM905 (a list of so many is no easier to read)
DOMAINS = ("", "ai.onnx", "com.microsoft", "qonnx.custom_op.general", "onnx.brevitas",
           "PACTOps", "qonnx.custom_op.channels_last", "finn.custom_op.general", "ai.onnx.ml",
           "nowhere")  # fmt: skip
ODD_TEXT = ("", "\0", "a/b", "../x", "x" * 3000, "\u00fc\U0001f600", "%s{}\n", "[red]")
_UNSIGNED = (Field.TYPE_UINT64, Field.TYPE_UINT32, Field.TYPE_FIXED64, Field.TYPE_FIXED32)
_NARROW = (Field.TYPE_INT32, Field.TYPE_SINT32, Field.TYPE_UINT32, Field.TYPE_ENUM)


def mutate(data: bytes, draw: random.Random) -> bytes:
    """Change one to four fields of a model."""
    model = onnx.ModelProto.FromString(data)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        messages = list(_messages(model))
        names = [v for node in model.graph.node for v in (*node.input, *node.output)]
        _change(draw.choice(messages), messages, names, draw)
    return model.SerializeToString()


def _messages(message: Any) -> Iterator[Any]:
    """A message and all inside it; the graph and its nodes more than once."""
    yield from [message] * (4 if isinstance(message, onnx.GraphProto | onnx.NodeProto) else 1)
    for field, value in message.ListFields():
        if field.type == Field.TYPE_MESSAGE:
            for item in value if field.is_repeated else [value]:
                yield from _messages(item)


def _change(message: Any, others: list[Any], names: list[str], draw: random.Random) -> None:
    present = [field for field, _ in message.ListFields()]
    if present and draw.random() < 0.85:
        field = draw.choice(present)
    else:
        field = draw.choice(list(message.DESCRIPTOR.fields))
    if field.is_repeated:
        _change_list(message, field, others, names, draw)
    elif draw.random() < 0.15:
        message.ClearField(field.name)
    elif field.type == Field.TYPE_MESSAGE:
        alike = [o for o in others if o.DESCRIPTOR is field.message_type]
        if alike:
            copy = type(alike[0])()
            copy.CopyFrom(draw.choice(alike))
            getattr(message, field.name).CopyFrom(copy)
    else:
        _set(message, field, names, draw)


def _set(message: Any, field: Any, names: list[str], draw: random.Random) -> None:
    try:
        setattr(message, field.name, _value(field, getattr(message, field.name), names, draw))
    except (ValueError, TypeError):  # a value the field cannot hold
        message.ClearField(field.name)


def _value(field: Any, before: Any, names: list[str], draw: random.Random) -> Any:
    if field.type == Field.TYPE_STRING:
        return _text(field, names, draw)
    if field.type == Field.TYPE_BYTES:
        return _bytes(before, draw)
    if field.type in (Field.TYPE_FLOAT, Field.TYPE_DOUBLE):
        return draw.choice((*REALS, -before, before * 2))
    value = draw.choice((*INTEGERS, before + 1, before - 1, draw.randrange(32)))
    if field.type in _UNSIGNED:
        return abs(value)
    if field.type in _NARROW:
        return max(min(value, (1 << 31) - 1), -(1 << 31))
    return max(min(value, (1 << 63) - 1), -(1 << 63))


def _text(field: Any, names: list[str], draw: random.Random) -> str:
    if field.name == "op_type" and draw.random() < 0.9:
        return draw.choice(OPERATORS)
    if field.name == "domain" and draw.random() < 0.9:
        return draw.choice(DOMAINS)
    return draw.choice((*(names or ["x"]), *ODD_TEXT[: draw.randrange(len(ODD_TEXT))]))


def _bytes(before: bytes, draw: random.Random) -> bytes:
    if not before or draw.random() < 0.2:
        return draw.randbytes(draw.randrange(9))
    data = bytearray(before)
    kind = draw.randrange(4)
    if kind == 0:  # some number of four bytes becomes NaN, infinity, the largest or 0
        at = draw.randrange(len(data)) & ~3
        patterns = (b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"\xff\xff\x7f\x7f", bytes(4))
        data[at : at + 4] = draw.choice(patterns)
    elif kind == 1:
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    elif kind == 2:
        del data[draw.randrange(len(data)) :]
    else:
        data += draw.randbytes(draw.choice((1, 4, 64)))
    return bytes(data)


def _change_list(
    message: Any, field: Any, others: list[Any], names: list[str], draw: random.Random
) -> None:
    items = getattr(message, field.name)
    is_message = field.type == Field.TYPE_MESSAGE
    kind = draw.choice(("remove", "repeat", "swap", "change", "change", "clear", "add"))
    if kind == "clear" and draw.random() < 0.3:
        del items[:]
    elif kind == "add" or not items:
        _append(items, field, others, names, draw)
    elif kind == "repeat" and is_message:
        _add(items, draw.choice(list(items)))
    elif kind == "repeat":
        items.append(draw.choice(list(items)))
    elif kind == "swap":
        first, second = draw.randrange(len(items)), draw.randrange(len(items))
        _swap(items, first, second, is_message=is_message)
    elif kind == "change" and not is_message:
        place = draw.randrange(len(items))
        try:
            items[place] = _value(field, items[place], names, draw)
        except (ValueError, TypeError):
            del items[place]
    else:
        del items[draw.randrange(len(items))]


def _append(
    items: Any, field: Any, others: list[Any], names: list[str], draw: random.Random
) -> None:
    if field.type == Field.TYPE_MESSAGE:
        alike = [o for o in others if o.DESCRIPTOR is field.message_type]
        if alike:
            _add(items, draw.choice(alike))
        else:
            items.add()
        return
    empty = {Field.TYPE_STRING: "", Field.TYPE_BYTES: b""}.get(field.type, 0)
    try:
        items.append(_value(field, empty, names, draw))
    except (ValueError, TypeError):
        items.append(empty)


def _add(items: Any, message: Any) -> None:
    """Append a copy, which may be of what the list lies in."""
    copy = type(message)()
    copy.CopyFrom(message)
    items.add().CopyFrom(copy)


def _swap(items: Any, first: int, second: int, *, is_message: bool) -> None:
    if not is_message:
        items[first], items[second] = items[second], items[first]
        return
    copy = type(items[first])()
    copy.CopyFrom(items[first])
    items[first].CopyFrom(items[second])
    items[second].CopyFrom(copy)
