"""pyarrow without pandas: `from datastore.arrow import pa`.

pyarrow imports pandas with the first array it makes, whatever this is made of. That is 48 MB nothing in the serving process needs; and
while it loads, for a third of a second, plotly's JSON finds half a module in every other thread and fails. Asked once and refused,
pyarrow does without for good; whoever needs pandas imports it as ever.
"""

import sys
from typing import Any

import pyarrow as pa

__all__ = ["pa"]


class _Refusal:
    """A finder of modules that knows of no pandas."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name == "pandas":
            raise ImportError("pyarrow is used without pandas")


def _settle() -> None:
    refusal = _Refusal()
    sys.meta_path.insert(0, refusal)  # asked for find_spec only
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(refusal)


if "pandas" not in sys.modules:
    _settle()
