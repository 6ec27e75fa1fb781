# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lines that Istio's proxies write of requests and connections, in Istio's own formats, text and JSON.

https://istio.io/latest/docs/tasks/observability/logs/access-log/#default-access-log-format
"""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Any, NamedTuple

# Text: the time comes first, and after the last quoted field come cluster, local address of the upstream connection,
# local and remote address of the downstream connection, requested server name and route. What clients can choose
# (path, agent, host) is within the quotes before.
TEXT = re.compile(r'\[(\S+)\] ".*" (\S+) \S+ (\S+) (\S+) (\S+) \S+')
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
# JSON: the fields in the order of Line.
FIELDS = (
    "start_time",
    "upstream_cluster",
    "downstream_local_address",
    "downstream_remote_address",
    "requested_server_name",
)
NOTHING = "-"
# The agent's ports for probes and metrics. Probes of the kubelet are rewritten to the first.
AGENT_PORTS = (15020, 15021, 15090)
# Istio's proxies name the service and its port so when they use mutual TLS: outbound_.9080_._.reviews.shop.svc...
MUTUAL = "outbound_."


class Address(NamedTuple):
    """An IP address and a port. Port 0: taken from the header X-Forwarded-For, not from the connection."""

    ip: str
    port: int


class Line(NamedTuple):
    """One request or connection. server_name: None if the line does not have the field."""

    time: str
    cluster: str
    local: Address
    remote: Address
    server_name: str | None


def address(text: str) -> Address | None:
    """10.244.1.9:9080 or [fd00::9]:9080; None for anything else."""
    ip, _colon, port = text.rpartition(":")
    try:
        return Address(str(ipaddress.ip_address(ip.strip("[]"))), int(port))
    except ValueError:
        return None


def parse(text: str) -> Line | None:
    """The line, or None if it is no line of the access log, or of another format."""
    if text.startswith("{"):
        fields = _of_json(text)
    else:
        matched = TEXT.fullmatch(text)
        fields = list(matched.groups()) if matched else []
    if not fields or not TIME.match(fields[0]):
        return None
    local, remote = address(fields[2]), address(fields[3])
    return Line(fields[0], fields[1], local, remote, fields[4]) if local and remote else None


def _of_json(text: str) -> list[Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return []
    if not isinstance(found, dict):
        return []
    values = [NOTHING if found.get(name) in (None, "") else str(found[name]) for name in FIELDS]
    return [*values[:4], values[4] if "requested_server_name" in found else None]


def transport(line: Line) -> str:
    """How an inbound call came: mutual, plaintext, or tls, which is the caller's own."""
    if line.server_name == NOTHING:
        return "plaintext"
    return "mutual" if str(line.server_name).startswith(MUTUAL) else "tls"


def inbound(line: Line, own: set[str]) -> bool:
    """Whether it is a call of the sidecar's pod, which has these addresses.

    A call that was refused before any route was looked for, as STRICT does, has no cluster.
    """
    if line.local.port in AGENT_PORTS:
        return False
    to_pod = line.cluster == NOTHING and line.local.ip in own
    return to_pod or line.cluster.startswith(("inbound|", "InboundPassthroughCluster"))


def calls(log: str, own: set[str]) -> list[Line] | None:
    """The calls without mutual TLS in the log of a sidecar. None if the log does not say how any call came.

    A format can leave out fields without a value (omitEmptyValues). So a line without the server name has none if
    other lines have one, and says nothing if none has.
    """
    found = [line for line in map(parse, log.splitlines()) if line]
    if all(line.server_name is None for line in found):
        return None
    known = [line._replace(server_name=line.server_name or NOTHING) for line in found if inbound(line, own)]
    return [line for line in known if transport(line) != "mutual"]
