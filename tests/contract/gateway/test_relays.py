"""Who gets in at a relay, and what two gateways saw of one session; of a real nginx each."""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from blocks.gateway.certificate import self_signed
from blocks.gateway.relayed import UNKNOWN_TO_US, Relay
from pool.errors import GatewayTrouble
from tests.rigs.gateways.backend import http_backend
from tests.rigs.gateways.gateway import route_to, running_gateway
from tests.rigs.gateways.relays import SECRET, as_one, relays

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def gateways():
    with running_gateway() as one, running_gateway() as other:
        yield one, other


@pytest.fixture(scope="module")
def both(gateways, tmp_path_factory):
    with relays(tmp_path_factory.mktemp("tls"), *gateways) as found:
        yield found


@pytest.fixture
def together(both):
    return as_one(both)


def test_a_relay_answers_no_request_without_the_secret(both):
    for secret in (SECRET[:-1], SECRET + "s"):
        with pytest.raises(GatewayTrouble, match="another DD_RELAY_SECRET"):
            Relay(both[0].url, secret, both[0]._authorities).list_routes()


def test_a_relay_that_is_told_a_new_secret_takes_the_one_before_as_long_as_it_is_told_that_too(gateways, tmp_path):
    with relays(tmp_path, gateways[0], secrets=(32 * "n", SECRET)) as (relay,):
        for secret in (32 * "n", SECRET):
            Relay(relay.url, secret, relay._authorities).alive()
        with pytest.raises(GatewayTrouble, match="another DD_RELAY_SECRET"):
            Relay(relay.url, 32 * "o", relay._authorities).alive()


def test_a_relay_whose_certificate_is_of_no_known_authority_is_told_nothing(both):
    with pytest.raises(GatewayTrouble, match="CERTIFICATE_VERIFY_FAILED"):
        Relay(both[0].url, SECRET).put_route(route_to(20001))


def test_a_relay_that_got_a_new_certificate_is_known_once_the_file_of_authorities_has_it(both, tmp_path):
    authorities = tmp_path / "authorities.pem"
    other, _ = self_signed(tmp_path, ["127.0.0.1"])
    authorities.write_bytes(other.read_bytes())
    relay = Relay(both[0].url, SECRET, str(authorities))
    with pytest.raises(GatewayTrouble, match=UNKNOWN_TO_US):
        relay.alive()
    authorities.write_bytes(Path(both[0]._authorities).read_bytes())
    relay.alive()


def test_who_uses_a_session_is_seen_at_either_gateway(gateways, together):
    with http_backend() as backend:
        route = route_to(backend.port)
        together.add_route(route)
        for gateway in gateways:
            before = together.activity()
            assert httpx.get(gateway.address(route.id), trust_env=False).status_code < 500
            after = together.activity().routes[route.id].last_request
            seen = before.routes[route.id].last_request if route.id in before.routes else None
            assert after is not None
            assert seen is None or after >= seen
        together.remove_route(route.id)


def test_a_route_that_one_gateway_lacks_or_has_otherwise_is_no_route_of_all(both, together):
    route = route_to(20001)
    both[0].put_route(route)
    assert together.list_routes() == [replace(route, address="")]
    both[1].put_route(replace(route, port=20002))
    assert [one.address for one in together.list_routes()] == [""]
    together.add_route(route)
    assert together.list_routes() == [route]
    together.remove_route(route.id)
    assert together.list_routes() == []
