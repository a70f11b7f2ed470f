"""The report: self-contained, escaped, complete; looked at in a real browser."""

from __future__ import annotations

import dataclasses
import html.parser
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine.cli import main
from ternary_engine.network import Network
from tests import networks

EVIL = "<script>alert('x')</script>\"&\x1b[31m"


class Page(html.parser.HTMLParser):
    """Takes a page apart: tags, attributes and text; every tag must be closed in order."""

    VOID = ("meta", "img", "br")

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)


@pytest.fixture(scope="module")
def net() -> Network:
    return te.load(te.zoo.path("cnn_ternary"))


@pytest.fixture(scope="module")
def samples() -> tuple[np.ndarray, np.ndarray]:
    x, labels = te.zoo.data("cnn_ternary")
    return x[:60], labels[:60]


@pytest.fixture(scope="module")
def results(net: Network, samples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sweep") / "results.csv"
    te.sweep(net, *samples, points=[1e-2, 1e-1], trials=2, out=path, workers=1)
    return path


@pytest.fixture(scope="module")
def written(net: Network, samples, results: Path, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    returned = te.report(net, *samples, out=path, trials=2, results=results, array=(64, 16))
    assert path.read_text(encoding="utf-8") == returned
    return path


def test_everything_is_there(net: Network, samples, written: Path) -> None:
    page = Page(written.read_text(encoding="utf-8"))
    anchors = [attributes.get("id") for tag, attributes in page.tags if tag == "section"]
    assert anchors == ["network", "accuracy", "arrays", "cost", "sweep", "provenance"]
    for layer in net.layers:
        assert layer.name in page.text
        assert layer.reason in page.text
    mapping, priced = te.map(net, array=(64, 16)), te.cost(net, samples[0])
    assert f"{mapping.totals['devices']:,}" in page.text
    assert f"{round(priced.totals['sense_operations']):,}" in page.text
    x, labels = samples
    error_free = (net.run(x).argmax(axis=1) == labels).mean()
    assert f"{100 * error_free:.2f} %" in page.text
    assert te.__version__ in page.text
    assert net.provenance["sha256"] in page.text
    assert "arXiv 2208.02651" in page.text
    assert "Of another network" not in page.text


def test_nothing_is_loaded_from_elsewhere(written: Path) -> None:
    text = written.read_text(encoding="utf-8")
    page = Page(text)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        for name in ("src", "href", "data", "srcset", "style"):
            value = attributes.get(name) or ""
            assert not re.search(r"//|url\(", value.partition(";base64,")[0]), value
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert "@import" not in style
    assert "url(" not in style
    policy = [a["content"] for t, a in page.tags if t == "meta" and "http-equiv" in a]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def renamed(net: Network, name: str) -> Network:
    """The network with everything from its file called something."""
    layers = tuple(
        dataclasses.replace(layer, reason=name, op=name, input=name) for layer in net.layers
    )
    ports = tuple(dataclasses.replace(port, name=port.name) for port in net.inputs)
    return dataclasses.replace(
        net, layers=layers, inputs=ports, provenance={"file": name, name: name}, notes=(name,)
    )


def test_what_comes_from_the_file_is_escaped(net: Network, samples) -> None:
    text = te.report(renamed(net, EVIL), *samples, rates=[0.1], trials=1, command=EVIL)
    page = Page(text)
    assert "script" not in {tag for tag, _ in page.tags}
    assert text.count("<script") == 0
    assert "\x1b" not in text
    assert page.text.count(EVIL.replace("\x1b", "\ufffd")) >= 5


def test_layer_names_are_escaped() -> None:
    model = networks.mlp(widths=(12, 8, 5))
    for node in model.graph.node:
        if node.op_type == "Gemm":
            node.name = f"{EVIL}{node.name}"
    net = te.convert(model)
    assert any("<script>" in layer.name for layer in net.layers)
    x = np.random.default_rng(0).normal(size=(6, 12)).astype(np.float32)
    text = te.report(net, x, rates=[0.1], trials=1)
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_without_labels_answers_are_compared(net: Network, samples) -> None:
    page = Page(te.report(net, samples[0], rates=[0.1], trials=2))
    assert "agreement with the answers without errors" in page.text
    assert "100.00 %" in page.text
    assert "accuracy without errors" not in page.text


def test_a_network_without_classes_or_crossbar() -> None:
    floats = networks.mlp(widths=(12, 5))
    for tensor in floats.graph.initializer:
        if tensor.name == "fc0.weight":
            noise = np.random.default_rng(0).normal(size=60).astype(np.float32)
            tensor.raw_data = noise.tobytes()
    x = np.zeros((4, 12), np.float32)
    page = Page(te.report(te.convert(floats), x, rates=[0.1], trials=1))
    assert "no layer is on the crossbar" in page.text
    sections = {attributes.get("id") for tag, attributes in page.tags if tag == "section"}
    assert not sections & {"arrays", "cost"}


def test_results_of_another_network_are_told(samples, results: Path) -> None:
    other = te.load(te.zoo.path("mlp_ternary"))
    x, labels = te.zoo.data("mlp_ternary")
    text = te.report(other, x[:20], labels[:20], rates=[0.1], trials=1, results=results)
    assert "Of another network than this page" in text


def test_bad_input(net: Network, samples, tmp_path: Path) -> None:
    x, labels = samples
    with pytest.raises(ValueError, match="labels"):
        te.report(net, x, labels[:-1], rates=[0.1], trials=1)
    with pytest.raises(FileNotFoundError):
        te.report(net, x, labels, rates=[0.1], trials=1, out=tmp_path / "none" / "a.html")
    for rates in ([0.0], [], [0.1, 1.5]):
        with pytest.raises(ValueError, match="rates: got"):
            te.report(net, x, labels, rates=rates, trials=1)
    with pytest.raises(ValueError, match="at least one sample"):
        te.report(net, x[:0], labels[:0], rates=[0.1], trials=1)


# The command


@pytest.fixture(scope="module")
def files(samples, results: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("command")
    np.savez(folder / "data.npz", x=samples[0], y=samples[1], z=np.arange(7))
    (folder / "note.txt").write_text("text")
    (folder / "other.csv").write_text("a,b\n1,2\n")
    net = Path(te.zoo.path("cnn_ternary"))
    return {"net": net, "data": folder / "data.npz", "folder": folder, "results": results}


def test_command(files: dict[str, Path], tmp_path: Path, capsys) -> None:
    path = tmp_path / "r.html"
    options = ["--data", files["data"], "--results", files["results"], "--ber", "0.05,0.1"]
    words = ["report", files["net"], *options, "--trials", "1", "-o", path, "--json"]
    assert main([str(word) for word in words]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "output": str(path),
        "bytes": path.stat().st_size,
    }
    page = Page(path.read_text(encoding="utf-8"))
    assert f"ternary-engine report {files['net']} --data {files['data']}" in page.text
    assert "--ber 0.05,0.1" in page.text


FAILURES = {
    "no data": ("{net} -o {folder}/r.html", ["--data"]),
    "no output": ("{net} --data {data}", ["--output"]),
    "suffix": ("{net} --data {data} -o {folder}/r.pdf", ["r.pdf", ".html", ".pdf"]),
    "folder": ("{net} --data {data} -o {folder}/none/r.html", ["r.html", "no such folder"]),
    "labels": ("{net} --data {data} --labels z -o {folder}/r.html", ["labels", "7", "60"]),
    "rate": ("{net} --data {data} --ber 0 -o {folder}/r.html", ["--ber", "'0'"]),
    "rate text": ("{net} --data {data} --ber low -o {folder}/r.html", ["--ber", "'low'"]),
    "array": ("{net} --data {data} --array 0x32 -o {folder}/r.html", ["array", "0 x 32"]),
    "supply": ("{net} --data {data} --vdd 0 -o {folder}/r.html", ["vdd", "positive"]),
    "trials": ("{net} --data {data} --trials 0 -o {folder}/r.html", ["--trials", "0"]),
    "results": (
        "{net} --data {data} --results {folder}/other.csv -o {folder}/r.html",
        ["other.csv", "not a results file"],
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_one_clear_line(files: dict[str, Path], name: str, capsys) -> None:
    arguments, expected = FAILURES[name]
    before = sorted(files["folder"].iterdir())
    status = main(["report", *(part.format(**files) for part in arguments.split())])
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert len(err.strip().splitlines()) == 1
    for part in expected:
        assert part in err
    assert sorted(files["folder"].iterdir()) == before


# A real browser

FRAME = """<!DOCTYPE html><html><body><iframe id=f style="width:{width}px;height:900px;border:0">
</iframe><pre id=o></pre><script>
const f = document.getElementById("f");
f.onload = () => {{ const d = f.contentDocument, e = d.documentElement;
 const low = [...d.querySelectorAll("svg")].filter(s => s.getBoundingClientRect().width < 2);
 const images = [...d.images].filter(i => !i.naturalWidth);
 document.getElementById("o").textContent = JSON.stringify({{width: e.clientWidth,
  scroll: e.scrollWidth, height: e.scrollHeight, sections: d.querySelectorAll("section").length,
  flat: low.length, broken: images.length,
  ink: getComputedStyle(d.body).color, page: getComputedStyle(d.body).backgroundColor}}); }};
f.srcdoc = {page};
</script></body></html>"""


@pytest.fixture(scope="module")
def browser() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
    if found is None:
        pytest.skip("no headless browser: apt-get install chromium")
    return found


def rendered(browser: str, page: Path, folder: Path, width: int, dark: bool) -> dict:
    """Load the page in a frame of that width, and measure it."""
    text = json.dumps(page.read_text(encoding="utf-8")).replace("</", "<\\/")
    frame = folder / "frame.html"
    frame.write_text(FRAME.format(width=width, page=text), encoding="utf-8")
    settings = [f"--blink-settings=preferredColorScheme={0 if dark else 1}"]
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/u",
         "--window-size=1300,1000", "--virtual-time-budget=3000", *settings, "--dump-dom",
         frame.as_uri()],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    (found,) = re.findall(r'<pre id="o">(.*?)</pre>', done.stdout)
    return json.loads(found)


@pytest.mark.parametrize(("width", "dark"), [(1200, False), (390, True)])
def test_browser(browser: str, written: Path, tmp_path: Path, width: int, dark: bool) -> None:
    seen = rendered(browser, written, tmp_path, width, dark)
    assert seen["sections"] == 6
    assert seen["scroll"] <= seen["width"] <= width  # nothing hangs over the edge
    assert seen["height"] > 1500
    assert (seen["flat"], seen["broken"]) == (0, 0)
    ink, paper = (sum(map(int, re.findall(r"\d+", seen[name])[:3])) for name in ("ink", "page"))
    assert (paper < 150 and ink > 600) if dark else (paper == 765 and ink < 150)
