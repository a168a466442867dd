"""Many timestamps of one shape read at once: a fleet's batch says every instant in the same form."""

from collections.abc import Sequence

import numpy as np

from plant.timeline import EARLIEST, parse

_FEWEST = 8
_SHAPES = {20: b"0000-00-00T00:00:00Z", 24: b"0000-00-00T00:00:00.000Z"}
"""Length → the shape: 0 stands for any digit, everything else for itself."""


def parse_all(texts: Sequence[str]) -> list[int]:
    """As `plant.timeline.parse` of each in UTC [epoch ms], several times as fast where all are `YYYY-MM-DDTHH:MM:SS[.mmm]Z`.
    Raises ValueError when one cannot be read."""
    found = _alike(texts) if len(texts) >= _FEWEST else None
    return [parse(text) for text in texts] if found is None else found


def _alike(texts: Sequence[str]) -> list[int] | None:
    """The instants when all texts have one of the shapes and name real ones, else None."""
    size = len(texts[0])
    shape = _SHAPES.get(size)
    if shape is None:
        return None
    joined = "".join(texts).encode()
    if len(joined) != size * len(texts) or set(map(len, texts)) != {size}:
        return None
    characters = np.frombuffer(joined, dtype=np.uint8).reshape(len(texts), size)
    model = np.frombuffer(shape, dtype=np.uint8)
    # what is below "0" wraps around to a large number
    if not (characters - model <= np.where(model == ord("0"), 9, 0)).all():
        return None
    try:
        instants = characters.view(f"S{size}")[:, 0].astype(f"S{size - 1}").astype("datetime64[ms]").astype(np.int64)
    except ValueError:
        return None
    return None if instants.min() < EARLIEST else instants.tolist()
