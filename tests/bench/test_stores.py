"""The benchmarks of the stores run from end to end at a tiny size: they verify what was stored, and print their table. No timing."""

import importlib

import pytest

SMOKE = ("hot", "store", "writers", "flat", "read", "sealed")


@pytest.mark.parametrize("name", SMOKE)
def test_a_store_benchmark_verifies_and_prints_its_table(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    importlib.import_module(f"bench.{name}").main(["--smoke"])
    printed = capsys.readouterr().out
    assert "calibration: raw SQLite insert" in printed
    assert "|---" in printed


def test_every_benchmark_that_is_named_can_be_loaded() -> None:
    for name in importlib.import_module("bench.__main__").NAMES:
        assert callable(importlib.import_module(f"bench.{name}").main)
