# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Listeners: where the proxy takes connections, and where each kind of connection goes."""

from __future__ import annotations

from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._istio.proxy_config_dump.dump import (
    address,
    at,
    configs,
    dicts,
    flag,
    kind,
    number,
    targets,
    text,
    texts,
)

# The filters that end a chain.
PROTOCOLS = {"HttpConnectionManager": "http", "TcpProxy": "tcp"}
TLS = ("DownstreamTlsContext", "QuicDownstreamTransport")


def ranges(match: Any) -> list[str]:
    """The destinations of a chain, in CIDR notation."""
    found = []
    for one in dicts(match, "prefix_ranges"):
        # Envoy leaves a length of 0 out.
        found.append(f"{text(one, 'address_prefix')}/{number(one, 'prefix_len') or 0}")
    return found


def chain(one: dict[str, Any]) -> dict[str, Any]:
    """A filter chain: which connections it takes, and where they go."""
    match = at(one, "filter_chain_match")
    last = next((each for each in dicts(one, "filters") if kind(each) in PROTOCOLS), None)
    config, secured = at(last, "typed_config"), at(one, "transport_socket")
    context = at(secured, "typed_config", "downstream_tls_context") or at(secured, "typed_config")
    return {
        "name": text(one, "name"),
        "destination_port": number(match, "destination_port"),
        "destinations": ranges(match),
        "server_names": texts(match, "server_names"),
        "transport_protocol": text(match, "transport_protocol"),
        "application_protocols": texts(match, "application_protocols"),
        "tls": kind(secured) in TLS,
        "client_certificate": flag(context, "require_client_certificate"),
        "protocol": PROTOCOLS.get(kind(last), ""),
        "route": text(config, "rds", "route_config_name") or text(config, "route_config", "name"),
        "clusters": targets(config),
    }


def listener(one: dict[str, Any]) -> dict[str, Any]:
    place, port = address(one)
    default = at(one, "default_filter_chain")
    return {
        "name": text(one, "name"),
        "address": place,
        "port": port,
        "direction": text(one, "traffic_direction"),
        "filter_chains": [chain(each) for each in dicts(one, "filter_chains")]
        + ([chain(default)] if isinstance(default, dict) else []),
    }


def listeners(dump: Any) -> list[dict[str, Any]]:
    """The listeners that take connections now, sorted by name."""
    found = [at(entry, "listener") for entry in configs(dump, "ListenersConfigDump", "static_listeners")]
    found += [
        at(entry, "active_state", "listener") for entry in configs(dump, "ListenersConfigDump", "dynamic_listeners")
    ]
    return sorted((listener(one) for one in found if isinstance(one, dict)), key=lambda one: str(one["name"]))
