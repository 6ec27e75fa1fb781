# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The parts of Envoy's answer to GET config_dump, and how to look into them.

Envoy leaves out what is not set, and newer ones have more, so nothing of a dump is expected to be there.
https://www.envoyproxy.io/docs/envoy/latest/api-v3/admin/v3/config_dump_shared.proto
"""

from __future__ import annotations

import re
from typing import Any

# Istio's names of clusters; those of a gateway that passes TLS on (SNI) have _. in place of |.
NAME = re.compile(r"(?P<direction>[a-z-]+)(?P<bar>\||_\.)(?P<port>\d+)(?P=bar)(?P<subset>.*?)(?P=bar)(?P<host>.*)")


def at(value: Any, *names: str) -> Any:
    """What is below these names, or None."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def text(value: Any, *names: str) -> str:
    found = at(value, *names)
    return found if isinstance(found, str) else ""


def number(value: Any, *names: str) -> int | None:
    found = at(value, *names)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def flag(value: Any, *names: str) -> bool:
    return at(value, *names) is True


def dicts(value: Any, *names: str) -> list[dict[str, Any]]:
    found = at(value, *names)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def texts(value: Any, *names: str) -> list[str]:
    found = at(value, *names)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def configs(dump: Any, kind: str, *fields: str) -> list[dict[str, Any]]:
    """The entries in these fields of one kind of configuration, such as ClustersConfigDump."""
    return [
        entry
        for config in dicts(dump, "configs")
        if text(config, "@type").endswith(f".{kind}")
        for field in fields
        for entry in dicts(config, field)
    ]


def kind(value: Any) -> str:
    """The last word of the type of a typed configuration, such as TcpProxy."""
    return text(value, "typed_config", "@type").rpartition(".")[2]


def address(value: Any) -> tuple[str, int | None]:
    """Address and port. Without a port, the address is the path of a Unix socket, or the name of a listener inside."""
    place = at(value, "address")
    inside = at(place, "envoy_internal_address")
    name = text(inside, "server_listener_name") or text(inside, "endpoint_id")
    found = text(place, "socket_address", "address") or text(place, "pipe", "path") or name
    return found, number(place, "socket_address", "port_value")


def source(value: Any, kind_in_path: str) -> str:
    """Namespace and name of the object of Istio that made it, such as bookinfo/reviews."""
    path = text(value, "metadata", "filter_metadata", "istio", "config")
    found = re.search(rf"/namespaces/([^/]+)/{kind_in_path}/([^/]+)$", path)
    return f"{found[1]}/{found[2]}" if found else ""


def parsed(name: str) -> dict[str, Any]:
    """What Istio says by the name of a cluster; empty where the name is not of this form."""
    found = NAME.fullmatch(name)
    if not found:
        return {"direction": "", "port": None, "subset": "", "host": ""}
    subset = "" if found["subset"] == "_" else found["subset"]
    return {
        "direction": found["direction"].upper(),
        "port": int(found["port"]),
        "subset": subset,
        "host": found["host"],
    }


def targets(action: Any) -> list[dict[str, Any]]:
    """The clusters to which an action leads, each with its share."""
    name = text(action, "cluster")
    given = dicts(action, "weighted_clusters", "clusters")
    pairs = [(text(one, "name"), number(one, "weight") or 0) for one in given] or ([(name, 100)] if name else [])
    total = sum(weight for _name, weight in pairs)
    return [
        {
            "name": cluster,
            "weight": weight,
            "percent": round(100 * weight / total, 2) if total else 0.0,
            **{field: value for field, value in parsed(cluster).items() if field != "direction"},
        }
        for cluster, weight in pairs
    ]
