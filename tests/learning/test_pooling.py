"""Max-pools of judged networks: the library's bits, by another road."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from mobench.interfaces.pooling import Judging, max_pool2d

CASES: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((2,), {}),
    ((3,), {}),
    ((2, 2), {}),
    (((2, 2),), {}),
    ((2,), {"stride": 2}),
    ((2,), {"stride": 1}),
    ((3,), {"padding": 1}),
    ((2,), {"ceil_mode": True}),
    ((2,), {"dilation": 2}),
    (((2, 3),), {}),
    ((9,), {}),
]


@pytest.mark.parametrize(("args", "kwargs"), CASES)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_values_are_the_librarys_to_the_bit(args: Any, kwargs: Any, layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 4, 11, 10).to(memory_format=layout)
    x[0, 0, 0, 0] = torch.nan
    expected = functional.max_pool2d(x, *args, **kwargs)
    with torch.no_grad(), Judging():
        found = functional.max_pool2d(x, *args, **kwargs)
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)


def test_the_library_is_not_asked_where_no_gradient_is() -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("asked")

    x = torch.randn(2, 3, 6, 6)
    with torch.no_grad():
        assert max_pool2d(refuse, x, 2).shape == (2, 3, 3, 3)
    with pytest.raises(AssertionError, match="asked"):
        max_pool2d(refuse, x, 2)
