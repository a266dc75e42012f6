"""What every writer of routes may rely on, asked of a real nginx over its admin socket."""

import errno
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import monotonic, time

import httpx
import pytest

from blocks.gateway.all_gateways import AllGateways
from blocks.gateway.client import Gateway, RouteRefused
from blocks.stored.link_keys import LinkKeys
from pool.errors import GatewayTrouble, Refused
from tasks.gateway.routes import settle_routes
from tests.rigs.gateways.gateway import only_routes, route_to, running_gateway
from tests.rigs.gateways.relays import as_one, relays

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def shared_gateway():
    with running_gateway() as gateway:
        yield gateway


@pytest.fixture(scope="module")
def two_by_relays(shared_gateway, tmp_path_factory):
    """That gateway and another one, each told by its relay."""
    with running_gateway() as other, relays(tmp_path_factory.mktemp("tls"), shared_gateway, other) as both:
        yield as_one(both)


@pytest.fixture
def by_socket(shared_gateway):
    """For what nginx alone decides, by socket and by relay alike."""
    only_routes(shared_gateway.client, [])
    return shared_gateway.client


@pytest.fixture(params=["by_socket", "two_by_relays"])
def gateway(request):
    client = request.getfixturevalue(request.param)
    only_routes(client, [])
    return client


def snapshot_ids(shared_gateway) -> set[str]:
    return {record["id"] for record in json.loads(shared_gateway.config.snapshot.read_text())["routes"]}


def test_a_new_gateway_lists_no_route(gateway):
    assert gateway.list_routes() == []


def test_a_route_comes_back_as_it_was_given(gateway):
    route = route_to(20001, token_header="token s3cret", strip_prefix=True, rewrite_redirects=True, max_upload_mb=7)
    gateway.add_route(route)
    assert gateway.list_routes() == [route]


def test_adding_a_route_again_changes_where_it_leads(gateway):
    gateway.add_route(route_to(20001))
    gateway.add_route(route_to(20002))
    assert [route.port for route in gateway.list_routes()] == [20002]


def test_what_a_user_requests_in_an_open_page_is_told_by_whichever_gateway_has_it(gateway, shared_gateway):
    due = int(time()) - 60
    route = route_to(20001, ends_at=due + 300, ends_because="expired", extend_by=1800, extend_from=due)
    gateway.add_route(route)
    asked = f"{shared_gateway.address(route.id)}dd-notice/extend"
    assert httpx.post(asked, headers={"Origin": shared_gateway.origin(route.id)}).status_code == 202
    assert [*gateway.requested_extensions()] == [route.id]


def test_removing_an_absent_route_is_success(gateway):
    gateway.remove_route("unknown-0123456789abcdef")
    gateway.add_route(route_to(20001))
    gateway.remove_route(route_to(20001).id)
    gateway.remove_route(route_to(20001).id)
    assert gateway.list_routes() == []


def test_routes_that_differ_are_changed_in_one_step_and_others_stay(gateway, shared_gateway):
    old, same, new = (route_to(20001 + n, name) for n, name in enumerate(("old", "same", "new")))
    only_routes(gateway, [old, same])
    moved = replace(same, port=20009)
    gateway.change_routes([moved, new], {old.id, "absent-0123456789"})
    assert set(gateway.list_routes()) == {moved, new}
    assert snapshot_ids(shared_gateway) == {same.id, new.id}


def test_what_others_publish_while_many_routes_change_stays(gateway, shared_gateway):
    many = [route_to(20000 + n % 1000, f"user{n}") for n in range(3000)]
    others = [route_to(20000 + n, f"other{n}") for n in range(30)]
    with ThreadPoolExecutor(8) as threads:
        changed = threads.submit(gateway.change_routes, many, ())
        list(threads.map(gateway.add_route, others))
        changed.result()
    assert set(gateway.list_routes()) == {*many, *others}


def test_a_gateway_that_lost_ten_thousand_routes_has_them_again_at_once(gateway):
    wanted = [route_to(20000 + n % 1000, f"user{n}") for n in range(10000)]
    began = monotonic()
    gateway.change_routes(wanted, ())
    assert monotonic() - began < 30  # one at a time it takes minutes
    assert set(gateway.list_routes()) == set(wanted)


def test_a_repair_publishes_what_is_allowed_beside_a_route_that_is_refused(gateway):
    old, good, bad = route_to(20001, "old"), [route_to(20002, "one"), route_to(20003, "two")], route_to(80, "bad")
    gateway.add_route(old)
    with pytest.raises(RouteRefused, match="its port is not a session's"):
        settle_routes(gateway, [good[0], bad, good[1]], {old.id}, by_now(*good, bad))
    assert set(gateway.list_routes()) == set(good)


def test_a_repair_beside_a_refused_route_publishes_the_others_as_they_are_by_now(gateway):
    back, other, bad = route_to(20001, "back"), route_to(20002, "one"), route_to(80, "bad")
    newer = replace(other, token_header="token another")
    with pytest.raises(RouteRefused, match="its port is not a session's"):
        settle_routes(gateway, [other, bad], {back.id}, by_now(back, newer, bad))
    assert set(gateway.list_routes()) == {back, newer}


def by_now(*wanted):
    """What SQL has of named routes when no other change can come between any more."""
    return lambda names: [route for route in wanted if route.id in names]


def test_replacing_leaves_exactly_the_routes_that_were_given(gateway):
    gateway.add_route(route_to(20001, "old"))
    wanted = {route_to(20002, "one"), route_to(20003, "two")}
    only_routes(gateway, list(wanted))
    assert set(gateway.list_routes()) == wanted


def test_five_thousand_routes_are_replaced_at_once(by_socket):
    wanted = {route_to(20000 + n % 1000, f"user{n}") for n in range(5000)}
    only_routes(by_socket, list(wanted))
    assert set(by_socket.list_routes()) == wanted


def another_client(gateway: Gateway, shared_gateway) -> Gateway:
    """As another process has it."""
    if isinstance(gateway, AllGateways):
        return AllGateways(gateway._relays, gateway._lock)
    return Gateway(shared_gateway.config.admin_socket, shared_gateway.config.snapshot)


def test_adds_from_twenty_threads_at_once_lose_no_route(gateway, shared_gateway):
    wanted = {route_to(20000 + n, f"user{n}") for n in range(100)}
    with ThreadPoolExecutor(20) as threads:
        list(threads.map(lambda route: another_client(gateway, shared_gateway).add_route(route), wanted))
    assert set(gateway.list_routes()) == wanted
    assert snapshot_ids(shared_gateway) == {route.id for route in wanted}


def test_the_snapshot_is_for_its_owner_alone(gateway, shared_gateway):
    gateway.add_route(route_to(20001, token_header="token s3cret"))
    assert shared_gateway.config.snapshot.stat().st_mode & 0o777 == 0o600
    assert shared_gateway.config.admin_socket.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("damage", ["", "{", '{"routes": 3}', "[]", '{"routes": [{}]}'])
def test_a_broken_snapshot_is_written_anew_from_the_gateway(by_socket, shared_gateway, damage):
    by_socket.add_route(route_to(20001, "first"))
    shared_gateway.config.snapshot.write_text(damage)
    by_socket.add_route(route_to(20002, "second"))
    assert snapshot_ids(shared_gateway) == {route_to(20001, "first").id, route_to(20002, "second").id}


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "127.0.0.9", "10.0.0.1", "0.0.0.1", "::1", "::ffff:127.0.0.1", "localhost", "127.1",
     "2130706433", "0x7f000001", "127.0.0.1:22", "127.0.0.1 ", "[127.0.0.1]", "127.0.0.1/8", "fe80::1%lo", "", None, 5],
)  # fmt: skip
def test_an_address_outside_the_hosts_networks_is_refused(by_socket, address):
    with pytest.raises(RouteRefused, match="its address is outside the pool's host networks"):
        by_socket.add_route(replace(route_to(20001), address=address))
    assert by_socket.list_routes() == []


@pytest.mark.parametrize("port", [0, 22, 2376, 8000, 19999, 21000, 65536, -1, 20000.5, "20000", None])
def test_a_port_that_is_no_sessions_is_refused(by_socket, port):
    with pytest.raises(RouteRefused, match="its port is not a session's"):
        by_socket.add_route(route_to(port))


@pytest.mark.parametrize("route_id", ["short", "x" * 64, "a" * 16 + "\n", "a" * 16 + ".", "ä" * 16, "a" * 16 + "%41"])
def test_a_route_id_of_the_wrong_form_is_refused(by_socket, route_id):
    with pytest.raises(RouteRefused, match="its id is not 16 to 63"):
        only_routes(by_socket, [replace(route_to(20001), id=route_id)])


@pytest.mark.parametrize("header", ["token a\r\nX-Evil: 1", "token a\n", "token\0", 5, None])
def test_a_token_header_that_would_inject_another_header_is_refused(by_socket, header):
    with pytest.raises(RouteRefused, match="its token header is not one line of text"):
        by_socket.add_route(route_to(20001, token_header=header))


def test_one_bad_route_in_a_replacement_changes_nothing(gateway):
    gateway.add_route(route_to(20001, "stays"))
    with pytest.raises(RouteRefused):
        only_routes(gateway, [route_to(20002), route_to(80, "bad")])
    assert gateway.list_routes() == [route_to(20001, "stays")]


def test_a_refusal_names_the_route_without_its_secret(gateway):
    bad = replace(route_to(20001, token_header="token s3cret"), address="10.9.9.9")
    with pytest.raises(Refused) as refusal:
        gateway.add_route(bad)
    assert bad.id not in str(refusal.value)
    assert "s3cret" not in str(refusal.value)


def test_a_gateway_that_is_not_there_is_trouble_that_names_the_socket(tmp_path):
    gateway = Gateway(tmp_path / "admin.sock", tmp_path / "routes.json")
    assert not gateway.alive()
    with pytest.raises(GatewayTrouble, match=r"the gateway does not answer on .*admin\.sock"):
        gateway.add_route(route_to(20001))


def test_a_proxy_in_the_environment_is_not_asked(gateway, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert gateway.alive()


def test_a_failed_write_of_the_snapshot_leaves_no_half_file(gateway, shared_gateway, monkeypatch):
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "disk full")))
    with pytest.raises(GatewayTrouble, match="cannot be written: disk full"):
        gateway.add_route(route_to(20001))
    assert sorted(p.name for p in shared_gateway.config.snapshot.parent.iterdir()) == ["routes.json", "routes.lock"]


def test_the_gateway_says_which_keys_it_has_and_not_what_they_are(gateway):
    keys = LinkKeys.create().with_next().for_gateway()
    gateway.put_keys(keys)
    assert gateway.key_ids() == [key["id"] for key in keys]
    gateway.put_keys([])
    assert gateway.key_ids() == []
