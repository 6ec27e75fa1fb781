# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Istio's resources of gateways apart from the default one, and what is wrong with such gateways."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._istio.gateway_objects import DEFAULTS, complete
from ansible_collections.bare.mesh.plugins.module_utils._istio.gateway_settings import (
    SettingFault,
    gateway_faults,
    name_faults,
)
from ansible_collections.bare.mesh.plugins.module_utils._istio.resource_faults import resource_faults
from ansible_collections.bare.mesh.plugins.module_utils._istio.validators import is_ip

# The variable of the role, for messages.
VARIABLE = "istio_gateway_gateways"
# istiod takes this port of a gateway for the way into its network.
CROSS_NETWORK = 15443


def _istio_object(kind: str, name: str, gateway: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": gateway["namespace"]}
    return {"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


def _network_servers(gateway: dict[str, Any]) -> list[dict[str, Any]]:
    """What lets other networks call all services of the mesh: each call names its service by SNI, in mutual TLS."""
    if not gateway["network"]:
        return []
    port = {"number": CROSS_NETWORK, "name": "tls", "protocol": "TLS"}
    return [{"port": port, "tls": {"mode": "AUTO_PASSTHROUGH"}, "hosts": ["*.local"]}]


def _egress_servers(gateway: dict[str, Any]) -> list[dict[str, Any]]:
    """One server a port and protocol, for all hosts behind it."""
    found: dict[tuple[int, str], dict[str, Any]] = {}
    for one in gateway["egress_hosts"]:
        port, protocol = _egress_port(one)
        server = {"port": {"number": port, "name": f"egress-{port}", "protocol": protocol}, "hosts": []}
        if protocol == "TLS":
            server["tls"] = {"mode": "PASSTHROUGH"}
        found.setdefault((port, protocol), server)["hosts"].append(one["host"])
    return list(found.values())


def _egress_port(one: dict[str, Any]) -> tuple[int, str]:
    protocol = one.get("protocol") or "TLS"
    return int(one.get("port") or (443 if protocol == "TLS" else 80)), protocol


def _egress_route(gateway: dict[str, Any], one: dict[str, Any]) -> dict[str, Any]:
    """Two hops: from the sidecars to the gateway, and from the gateway to the host."""
    port, protocol = _egress_port(one)
    service = f"{gateway['name']}.{gateway['namespace']}.svc.cluster.local"
    hops = []
    for source, target in (("mesh", service), (gateway["name"], one["host"])):
        match: dict[str, Any] = {"gateways": [source], "port": port}
        if protocol == "TLS":
            match["sniHosts"] = [one["host"]]
        destination = {"host": target, "port": {"number": port}}
        hops.append({"match": [match], "route": [{"destination": destination}]})
    return {
        "hosts": [one["host"]],
        "gateways": ["mesh", gateway["name"]],
        ("tls" if protocol == "TLS" else "http"): hops,
    }


def _egress_entry(one: dict[str, Any]) -> dict[str, Any]:
    port, protocol = _egress_port(one)
    entry: dict[str, Any] = {
        "hosts": [one["host"]],
        "location": "MESH_EXTERNAL",
        "ports": [{"number": port, "name": f"egress-{port}", "protocol": protocol}],
        "resolution": "STATIC" if one.get("address") else "DNS",
    }
    if one.get("address"):
        entry["endpoints"] = [{"address": one["address"]}]
    return entry


def gateway_config(given: dict[str, Any]) -> list[dict[str, Any]]:
    """Istio's resources of a gateway: a Gateway with its servers, and the ways to hosts outside through it."""
    gateway = complete(given)
    found = []
    servers = gateway["servers"] + _network_servers(gateway) + _egress_servers(gateway)
    if servers:
        spec = {"selector": {"istio": gateway["name"]}, "servers": servers}
        found.append(_istio_object("Gateway", gateway["name"], gateway, spec))
    for one in gateway["egress_hosts"]:
        name = f"{gateway['name']}-{one['host']}"
        found.append(_istio_object("ServiceEntry", name, gateway, _egress_entry(one)))
        found.append(_istio_object("VirtualService", name, gateway, _egress_route(gateway, one)))
    return found


def _server_faults(where: str, given: dict[str, Any]) -> list[SettingFault]:
    """Servers on ports that the gateway does not have, whose requests would never come."""
    found = []
    ports = complete({"name": "", **given})["ports"]
    known = {str(one[field]) for one in ports for field in ("port", "targetPort")}
    for index, server in enumerate(given.get("servers") or []):
        at, port = f"{where}.servers[{index}]", server.get("port")
        if not isinstance(port, dict) or not isinstance(server.get("hosts"), list):
            fix = "Write port: {number: 80, name: http, protocol: HTTP} and hosts: [www.example.com]"
            found.append(SettingFault(at, "has a port or hosts in another form than a Gateway of Istio has", fix))
        elif str(port.get("number")) not in known:
            what = f"is {port.get('number')}, and the gateway has no such port"
            found.append(SettingFault(f"{at}.port.number", what, f"Add the port to {where}.ports"))
    return found


def _network_faults(where: str, given: dict[str, Any]) -> list[SettingFault]:
    """A network whose gateway istiod would not use, or could not name in a label."""
    network = given.get("network")
    if not network:
        return []
    found, at = [], f"{where}.network"
    if given.get("type") == "egress":
        found.append(SettingFault(at, "is set, and requests go out through the gateway", "Leave type out"))
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", str(network)):
        fix = "Use letters, digits and hyphens, as in values.global.network"
        found.append(SettingFault(at, f"is {network!r}, which cannot be the value of a label", fix))
    if CROSS_NETWORK not in [one["port"] for one in complete({"name": "", **given})["ports"]]:
        what = f"is set, and the gateway has no port {CROSS_NETWORK}"
        found.append(SettingFault(at, what, f"Add the port to {where}.ports, or leave ports out"))
    return found


def _egress_faults(where: str, given: dict[str, Any]) -> list[SettingFault]:
    found = []
    hosts = given.get("egress_hosts") or []
    if hosts and given.get("type") != "egress":
        found.append(
            SettingFault(f"{where}.egress_hosts", "is set, and the gateway is no egress gateway", "Set type: egress")
        )
    names = [one.get("host") for one in hosts]
    for index, one in enumerate(hosts):
        at = f"{where}.egress_hosts[{index}]"
        port, _protocol = _egress_port(one)
        if port not in [number["port"] for number in complete({"name": "", **given})["ports"]]:
            what, fix = f"is {port}, and the gateway has no such port", f"Add the port to {where}.ports"
            found.append(SettingFault(f"{at}.port", what, fix))
        if one.get("address") and not is_ip(str(one["address"])):
            found.append(SettingFault(f"{at}.address", f"is {one['address']!r}, which is no IP address", "Correct it"))
        if "/" in str(one.get("host")) or ":" in str(one.get("host")):
            what = f"is {one['host']!r}, which is not a host name"
            found.append(SettingFault(f"{at}.host", what, "Write www.example.com, and protocol and port beside it"))
        if "*" in str(one.get("host")):
            what = f"is {one['host']!r}, and a gateway must know which host to call"
            found.append(SettingFault(f"{at}.host", what, "Name each host"))
        if names.index(one.get("host")) != index:
            what = f"is a second entry of {one['host']}"
            found.append(SettingFault(f"{at}.host", what, "Write one entry a host"))
    return found


def faults_of_gateways(gateways: list[dict[str, Any]], ingress_ports: Any = ()) -> list[SettingFault]:
    """What is wrong with gateways, each and together. The ports are those of the default gateway."""
    found = []
    taken = [str(port["nodePort"]) for port in ingress_ports if isinstance(port, dict) and port.get("nodePort")]
    seen: dict[str, dict[str, str]] = {
        "name": {},
        "nodePort": dict.fromkeys(taken, "istio_ingress_ports"),
        "host": {},
    }
    for index, given in enumerate(gateways):
        where = f"{VARIABLE}[{index}]"
        if given.get("name") == "istio-ingressgateway":
            what = "is the default gateway, which belongs to the mesh"
            found.append(SettingFault(f"{where}.name", what, "Use the settings istio_ingress_*, or another name"))
        judged = name_faults(where, [given.get("name"), given.get("namespace") or DEFAULTS["namespace"]])
        judged += gateway_faults(f"{where}.", given)
        if not judged:
            judged = _server_faults(where, given) + _network_faults(where, given) + _egress_faults(where, given)
        judged = judged or resource_faults(where, gateway_config(given))
        found += judged
        if judged:
            continue
        gateway = complete(given)
        # Gateways select pods by their label in all namespaces, so a name is unique in the cluster.
        numbers = [str(port["nodePort"]) for port in gateway["ports"] if port.get("nodePort")]
        outside = [one["host"] for one in gateway["egress_hosts"]]
        for field, values in (("name", [gateway["name"]]), ("nodePort", numbers), ("host", outside)):
            for value in values:
                other = seen[field].setdefault(value, where)
                if other != where:
                    what = f"has the {field} {value} of {other}"
                    found.append(SettingFault(where, what, f"Give each gateway a {field} of its own"))
    return found
