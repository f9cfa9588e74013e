"""Characters of typefaces: counts, splits, metrics, the drawing of characters, and the download of Debian packages."""

from __future__ import annotations

import csv
import hashlib
import io
import struct
import tarfile
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from sklearn import metrics as reference

from mobench import datafiles
from mobench.datafiles import collection
from mobench.errors import DataError
from mobench.interfaces import Problem, Samples
from mobench.jobs.job import Budget
from mobench.jobs.resolve import resolve
from mobench.jobs.suite import load
from mobench.runs.execution import execute
from mobench_glyphs import dataset, debian, drawing, sources
from mobench_glyphs.dataset import HELD_OUT, Glyphs
from mobench_networks.lenet import LeNet

SPLITS = ("train", "val", "test")
N_CHARACTERS = len(drawing.CHARACTERS)
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def labels_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_files(folder: Path, rows: Sequence[Sequence[object]], images: np.ndarray) -> dict[str, Path]:
    paths = {f"glyphs/{name}": folder / name for name in ("glyphs-images-idx3-ubyte", "glyphs-labels.csv")}
    picture_path, label_path = paths.values()
    picture_path.write_bytes(struct.pack(">4I", 0x803, *images.shape) + images.tobytes())
    with label_path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([drawing.COLUMNS, *rows])
    return paths


@pytest.fixture
def generated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Files of the real format with two faces of each family, and random pixels."""
    draw, rows = np.random.default_rng(0), []
    for kind, families in drawing.KINDS.items():
        for family in families:
            for italic in (0, 1):
                weight = 100 * draw.integers(1, 10)
                rows += [(c, kind, weight, italic, family, "Regular") for c in drawing.CHARACTERS]
    images = draw.integers(0, 256, (len(rows), 32, 32), dtype=np.uint8)
    paths = write_files(tmp_path, rows, images)
    monkeypatch.setattr(dataset, "require", lambda name: paths)
    return paths


def test_families_are_in_one_split_and_rows_keep_their_labels(generated: dict[str, Path]) -> None:
    rows = labels_of(generated["glyphs/glyphs-labels.csv"])
    images = np.frombuffer(generated["glyphs/glyphs-images-idx3-ubyte"].read_bytes(), np.uint8, offset=16)
    by_image = {image.tobytes(): row for image, row in zip(images.reshape(-1, 1024), rows, strict=True)}
    assert len(by_image) == len(rows)
    families: dict[str, set[str]] = {}
    for split in SPLITS:
        samples = Glyphs().load(split)  # type: ignore[arg-type]
        families[split] = set()
        for i in range(len(samples)):
            row = by_image[samples.inputs[i].numpy().tobytes()]
            families[split].add(row["family"])
            assert drawing.CHARACTERS[samples.targets["character"][i]] == row["char"]
            assert float(samples.targets["weight"][i]) * 200 + 500 == pytest.approx(int(row["weight"]))
            assert int(samples.targets["italic"][i]) == int(row["italic"])
            assert list(drawing.KINDS)[samples.targets["kind"][i]] == row["class"]
    assert families["val"] == set(HELD_OUT["val"])
    assert families["test"] == set(HELD_OUT["test"])
    assert families["train"] == {row["family"] for row in rows} - families["val"] - families["test"]
    kinds = {family: kind for kind, names in drawing.KINDS.items() for family in names}
    for names in families.values():
        assert {kinds[family] for family in names} == set(drawing.KINDS)


def test_limit_takes_images_spread_over_faces_and_characters(generated: dict[str, Path]) -> None:
    few = Glyphs(limit=100).load("train")
    assert len(few) == 100
    assert len(few.targets["character"].unique()) > 30
    assert len(few.targets["weight"].unique()) > 4
    assert len(Glyphs(limit=10**6).load("test")) == 12 * N_CHARACTERS


def test_losses_and_metrics_are_those_of_scikit_learn(generated: dict[str, Path]) -> None:
    glyphs = Glyphs()
    samples = glyphs.load("val")
    draw = torch.Generator().manual_seed(0)
    outputs = {name: torch.randn(len(samples), width, generator=draw) for name, width in glyphs.heads.items()}
    objectives = {objective.name: objective for objective in glyphs.objectives}
    for name in ("character", "italic", "kind"):
        labels = samples.targets[name].numpy()
        probabilities = outputs[name].double().softmax(1).numpy()
        loss = reference.log_loss(labels, probabilities, labels=range(probabilities.shape[1]))
        assert float(objectives[name].loss(outputs, samples)) == pytest.approx(loss, rel=1e-5)
        accuracy = reference.accuracy_score(labels, probabilities.argmax(1))
        assert float(objectives[name].metrics[0].measure(outputs, samples)) == pytest.approx(accuracy)
    truth, predicted = samples.targets["weight"].numpy(), outputs["weight"][:, 0].numpy()
    r2, mae = (float(metric.measure(outputs, samples)) for metric in objectives["weight"].metrics)
    assert float(objectives["weight"].loss(outputs, samples)) == pytest.approx(
        reference.mean_squared_error(truth, predicted), rel=1e-5
    )
    assert r2 == pytest.approx(reference.r2_score(truth, predicted), rel=1e-5)
    assert mae == pytest.approx(reference.mean_absolute_error(truth * 200, predicted * 200), rel=1e-5)


def test_the_files_are_as_published_or_their_absence_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """160 faces of 62 characters, of which 98, 31 and 31 are for training, validation and testing."""
    files = collection("glyphs")
    assert len(files) == 2
    assert all(len(file.sha256) == len(hashlib.sha256().hexdigest()) and file.licence for file in files)
    if all(datafiles.locate(file) for file in files):
        samples = {split: Glyphs().load(split) for split in SPLITS}  # type: ignore[arg-type]
        assert {split: len(part) for split, part in samples.items()} == {"train": 6076, "val": 1922, "test": 1922}
        for part in samples.values():
            assert set(Counter(part.targets["character"].tolist()).values()) == {len(part) // N_CHARACTERS}
            assert bool(part.inputs.flatten(1).any(1).all())
        weights = torch.cat([part.targets["weight"] for part in samples.values()]) * 200 + 500
        assert (float(weights.min()), float(weights.max())) == (100, 900)
    else:
        monkeypatch.setattr(datafiles, "_sources", lambda file, share: [])
        with pytest.raises(DataError, match="glyphs-images"):
            Glyphs().load("train")


def test_images_without_their_labels_are_refused(tmp_path: Path, generated: dict[str, Path]) -> None:
    write_files(tmp_path, [("A", "sans", 400, 0, "Inter", "Regular")], np.zeros((2, 32, 32), np.uint8))
    with pytest.raises(DataError, match=r"\(2, 32, 32\) for 1 labels"):
        Glyphs().load("train")


def test_characters_are_drawn_from_font_files(tmp_path: Path) -> None:
    """Against the published images of the same version of DejaVu, where they and the same Pillow are here."""
    names = ("DejaVuSans", "DejaVuSans-BoldOblique", "DejaVuSerif-Italic", "DejaVuSansMono", "DejaVuSansDisplay")
    fonts = tmp_path / "fonts"
    fonts.mkdir()
    for name in names:
        (fonts / f"{name}.ttf").symlink_to(FONTS / f"{name}.ttf")
    assert [(f.family, f.weight, f.is_italic) for f in drawing.faces(fonts)] == [
        ("DejaVu Sans", 400, False), ("DejaVu Sans", 700, True), ("DejaVu Sans Mono", 400, False),
        ("DejaVu Serif", 400, True),
    ]  # fmt: skip
    drawing.draw(fonts, tmp_path / "out")
    rows = labels_of(tmp_path / "out" / "glyphs-labels.csv")
    assert len(rows) == 4 * N_CHARACTERS
    assert rows[N_CHARACTERS] == {
        "char": "A", "class": "sans", "weight": "700", "italic": "1", "family": "DejaVu Sans", "style": "Bold Oblique",
    }  # fmt: skip
    content = (tmp_path / "out" / "glyphs-images-idx3-ubyte").read_bytes()
    assert struct.unpack(">4I", content[:16]) == (0x803, len(rows), 32, 32)
    images = np.frombuffer(content, np.uint8, offset=16).reshape(-1, 32, 32)
    ink = images.reshape(len(rows), -1).astype(int).sum(1)
    assert ink[62 + 22] > ink[22] > ink[8]  # a bold W has more ink than a W, and a W more than an I
    assert not images[:62, 25:, :][[0, 4, 7]].any()  # A, E and H stand on the baseline
    assert images[42, 25:].any()  # q goes below it
    files = collection("glyphs")
    if version("pillow") == sources.PILLOW and all(datafiles.locate(file) for file in files):
        published = labels_of(datafiles.obtain(files[1]))
        stored = np.frombuffer(datafiles.obtain(files[0]).read_bytes(), np.uint8, offset=16).reshape(-1, 32, 32)
        assert np.array_equal(images, stored[[published.index(row) for row in rows]])


def deb(members: dict[str, bytes], compression: str = "xz") -> bytes:
    """Return a Debian package: an ar archive of debian-binary, control.tar and data.tar."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=f"w:{compression}") as tar:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    parts = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", f"data.tar.{compression}": content.getvalue()}
    archive = b"!<arch>\n"
    for name, data in parts.items():
        archive += (
            f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
        )
    return archive


@pytest.mark.parametrize("compression", ["xz", "gz"])
def test_debian_packages_are_extracted_without_debians_tools(tmp_path: Path, compression: str) -> None:
    package = tmp_path / "a.deb"
    package.write_bytes(deb({"usr/share/a/b.txt": b"one", "usr/share/c": b"two", "etc/d": b"three"}, compression))
    debian.extract(package, "usr/share/a/", tmp_path / "out")
    assert [p.relative_to(tmp_path / "out") for p in (tmp_path / "out").rglob("*") if p.is_file()] == [
        Path("usr/share/a/b.txt")
    ]
    assert (tmp_path / "out/usr/share/a/b.txt").read_bytes() == b"one"
    with pytest.raises(DataError, match="no files below usr/lib/"):
        debian.extract(package, "usr/lib/", tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"<html>", b"!<arch>\n", b"!<arch>\n" + b"x" * 60])
def test_what_is_no_debian_package_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.deb").write_bytes(content)
    with pytest.raises(DataError, match="not a Debian package"):
        debian.extract(tmp_path / "a.deb", "usr/", tmp_path)


Download = Callable[[str, Path, int], None]


def downloads(contents: dict[str, bytes]) -> Download:
    """Return a replacement of `download` that serves these contents by the start of the address."""

    def download(url: str, path: Path, at_most: int) -> None:
        served = next((content for start, content in contents.items() if url.startswith(start)), None)
        if served is None:
            raise OSError("no route to host")
        assert at_most == 4
        path.write_bytes(served)

    return download


def test_a_package_is_taken_from_the_first_source_with_its_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = debian.DebianPackage("fonts-a", "f/fonts-a/fonts-a_1_all.deb", hashlib.sha256(b"font").hexdigest(), 4)
    first, second = debian.ARCHIVES

    def apt_get(command: list[str], folder: Path, at_most: int) -> None:
        assert command == ["apt-get", "download", "fonts-a"]
        (folder / "fonts-a_2_all.deb").write_bytes(apt_content)

    apt_content = b"odd"
    monkeypatch.setattr(debian, "run", apt_get)
    for served in ({first: b"font"}, {first: b"odd", second: b"font"}, {second: b"font"}):
        monkeypatch.setattr(debian, "download", downloads(served))
        assert package.fetch(tmp_path).read_bytes() == b"font"
    monkeypatch.setattr(debian, "download", downloads({first: b"odd"}))
    with pytest.raises(DataError, match=r"no route to host; apt-get: .* another version"):
        package.fetch(tmp_path)
    apt_content = b"font"
    assert package.fetch(tmp_path).name == "fonts-a_2_all.deb"
    monkeypatch.setattr(debian, "run", lambda command, folder, at_most: None)
    (tmp_path / "fonts-a_2_all.deb").unlink()
    with pytest.raises(DataError, match="it left no package"):
        package.fetch(tmp_path)


def test_files_are_drawn_from_the_fonts_of_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a package that has a font of matplotlib, and the installed Pillow."""
    content = deb({"usr/share/fonts/a.ttf": (FONTS / "DejaVuSansMono-Bold.ttf").read_bytes()})
    (tmp_path / "here.deb").write_bytes(content)

    class Package:
        def fetch(self, folder: Path) -> Path:
            return tmp_path / "here.deb"

    monkeypatch.setattr(sources, "PACKAGES", (Package(),))
    monkeypatch.setattr(sources, "PILLOW", version("pillow"))
    sources.glyphs_from_packages(tmp_path)
    rows = labels_of(tmp_path / "glyphs" / "glyphs-labels.csv")
    assert [row["char"] for row in rows] == list(drawing.CHARACTERS)
    assert {(row["family"], row["weight"], row["class"]) for row in rows} == {("DejaVu Sans Mono", "700", "mono")}


def test_another_version_of_pillow_is_installed_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(sources, "run", lambda command, folder, at_most: commands.append(command))
    monkeypatch.setattr(sources, "version", lambda name: "1.0")
    assert sources.pillow(tmp_path) == ["pillow"]
    assert commands[0][-3:] == ["--target", "pillow", "pillow==13.0.0"]
    monkeypatch.setattr(sources, "version", lambda name: "13.0.0")
    assert sources.pillow(tmp_path) == []
    assert len(commands) == 1


def test_lenet_has_its_parameters() -> None:
    problem = Problem(Glyphs(), LeNet())
    assert problem.n_target_parameters == 10 * 82 + 20 * 251 + 50 * 321 + 51 * (62 + 1 + 2 + 3) == 25_358


@pytest.mark.slow
def test_jobs_of_the_suite_run_on_generated_files(generated: dict[str, Path]) -> None:
    suite = load("glyphs")
    (entry,) = suite.entries
    assert entry.datasets == ["glyphs"]
    assert len(entry.solvers) >= 10
    assert len(suite.seeds) == 5
    for solver in ("ls", "phn-ls", "uw"):
        assert solver in entry.solvers
        job = resolve("glyphs", "lenet", solver, {**entry.set, "limit": 60}, Budget(steps=2, batch_size=16))
        record = execute(job, threads=1)
        assert record.failure is None, record.failure
        assert record.objectives == ["character", "weight", "italic", "kind"]
        assert set(record.fronts["test"].metrics) == {
            "character/accuracy", "weight/R2", "weight/MAE", "italic/accuracy", "kind/accuracy",
        }  # fmt: skip


def test_a_batch_of_one_image_has_finite_losses(generated: dict[str, Path]) -> None:
    glyphs = Glyphs(limit=1)
    samples: Samples = glyphs.load("test")
    problem = Problem(glyphs, LeNet())
    batch = glyphs.prepare(samples)
    outputs = problem.target(batch.inputs)
    assert all(bool(torch.isfinite(objective.loss(outputs, batch))) for objective in glyphs.objectives)
