"""pyarrow leaves pandas alone."""

import subprocess
import sys

WRITE = """
import sys
from services.cells import Cells, written
columns = [Cells("x (%)", [1.5, None], "number"), Cells("said", ["a", None], "text")]
assert written("parquet", columns, 0)[:4] == b"PAR1"
assert "pandas" not in sys.modules, "48 MB more, and half a module for every other thread while it loads"
import pandas
assert pandas.Series([1]).sum() == 1
"""


def test_a_file_is_written_without_pandas_and_who_needs_it_still_has_it() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", WRITE], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
