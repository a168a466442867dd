"""`python -m bench NAME…`: the benchmarks by name, `all` for every one. Options after a single name go to it."""

import importlib
import sys

NAMES = (
    "ingest", "mongo", "doors", "hot", "rollups", "latest_series", "read",
    "writers", "flat", "sealed", "memory", "stream", "store", "anomalies", "allocation", "forecasts", "settlement", "screens", "exports",
    "studies",
)  # fmt: skip


def main(arguments: list[str]) -> int:
    """Run what is named; exit code 2 for an unknown name."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(f"{__doc__}\nNames: {', '.join(NAMES)}, all")
        return 0 if arguments else 2
    names = list(NAMES) if arguments[0] == "all" else [arguments[0]]
    if unknown := [name for name in names if name not in NAMES]:
        print(f"no benchmark is called {unknown[0]!r}; there are {', '.join(NAMES)} and all", file=sys.stderr)
        return 2
    for name in names:
        print(f"\n== {name}", flush=True)
        importlib.import_module(f"bench.{name}").main(arguments[1:] if len(names) == 1 else [])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
