# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Routes: what the proxy does with a request of HTTP.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto
"""

from __future__ import annotations

from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._istio.proxy_config_dump.dump import (
    at,
    configs,
    dicts,
    flag,
    number,
    source,
    targets,
    text,
    texts,
)

PATHS = ("prefix", "path", "path_separated_prefix")
STRINGS = ("exact", "prefix", "suffix", "contains")
DENOMINATORS = {"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}
REDIRECTS = {
    "MOVED_PERMANENTLY": 301,
    "FOUND": 302,
    "SEE_OTHER": 303,
    "TEMPORARY_REDIRECT": 307,
    "PERMANENT_REDIRECT": 308,
}
FAULT = "envoy.filters.http.fault"


def percent(fraction: Any) -> float:
    """A fraction of Envoy in percent; without a denominator, it is one already."""
    whole = DENOMINATORS.get(text(fraction, "denominator") or "HUNDRED", 100)
    return round(100 * (number(fraction, "numerator") or 0) / whole, 4)


def path(match: Any) -> dict[str, Any]:
    """How the path is matched, and with what."""
    regex = text(match, "safe_regex", "regex")
    given = ((name, text(match, name)) for name in PATHS if at(match, name) is not None)
    how, value = next(given, ("regex" if regex else "", regex))
    # Envoy leaves case_sensitive out where it is true by default.
    return {"type": how, "value": value, "case_sensitive": at(match, "case_sensitive") is not False}


def named(one: dict[str, Any]) -> dict[str, Any]:
    """A condition on a header or a parameter of the query."""
    matcher = at(one, "string_match")
    regex = text(matcher, "safe_regex", "regex")
    given = ((name, text(matcher, name)) for name in STRINGS if at(matcher, name) is not None)
    how, value = next(given, ("regex" if regex else "", regex))
    if not how and at(one, "present_match") is not None:
        how = "present" if flag(one, "present_match") else "absent"
    return {"name": text(one, "name"), "type": how, "value": value, "invert": flag(one, "invert_match")}


def retries(action: Any) -> dict[str, Any]:
    policy = at(action, "retry_policy")
    if not isinstance(policy, dict):
        return {}
    # Without a number, Envoy tries once more.
    attempts = number(policy, "num_retries")
    return {
        "attempts": 1 if attempts is None else attempts,
        "retry_on": text(policy, "retry_on"),
        "per_try_timeout": text(policy, "per_try_timeout"),
    }


def rewrite(action: Any) -> dict[str, Any]:
    regex = at(action, "regex_rewrite")
    found = {
        "prefix": text(action, "prefix_rewrite"),
        "regex": text(regex, "pattern", "regex"),
        "substitution": text(regex, "substitution"),
        "host": text(action, "host_rewrite_literal"),
    }
    return found if any(found.values()) else {}


def redirect(one: Any) -> dict[str, Any]:
    action = at(one, "redirect")
    if not isinstance(action, dict):
        return {}
    return {
        "scheme": "https" if flag(action, "https_redirect") else text(action, "scheme_redirect"),
        "host": text(action, "host_redirect"),
        "port": number(action, "port_redirect"),
        "path": text(action, "path_redirect"),
        "prefix": text(action, "prefix_rewrite"),
        "code": REDIRECTS.get(text(action, "response_code"), 301),
    }


def fault(one: Any) -> dict[str, Any]:
    config = at(one, "typed_per_filter_config", FAULT)
    delay, abort = at(config, "delay"), at(config, "abort")
    if not isinstance(delay, dict) and not isinstance(abort, dict):
        return {}
    return {
        "delay": text(delay, "fixed_delay"),
        "delay_percent": percent(at(delay, "percentage")),
        "abort_status": number(abort, "http_status"),
        "abort_grpc_status": number(abort, "grpc_status"),
        "abort_percent": percent(at(abort, "percentage")),
    }


def mirrors(action: Any) -> list[dict[str, Any]]:
    found = []
    for one in dicts(action, "request_mirror_policies"):
        fraction = at(one, "runtime_fraction", "default_value")
        found.append({"cluster": text(one, "cluster"), "percent": 100.0 if fraction is None else percent(fraction)})
    return found


def route(one: dict[str, Any]) -> dict[str, Any]:
    """What is done with the requests that match."""
    match, action = at(one, "match"), at(one, "route")
    return {
        "name": text(one, "name"),
        "match": path(match),
        "headers": [named(each) for each in dicts(match, "headers")],
        "query_parameters": [named(each) for each in dicts(match, "query_parameters")],
        "clusters": targets(action),
        "timeout": text(action, "timeout"),
        "retries": retries(action),
        "rewrite": rewrite(action),
        "redirect": redirect(one),
        "direct_response": number(one, "direct_response", "status"),
        "fault": fault(one),
        "mirrors": mirrors(action),
        "virtual_service": source(one, "virtual-service"),
    }


def configurations(dump: Any) -> list[dict[str, Any]]:
    """The route configurations, sorted by name."""
    found: list[dict[str, Any]] = []
    for entry in configs(dump, "RoutesConfigDump", "static_route_configs"):
        config = at(entry, "route_config")
        # What stands in a listener is there once for each of its filter chains.
        if config not in found:
            found.append(config)
    found += [at(entry, "route_config") for entry in configs(dump, "RoutesConfigDump", "dynamic_route_configs")]
    return sorted(found, key=lambda one: text(one, "name"))


def routes(dump: Any) -> list[dict[str, Any]]:
    """All routes: configurations in the order of their names, and in each the order in which Envoy tries them."""
    found = []
    for config in configurations(dump):
        for host in dicts(config, "virtual_hosts"):
            common = {
                "route_config": text(config, "name"),
                "virtual_host": text(host, "name"),
                "domains": texts(host, "domains"),
                # Envoy leaves the default out.
                "require_tls": text(host, "require_tls") or "NONE",
            }
            found += [{**common, **route(one)} for one in dicts(host, "routes")]
    return found
