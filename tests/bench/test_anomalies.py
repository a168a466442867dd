"""How good the detectors are, on a small fixed case of what `python -m bench anomalies` measures at length."""

from bench import anomalies, injection
from plant.analysis.anomaly.examine import examine


def test_at_least_ninety_percent_of_the_injected_faults_are_found_with_less_than_one_false_event_per_unit_and_ten_days() -> None:
    at, sound = injection.sound_racks(days=2)
    cases = injection.cases(at, sound, injection.KINDS, each=1, sound=4, seed=17)
    ours = anomalies.together(anomalies.measure_racks(cases, lambda case: anomalies.rack_events(case, examine)))
    plain = anomalies.together(anomalies.measure_racks(cases, lambda case: anomalies.plain_group(case, 5.0)))
    assert ours.faults == len(injection.KINDS) == 11
    assert ours.recall >= 0.9
    assert (ours.events - ours.true) / (ours.days / 12) < 0.1
    assert ours.f1 > plain.f1 + 0.2


def test_a_tally_counts_what_is_found_false_and_late() -> None:
    """Two faults, one found an hour after its beginning, with one false event: recall 1/2, precision 1/2."""
    tally = anomalies.Tally()
    hour = 3_600_000
    tally.add([anomalies.Event("a", 3 * hour, 4 * hour), anomalies.Event("b", 3 * hour, 4 * hour)], "a", 2 * hour, 5 * hour, 1.0)
    tally.add([], "a", 2 * hour, 5 * hour, 1.0)
    assert (tally.recall, tally.precision, tally.delays, tally.f1) == (0.5, 0.5, [60.0], 0.5)
