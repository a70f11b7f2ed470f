"""``ternary-engine convert``: ONNX to a packed file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from ternary_engine.cli import screen
from ternary_engine.cli.options import within

__all__ = ["convert"]


def convert(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="ONNX model to import.")],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="NET.tern", help="Packed file to write."),
    ],
    input_bits: Annotated[
        int | None,
        typer.Option(
            metavar="BITS",
            callback=within(1, 8),
            help="Quantise real-valued inputs of crossbar layers to this many bits and present "
            "them bit by bit [dim]\\[default: keep them real, true to the model][/dim].",
        ),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(
            metavar="X.npz",
            help="Typical inputs (x in an .npz, or an .npy): they set the ranges that "
            "--input-bits divides.",
        ),
    ] = None,
) -> None:
    """Convert an ONNX model into a packed file.

    Every layer with ternary, binary or few-bit weights goes to the crossbar;
    the rest stays digital and is computed by ONNX Runtime. 'inspect' shows
    what landed where, and why.

    Examples:
      $ ternary-engine convert model.onnx -o net.tern
      $ ternary-engine convert m.onnx -o m.tern --input-bits 8 --calibration x.npz
    """
    from ternary_engine import summary, text
    from ternary_engine.cli import data

    data.check_file(model)
    data.check_folder(output)
    options: dict[str, Any] = {}
    if calibration is not None:
        if input_bits is None:
            raise typer.BadParameter("--calibration sets the ranges of --input-bits; give both.")
        options["calibration"] = data.only_array(calibration)
    if input_bits is not None:
        options["input_bits"] = input_bits
    with screen.patience(f"converting {model.name}"):
        from ternary_engine.converters import convert as convert_model

        network = convert_model(model, **options)
        network.save(output)
    total = summary.totals(network)
    placed = f"{total['crossbar_layers']} of {total['layers']} layers on the crossbar"
    weights = f"weights {total['compression']:.1f}x smaller than float32"
    screen.narrate(
        f"{escape(str(output))}: {placed}, {text.size(output.stat().st_size)}, {weights}"
    )
    for warning in summary.warnings(network):
        screen.warn(warning)
