"""A stack that is struck again and again, each time with requests of every age in flight."""

import time
from collections.abc import Callable, Sequence

from pool.records import Instance
from pool.states import ENDED, HostState, InstanceState
from pool.store.pool_store import PoolStore
from tests.reliability.accepted import Age, Request, counted
from tests.reliability.in_flight import ask, ask_to_end, put_in_flight
from tests.reliability.judging import Judgement, judge
from tests.reliability.ledger import Account, Ledger, sentences
from tests.reliability.orders import Orders
from tests.reliability.outcomes import Outcome
from tests.reliability.points import AWAY, ON_THE_HOST, Point
from tests.reliability.scenes.works import work_at
from tests.reliability.victims import Battlefield
from tests.reliability.works import Work
from tests.rigs.waiting import until

REACH_SECONDS = 180  # for a pipeline to come to the point
QUIET_SECONDS = 400  # for the pool to be as before: a host that died is replaced
END_SECONDS = 500  # for every accepted request to end, once all is back; a host that died has DD_HOST_GRACE of it
TICK_SECONDS = 10  # between two ticks while requests are waited for
STOCK = 4  # sessions that run before it is struck; one of them is asked to end

Judge = Callable[[Battlefield, PoolStore, list[str]], Judgement]


class Campaign:
    """Strikes one stack at one point after the other."""

    def __init__(self, field: Battlefield, store: PoolStore, orders: Orders, judge: Judge = judge) -> None:
        self._field, self._store, self._orders, self._judge = field, store, orders, judge
        self._stack = field.stack
        self._ledger = Ledger(field.stack, store)
        self.unjudged: list[
            str
        ] = []  # points that were struck and not judged: another try hides what went wrong at one
        self._struck = False
        self._asked: list[Request] = []  # at the point before: what was told of them late is seen with the next ones

    def strike(self, point: Point) -> Outcome | None:
        """The outcome; None where the point was never come to or not judged: the others are struck all the same."""
        self._struck = False
        try:
            return self._strike(point)
        except Exception as error:  # noqa: BLE001 - half an hour of other points must not be lost
            print(f"    could not be judged: {type(error).__name__}: {error}", flush=True)
            self.unjudged += [f"{point}: {type(error).__name__}: {error}"] * self._struck
            return None
        finally:
            self._orders.withdraw()

    def _strike(self, point: Point) -> Outcome:
        print(f"{time.strftime('%H:%M:%S')} {point}", flush=True)
        running = self._calm()
        work = work_at(point)(self._stack, self._store)
        self._orders.give(point, work.struck)
        requests = work.begin()
        pid = until(self._orders.struck_process, f"a run comes to: {point}", REACH_SECONDS)
        requests += put_in_flight(self._stack, self._orders, ending=running[-1].id)
        host = work.host or running[0].host or ""
        began = time.monotonic()
        self._blow(point, int(pid), host)
        others = [one.id for one in running[:-1] if not (point.victim in ON_THE_HOST and one.host == host)]
        return self._judged(point, work, requests, others, began)

    def _blow(self, point: Point, pid: int, host: str) -> None:
        self._struck = True
        self._field.strike(point.victim, pid, host)
        self._orders.go_on()
        if point.victim in AWAY:
            time.sleep(AWAY[point.victim])
            self._field.bring_back(point.victim)

    def _judged(self, point: Point, work: Work, requests: list[Request], others: list[str], began: float) -> Outcome:
        self._field.wait_until_back()
        accounts = self._wait_for_the_end(requests)
        recovered = time.monotonic() - began
        found = self._settled(work, others)
        found.accepted_lost += sentences(accounts)
        found.told_twice += self._ledger.told_twice([*self._asked, *requests])
        self._asked = requests
        ends = counted(end for _, end, _ in accounts)
        print(f"    {work.became()}; {ends}; wrong: {found} ({recovered:.0f} s)", flush=True)
        outcome = Outcome(point, work.became(), ends, round(recovered, 1), found)
        work.clean_up()
        return outcome

    def _wait_for_the_end(self, requests: Sequence[Request]) -> list[Account]:
        """Wait for every request; a tick is run now and then, as the schedule would, but sooner."""
        last_tick = time.monotonic()

        def pause() -> None:
            nonlocal last_tick
            time.sleep(0.3)
            if time.monotonic() - last_tick > TICK_SECONDS:
                self._tick()
                last_tick = time.monotonic()

        return self._ledger.wait(requests, END_SECONDS, pause)

    def _settled(self, work: Work, others: list[str]) -> Judgement:
        """What two ticks leave; more ticks for as long as something is wrong and the time is not over."""
        deadline = time.monotonic() + work.settle_seconds
        self._tick()
        while True:
            self._tick()
            found = self._judge(self._field, self._store, others)
            work.judge(found)
            if str(found) == "nothing" or time.monotonic() > deadline:
                return found
            time.sleep(2)

    def _calm(self) -> list[Instance]:
        """Wait until there is room and nothing is on its way; the sessions that run, as many as are wanted."""
        self._field.wait_until_back()
        surplus = self._running()[STOCK:]
        for one in surplus:
            ask_to_end(self._stack, one.id)
        until(lambda: len(self._running()) <= STOCK, "the sessions of the point before end", 120)
        until(self._is_calm, "the pool is calm", QUIET_SECONDS, meanwhile=self._tick)
        for _ in range(STOCK - len(self._running())):
            ask(self._stack, Age.POSTED)
        until(lambda: len(self._running()) >= STOCK and self._is_calm(), "the sessions run", 120)
        return self._running()

    def _running(self) -> list[Instance]:
        return self._store.instances.all("main", [InstanceState.RUNNING])

    def _is_calm(self) -> bool:
        hosts = [host for host in self._store.hosts.all("main") if host.state is not HostState.REMOVED]
        between = [i for i in self._store.instances.all("main") if i.state not in (*ENDED, InstanceState.RUNNING)]
        return bool(hosts) and {host.state for host in hosts} == {HostState.ACTIVE} and not between

    def _tick(self) -> None:
        try:
            self._stack.run("housekeep/scheduled", seconds=150)
        except Exception as error:  # noqa: BLE001 - a tick that the blow took with it; the next one counts
            print(f"    a tick did not end: {error}", flush=True)
