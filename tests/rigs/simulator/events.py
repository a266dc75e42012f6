"""What can happen to an installation: users, faults, deaths and clocks. Each is one method, so that a test reads."""

from datetime import timedelta
from typing import Any

from prefect.client.schemas.objects import StateType

from blocks.stored.blueprint import Blueprint
from pool.housekeeping.found import ContainerOutcome
from pool.records import Instance
from pool.states import LIVING_INSTANCES, InstanceState
from tests.rigs.simulator.courses import CourseWorld
from tests.rigs.simulator.machines import Machine
from tests.rigs.simulator.runs import Run


class EventfulWorld(CourseWorld):
    """A world in which things happen. *which* picks one of those that there are, by number."""

    # Users

    def arrive(self, blueprint: str = "small", twice: bool = False) -> None:
        """A user asks for a session; an impatient platform asks twice."""
        session = f"s-{len(self.sessions)}"
        self.sessions.append(session)
        for _ in range(2 if twice else 1):
            request = {"instance_id": session, "blueprint": blueprint, "user": "ada"}
            self.prefect.start("provision-instance/on-demand", request)

    def ask_again(self, which: int) -> None:
        """A platform asks for a session that it has asked for already, by a request of its own."""
        if first := self._request(which):
            self.prefect.start("provision-instance/on-demand", first.parameters)

    def cancel_a_request(self, which: int) -> None:
        """A platform cancels a request that was not answered yet, whether its run has begun or not."""
        if waiting := [run for run in self._requests() if not run.state.is_final()]:
            self.prefect.cancel(waiting[which % len(waiting)])

    def leave(self, which: int) -> None:
        if self.sessions:
            session = self.sessions[which % len(self.sessions)]
            self.prefect.start("deprovision-instance/on-demand", {"instance_id": session})

    def write(self, which: int) -> None:
        """A user of a session that keeps its work, and answers, writes something."""
        session = self._kept(which)
        if not session or not session.host:
            return
        machine = self.cloud.machines.get(session.host)
        container = machine and machine.containers.get(session.container)
        if machine and container and container.running and machine.reachable(self.time):
            container.work = self.written[session.id] = f"{session.id} at {self.time}"

    def use(self, which: int) -> None:
        """A browser is open on a session."""
        if self.gateway.routes:
            route = list(self.gateway.routes)[which % len(self.gateway.routes)]
            self.gateway.used[route] = self.clock.now()

    # The operator

    def move(self, which: int, to: int | None = None, twice: bool = False) -> None:
        """The operator moves a session, to a host that is named or to any; an impatient one asks twice."""
        session, machine = self._kept(which), self._machine(to) if to is not None else None
        if session:
            wanted = {"instance_id": session.id, "host": machine.host if machine else ""}
            for _ in range(2 if twice else 1):
                self.prefect.start("move-instance/on-demand", wanted)

    def shut_down(self, on: bool) -> None:
        self.config.DD_SHUTDOWN_MODE = on

    def want_free_slots(self, slots: int) -> None:
        self.config.DD_FREE_SLOT_TARGET = slots

    def allow_hosts(self, hosts: int) -> None:
        self.config.DD_MAX_HOSTS = hosts
        self.most_hosts = max(self.most_hosts, hosts)

    def stand_by(self, standbys: int, frozen: bool = False) -> None:
        """The operator wants so many containers of the small blueprint to be started ahead, and maybe frozen."""
        self._change_blueprint(standby=standbys, standby_frozen=frozen)

    def give_more_memory(self, megabytes: int) -> None:
        """The operator changes the small blueprint: standbys by the old one are outdated."""
        self._change_blueprint(memory_mb=megabytes)

    def _change_blueprint(self, **values: Any) -> None:
        blueprints = self.stored[Blueprint]
        blueprints["small"] = blueprints["small"].model_copy(update=values)

    def cancel_a_run(self, which: int) -> None:
        going = self._going()
        if going:
            going[which % len(going)].task.cancel()

    def delete_a_server_by_hand(self, which: int) -> None:
        if machine := self._machine(which):
            machine.gone_at = self.time

    def remove_a_container_by_hand(self, which: int) -> None:
        if machine := self._machine(which):
            for name in list(machine.containers)[:1]:
                del machine.containers[name]

    # The cloud

    def cloud_refuses(self, seconds: float) -> None:
        self.cloud.refuses_until = self.time + seconds

    def cloud_is_away(self, seconds: float) -> None:
        self.cloud.down_until = self.time + seconds

    def cloud_ignores_deletes(self, seconds: float) -> None:
        self.cloud.ignores_deletes_until = self.time + seconds

    def cloud_loses_answers(self, answers: int) -> None:
        self.cloud.loses_answers += answers

    def cloud_makes_faulty_servers(self, servers: int) -> None:
        self.cloud.next_faulty += servers

    def cloud_makes_mute_servers(self, servers: int) -> None:
        self.cloud.next_mute += servers

    def cloud_hides_a_server(self, which: int, seconds: float) -> None:
        if machine := self._machine(which):
            machine.hidden_until = self.time + seconds

    # Hosts

    def host_is_down(self, which: int, seconds: float) -> None:
        if machine := self._machine(which):
            machine.down_until = max(machine.down_until, self.time + seconds)

    def host_reboots(self, which: int, containers_return: bool) -> None:
        if machine := self._machine(which):
            machine.reboot(self.time, 60, containers_return)

    def engine_is_down(self, which: int, seconds: float) -> None:
        if machine := self._machine(which):
            machine.engine_down_until = self.time + seconds

    def engine_is_slow(self, which: int, seconds: float) -> None:
        if machine := self._machine(which):
            machine.slow_until = self.time + seconds

    def engines_lose_some_answers(self, answers: int) -> None:
        self.engines_lose_answers += answers

    def playbooks_fail(self, runs: int) -> None:
        self.next_playbooks_fail += runs

    def container_ends(self, which: int, outcome: ContainerOutcome) -> None:
        if machine := self._machine(which):
            for container in list(machine.containers.values())[:1]:
                container.end(0 if outcome is ContainerOutcome.SHUT_DOWN else 137, outcome)

    def containers_exit_at_once(self, containers: int) -> None:
        self.next_containers_exit += containers

    def containers_never_answer(self, containers: int) -> None:
        self.next_containers_mute += containers

    # The gateway and Prefect

    def gateway_is_away(self, seconds: float) -> None:
        self.gateway.down_until = self.time + seconds

    def gateway_starts_empty(self) -> None:
        self.gateway.restart()

    def prefect_is_away(self, seconds: float) -> None:
        self.prefect.down_until = self.time + seconds

    # Processes and clocks

    def repository_is_away(self, seconds: float) -> None:
        self.repository_down_until = self.time + seconds

    def second_housekeeper(self) -> None:
        """Another housekeeper at the same time, in a process of its own."""
        self.prefect.start("housekeep/elsewhere", {"pool": ""})

    def kill_the_warm_worker(self, after_steps: int, seconds: float) -> None:
        self.prefect.workers.kill_warm(seconds, after_steps)

    def kill_a_run(self, which: int, after_steps: int) -> None:
        """Kill the process that a run is in; the warm worker with all that is in it, if it is there."""
        going = self._going()
        if going:
            process = going[which % len(going)].process
            if process is self.prefect.workers.warm:
                self.prefect.workers.kill_warm(10, after_steps)
            elif process:
                process.kill_after(after_steps)

    def freeze_the_warm_worker(self, seconds: float) -> None:
        """Its machine stands still; for all others, time goes on."""
        self.prefect.workers.warm.frozen_until = self.time + seconds

    def clocks_differ(self, seconds: float) -> None:
        """The clock of the warm worker's machine is so far ahead of that of Prefect's server and of other processes."""
        self.prefect.workers.clock_is_off = timedelta(seconds=seconds)

    def set_the_clock(self, seconds: float) -> None:
        self.clock.jumped += timedelta(seconds=seconds)

    # The end of all trouble

    def calm_down(self) -> None:
        """Whatever was wrong outside is put right; what is gone stays gone."""
        self.cloud.refuses_until = self.cloud.down_until = self.cloud.ignores_deletes_until = 0
        self.cloud.loses_answers = self.cloud.next_faulty = self.cloud.next_mute = 0
        self.engines_lose_answers = self.next_playbooks_fail = 0
        self.next_containers_exit = self.next_containers_mute = 0
        self.gateway.down_until = self.prefect.down_until = self.repository_down_until = 0
        self.config.DD_SHUTDOWN_MODE = False
        for machine in self.cloud.machines.values():
            machine.hidden_until = machine.down_until = machine.engine_down_until = machine.slow_until = 0

    def alive_sessions(self) -> list:
        return self.store.instances.all(states=LIVING_INSTANCES)

    def _kept(self, which: int) -> Instance | None:
        """A session that keeps its work: one that runs, where there is one."""
        kept = [one for one in self.alive_sessions() if one.keep.paths]
        running = [one for one in kept if one.state is InstanceState.RUNNING]
        sessions = running or kept
        return sessions[which % len(sessions)] if sessions else None

    def _machine(self, which: int) -> Machine | None:
        machines = list(self.cloud.machines.values())
        return machines[which % len(machines)] if machines else None

    def _requests(self) -> list[Run]:
        return [run for run in self.prefect.runs.values() if run.flow.name == "provision-instance"]

    def _request(self, which: int) -> Run | None:
        asked = self._requests()
        return asked[which % len(asked)] if asked else None

    def _going(self) -> list[Run]:
        running = [run for run in self.prefect.runs.values() if run.state_type is StateType.RUNNING]
        return [run for run in running if run.process and not run.process.killed and not run.task.done()]
