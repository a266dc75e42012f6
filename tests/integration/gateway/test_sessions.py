"""What a session sees of a request, and what a browser sees of its answer, through a real nginx."""

import json
import socket

import httpx
import pytest

from pool.records import SESSION_PORTS
from tests.rigs.gateways.gateway import (
    route_hash,
    route_to,
    running_gateway,
)
from tests.rigs.ports import free_port

pytestmark = pytest.mark.integration

HTML = {"Accept": "text/html"}
#: What the gateway itself tells a session of a request, whatever the client said.
OURS_TO_SAY = {"Authorization", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP"}


def host_of(gateway) -> str:
    return gateway.origin(route_to(0).id).removeprefix("http://")


def test_a_session_gets_the_path_as_the_browser_sent_it(browser, publish):
    path = publish() + "/api/contents/a%2Fb%20c?x=1&y=%2e"
    assert browser.get(path).json()["path"] == path


def test_a_session_behind_a_stripped_prefix_sees_the_root(browser, publish):
    prefix = publish(strip_prefix=True)
    seen = browser.get(prefix + "/a%2Fb?x=1").json()
    assert seen["path"] == "/a%2Fb?x=1"
    assert seen["headers"]["X-RStudio-Root-Path"] == prefix
    assert browser.get(prefix + "/").json()["path"] == "/"


@pytest.mark.parametrize("query", ["", "?x=1", "?to=/lab/tree"])
def test_the_address_without_its_last_slash_leads_to_the_session(browser, publish, query):
    prefix = publish()
    answer = browser.get(prefix + query)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{prefix}/{query}")


def test_a_session_hears_only_what_the_gateway_says_of_the_client(browser, publish):
    lies = {
        "Authorization": "token stolen",
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "gopher",
        "X-Real-IP": "6.6.6.6",
        "Forwarded": "for=6.6.6.6",
        "X-RStudio-Root-Path": "/evil",
        "X-Scheme": "https",
        "X-Forwarded-Proto-Version": "h2",
        "X-Forwarded-Anything": "x",
        "X-Script-Name": "/evil",
        "Front-End-Https": "on",
        "True-Client-IP": "6.6.6.6",
        "Remote-User": "root",
        "Via": "1.1 evil",
        "Proxy": "evil:80",
    }
    heard = browser.get(publish(token_header="token own") + "/", headers=lies).json()["headers"]
    assert heard["Authorization"] == "token own"
    assert heard["X-Forwarded-For"] == heard["X-Real-IP"] == "127.0.0.1"
    assert heard["Host"] == heard["X-Forwarded-Host"] == browser.base_url.netloc.decode()
    assert heard["X-Forwarded-Proto"] == "http"
    assert not (lies.keys() - OURS_TO_SAY) & heard.keys()


def test_a_lie_is_found_among_dozens_of_other_headers(browser, publish):
    others = {f"X-Of-Its-Own-{number}": "kept" for number in range(70)}
    heard = browser.get(publish() + "/", headers={**others, "X-Forwarded-Server": "evil.example"}).json()["headers"]
    assert others.items() <= heard.items()
    assert "X-Forwarded-Server" not in heard


@pytest.mark.parametrize("strip", [False, True])
def test_a_session_is_told_the_same_of_its_three_hundredth_request(browser, publish, strip):
    path = publish(strip_prefix=strip, token_header="token own") + "/a%2Fb?x=1"
    told = {browser.get(path, headers={"Via": "1.1 evil"}).text for _ in range(300)}  # most by what LuaJIT compiled
    assert len(told) == 1


def test_a_session_without_a_token_header_does_not_get_the_clients(browser, publish):
    heard = browser.get(publish() + "/", headers={"Authorization": "Basic b3BlcmF0b3I="}).json()["headers"]
    assert "Authorization" not in heard


def test_a_browser_that_says_localhost_is_believed_and_one_that_makes_up_a_name_is_not(backend):
    with running_gateway() as gateway:
        gateway.client.add_route(route_to(backend.port))
        here, address = f"127.0.0.1:{gateway.config.port}", f"{gateway.url}/notebooks/{route_to(0).id}/"
        local = here.replace("127.0.0.1", "localhost")
        for said, heard in ((local, local), (here, here), ("evil.example", here)):
            answer = httpx.get(address, headers={"Host": said}, trust_env=False)
            assert answer.json()["headers"]["Host"] == answer.json()["headers"]["X-Forwarded-Host"] == heard


def test_three_hundred_requests_share_a_few_connections(browser, backend, publish):
    path = publish() + "/"
    backend.connections.clear()
    for _ in range(300):
        assert browser.get(path).status_code == 200
    assert len(backend.connections) <= 4


@pytest.mark.parametrize(
    ("told", "seen"),
    [
        ("~login", "{prefix}/login"),
        ("~login?next=~a", "{prefix}/login?next=/a"),
        ("{prefix}~login", "{prefix}/login"),
        ("http:~~127.0.0.1:{port}~lab", "{prefix}/lab"),
        ("http:~~127.0.0.1:{port}", "{prefix}/"),
        ("http:~~127.0.0.1:8787~auth-sign-in", "{prefix}/auth-sign-in"),  # the port that it listens on in its container
        ("http:~~localhost:8787~x?y=1#z", "{prefix}/x?y=1#z"),
        ("HTTP:~~LOCALHOST.~x", "{prefix}/x"),
        ("http:~~0.0.0.0:8888~x", "{prefix}/x"),
        ("http:~~[::1]:8888~x", "{prefix}/x"),
        ("http:~~[0:0:0:0:0:0:0:1]:8888~x", "{prefix}/x"),  # as Java writes it
        ("http:~~[::ffff:127.0.0.1]:8888~x", "{prefix}/x"),
        ("http:~~ip6-localhost:8888~x", "{prefix}/x"),
        ("http:~~localhost.localdomain:8888~x", "{prefix}/x"),
        ("http:~~3f2a1b4c5d6e:8888~x", "{prefix}/x"),  # the name of its container
        ("~~localhost:8787~x", "{prefix}/x"),
        ("http:~~user:pass@localhost:8787~x", "{prefix}/x"),
        ("http:~~{name}~x", "{prefix}/x"),
        ("https:~~{name}:8080~x", "{prefix}/x"),  # as servers do that put their own port behind the name
        ("http:~~localhost:8787?y=1", "{prefix}/?y=1"),
        ("~..~..~x", "{prefix}/x"),
        ("~a~%2e%2e~..~x", "{prefix}/x"),
        ("~a\\..\\..\\x", "{prefix}/x"),
        ("..~..~..~..~x", "{prefix}/x"),
        ("..", "{prefix}/"),
        ("~..", "{prefix}/"),
        ("~a~..", "{prefix}/"),
        ("https:~~elsewhere.example~login", "https://elsewhere.example/login"),
        ("https:~~localhost.example~login", "https://localhost.example/login"),
        ("https:~~localhost@elsewhere.example~", "https://localhost@elsewhere.example/"),
        ("https:~~127.0.0.1.example~", "https://127.0.0.1.example/"),
        ("https:~~[::ffff:192.0.2.1]~", "https://[::ffff:192.0.2.1]/"),
        ("mailto:x@localhost", "mailto:x@localhost"),
        ("next", "next"),
        (".~next", "./next"),
        ("?page=2", "?page=2"),
    ],
)
def test_a_redirect_of_a_stripped_session_stays_in_the_session(browser, backend, publish, told, seen):
    prefix = publish(strip_prefix=True, rewrite_redirects=True)
    known = {"prefix": prefix.replace("/", "~"), "port": backend.port, "name": browser.base_url.host}
    say = {"Say": "Location:" + told.format(**known).replace("~", "/")}
    answer = browser.get(prefix + "/a/", headers=say)
    assert answer.headers["Location"] == seen.format(prefix=prefix)


@pytest.mark.parametrize(
    ("header", "told", "seen"),
    [
        ("Content-Location", "~files~a", "{prefix}/files/a"),
        ("Content-Location", "http:~~localhost:8787~a", "{prefix}/a"),
        ("Refresh", "0; url=~login", "0; url={prefix}/login"),
        ("Refresh", "5;URL='http:~~localhost:8787~login'", "5;URL='{prefix}/login'"),
        ("Refresh", "0, ~login", "0, {prefix}/login"),
        ("Refresh", "0 ~login", "0 {prefix}/login"),
        ("Refresh", "3; url=https:~~elsewhere.example~", "3; url=https://elsewhere.example/"),
        ("Refresh", "30", "30"),
    ],
)
def test_other_headers_that_lead_somewhere_stay_in_the_session_as_well(browser, publish, header, told, seen):
    prefix = publish(strip_prefix=True, rewrite_redirects=True)
    answer = browser.get(f"{prefix}/", headers={"Say": f"{header}:{told.replace('~', '/')}"})
    assert answer.headers[header] == seen.format(prefix=prefix)


def test_without_the_option_a_redirect_is_left_as_it_is(browser, publish):
    assert browser.get(publish() + "/go/~login").headers["Location"] == "/login"


def test_an_upload_of_any_size_passes_where_no_limit_is_set(browser, publish):
    assert browser.put(publish() + "/file", content=b"x" * 20_000_000).json()["size"] == 20_000_000


def test_an_upload_above_the_routes_limit_is_refused_with_a_page(browser, backend, publish):
    path = publish(max_upload_mb=1) + "/file"
    backend.requests.clear()
    assert browser.put(path, content=b"x" * 1024 * 1024).status_code == 200
    assert browser.put(path, content=b"x" * (1024 * 1024 + 1)).status_code == 413
    assert browser.put(path, content=iter([b"x"])).status_code == 413
    assert [seen["size"] for seen in backend.requests] == [1024 * 1024]


def test_an_answer_streams_through_while_it_is_made(gateway, publish):
    port = free_port(SESSION_PORTS)
    with socket.create_server(("127.0.0.1", port)) as session, socket.socket() as client:
        path = publish(port=port)
        session.settimeout(10)
        client.connect(("127.0.0.1", gateway.config.port))
        client.settimeout(5)
        client.sendall(f"GET {path}/events HTTP/1.1\r\nHost: {host_of(gateway)}\r\n\r\n".encode())
        served, _ = session.accept()
        with served:
            served.recv(65536)
            served.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nfirst")
            assert read_until(client, b"first")
            served.sendall(b"second")
            assert read_until(client, b"second")


def test_a_request_streams_through_while_it_is_sent(gateway, publish):
    port = free_port(SESSION_PORTS)
    with socket.create_server(("127.0.0.1", port)) as session, socket.socket() as client:
        path = publish(port=port)
        session.settimeout(10)
        client.connect(("127.0.0.1", gateway.config.port))
        head = f"PUT {path}/file HTTP/1.1\r\nHost: {host_of(gateway)}\r\nContent-Length: 20\r\n\r\n"
        client.sendall(f"{head}first".encode())
        served, _ = session.accept()
        with served:
            served.settimeout(5)
            assert read_until(served, b"first")
            client.sendall(b"second")
            assert read_until(served, b"second")


def read_until(connection: socket.socket, wanted: bytes) -> bool:
    seen = b""
    while wanted not in seen:
        more = connection.recv(65536)
        assert more, f"the connection ended before {wanted!r}: {seen!r}"
        seen += more
    return True


def test_an_unknown_session_gets_a_page_that_says_so(browser, publish):
    answer = browser.get("/notebooks/never-0123456789abcdef/lab", headers=HTML)
    assert answer.status_code == 404
    assert "There is no session at this address" in answer.text


def test_a_removed_session_is_unknown_at_once(browser, gateway, publish):
    path = publish() + "/"
    assert browser.get(path).status_code == 200
    gateway.client.remove_route(path.split("/")[2])
    assert browser.get(path).status_code == 404


def test_a_session_that_is_down_gets_a_page_that_tries_again_and_leaks_no_address(browser, publish):
    port = free_port(SESSION_PORTS)
    answer = browser.get(publish(port=port) + "/lab", headers=HTML)
    assert answer.status_code == 502
    assert 'http-equiv="refresh"' in answer.text
    assert str(port) not in answer.text + str(answer.headers)
    assert "127.0.0.1" not in answer.text + str(answer.headers)


def test_a_program_gets_a_sentence_instead_of_a_page(browser):
    answer = browser.get("/notebooks/never-0123456789abcdef/api", headers={"Accept": "application/json"})
    assert answer.text == "There is no session at this address.\n"


@pytest.mark.parametrize(
    ("path", "status"), [("/", 200), ("/healthz", 200), ("/favicon.ico", 404), ("/notebooks/", 404)]
)
def test_the_gateways_own_addresses_answer(gateway, browser, path, status):
    assert browser.get(gateway.url + path, headers=HTML).status_code == status


def test_the_logs_hold_neither_route_nor_token_nor_path(browser, gateway, publish):
    prefix = gateway.origin(route_to(0, "private").id) + publish(name="private", token_header="token s3cret")
    browser.get(prefix + "/a-private-file")
    publish(name="private", port=free_port(SESSION_PORTS))
    browser.get(prefix + "/a-private-file")
    route_id = route_to(0, "private").id
    logs = gateway.logs_after(route_id, 2)
    for secret in (route_id, "s3cret", "a-private-file"):
        assert secret not in logs


def test_each_line_of_the_access_log_is_json_that_names_the_route_by_its_hash(browser, gateway, publish):
    route_id = publish(name="logged").split("/")[2]
    browser.get(f"{gateway.origin(route_id)}/notebooks/{route_id}/")
    gateway.logs_after(route_id, 1)
    line = [json.loads(text) for text in gateway.log("gateway-access.log").splitlines()][-1]
    assert (line["route"], line["status"], line["upstream_status"]) == (route_hash(route_id), 200, "200")
