"""Fine-tuning of a byte-level language model: markup against prose, in bits per byte."""

from mobench.plugins import Spec, hookimpl


@hookimpl
def mobench_datasets() -> list[Spec]:
    return [
        Spec(
            "markup-prose",
            "mobench_markup_prose.dataset:MarkupProse",
            "the next byte of Wikipedia's source text: bits per byte of markup, and of prose",
            "pages of the English Wikipedia, as in `text`",
            version="1",
            small={"length": 8, "held_out_windows": 30, "limit": 60},
        )
    ]


@hookimpl
def mobench_models() -> list[Spec]:
    return [
        Spec(
            "wiki-bytes",
            "mobench_markup_prose.network:WikiBytes",
            "a byte-level language model trained on Wikipedia, whose dense layers are fine-tuned",
            "n-gram embeddings: arXiv 2412.09871, section 3.2.1; moving averages: arXiv 2209.10655, section 3.1",
            version="1",
            small={"pretrained": False},
        )
    ]
