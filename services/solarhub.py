"""`python app.py solarhub check`: what of an installation can be read."""

import argparse
from collections.abc import Callable, Sequence

from datastore.backends.solarhub.installation import Installation


def run_solarhub_command(installation: Installation | None, argv: Sequence[str], clock: Callable[[], int]) -> int:
    """Print a line for each table, the schedule and each Redis; 0 when all can be read, 1 when something asks for a look.
    Raises MappingError."""
    from datastore.backends.solarhub.checking import check

    parser = argparse.ArgumentParser(prog="app.py solarhub", description=__doc__)
    parser.add_argument("what", choices=["check"])
    parser.parse_args(argv)
    if installation is None:
        print("DB_HOST is not set: there is no SolarHub to read")
        return 1
    findings = check(installation, clock())
    for finding in findings:
        print(finding)
    return 0 if all(finding.is_sound for finding in findings) else 1
