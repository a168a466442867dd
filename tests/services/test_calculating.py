"""The process that stands by for calculations: answers, failures, what takes too long, and that it holds nothing up."""

import os
import signal
import threading

import numpy as np
import pytest

from plant.errors import Invalid, NotFound, Unavailable
from services.calculating import Calculator


@pytest.fixture(scope="module")
def calculator():
    one = Calculator()
    yield one
    one.close()


def process_of(calculator):
    """The process that answered a calculation just now."""
    assert calculator.run("plant.analysis.cycles:turning_points", {"values": [0.0, 1.0, 0.0]}) == [0.0, 1.0, 0.0]
    return calculator._child.pid


def test_a_calculation_runs_in_another_process_and_gives_back_arrays(calculator):
    points = np.array([0.0, 1.0, 0.0])
    answer = calculator.run("plant.analysis.cycles:turning_points", {"values": points})
    assert list(answer) == [0.0, 1.0, 0.0]
    assert process_of(calculator) != os.getpid()


def test_what_the_plant_calls_wrong_comes_back_as_it_was_raised(calculator):
    with pytest.raises(NotFound, match="not in the catalogue") as caught:
        calculator.run("plant.metrics:metric", {"name": "no_such_metric"})
    assert caught.value.details["metric"] == "no_such_metric"


def test_what_fails_otherwise_is_unavailable_and_says_no_more_than_its_kind(calculator):
    with pytest.raises(Unavailable, match="failed: TypeError"):
        calculator.run("plant.metrics:metric", {"nonsense": 1})


@pytest.mark.parametrize("function", ["os:getpid", "subprocess:run", "plant.metrics", "", "plantx.y:z"])
def test_only_functions_of_the_product_are_run(calculator, function):
    with pytest.raises(Invalid):
        calculator.run(function, {})


def test_a_process_that_was_killed_is_begun_again(calculator):
    first = process_of(calculator)
    os.kill(first, signal.SIGKILL)
    for _ in range(2):
        try:
            second = process_of(calculator)
        except Unavailable:
            continue
        break
    assert second != first


def test_what_takes_too_long_is_ended_and_the_next_is_answered():
    one = Calculator()
    try:
        process_of(one)
        with pytest.raises(Unavailable, match="longer than"):
            one.run("plant.analysis.cycles:turning_points", {"values": [0.0]}, timeout_s=0.0)
        assert process_of(one) != os.getpid()
    finally:
        one.close()


def test_who_waits_for_another_is_told_when_it_takes_too_long(calculator):
    process_of(calculator)
    with calculator._turn, pytest.raises(Unavailable, match="busy"):
        calculator.run("plant.analysis.cycles:turning_points", {"values": [0.0]}, timeout_s=0.05)


def test_several_threads_each_get_their_own_answer(calculator):
    answers = {}

    def ask(number):
        answers[number] = list(calculator.run("plant.analysis.cycles:turning_points", {"values": [0.0, number, 0.0]}))

    threads = [threading.Thread(target=ask, args=(float(number),)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == {float(number): [0.0, float(number), 0.0] for number in range(1, 9)}


def test_it_ends_when_nobody_asks_any_more():
    one = Calculator(idle_s=0.05)
    first = process_of(one)
    child = one._child
    assert child is not None
    child.join(20)
    assert child.exitcode is not None
    assert process_of(one) != first
    one.close()
