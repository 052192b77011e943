import pytest
from pydantic import ValidationError

from engine.admission import Admission, AdmissionConfig, AdmissionRefusedError


def admission(cores=2, **config):
    return Admission(AdmissionConfig(**config), cores=cores)


def test_the_first_is_always_admitted():
    assert admission(assumed_frame_cost_ms=500.0).enter() is not None


def test_the_next_is_refused_politely():
    full = admission(assumed_frame_cost_ms=40.0)
    full.enter()
    with pytest.raises(AdmissionRefusedError, match=r"one conversation at a time.*try again soon"):
        full.enter()


def test_a_place_is_free_again_when_it_was_left():
    full = admission(assumed_frame_cost_ms=40.0)
    with full.enter() as place:
        with pytest.raises(AdmissionRefusedError):
            full.enter()
        place.leave()
        full.enter().leave()
    place.leave()
    assert not full.places
    full.enter()


@pytest.mark.parametrize(
    ("cores", "budget", "cost_ms", "capacity"),
    [(2, 0.7, 16.0, 3), (2, 0.5, 16.0, 2), (8, 0.7, 16.0, 14), (2, 0.7, 56.0, 1), (2, 0.7, 1000.0, 1)],
)
def test_capacity_is_budget_over_cost(cores, budget, cost_ms, capacity):
    assert admission(cores, budget_fraction=budget, assumed_frame_cost_ms=cost_ms).capacity() == capacity


def test_what_was_measured_counts_more_than_what_was_assumed():
    machine = admission(assumed_frame_cost_ms=16.0)
    first = machine.enter()
    assert machine.capacity() == 3
    first.frame_cost_s = lambda: 0.028
    assert machine.capacity() == 2
    machine.enter()
    assert machine.capacity() == 2
    with pytest.raises(AdmissionRefusedError, match="2 conversations"):
        machine.enter()
    assert machine.stats() == {
        "sessions": 2.0, "sessions_capacity": 2.0, "guests": 0.0, "frame_cost_ms": 28.0
    }  # fmt: skip


def test_the_limit_holds_however_cheap_a_frame_is():
    machine = admission(assumed_frame_cost_ms=0.1, max_sessions=4)
    for _ in range(4):
        machine.enter()
    with pytest.raises(AdmissionRefusedError, match="4 conversations"):
        machine.enter()


@pytest.mark.parametrize("wrong", [{"budget_fraction": 0.0}, {"max_sessions": 0}, {"budget": 1.0}])
def test_nonsense_is_refused(wrong):
    with pytest.raises(ValidationError):
        AdmissionConfig(**wrong)


def test_guests_cost_little_and_are_counted():
    machine = admission(assumed_frame_cost_ms=20.0, assumed_guest_cost_ms=10.0)
    machine.enter()
    assert machine.capacity() == 2
    guests = [machine.enter_as_guest() for _ in range(3)]
    assert machine.capacity() == 1, "20 + 3 x 10 of 56 ms are taken"
    with pytest.raises(AdmissionRefusedError, match="one more guest"):
        machine.enter_as_guest()
    with pytest.raises(AdmissionRefusedError, match="one conversation"):
        machine.enter()
    for guest in guests:
        guest.leave()
        guest.leave()
    machine.enter()
    assert machine.stats()["guests"] == 0


def test_one_guest_a_session_is_always_admitted():
    machine = admission(assumed_frame_cost_ms=500.0)
    machine.enter()
    machine.enter_as_guest()
    with pytest.raises(AdmissionRefusedError):
        machine.enter_as_guest()
