# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the settings of the role istio are in an IstioOperator and in Istio's resources, and what is wrong with them.

A setting that has its default adds nothing: the profile decides.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._istio import ambient, gateway_settings
from ansible_collections.bare.mesh.plugins.module_utils._istio.collector import Collector, read_collector
from ansible_collections.bare.mesh.plugins.module_utils._istio.gateway_settings import SettingFault
from ansible_collections.bare.mesh.plugins.module_utils._istio.resource_faults import resource_faults
from ansible_collections.bare.mesh.plugins.module_utils._istio.validators import subnet

# The variables of the role that become fields of an IstioOperator or resources, or have a form; and their defaults.
SETTINGS: dict[str, Any] = {
    "istio_profile": "default",
    "istio_dataplane_mode": "sidecar",
    "istio_namespace": "istio-system",
    "istio_revision": "",
    "istio_injected_namespaces": [],
    "istio_waypoints": [],
    "istio_auto_injection": True,
    "istio_access_log": "profile",
    "istio_access_log_format": "",
    "istio_tracing": "none",
    "istio_tracing_collector": "",
    "istio_trace_sampling": 1,
    "istio_outbound_traffic_policy": "ALLOW_ANY",
    "istio_egress_bypass_ranges": [],
    "istio_egress_intercept_ranges": [],
    "istio_proxy_resources": {},
    "istio_proxy_concurrency": None,
    "istio_high_availability": False,
    "istio_pilot_min_replicas": None,
    "istio_pilot_max_replicas": None,
    "istio_pilot_resources": {},
    "istio_pilot_node_selector": {},
    "istio_pilot_tolerations": [],
    "istio_cni_enabled": False,
    "istio_cni_namespace": "kube-system",
    "istio_cni_excluded_namespaces": ["kube-system"],
    "istio_ingress_enabled": None,
    "istio_ingress_service_type": "",
    "istio_ingress_ports": [],
    "istio_ingress_annotations": {},
    "istio_ingress_min_replicas": None,
    "istio_ingress_max_replicas": None,
    "istio_ingress_resources": {},
    "istio_ingress_host_network": False,
    "istio_ingress_node_selector": {},
    "istio_ingress_tolerations": [],
    "istio_ingress_rolling_update": {},
    "istio_mtls": "",
    "istio_namespace_mtls": {},
    "istio_connection_pool": {},
    "istio_sidecar_egress_hosts": [],
    "istio_dns_service": "kube-system/kube-dns",
    "istio_operator_spec": {},
}
# A part of names of Services, such as istiod-NAME: 63 characters at most, and those of a DNS label.
REVISION = re.compile(r"[a-z0-9]([a-z0-9-]{0,54}[a-z0-9])?")
INGRESS = "istio-ingressgateway"
# The name of the collector's provider in the mesh, and of the ServiceEntry of one that is outside of the cluster.
TRACING = "bare-mesh-tracing"
# The variable that a resource comes from.
SOURCES = {
    "PeerAuthentication": "istio_mtls",
    "DestinationRule": "istio_connection_pool",
    "Sidecar": "istio_sidecar_egress_hosts",
    "ServiceEntry": "istio_tracing_collector",
}
GATEWAYS = ("ingressGateways", "egressGateways")


def ranges(given: Any) -> list[str]:
    """A list of text. Users of consoles and of the command line write it with commas."""
    parts = given.split(",") if isinstance(given, str) else given or []
    return [str(part).strip() for part in parts if str(part).strip()]


def _select(settings: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The settings with this prefix, without it."""
    return {name[len(prefix) :]: value for name, value in settings.items() if name.startswith(prefix)}


def _is_number_in(value: Any, low: float, high: float) -> bool:
    try:
        return not isinstance(value, bool) and low <= float(value) <= high
    except (TypeError, ValueError):
        return False


def _range_faults(settings: dict[str, Any]) -> list[SettingFault]:
    found = []
    for name in ("istio_egress_bypass_ranges", "istio_egress_intercept_ranges"):
        for text in ranges(settings[name]):
            # Istio takes no address without a prefix here.
            if "/" not in text or subnet(text):
                found.append(SettingFault(name, f"has {text!r}, which is not a range of addresses", "Write 10.0.0.0/8"))
    return found


def _tracing_faults(settings: dict[str, Any]) -> list[SettingFault]:
    kind, address = settings["istio_tracing"], settings["istio_tracing_collector"]
    if kind == "none":
        return []
    if not address:
        what = f"is empty, and istio_tracing is {kind}"
        fix = "Give the address of the collector, such as zipkin.istio-system.svc.cluster.local:9411"
        return [SettingFault("istio_tracing_collector", what, fix)]
    try:
        read_collector(kind, address)
    except ValueError as error:
        return [SettingFault("istio_tracing_collector", *error.args)]
    return []


def _revision_faults(revision: str) -> list[SettingFault]:
    """A name that objects cannot have, or that Istio gives to the revision without a name."""
    if revision == "default":
        fix = "Leave it empty for the revision without a name, or give it another name"
    elif revision and not REVISION.fullmatch(revision):
        fix = "Use small letters, digits and hyphens, at most 56, such as 1-31-0"
    else:
        return []
    return [SettingFault("istio_revision", f"is {revision!r}", fix)]


def mesh_faults(given: dict[str, Any]) -> list[SettingFault]:
    """What is wrong with the settings. Types and choices are those of the role's argument specification."""
    settings = {**SETTINGS, **given}
    found = ambient.ambient_faults(settings, SETTINGS) + _range_faults(settings) + _tracing_faults(settings)
    found += _revision_faults(str(settings["istio_revision"]))
    sampling, concurrency = settings["istio_trace_sampling"], settings["istio_proxy_concurrency"]
    if not _is_number_in(sampling, 0, 100):
        found.append(SettingFault("istio_trace_sampling", f"is {sampling}", "Give a percentage from 0 to 100"))
    if concurrency is not None and not _is_number_in(concurrency, 0, 1024):
        fix = "Give the number of worker threads, or 0 for one a CPU"
        found.append(SettingFault("istio_proxy_concurrency", f"is {concurrency}", fix))
    dns = str(settings["istio_dns_service"])
    parts = dns.split("/")
    if dns and not (len(parts) == 2 and all(gateway_settings.NAME.fullmatch(part) for part in parts)):
        fix = "Give NAMESPACE/NAME of the Service of the cluster's DNS, or an empty text"
        found.append(SettingFault("istio_dns_service", f"is {dns!r}", fix))
    found += gateway_settings.text_faults("istio_pilot_node_selector", settings["istio_pilot_node_selector"])
    for name, names in (
        ("istio_namespace", [settings["istio_namespace"]]),
        ("istio_injected_namespaces", ranges(settings["istio_injected_namespaces"])),
        ("istio_namespace_mtls", list(settings["istio_namespace_mtls"])),
    ):
        found += gateway_settings.name_faults(name, names)
    for namespace, mode in settings["istio_namespace_mtls"].items():
        if mode not in ("STRICT", "PERMISSIVE", "DISABLE"):
            fix = "Use STRICT, PERMISSIVE or DISABLE"
            found.append(SettingFault(f"istio_namespace_mtls.{namespace}", f"is {mode!r}", fix))
    found += gateway_settings.replica_faults("istio_pilot_", _select(settings, "istio_pilot_"))
    found += gateway_settings.gateway_faults("istio_ingress_", _select(settings, "istio_ingress_"))
    # No resources can be made of wrong settings.
    return found or [fault for one in policies(given) for fault in resource_faults(SOURCES[one["kind"]], [one])]


def _mesh_config(settings: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    log = settings["istio_access_log"]
    if log != "profile":
        found["accessLogFile"] = "" if log == "none" else "/dev/stdout"
    if log in ("text", "json"):
        found["accessLogEncoding"] = log.upper()
    if settings["istio_access_log_format"]:
        found["accessLogFormat"] = settings["istio_access_log_format"]
    if settings["istio_outbound_traffic_policy"] != SETTINGS["istio_outbound_traffic_policy"]:
        found["outboundTrafficPolicy"] = {"mode": settings["istio_outbound_traffic_policy"]}
    proxy: dict[str, Any] = {}
    if settings["istio_proxy_concurrency"] is not None:
        proxy["concurrency"] = int(settings["istio_proxy_concurrency"])
    if settings["istio_tracing"] != "none":
        collector = read_collector(settings["istio_tracing"], settings["istio_tracing_collector"])
        found["enableTracing"] = True
        found["extensionProviders"] = [{"name": TRACING, **collector.provider(settings["istio_namespace"])}]
        found["defaultProviders"] = {"tracing": [TRACING]}
        proxy["tracing"] = {"sampling": float(settings["istio_trace_sampling"])}
    if proxy:
        found["defaultConfig"] = proxy
    return found


def _proxy_values(settings: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if not settings["istio_auto_injection"]:
        found["autoInject"] = "disabled"
    if settings["istio_proxy_resources"]:
        found["resources"] = settings["istio_proxy_resources"]
    for name, field in (
        ("istio_egress_bypass_ranges", "excludeIPRanges"),
        ("istio_egress_intercept_ranges", "includeIPRanges"),
    ):
        if ranges(settings[name]):
            found[field] = ",".join(ranges(settings[name]))
    return found


def _pilot_values(settings: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    available = settings["istio_high_availability"]
    count = gateway_settings.replicas(_select(settings, "istio_pilot_"), 2 if available else 1)
    if count:
        found.update({"autoscaleEnabled": count[0] < count[1], "autoscaleMin": count[0], "autoscaleMax": count[1]})
        found["replicaCount"] = count[0]
    if available:
        found["affinity"] = gateway_settings.spread_over_nodes({"app": "istiod"})
    for name, field in (("resources", "resources"), ("node_selector", "nodeSelector"), ("tolerations", "tolerations")):
        if settings[f"istio_pilot_{name}"]:
            found[field] = settings[f"istio_pilot_{name}"]
    return found


def _has_cni(settings: dict[str, Any]) -> bool:
    """Without the CNI plugin, no traffic reaches ztunnel."""
    return bool(settings["istio_cni_enabled"]) or ambient.is_ambient(settings)


def _components(settings: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if _has_cni(settings):
        found["cni"] = {"enabled": True, "namespace": settings["istio_cni_namespace"]}
    ingress = _select(settings, "istio_ingress_")
    fields = gateway_settings.kubernetes_settings(
        INGRESS, ingress, settings["istio_high_availability"], {"istio": "ingressgateway"}
    )
    if fields or ingress["enabled"] is not None:
        # A gateway that is set up is wanted.
        enabled = ingress["enabled"] is None or bool(ingress["enabled"])
        found["ingressGateways"] = [{"name": INGRESS, "enabled": enabled, **({"k8s": fields} if fields else {})}]
    return found


def _merged(below: Any, above: Any) -> Any:
    """Both values, the second one first. Other lists than those of the gateways are taken as a whole, as Istio does."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    found = dict(below)
    for name, value in above.items():
        if name in GATEWAYS and isinstance(below.get(name), list) and isinstance(value, list):
            found[name] = _merged_gateways(below[name], value)
        else:
            found[name] = _merged(below[name], value) if name in below else value
    return found


def _merged_gateways(below: list[Any], above: list[Any]) -> list[Any]:
    named = {one.get("name"): one for one in below}
    for one in above:
        name = one.get("name") if isinstance(one, dict) else None
        named[name] = _merged(named[name], one) if name in named else one
    return list(named.values())


def operator_spec(given: dict[str, Any]) -> dict[str, Any]:
    """The spec of an IstioOperator for the settings. istio_operator_spec has the last word."""
    settings = {**SETTINGS, **given}
    values: dict[str, Any] = {}
    proxy, pilot = _proxy_values(settings), _pilot_values(settings)
    if proxy:
        values["global"] = {"proxy": proxy}
    if pilot:
        values["pilot"] = pilot
    if _has_cni(settings):
        values["cni"] = {"excludeNamespaces": ranges(settings["istio_cni_excluded_namespaces"])}
    parts = {"meshConfig": _mesh_config(settings), "components": _components(settings), "values": values}
    return _merged({name: part for name, part in parts.items() if part}, settings["istio_operator_spec"])


def _manifest(api: str, kind: str, name: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": f"{api}.istio.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def policies(given: dict[str, Any]) -> list[dict[str, Any]]:
    """The resources, as manifests, by which the settings hold for the whole mesh or for a namespace."""
    settings = {**SETTINGS, **given}
    root = settings["istio_namespace"]
    modes = {**({root: settings["istio_mtls"]} if settings["istio_mtls"] else {}), **settings["istio_namespace_mtls"]}
    found = [
        _manifest("security", "PeerAuthentication", "default", namespace, {"mtls": {"mode": mode}})
        for namespace, mode in modes.items()
    ]
    if settings["istio_connection_pool"]:
        spec = {"host": "*.local", "trafficPolicy": {"connectionPool": settings["istio_connection_pool"]}}
        found.append(_manifest("networking", "DestinationRule", "bare-mesh-connection-pool", root, spec))
    hosts = ranges(settings["istio_sidecar_egress_hosts"])
    if hosts:
        scope: dict[str, Any] = {"egress": [{"hosts": hosts}]}
        found.append(_manifest("networking", "Sidecar", "default", root, scope))
    if settings["istio_tracing"] != "none":
        collector: Collector = read_collector(settings["istio_tracing"], settings["istio_tracing_collector"])
        entry = collector.service_entry()
        if entry:
            found.append(_manifest("networking", "ServiceEntry", TRACING, root, entry))
    return found
