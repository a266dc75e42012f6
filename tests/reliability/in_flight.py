"""Requests that are in flight while it is struck: one of each age, held where that age is."""

from functools import partial
from uuid import uuid4

from tests.reliability.accepted import Age, Request
from tests.reliability.orders import Orders
from tests.reliability.points import TAKE
from tests.reliability.tiny_stack import BLUEPRINT
from tests.rigs.stacks.stack import Stack
from tests.rigs.waiting import until

HELD_AT = {
    Age.ENDING: ("withdraw_route", "after"),
    Age.STARTING: ("start_container", "after"),
    Age.RECORDED: ("give_out_room", "before"),
    Age.PENDING: (TAKE, "after"),
}
#: In this order: a run that gives out room before it is held would give some to one that is to have none yet; beside
#: the taking of one that is pending this is done, too.
ROUNDS = ((Age.ENDING, Age.STARTING), (Age.PENDING,), (Age.RECORDED,))
HOLD_SECONDS = 30


def put_in_flight(stack: Stack, orders: Orders, ending: str) -> list[Request]:
    """Have a request of each age, the posted one last: it was answered just before this returns.

    Args:
        stack: that is asked.
        orders: by which the others are held.
        ending: a session that runs, which is to end.
    """
    requests = []
    for ages in ROUNDS:
        asked = [_ask(stack, orders, age, ending) for age in ages]
        for request in asked:
            until(partial(orders.is_held, request.session), f"in flight: {request}", HOLD_SECONDS)
        requests += asked
    return [*requests, ask(stack, Age.POSTED)]


def _ask(stack: Stack, orders: Orders, age: Age, ending: str) -> Request:
    session = ending if age is Age.ENDING else _new_name(age)
    orders.hold(session, *HELD_AT[age])
    return ask_to_end(stack, session) if age is Age.ENDING else ask(stack, age, session)


def ask(stack: Stack, age: Age, session: str = "", blueprint: str = BLUEPRINT) -> Request:
    """Ask for a session; return once Prefect's API has answered."""
    session = session or _new_name(age)
    run = stack.trigger("provision-instance/on-demand", instance_id=session, blueprint=blueprint)
    return Request(age, session, run)


def ask_to_end(stack: Stack, session: str, age: Age = Age.ENDING) -> Request:
    """Ask for the end of a session."""
    return Request(age, session, stack.trigger("deprovision-instance/on-demand", instance_id=session), ends=True)


def _new_name(age: Age) -> str:
    return f"{age}-{uuid4().hex[:8]}"
