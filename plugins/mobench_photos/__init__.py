"""Photos from the user's folder: 40 attributes of faces (CelebA), and objects in several domains (Office)."""

from pathlib import Path

from mobench.plugins import Spec, SuiteFile, UserFolder, hookimpl


@hookimpl
def mobench_datasets() -> list[Spec]:
    return [
        Spec(
            "celeba",
            "mobench_photos.celeba:CelebA",
            "40 attributes of faces; the user's files, read while training",
            "Liu et al. 2015, arXiv 1411.7766",
            version="1",
            small={"tasks": ["Male", "Smiling"], "size": 20, "limit": 6},
        ),
        Spec(
            "office31",
            "mobench_photos.office:Office31",
            "31 kinds of objects, a task and photos of its own for each of three domains; the user's files",
            "Saenko et al. 2010",
            version="1",
            small={"size": 20, "limit": 6},
        ),
        Spec(
            "office-home",
            "mobench_photos.office:OfficeHome",
            "65 kinds of objects, a task and photos of its own for each of four domains; the user's files",
            "Venkateswara et al. 2017, arXiv 1706.07522",
            version="1",
            small={"size": 20, "limit": 6},
        ),
    ]


_ACADEMIC = "for non-commercial research, as commonly given"


@hookimpl
def mobench_user_folders() -> list[UserFolder]:
    return [
        UserFolder(
            "celeba",
            "celeba",
            ("img_align_celeba", "list_attr_celeba.txt", "list_eval_partition.txt"),
            "the aligned photos 000001.jpg, 000002.jpg, … and two lists, with the names that torchvision uses",
            "Download CelebA with torchvision.datasets.CelebA(folder, download=True), or from "
            "mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
            n_bytes=1_500_000_000,
            licence="non-commercial research purposes (its page)",
        ),
        UserFolder(
            "office31",
            "office31",
            ("amazon", "dslr", "webcam"),
            "DOMAIN/images/CLASS/PHOTO.jpg, with 31 classes in each domain",
            "Download Office-31 from the page of the authors of Adapting Visual Category Models to New Domains",
            n_bytes=80_000_000,
            licence=_ACADEMIC,
        ),
        UserFolder(
            "office-home",
            "office-home",
            ("Art", "Clipart", "Product"),
            "DOMAIN/CLASS/PHOTO.jpg, with 65 classes in each domain; the fourth domain is the folder Real World",
            "Download Office-Home from hemanthdv.org/officeHomeDataset.html",
            n_bytes=1_100_000_000,
            licence=_ACADEMIC,
        ),
    ]


@hookimpl
def mobench_suites() -> list[SuiteFile]:
    return [
        SuiteFile(
            "photos",
            Path(__file__).parent / "photos.toml",
            "attributes of faces, and objects in several domains; the user's photos",
        )
    ]
