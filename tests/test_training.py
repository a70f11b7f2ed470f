"""Training code of bench/train: quantisers, injected errors, schedule, resume, export."""

from __future__ import annotations

import gzip
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

pytestmark = pytest.mark.slow
REASON = "training needs the extra 'train', which is not installed"
torch = pytest.importorskip("torch", reason=REASON)
pytest.importorskip("sklearn", reason=REASON)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _bench_is_importable(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(root)


def _digits_run(folder: Path, *, seed: int = 3, ber: float = 0.0) -> Any:
    from bench.train import datasets, loop, networks
    from bench.train.recipe import Recipe

    recipe = Recipe(cycles=(2, 2), lr=0.003, batch=64, augment="noise", seed=seed, ber=ber)
    torch.manual_seed(seed)
    model = networks.mlp("ternary", "ternary", 32)
    return loop.Run(model, datasets.digits(8), recipe, folder, {"network": "small"})


def test_quantisers_and_their_gradients() -> None:
    from bench.train.quantise import quantise

    x = torch.tensor([-1.0, -0.05, 0.0, 0.05, 0.0501, 1.0], requires_grad=True)
    ternary, binary = quantise(x, "ternary"), quantise(x, "binary")
    assert ternary.tolist() == [-1, 0, 0, 0, 1, 1]
    assert binary.tolist() == [-1, -1, 1, 1, 1, 1]
    assert quantise(x, "real") is x
    (gradient,) = torch.autograd.grad((ternary * torch.arange(6.0)).sum(), x)
    assert gradient.tolist() == list(range(6))


def test_activation_gradient_stops_outside_the_window() -> None:
    from bench.train.layers import Activation

    x = torch.tensor([-1.5, -0.5, 0.5, 1.5], requires_grad=True)
    Activation("ternary")(x).sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("kind", ["ternary", "binary", "real"])
@pytest.mark.parametrize("window", [1.0, 0.2])
def test_the_quick_activation_is_the_two_parts_apart(seed: int, kind: Any, window: float) -> None:
    from bench.train.quantise import gate, quantise

    torch.manual_seed(seed)
    edges = torch.tensor([0.0, -0.0, 0.05, -0.05, 0.2, -0.2, 1.0, -1.0])
    x = torch.cat([edges, torch.randn(10_000) * window]).requires_grad_()
    slope = torch.randn(len(x))
    apart = quantise(torch.nn.functional.hardtanh(x, -window, window), kind)
    at_once = gate(x, kind, window)
    assert torch.equal(apart, at_once)
    (expected,) = torch.autograd.grad((apart * slope).sum(), x)
    (found,) = torch.autograd.grad((at_once * slope).sum(), x)
    assert torch.equal(expected, found)


def test_gain_and_window_change_training_alone() -> None:
    from bench.train import networks

    def built(**options: float) -> Any:
        torch.manual_seed(1)
        return networks.vgg("ternary", "ternary", 8, normalise=None, **options)

    model, published = built(gain=0.1, window=0.2), built()
    assert model.norm1.weight.unique().tolist() == pytest.approx([0.1])
    assert model.norm7.weight.unique().tolist() == pytest.approx([0.1])
    assert model.norm8.weight.unique().tolist() == [1.0]  # scores: no activation follows
    published.load_state_dict(model.state_dict())
    x = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    assert torch.equal(model.eval()(x), published.eval()(x))
    assert torch.equal(model.train()(x), published.train()(x))


@pytest.mark.parametrize("ber", [0.01, 0.2])
def test_injected_errors_have_the_stated_rates(seed: int, ber: float) -> None:
    from bench.train.quantise import inject

    torch.manual_seed(seed)
    weights = torch.tensor([-1.0, 0.0, 0.0, 1.0]).repeat(250_000)
    read = inject(weights, "ternary", ber)
    zero, q = weights == 0, 2 * ber / 1.5
    _near((read != weights).float().mean().item(), ber, len(weights))
    _near((read[zero] == 1).float().mean().item(), q / 2, int(zero.sum()))
    _near((read[zero] == -1).float().mean().item(), q / 2, int(zero.sum()))
    _near((read[~zero] == 0).float().mean().item(), q / 2, int((~zero).sum()))
    assert not (read == -weights)[~zero].any()  # never a sign flip
    _near((inject(weights.sign() + zero, "binary", ber) < 0).float().mean().item(),
          0.25 + ber / 2, len(weights))  # fmt: skip
    assert inject(weights, "ternary", 0.0) is weights


def _near(share: float, p: float, n: int) -> None:
    band = 5 * math.sqrt(p * (1 - p) / n)
    assert abs(share - p) < band, f"{share} is not {p} +- {band}"


def test_recipe_is_the_published_one() -> None:
    from bench.train.recipe import Recipe

    recipe = Recipe()
    assert recipe.epochs == 700
    assert [recipe.place(epoch) for epoch in (0, 99, 100, 299, 300, 699)] == [
        (0, 100), (99, 100), (0, 200), (199, 200), (0, 400), (399, 400),
    ]  # fmt: skip
    decays = [recipe.weight_decay(epoch, 50_000) for epoch in (0, 100, 300)]
    assert [round(decay, 4) for decay in decays] == [0.0101, 0.0072, 0.0051]
    assert recipe.learning_rate(100, 0.0) == recipe.lr
    assert recipe.learning_rate(50, 0.0) == pytest.approx(recipe.lr / 2)
    with pytest.raises(ValueError, match="epoch 700 beyond"):
        recipe.place(700)


@pytest.mark.parametrize(("f", "count"), [(32, 1_340_256), (64, 3_246_784)])
def test_vgg_has_the_published_number_of_weights(f: int, count: int) -> None:
    from bench.train import networks
    from bench.train.layers import Conv, Linear

    model = networks.vgg("ternary", "ternary", f, normalise=None)
    layers = [module for module in model if isinstance(module, Conv | Linear)]
    assert len(layers) == 8
    assert sum(layer.weight.numel() for layer in layers) == count


@pytest.mark.parametrize("ber", [0.0, 0.05])
def test_resume_is_exact(tmp_path: Path, ber: float) -> None:
    from bench.train.loop import fit

    through = _digits_run(tmp_path / "through", ber=ber)
    metrics = fit(through)
    for epochs in (1, 3, None):
        pieces = _digits_run(tmp_path / "pieces", ber=ber)
        torch.manual_seed(99 + (epochs or 0))  # whatever came before must not matter
        resumed = fit(pieces, stop_after=epochs)
    assert resumed["epochs_done"] == metrics["epochs_done"] == 4
    for name, value in through.model.state_dict().items():
        assert torch.equal(value, pieces.model.state_dict()[name]), name
    for record in (*metrics["history"], *resumed["history"]):
        del record["seconds"]
    assert resumed == metrics


def test_another_run_is_not_resumed(tmp_path: Path) -> None:
    from bench.train.loop import fit

    fit(_digits_run(tmp_path), stop_after=1)
    with pytest.raises(ValueError, match="holds another run"):
        fit(_digits_run(tmp_path, seed=4))


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("dynamo", [True, False])
@pytest.mark.parametrize("kinds", [("ternary", "ternary"), ("binary", "binary"), ("real", "real")])
def test_export_equals_pytorch(tmp_path: Path, stored: bool, dynamo: bool, kinds: Any) -> None:
    from bench.train import networks
    from bench.train.datasets import Samples
    from bench.train.export import export, verify

    torch.manual_seed(1)
    model = networks.vgg(*kinds, 4, normalise=None)
    x = torch.randint(0, 256, (20, 3, 32, 32), dtype=torch.uint8)
    model(x)  # statistics of the batch norms
    path = tmp_path / "vgg.onnx"
    export(model, x[:2], path, stored=stored, dynamo=dynamo)
    found = verify(model, Samples(x, torch.zeros(20, dtype=torch.int64)), path)
    assert found["onnx_largest_difference"] < 1e-4
    nodes = onnx.load(path).graph.node
    operators = [node.op_type for node in nodes]
    names = [node.name for node in nodes if node.op_type in ("Conv", "Gemm", "MatMul")]
    assert names == [*(f"conv{i}" for i in range(1, 7)), "linear7", "linear8"]
    assert operators.count("Conv") == 6
    if stored:
        assert operators.count("BatchNormalization") == 8 or not dynamo
    assert model.conv1.kind == kinds[0]  # the model itself is not frozen


def test_images_from_the_shared_file(shared: Path) -> None:
    pytest.importorskip("PIL", reason="JPEG needs Pillow")
    from bench.train import images

    source = images.load(shared / "data" / "cifar10_jpeg.npz")
    train, validation, test = source.data.train, source.data.validation, source.data.test
    assert (len(train), len(validation), len(test)) == (45_000, 5_000, 10_000)
    assert train.x.shape[1:] == (3, 32, 32)
    assert validation.y.bincount().tolist() == [500] * 10
    pixels = train.x.double() / 255
    np.testing.assert_allclose(pixels.mean((0, 2, 3)), source.mean, atol=0.002)
    np.testing.assert_allclose(pixels.std((2, 3)).mean(0), source.deviation, atol=0.01)


def test_images_from_official_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.train import images

    monkeypatch.setattr(images, "HELD_OUT", 20)
    rng = np.random.default_rng(0)
    labels = np.arange(50, dtype=np.uint8)[:, None] % 10
    pixels = rng.integers(0, 256, (50, 3072), np.uint8)
    for number in range(1, 6):
        np.hstack([labels, pixels]).tofile(tmp_path / f"data_batch_{number}.bin")
    np.hstack([labels, pixels]).tofile(tmp_path / "test_batch.bin")
    cifar = images.load(tmp_path).data
    assert (len(cifar.train), len(cifar.validation)) == (230, 20)
    np.testing.assert_array_equal(cifar.test.x.numpy(), pixels.reshape(-1, 3, 32, 32))

    folder = tmp_path / "mnist"
    folder.mkdir()
    digits = rng.integers(0, 256, (50, 28, 28), np.uint8)
    for part in ("train", "t10k"):
        for stem, array in (("images-idx3", digits), ("labels-idx1", labels[:, 0])):
            (folder / f"{part}-{stem}-ubyte.gz").write_bytes(_idx(array))
    mnist = images.load(folder).data
    np.testing.assert_array_equal(mnist.test.x[:, 0, 2:30, 2:30].numpy(), digits)
    assert not mnist.test.x[:, :, :2].any()
    with pytest.raises(ValueError, match="no data set found"):
        images.load(tmp_path / "runs")


def _idx(array: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    head = io.BytesIO()
    head.write(bytes([0, 0, 8, array.ndim]))
    head.write(np.array(array.shape, ">i4").tobytes())
    return gzip.compress(head.getvalue() + array.tobytes())


def test_augmentations_keep_their_promises(seed: int) -> None:
    from bench.train.augment import AUGMENTATIONS, flip, shift

    torch.manual_seed(seed)
    x = torch.randint(1, 256, (200, 3, 8, 8), dtype=torch.uint8)
    flipped = flip(x)
    mirrored = (flipped == x.flip(3)).flatten(1).all(1)
    assert 60 < mirrored.sum() < 140  # 100 +- 5.6 sigma
    assert torch.equal(flipped[~mirrored], x[~mirrored])
    moved = shift(x, 2, edge=False)
    padded = torch.nn.functional.pad(x, (2, 2, 2, 2))
    for before, after in zip(padded, moved, strict=True):
        windows = before.unfold(1, 8, 1).unfold(2, 8, 1).permute(1, 2, 0, 3, 4)
        assert (windows == after).flatten(2).all(2).any()
    assert (shift(x, 2, edge=True) > 0).all()
    assert all(change(x.float()).shape == x.shape for change in AUGMENTATIONS.values())
