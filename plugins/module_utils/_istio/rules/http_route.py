# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Istio refuses in a VirtualService's HTTP route.

https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRoute
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault, nanoseconds
from ansible_collections.bare.mesh.plugins.module_utils._istio import validators
from ansible_collections.bare.mesh.plugins.module_utils._istio.re2 import refused

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*")
# https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter#x-envoy-retry-on
_RETRY_ON = [
    "5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "retriable-4xx", "refused-stream",
    "retriable-status-codes", "retriable-headers", "envoy-ratelimited", "http3-post-connect-failure", "cancelled",
    "deadline-exceeded", "internal", "resource-exhausted", "unavailable",
]  # fmt: skip
_STATUSES = {status.value for status in HTTPStatus}
# https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
_GRPC = [
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
]  # fmt: skip


def route_faults(route: dict[str, Any], path: str, delegate: bool) -> Iterator[Fault]:
    yield from _kind(route, path, delegate)
    for index, match in enumerate(route.get("match") or []):
        yield from _match(match, f"{path}.match[{index}]")
    yield from _headers(route.get("headers") or {}, f"{path}.headers")
    yield from _authority(route, path)
    yield from _cors(route.get("corsPolicy") or {}, f"{path}.corsPolicy")
    yield from _fault(route.get("fault"), f"{path}.fault")
    yield from _mirrors(route, path)
    yield from _redirect(route.get("redirect"), f"{path}.redirect")
    yield from _direct(route.get("directResponse"), f"{path}.directResponse")
    yield from _retries(route.get("retries") or {}, f"{path}.retries")
    yield from _rewrite(route.get("rewrite"), f"{path}.rewrite")
    for index, entry in enumerate(route.get("route") or []):
        where = f"{path}.route[{index}]"
        yield from _headers(entry.get("headers") or {}, f"{where}.headers")
        yield from destination(entry.get("destination"), f"{where}.destination")
    yield from weights(route.get("route") or [], f"{path}.route")


def _direct(direct: dict[str, Any] | None, path: str) -> Iterator[Fault]:
    if direct is None:
        return
    if not 200 <= (direct.get("status") or 0) <= 600:
        yield Fault(f"{path}.status", f"{direct.get('status')} is not an HTTP status: 200 to 599")
    body = direct.get("body") or {}
    sizes = {
        "string": len((body.get("string") or "").encode("utf-8", "replace")),
        "bytes": len(base64.b64decode(body.get("bytes") or "")),
    }
    for name, size in sizes.items():
        if size > 2**20:
            yield Fault(
                f"{path}.body.{name}", f"has {size} bytes; 1048576 (1 MB) are possible: serve it from a workload"
            )


def _kind(route: dict[str, Any], path: str, delegate: bool) -> Iterator[Fault]:
    """A route has exactly one of route, redirect, directResponse and delegate."""
    if route.get("delegate") is not None:
        if delegate:
            yield Fault(f"{path}.delegate", "a delegate (a VirtualService without hosts) cannot delegate")
        for name in ("redirect", "route"):
            if route.get(name) not in (None, []):
                yield Fault(f"{path}.{name}", "cannot be combined with delegate")
        if not delegate:
            return
    redirect, direct = route.get("redirect") is not None, route.get("directResponse") is not None
    for name, given in (("redirect", redirect), ("directResponse", direct)):
        for other in ("fault", "rewrite", "directResponse"):
            if given and other != name and route.get(other) is not None:
                yield Fault(f"{path}.{other}", f"cannot be combined with {name}")
        if given and route.get("route"):
            yield Fault(f"{path}.route", f"cannot be combined with {name}")
    if not (redirect or direct or route.get("route")):
        yield Fault(path, "has no target: route, redirect or directResponse is required")
    if route.get("mirror") is not None and route.get("mirrors"):
        yield Fault(f"{path}.mirror", "cannot be combined with mirrors")


def weights(entries: list[dict[str, Any]], path: str) -> Iterator[Fault]:
    """Weights are proportions: any sum but 0 is possible, and one destination needs none."""
    for index, entry in enumerate(entries):
        if (entry.get("weight") or 0) < 0:
            yield Fault(f"{path}[{index}].weight", f"{entry['weight']} is negative")
    if len(entries) > 1 and sum(entry.get("weight") or 0 for entry in entries) == 0:
        message = "all weights are 0, so no request can be routed: set at least one weight above 0"
        yield Fault(f"{path}[*].weight", message)


def destination(target: dict[str, Any] | None, path: str) -> Iterator[Fault]:
    if target is None:
        return  # The schema reports a missing destination.
    host = target.get("host")
    if host == "*":
        yield Fault(f"{path}.host", "'*' is not a destination: name the service")
    elif host is not None and validators.fqdn(host, wildcard=True):
        yield Fault(f"{path}.host", validators.fqdn(host, wildcard=True))
    if target.get("subset") and not validators.dns_label(target["subset"]):
        yield Fault(f"{path}.subset", f"{target['subset']!r} is not a valid subset name")
    if target.get("port") is not None and validators.port(target["port"].get("number")):
        yield Fault(f"{path}.port.number", validators.port(target["port"].get("number")))


def _string_match(match: dict[str, Any] | None, path: str, empty_prefix: bool = False) -> Iterator[Fault]:
    match = match or {}
    if match.get("prefix") == "" and not empty_prefix:
        yield Fault(f"{path}.prefix", "must not be empty")
    if match.get("regex") is not None and refused(match["regex"]):
        yield Fault(f"{path}.regex", refused(match["regex"]))


def _match(match: dict[str, Any], path: str) -> Iterator[Fault]:
    for field in ("headers", "withoutHeaders"):
        for name, value in (match.get(field) or {}).items():
            where = f"{path}.{field}[{name!r}]"
            if validators.header_match_name(name):
                yield Fault(where, validators.header_match_name(name))
            if value is None and field == "headers":
                yield Fault(where, "must not be null; {} matches if the header is present")
            # Here the regex * is an exception: it means that the header is present.
            if not (field == "withoutHeaders" and (value or {}).get("regex") == "*"):
                yield from _string_match(value, where)
    yield from _string_match(match.get("uri"), f"{path}.uri", empty_prefix=True)
    for field in ("scheme", "method", "authority"):
        yield from _string_match(match.get(field), f"{path}.{field}")
    for name, value in (match.get("queryParams") or {}).items():
        yield from _string_match(value, f"{path}.queryParams[{name!r}]")
    if match.get("port") and validators.port(match["port"]):
        yield Fault(f"{path}.port", validators.port(match["port"]))
    yield from validators.labels(match.get("sourceLabels"), f"{path}.sourceLabels")
    yield from validators.gateway_names(match.get("gateways"), f"{path}.gateways")
    if match.get("sourceNamespace") and not validators.dns_label(match["sourceNamespace"]):
        yield Fault(f"{path}.sourceNamespace", f"{match['sourceNamespace']!r} is not a namespace")


def _headers(headers: dict[str, Any], path: str) -> Iterator[Fault]:
    for side in ("request", "response"):
        for verb in ("add", "set", "remove"):
            values = (headers.get(side) or {}).get(verb) or {}
            for name in values:
                where = f"{path}.{side}.{verb}[{name!r}]"
                internal = name.startswith(":") or name.lower() == "host"
                authority = name.lower() in (":authority", "host") and side == "request" and verb != "remove"
                if not name:
                    yield Fault(where, "a header's name must not be empty")
                elif internal and not authority:
                    yield Fault(where, "this header cannot be changed here")
                if isinstance(values, dict) and validators.header_value(values[name]):
                    yield Fault(where, validators.header_value(values[name]))


def _authority(route: dict[str, Any], path: str) -> Iterator[Fault]:
    places = [f"{path}.rewrite.authority"] if (route.get("rewrite") or {}).get("authority") else []
    request = (route.get("headers") or {}).get("request") or {}
    for verb in ("set", "add"):
        places += [
            f"{path}.headers.request.{verb}"
            for name in request.get(verb) or {}
            if name.lower() in (":authority", "host")
        ]
    if len(places) > 1:
        yield Fault(places[1], f"the authority is set already by {places[0]}")


def _cors(cors: dict[str, Any], path: str) -> Iterator[Fault]:
    for index, origin in enumerate(cors.get("allowOrigins") or []):
        if not any((origin or {}).get(name) for name in ("exact", "prefix", "regex")):
            yield Fault(f"{path}.allowOrigins[{index}]", "exact, prefix or regex is required, and must not be empty")
        yield from _string_match(origin, f"{path}.allowOrigins[{index}]", empty_prefix=True)
    for index, method in enumerate(cors.get("allowMethods") or []):
        if method not in _METHODS:
            yield Fault(f"{path}.allowMethods[{index}]", f"{method!r} is none of {', '.join(_METHODS)}")
    for field in ("allowHeaders", "exposeHeaders"):
        for index, name in enumerate(cors.get(field) or []):
            if validators.header_name(name):
                yield Fault(f"{path}.{field}[{index}]", validators.header_name(name))
    if cors.get("maxAge") is not None and (nanoseconds(cors["maxAge"]) or 0) % 10**9:
        yield Fault(f"{path}.maxAge", f"{cors['maxAge']!r} must be whole seconds")


def _percentage(share: dict[str, Any] | None, path: str) -> Iterator[Fault]:
    value = (share or {}).get("value")
    if isinstance(value, (int, float)) and (not 0 <= value <= 100 or 0 < value < 0.0001):
        yield Fault(f"{path}.value", f"{value} is not a percentage: 0, or 0.0001 to 100")


def _fault(fault: dict[str, Any] | None, path: str) -> Iterator[Fault]:
    if fault is None:
        return
    abort, delay = fault.get("abort"), fault.get("delay")
    if abort is None and delay is None:
        yield Fault(path, "is empty: abort or delay is required")
    yield from _percentage((abort or {}).get("percentage"), f"{path}.abort.percentage")
    yield from _percentage((delay or {}).get("percentage"), f"{path}.delay.percentage")
    status, grpc = (abort or {}).get("httpStatus"), (abort or {}).get("grpcStatus")
    if status is not None and not 200 <= status <= 600:
        yield Fault(f"{path}.abort.httpStatus", f"{status} is not an HTTP status: 200 to 599")
    if grpc is not None and grpc not in _GRPC:
        yield Fault(f"{path}.abort.grpcStatus", f"{grpc!r} is not a gRPC status, such as UNAVAILABLE")
    if (abort or {}).get("http2Error") is not None:
        yield Fault(f"{path}.abort.http2Error", "Istio does not support it: use httpStatus or grpcStatus")
    if (delay or {}).get("exponentialDelay") is not None:
        yield Fault(f"{path}.delay.exponentialDelay", "Istio does not support it: use fixedDelay")


def _mirrors(route: dict[str, Any], path: str) -> Iterator[Fault]:
    # The CRD has both spellings.
    for name in ("mirrorPercent", "mirror_percent"):
        if (route.get(name) or 0) > 100:
            yield Fault(f"{path}.{name}", f"{route[name]} is not a percentage: 0 to 100")
    yield from destination(route.get("mirror"), f"{path}.mirror")
    shares = [(route.get("mirrorPercentage"), f"{path}.mirrorPercentage")]
    for index, entry in enumerate(route.get("mirrors") or []):
        where = f"{path}.mirrors[{index}]"
        yield from destination(entry.get("destination"), f"{where}.destination")
        shares.append((entry.get("percentage"), f"{where}.percentage"))
    for share, where in shares:
        value = (share or {}).get("value")
        if isinstance(value, (int, float)) and not 0 <= value <= 100:
            yield Fault(f"{where}.value", f"{value} is not a percentage: 0 to 100")


def _redirect(redirect: dict[str, Any] | None, path: str) -> Iterator[Fault]:
    if redirect is None:
        return
    ports = [redirect.get(name) for name in ("port", "derivePort")]
    if not any(redirect.get(name) for name in ("uri", "authority", "scheme")) and ports == [None, None]:
        yield Fault(path, "is empty: uri, authority, scheme or port is required")
    code = redirect.get("redirectCode")
    if code and not 300 <= code <= 399:
        yield Fault(f"{path}.redirectCode", f"{code} is not a redirect: 300 to 399")
    if redirect.get("scheme") not in (None, "", "http", "https"):
        yield Fault(f"{path}.scheme", f"{redirect['scheme']!r} is neither http nor https")
    if redirect.get("port") and validators.port(redirect["port"]):
        yield Fault(f"{path}.port", validators.port(redirect["port"]))


def _retries(retries: dict[str, Any], path: str) -> Iterator[Fault]:
    attempts = retries.get("attempts") or 0
    if attempts < 0:
        yield Fault(f"{path}.attempts", f"{attempts} is negative")
    others = ("perTryTimeout", "retryOn", "retryRemoteLocalities")
    if attempts == 0 and any(retries.get(name) not in (None, "") for name in others):
        what = "is 0, so there are no retries to configure: set it, or remove the other fields"
        yield Fault(f"{path}.attempts", what)
    for policy in retries["retryOn"].split(",") if retries.get("retryOn") else []:
        if policy not in _RETRY_ON and not (re.fullmatch("[+]?0*[0-9]{3}", policy) and int(policy) in _STATUSES):
            yield Fault(f"{path}.retryOn", f"{policy!r} is neither a status nor one of {', '.join(_RETRY_ON)}")


def _rewrite(rewrite: dict[str, Any] | None, path: str) -> Iterator[Fault]:
    if rewrite is None:
        return
    regex = rewrite.get("uriRegexRewrite")
    if rewrite.get("uri") and regex is not None:
        yield Fault(path, "only one of uri and uriRegexRewrite can be given")
    if not rewrite.get("uri") and regex is None and not rewrite.get("authority"):
        yield Fault(path, "is empty: uri, uriRegexRewrite or authority is required")
    if regex is not None:
        if not regex.get("match") or not regex.get("rewrite"):
            yield Fault(f"{path}.uriRegexRewrite", "match and rewrite are both required")
        elif refused(regex["match"]):
            yield Fault(f"{path}.uriRegexRewrite.match", refused(regex["match"]))
