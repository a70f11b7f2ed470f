"""Every expected failure: one clear line on stderr, exit status 2, nothing written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

# arguments, with {names} of files; parts of the line that a user must see
CASES: dict[str, tuple[str, list[str]]] = {
    "typo": ("conver", ["No such command 'conver'", "Did you mean 'convert'"]),
    "option typo": ("run {net} {data} --bar 1", ["--bar", "--ber"]),
    "no network": ("inspect {folder}/none.tern", ["none.tern", "no such file"]),
    "folder": ("inspect {folder}", ["is a folder"]),
    "not a network": ("inspect {text}", ["note.txt"]),
    "damaged packed file": ("inspect {torn}", ["torn.tern"]),
    "not onnx": ("convert {badonnx} -o {folder}/a.tern", ["bad.onnx"]),
    "no output": ("convert {source}", ["--output"]),
    "no folder": ("convert {source} -o {folder}/none/a.tern", ["a.tern", "no such folder"]),
    "calibration": (
        "convert {source} -o {folder}/a.tern --calibration {data}",
        ["--input-bits", "--calibration"],
    ),
    "bits": ("convert {source} -o {folder}/a.tern --input-bits 9", ["--input-bits", "9"]),
    "no data": ("run {net} {folder}/none.npz", ["none.npz", "no such file"]),
    "data suffix": ("run {net} {text}", ["note.txt", ".npz or .npy", ".txt"]),
    "no x": ("run {net} {nox}", ["nox.npz", "'x'", "'values'"]),
    "damaged data": ("run {net} {tornnpz}", ["torn.npz", "not a readable .npz"]),
    "objects": ("run {net} {objects}", ["objects.npy", "not a readable .npy"]),
    "shape": ("run {net} {shape}", ["12", "5"]),
    "labels name": ("run {net} {data} --labels nothing", ["--labels nothing", "'y'"]),
    "labels length": ("run {net} {data} --labels z", ["labels", "[5]", "[40]"]),
    "output suffix": ("run {net} {data} -o {folder}/y.csv", ["y.csv", ".npz or .npy"]),
    "output folder": ("run {net} {data} -o {folder}/none/y.npz", ["y.npz", "no such folder"]),
    "threads": ("run {net} {data} --threads 0", ["--threads", "0"]),
    "seed": ("run {net} {data} --seed -1", ["--seed", "-1"]),
    "ber and drop": ("run {net} {data} --ber 0.1 --drop 0.1", ["--ber", "--drop"]),
    "per alone": ("run {net} {data} --per read", ["--per read", "--ber"]),
    "per": ("run {net} {data} --ber 0.1 --per cell", ["cell", "sample"]),
    "rate": ("run {net} {data} --drop 1.5", ["drop", "1.5", "0 to 1"]),
    "rate that is no number": ("run {net} {data} --ber nan", ["ber", "nan", "0 to 1"]),
    "rates": ("run {net} {data} --drop 0.6 --sign-flip 0.6", ["sign_flip + drop", "at most 1"]),
    "ber too large": ("run {net} {data} --ber 0.99", ["0.99"]),
    "zoo": ("bench nonsense", ["nonsense", "zoo", "product"]),
    "bench typo": ("bench prodct", ["prodct", "did you mean 'product'"]),
    "old result": ("bench zoo --compare {text}", ["note.txt", "not JSON"]),
    "no old result": ("bench zoo --compare {folder}/none.json", ["none.json", "no such file"]),
    "share": ("bench zoo --compare {text} --fail-slower much", ["--fail-slower", "'much'", "25%"]),
    "share of nothing": ("bench zoo --fail-slower 25%", ["--fail-slower", "--compare"]),
}


@pytest.fixture
def files(tmp_path: Path, source: Path, packed: Path, data: Path) -> dict[str, Path]:
    made = {
        "folder": tmp_path,
        "net": packed,
        "data": data,
        "source": source,
        "text": tmp_path / "note.txt",
        "torn": tmp_path / "torn.tern",
        "badonnx": tmp_path / "bad.onnx",
        "nox": tmp_path / "nox.npz",
        "tornnpz": tmp_path / "torn.npz",
        "objects": tmp_path / "objects.npy",
        "shape": tmp_path / "shape.npy",
    }
    made["text"].write_text("not a network")
    made["torn"].write_bytes(packed.read_bytes()[:-20])
    made["badonnx"].write_text("not an ONNX model at all")
    made["tornnpz"].write_bytes(data.read_bytes()[:100])
    np.savez(made["nox"], values=np.zeros(3))
    np.save(made["objects"], np.array([{}], object), allow_pickle=True)
    np.save(made["shape"], np.zeros((2, 5), np.float32))
    return made


@pytest.mark.parametrize("name", CASES)
def test_one_clear_line(command, files: dict[str, Path], name: str) -> None:
    arguments, expected = CASES[name]
    before = sorted(files["folder"].rglob("*"))
    result = command(*(part.format(**files) for part in arguments.split()))
    assert result.status == 2
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert "Traceback" not in result.err
    assert len(result.err.strip().splitlines()) == 1
    for part in expected:
        assert part in result.err
    assert sorted(files["folder"].rglob("*")) == before


def test_debug_shows_the_traceback(command, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        command("inspect", tmp_path / "none.tern", "--debug")


def test_a_fault_of_the_program_says_so(command, monkeypatch, data: Path) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr("ternary_engine.cli.data.load_network", fail)
    result = command("inspect", data)
    assert result.status == 1
    assert "RuntimeError: unforeseen" in result.err
    assert "--debug" in result.err


def test_interrupt(command, monkeypatch, data: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ternary_engine.cli.data.load_network", interrupt)
    result = command("inspect", data)
    assert (result.status, result.out, result.err) == (130, "", "interrupted\n")
