"""Image classification with a single objective: MNIST, Fashion-MNIST and CIFAR-10."""

from mobench.plugins import Spec, UserFolder, hookimpl

_MODULE = "mobench_images.dataset"


@hookimpl
def mobench_datasets() -> list[Spec]:
    return [
        Spec(
            "mnist",
            f"{_MODULE}:Mnist",
            "digits of 28×28, one label",
            "LeCun et al. 1998; protocol of arXiv 1609.09106, section 4.1",
            version="1",
            small={"source": "embedded", "limit": 90},
        ),
        Spec(
            "fashion-mnist",
            f"{_MODULE}:FashionMnist",
            "garments of 28×28, one label",
            "arXiv 1708.07747",
            version="1",
            small={"limit": 90},
        ),
        Spec(
            "cifar10",
            f"{_MODULE}:Cifar10",
            "coloured pictures of 32×32, one label",
            "Krizhevsky 2009; protocol of arXiv 1609.09106, section 4.2",
            version="1",
            small={"limit": 90},
        ),
    ]


@hookimpl
def mobench_models() -> list[Spec]:
    return [
        Spec(
            "mnist-cnn",
            "mobench_images.cnn:MnistCnn",
            "two 7×7 convolutions of 16 channels and a dense layer",
            "arXiv 1609.09106, section 4.1",
            version="1",
            small={"channels": 16},
        )
    ]


@hookimpl
def mobench_user_folders() -> list[UserFolder]:
    return [
        UserFolder(
            "cifar10",
            "cifar-10-batches-py",
            ("batches.meta", *(f"data_batch_{i}" for i in range(1, 6)), "test_batch"),
            "the batches of the authors' archive for Python",
            "Unpack the archive of CIFAR-10 for Python, for example with "
            "torchvision.datasets.CIFAR10(folder, download=True)",
            n_bytes=186_000_000,
            licence="not stated by the source",
        )
    ]
