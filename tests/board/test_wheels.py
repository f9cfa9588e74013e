"""Wheels of plugins: packed from an installation, and read without trusting them."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import guests
import pytest

from mobench.board import wheels
from mobench.board.wheel_building import wheel_of
from mobench.board.wheels import code_hash, conflicts, missing_requirements, read_wheel, unpack
from mobench.errors import StoreError
from mobench.records.sources import content_hash
from mobench.scaffold.package import write
from mobench.scaffold.package_names import PackageNames

METADATA = "Metadata-Version: 2.1\nName: guest\nVersion: 1.0\n"


def wheel(folder: Path, *files: str, metadata: str = METADATA, content: bytes = b"") -> Path:
    """Write a wheel with files of some content."""
    path = folder / "guest-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("guest-1.0.dist-info/METADATA", metadata)
        for name in files:
            archive.writestr(name, content)
    return path


def test_an_installation_is_packed_into_an_equal_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = guests.install(tmp_path / "site", "packed", "X = 1\n")
    info = tmp_path / "site" / "guest_packed-1.0.dist-info"
    names = ["guest_packed.py", *(f"{info.name}/{name}" for name in ("METADATA", "entry_points.txt", "INSTALLER"))]
    (info / "INSTALLER").write_text("pip\n")
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in [*names, "../../bin/guest", "__pycache__/g.pyc"]))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    packed = [wheel_of("guest-packed", folder) for folder in (tmp_path / "a", tmp_path / "b") if not folder.mkdir()]
    assert packed[0].name == "guest_packed-1.0-py3-none-any.whl"
    assert packed[0].read_bytes() == packed[1].read_bytes()
    assert read_wheel(packed[0]).modules == ("guest_packed",)
    with zipfile.ZipFile(packed[0]) as archive:
        listed = {row[0]: row for row in csv.reader(io.StringIO(archive.read(f"{info.name}/RECORD").decode()))}
        assert listed.keys() == set(archive.namelist())
        assert f"{info.name}/INSTALLER" not in listed
    digest = base64.urlsafe_b64encode(hashlib.sha256(source.read_bytes()).digest()).rstrip(b"=").decode()
    assert listed["guest_packed.py"][1:] == [f"sha256={digest}", "6"]
    (tmp_path / "again").mkdir()
    unpack(read_wheel(packed[0]), tmp_path / "again")
    assert (tmp_path / "again" / "guest_packed.py").read_text() == "X = 1\n"


@pytest.mark.slow
def test_the_wheel_of_an_editable_installation_has_the_code_that_records_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = write(PackageNames("balancer", "edited"), tmp_path)
    info = tmp_path / "site" / "mobench_edited-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mobench-edited\nVersion: 0.1.0\n")
    (info / "direct_url.json").write_text(json.dumps({"url": project.as_uri(), "dir_info": {"editable": True}}))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    (project / "mobench_edited" / "__pycache__").mkdir()
    (project / "mobench_edited" / "__pycache__" / "balancer.pyc").write_bytes(b"x")
    (tmp_path / "wheels").mkdir()
    built = read_wheel(wheel_of("mobench-edited", tmp_path / "wheels"))
    assert (built.name, built.version, built.modules) == ("mobench-edited", "0.1.0", ("mobench_edited",))
    unpack(built, tmp_path / "again")
    assert code_hash(tmp_path / "again", "mobench_edited.balancer") == content_hash(project / "mobench_edited")
    (project / "pyproject.toml").write_text("[build-system]\nrequires = []\nbuild-backend = 'no_such_backend'\n")
    (tmp_path / "others").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(StoreError, match=r"the wheel of mobench-edited cannot be built: .*name it with --wheel"):
        wheel_of("mobench-edited", tmp_path / "others")


def test_a_distribution_without_a_list_of_files_needs_its_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guests.install(tmp_path / "site", "unlisted", "X = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    with pytest.raises(StoreError, match="has no list of its installed files: name its wheel with --wheel"):
        wheel_of("guest-unlisted", tmp_path)
    with pytest.raises(StoreError, match="'guest-none' is not installed here"):
        wheel_of("guest-none", tmp_path)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../guest.py", "outside of its folder"),
        ("/etc/guest.py", "outside of its folder"),
        ("guest/../../x.py", "outside of its folder"),
        ("guest\\..\\x.py", "outside of its folder"),
        ("C:/guest.py", "outside of its folder"),
        ("guest/\x1b[2J.py", "outside of its folder"),
        ("guest.pth", "runs whenever Python starts"),
        ("guest-1.0.data/scripts/ls", "installed elsewhere than packages"),
        ("other-2.0.dist-info/METADATA", "has 2 folders of metadata"),
    ],
)
def test_files_that_would_be_written_elsewhere_or_run_at_once_are_refused(
    name: str, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match=reason) as error:
        read_wheel(wheel(tmp_path, name))
    assert str(error.value).isprintable()


def test_a_large_content_in_a_small_file_is_refused(tmp_path: Path) -> None:
    path = wheel(tmp_path, "guest.py", content=bytes(wheels.MAX_UNPACKED_BYTES + 1))
    assert path.stat().st_size < 2**18
    with pytest.raises(StoreError, match=r"bytes when unpacked, at most \d+ are accepted"):
        read_wheel(path)


def understate_size(path: Path) -> None:
    """Change the size that the archive states, in both of its places."""
    content = path.read_bytes()
    path.write_bytes(content.replace((10**6).to_bytes(4, "little"), (10).to_bytes(4, "little")))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


@pytest.mark.parametrize("damage", [understate_size, truncate])
def test_a_damaged_archive_is_an_error(damage: Callable[[Path], None], tmp_path: Path) -> None:
    path = wheel(tmp_path, "guest.py", content=bytes(10**6))
    damage(path)
    with pytest.raises(StoreError, match=r"cannot be unpacked|is not a wheel"):
        unpack(read_wheel(path), tmp_path / "site")
    written = sum(file.stat().st_size for file in (tmp_path / "site").rglob("*") if file.is_file())
    assert written <= 100


def test_many_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="has 5002 files, at most 5000"):
        read_wheel(wheel(tmp_path, *(f"guest/{i}" for i in range(wheels.MAX_MEMBERS + 1))))


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("mobench/metrics/indicators.py", "'mobench', which the verifier has already"),
        ("torch.py", "'torch', which the verifier has already"),
        ("json/__init__.py", "'json', a name that Python itself uses"),
        ("sitecustomize.py", "'sitecustomize', a name that Python itself uses"),
    ],
)
def test_a_wheel_does_not_replace_code_of_the_verifier(file: str, reason: str, tmp_path: Path) -> None:
    (fault,) = conflicts(read_wheel(wheel(tmp_path, file)))
    assert reason in fault
    assert conflicts(read_wheel(wheel(tmp_path, "guest/__init__.py"))) == []


def test_a_wheel_of_mobench_is_no_submission(tmp_path: Path) -> None:
    metadata = METADATA.replace("Name: guest", "Name: MObench")
    (fault,) = conflicts(read_wheel(wheel(tmp_path, "guest.py", metadata=metadata)))
    assert "a wheel of mobench itself is no submission" in fault


@pytest.mark.parametrize(("name", "version"), [("--help", "1"), ("a b", "1"), ("", "1"), ("\x1b", "1"), ("a", "..")])
def test_names_of_distributions_are_plain(name: str, version: str, tmp_path: Path) -> None:
    """The name becomes an argument of `mobench check`."""
    with pytest.raises(StoreError, match="states no name or version of a distribution"):
        read_wheel(wheel(tmp_path, "guest.py", metadata=f"Name: {name}\nVersion: {version}\n"))


def test_requirements_of_the_plugin_are_named(tmp_path: Path) -> None:
    lines = ["torch>=2", "No.Such-package (>=1) ; python_version > '3'", 'pytest; extra == "dev"', "other_guest"]
    content = METADATA + "".join(f"Requires-Dist: {line}\n" for line in lines)
    guest = read_wheel(wheel(tmp_path, "guest.py", metadata=content))
    (tmp_path / "other").mkdir()
    other = read_wheel(wheel(tmp_path / "other", metadata=METADATA.replace("Name: guest", "Name: Other.Guest")))
    assert missing_requirements(guest, [guest, other]) == ["No.Such-package"]
