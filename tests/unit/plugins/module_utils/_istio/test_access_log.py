# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of the access log.

Written after Istio's documented default formats (Istio 1.9 and newer), not recorded:
https://istio.io/latest/docs/tasks/observability/logs/access-log/#default-access-log-format
"""

from __future__ import annotations

import json

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._istio.access_log import address, calls, parse

OWN = {"10.244.1.4", "fd00::4"}
HEAD = '[2026-01-31T12:00:00.123Z] "GET /reviews/0 HTTP/1.1" 200 - via_upstream - "-" 0 358 9 8 "-" "curl/8.5.0" "1d"'
TCP = '[2026-01-31T12:00:00.123Z] "- - -" 0 - - - "-" 12 34 5 - "-" "-" "-" "-"'
REFUSED = '[2026-01-31T12:00:00.123Z] "- - -" 0 NR filter_chain_not_found - "-" 0 0 0 - "-" "-" "-" "-"'
PLAIN = (
    f'{HEAD} "reviews:9080" "10.244.1.4:9080" inbound|9080|| 127.0.0.6:4711 10.244.1.4:9080 10.244.2.7:5005 - default'
)
MUTUAL = PLAIN.replace(" - default", " outbound_.9080_._.reviews.bookinfo.svc.cluster.local default")


def as_json(**more):
    """The default JSON format, with the fields that are read and a few others."""
    fields = {
        "start_time": "2026-01-31T12:00:00.123Z",
        "method": "GET",
        "upstream_cluster": "inbound|9080||",
        "downstream_local_address": "10.244.1.4:9080",
        "downstream_remote_address": "10.244.2.7:5005",
        "requested_server_name": None,
        "response_code": 200,
        **more,
    }
    return json.dumps({name: value for name, value in fields.items() if value != "left out"})


SNI = "outbound_.9080_._.reviews.bookinfo.svc.cluster.local"


@pytest.mark.parametrize("line", [PLAIN, as_json()])
def test_a_call_in_plain_text(line):
    (found,) = calls(line, OWN)
    assert found.time == "2026-01-31T12:00:00.123Z" and found.cluster == "inbound|9080||"
    assert (*found.local, *found.remote, found.server_name) == ("10.244.1.4", 9080, "10.244.2.7", 5005, "-")


@pytest.mark.parametrize("line", [MUTUAL, as_json(requested_server_name=SNI)])
def test_a_call_with_mutual_tls(line):
    assert calls(line, OWN) == []


@pytest.mark.parametrize(
    ("line", "port"),
    [
        # A connection of TCP.
        (f'{TCP} "10.244.1.4:27017" inbound|27017|| 127.0.0.6:4711 10.244.1.4:27017 10.244.2.7:5005 - -', 27017),
        # A port of the pod that no Service has; older releases have one cluster for each version of IP.
        (f'{TCP} "10.244.1.4:8000" InboundPassthroughCluster 127.0.0.6:1 10.244.1.4:8000 10.244.2.7:5005 - -', 8000),
        (f'{TCP} "10.244.1.4:8000" InboundPassthroughClusterIpv4 127.0.0.6:1 10.244.1.4:8000 10.244.2.7:5 - -', 8000),
        # What STRICT refuses.
        (f'{REFUSED} "-" - - 10.244.1.4:9080 10.244.2.7:5005 - -', 9080),
        (f'{TCP} "[fd00::4]:8000" inbound|8000|| [::6]:1 [fd00::4]:8000 [fd00::7]:5005 - -', 8000),
        # TLS of the application's own.
        (f'{TCP} "10.244.1.4:8443" inbound|8443|| 127.0.0.6:1 10.244.1.4:8443 10.244.2.7:5005 shop.example -', 8443),
        # Text that looks like the end of a line, in a header of the client.
        (PLAIN.replace("curl/8.5.0", 'x" inbound|1|| - 10.244.1.4:1 10.244.2.7:1 outbound_.1_._.x -'), 9080),
    ],
)
def test_other_calls_that_count(line, port):
    assert [one.local.port for one in calls(line, OWN)] == [port]


@pytest.mark.parametrize(
    "line",
    [
        f'{HEAD} "ratings:9080" "10.244.1.9:9080" outbound|9080||ratings.bookinfo.svc.cluster.local '
        "10.244.1.4:1 10.96.0.5:9080 10.244.1.4:5005 - default",
        f'{TCP} "1.2.3.4:443" PassthroughCluster 10.244.1.4:1 1.2.3.4:443 10.244.1.4:5005 - -',
        # A call of the pod's own that found no route.
        f'{REFUSED} "-" - - 10.96.0.5:9080 10.244.1.4:5005 - -',
        # Probes and metrics.
        PLAIN.replace("10.244.1.4:9080 10.244.2.7", "10.244.1.4:15021 10.244.2.7"),
        PLAIN.replace("10.244.1.4:9080 10.244.2.7", "10.244.1.4:15020 10.244.2.7"),
    ],
)
def test_what_does_not_count(line):
    assert calls(line, OWN) == []


@pytest.mark.parametrize(
    "line",
    [
        "",
        "2026-01-31T12:00:00.123456Z\tinfo\tEnvoy proxy is ready",
        # Envoy's own default format, without the fields.
        f'{HEAD} "reviews:9080" "10.244.1.4:9080"',
        PLAIN.replace("2026-01-31T12:00:00.123Z", "1769860800"),
        PLAIN.replace("10.244.2.7:5005", "reviews:5005"),
        "{",
        "{}",
        as_json(downstream_remote_address=None),
        as_json(requested_server_name="left out"),
        as_json(start_time="31.1.2026"),
    ],
)
def test_what_says_nothing(line):
    assert calls(line, OWN) is None


def test_a_format_that_leaves_out_what_is_empty():
    """Without a line that has the server name, it is not known whether the format has it."""
    plain, mutual = as_json(requested_server_name="left out"), as_json(requested_server_name=SNI)
    assert calls(plain, OWN) is None
    assert [one.server_name for one in calls(f"{mutual}\n{plain}\n", OWN)] == ["-"]
    assert parse("[1, 2]") is None and parse('{"a": [}') is None


def test_addresses():
    assert address("[fd00:0::9]:80") == ("fd00::9", 80) and address("10.0.0.1:0") == ("10.0.0.1", 0)
    assert [address(text) for text in ("-", "10.0.0.1", "10.0.0.1:x", "a:1", "")] == [None] * 5
