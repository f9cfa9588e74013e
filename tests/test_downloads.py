"""Downloads from a server that sends endlessly: they stop at the expected size."""

from __future__ import annotations

import gzip
import http.server
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mobench import downloads
from mobench.downloads import download, run
from mobench.errors import DataError
from mobench_multimnist import sources

CONTENT = bytes(range(256)) * 400
ZEROS = b"\0" * (1 << 20)


class Server(http.server.ThreadingHTTPServer):
    """`sent` counts the bytes of endless answers."""

    sent = 0


class Handler(http.server.BaseHTTPRequestHandler):
    """`/whole` and `/packed` are a file; `/bomb` unpacks to a thousand times its size, and anything else has no end."""

    def do_GET(self) -> None:
        bodies = {"/whole": CONTENT, "/packed": gzip.compress(CONTENT), "/bomb": gzip.compress(ZEROS * 64)}
        self.send_response(200)
        body = bodies.get(self.path)
        if body is not None:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            if body is not None:
                self.wfile.write(body)
            # members without content: gzip reads on without output
            endless = {"/endless-packed": gzip.compress(b"") * 1000, "/endless": ZEROS}
            part = endless.get(self.path, gzip.compress(ZEROS))
            while body is None:
                self.wfile.write(part)
                self.server.sent += len(part)  # type: ignore[attr-defined]
        except OSError:
            self.close_connection = True

    def log_message(self, *args: Any) -> None:
        """Nothing on the test's output."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as test_server:
        thread = threading.Thread(target=test_server.serve_forever)
        thread.start()
        yield test_server
        test_server.shutdown()
        thread.join()


def address(server: Server, path: str) -> str:
    return f"http://127.0.0.1:{server.server_port}/{path}"


@pytest.mark.parametrize(("path", "unpack"), [("whole", False), ("packed", True)])
def test_a_file_of_the_expected_size_arrives_and_its_share_is_told(
    server: Server, tmp_path: Path, path: str, unpack: bool
) -> None:
    shares: list[float] = []
    place = tmp_path / "new" / "a.bin"
    download(address(server, path), place, len(CONTENT), unpack=unpack, share=shares.append)
    assert place.read_bytes() == CONTENT
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.parametrize(
    ("path", "unpack"),
    [("whole", False), ("packed", True), ("bomb", True), ("endless", False), ("endless-packed", True)],
)
def test_what_is_larger_than_expected_is_given_up_there(
    server: Server, tmp_path: Path, path: str, unpack: bool
) -> None:
    place, at_most = tmp_path / "a.bin", len(CONTENT) - 1
    with pytest.raises(DataError, match=r"expected: it is another file|sends more than"):
        download(address(server, path), place, at_most, unpack=unpack)
    assert place.stat().st_size <= at_most
    # what is under way in buffers of the system is sent before the server notices that the reader has ended
    assert server.sent < 64 * len(ZEROS)


@pytest.mark.parametrize("fetch", [sources.mnist_from_torchvision, sources.fashion_mnist_from_torchvision])
def test_a_mirror_of_the_image_sets_that_sends_for_ever_is_given_up(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fetch: Callable[[Path], None]
) -> None:
    for name in ("MNIST", "FashionMNIST"):
        monkeypatch.setattr(f"torchvision.datasets.{name}.mirrors", [address(server, "")])
    with pytest.raises(DataError, match=r"no mirror answered .*larger than the 47040016 bytes that are expected"):
        fetch(tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 47_040_016


@pytest.mark.parametrize("url", ["file:///etc/passwd", "/etc/passwd", "ftp://example.org/a"])
def test_an_address_is_one_of_the_web(tmp_path: Path, url: str) -> None:
    with pytest.raises(DataError, match="begins with http"):
        download(url, tmp_path / "a", 10)
    assert list(tmp_path.iterdir()) == []


def test_no_file_of_a_package_manager_is_larger_than_allowed(tmp_path: Path) -> None:
    script = "import sys; open('a', 'wb').write(b'x' * int(sys.argv[1]))"
    run([sys.executable, "-c", script, "1000"], tmp_path, 1000)
    assert (tmp_path / "a").stat().st_size == 1000
    with pytest.raises(DataError, match=r"failed: .*File too large"):
        run([sys.executable, "-c", script, "1000000"], tmp_path, 1000)
    assert (tmp_path / "a").stat().st_size <= 1000


def test_a_program_that_is_missing_fails_or_does_not_end_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match="no-such-program is not installed"):
        run(["no-such-program"], tmp_path, 10)
    with pytest.raises(DataError, match=r"failed: .*no luck"):
        run([sys.executable, "-c", "raise SystemExit('no luck')"], tmp_path, 10)
    monkeypatch.setattr(downloads, "RUN_SECONDS", 0.2)
    with pytest.raises(DataError, match=r"did not end within 0.2 seconds"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path, 10)
