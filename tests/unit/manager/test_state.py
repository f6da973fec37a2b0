import pytest

from bluesky_qs.manager.worker.state import TRANSITIONS, Lifecycle, ManagerEvent, ManagerState
from bluesky_qs.manager.worker.transitions import ImpossibleTransition


def lifecycle(*events):
    changes = []
    life = Lifecycle(lambda: changes.append(life.state))
    for event in events:
        life.fire(event)
    return life, changes


def test_a_plan_takes_the_manager_through_starting_executing_and_paused_back_to_idle():
    life, changes = lifecycle(
        ManagerEvent.FOUND_NOTHING_RUNNING,
        ManagerEvent.START_REQUESTED,
        ManagerEvent.PLAN_STARTED,
        ManagerEvent.PLAN_PAUSED,
        ManagerEvent.PLAN_RESUMED,
        ManagerEvent.QUEUE_ENDED,
    )
    assert changes == [
        ManagerState.IDLE,
        ManagerState.STARTING_QUEUE,
        ManagerState.EXECUTING_QUEUE,
        ManagerState.PAUSED,
        ManagerState.EXECUTING_QUEUE,
        ManagerState.IDLE,
    ]
    assert life.state is ManagerState.IDLE


def test_an_event_that_the_table_does_not_foresee_names_itself_and_the_state():
    life, _ = lifecycle(ManagerEvent.FOUND_NOTHING_RUNNING)
    with pytest.raises(ImpossibleTransition, match="PLAN_PAUSED cannot happen in the state 'idle'"):
        life.fire(ManagerEvent.PLAN_PAUSED)
    assert life.state is ManagerState.IDLE


def test_the_next_plan_of_a_running_queue_is_no_change_of_state():
    _, changes = lifecycle(
        ManagerEvent.FOUND_NOTHING_RUNNING,
        ManagerEvent.START_REQUESTED,
        ManagerEvent.PLAN_STARTED,
        ManagerEvent.PLAN_STARTED,
    )
    assert changes[-1] is ManagerState.EXECUTING_QUEUE
    assert len(changes) == 3


@pytest.mark.parametrize("state", [s for s in ManagerState if s is not ManagerState.INITIALIZING])
def test_the_death_of_the_worker_leads_to_idle_from_every_state(state):
    assert TRANSITIONS[state, ManagerEvent.WORKER_GONE] is ManagerState.IDLE


def test_every_state_can_be_reached_and_left():
    assert set(TRANSITIONS.values()) == set(ManagerState) - {ManagerState.INITIALIZING}
    assert {state for state, _ in TRANSITIONS} == set(ManagerState)
