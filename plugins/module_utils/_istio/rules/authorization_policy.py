# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Istio refuses in an AuthorizationPolicy.

https://istio.io/latest/docs/reference/config/security/authorization-policy/

Rules of ValidateAuthorizationPolicy in Istio 1.31 (pkg/config/validation, pkg/config/security) and of the definition of
the kind.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault
from ansible_collections.bare.mesh.plugins.module_utils._istio import validators

# What an external authorizer cannot be given to decide on.
_NOT_CUSTOM = ("namespaces", "serviceAccounts", "trustDomains", "principals", "requestPrincipals")
_NOT_CUSTOM_KEYS = ("source.namespace", "source.serviceAccount", "source.trustDomain", "source.principal")
# Keys of conditions that take any text.
_TEXT_KEYS = (
    "source.namespace",
    "source.principal",
    "request.auth.principal",
    "request.auth.audiences",
    "request.auth.presenter",
    "connection.sni",
)
_MAP_KEYS = ("request.headers", "request.auth.claims", "experimental.envoy.filters.")
_REPLACED_KEYS = {
    "destination.namespace": "write the policy into that namespace",
    "destination.labels": "use selector",
    "destination.name": "use selector",
    "destination.user": "use selector",
}
# RFC 3986, appendix A: pchar
_PATH_SEGMENT = re.compile(r"[a-zA-Z0-9-._~%!$&'()+,;:@=]+")
# Go's strconv.ParseBool
_BOOLEANS = ("1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False")
_ONE, _ANY = "{*}", "{**}"


def faults(definition: dict[str, Any]) -> Iterator[Fault]:
    spec = definition["spec"]
    yield from validators.workload_selector(spec.get("selector"), "spec.selector")
    yield from validators.targets(spec)
    # An empty list is no list for Istio.
    action, rules = spec.get("action") or "ALLOW", spec.get("rules") or None
    if action in ("CUSTOM", "DENY") and rules is None:
        yield Fault("spec.rules", f"is required with the action {action}; [{{}}] is a rule for every request")
    provider = spec.get("provider")
    if action == "CUSTOM" and rules is not None and not (provider or {}).get("name"):
        yield Fault("spec.provider.name", "is required with the action CUSTOM")
    if action != "CUSTOM" and provider is not None:
        yield Fault("spec.provider", f"is for the action CUSTOM, not for {action}")
    yield from _dry_run((definition["metadata"].get("annotations") or {}).get(validators.DRY_RUN), action)
    for index, rule in enumerate(rules or []):
        yield from _rule(rule, f"spec.rules[{index}]", action == "CUSTOM")


def _dry_run(value: str | None, action: str) -> Iterator[Fault]:
    """The annotation by which a policy is only logged."""
    path = f"metadata.annotations[{validators.DRY_RUN!r}]"
    if value is not None and action not in ("ALLOW", "DENY"):
        yield Fault(path, f"is for the actions ALLOW and DENY, not for {action}")
    elif value is not None and value not in _BOOLEANS:
        yield Fault(path, f"{value!r} is neither true nor false")


def _rule(rule: dict[str, Any], path: str, custom: bool) -> Iterator[Fault]:
    for name, inner, check in (("from", "source", _source), ("to", "operation", _operation)):
        for index, entry in enumerate(rule.get(name) or []):
            where = f"{path}.{name}[{index}].{inner}"
            if not any((entry.get(inner) or {}).values()):
                yield Fault(where, "must not be empty")
            else:
                yield from check(entry[inner], where, custom)
    for index, condition in enumerate(rule.get("when") or []):
        yield from _condition(condition, f"{path}.when[{index}]", custom)


def _each(values: list[str] | None, path: str, check: Callable[[str], str]) -> Iterator[Fault]:
    """A fault for each value that is empty or that the check refuses."""
    for index, value in enumerate(values or []):
        message = check(value) if value else "must not be empty"
        if message:
            yield Fault(f"{path}[{index}]", message)


def _both(fields: dict[str, Any], name: str, path: str, check: Callable[[str], str]) -> Iterator[Fault]:
    """The same of a field and of its opposite, such as principals and notPrincipals."""
    for one in (name, "not" + name[0].upper() + name[1:]):
        yield from _each(fields.get(one), f"{path}.{one}", check)


def _source(source: dict[str, Any], path: str, custom: bool) -> Iterator[Fault]:
    # Field -> its name without not: notIpBlocks -> ipBlocks.
    plain = {name: name[3].lower() + name[4:] if name.startswith("not") else name for name in source if source[name]}
    for name, meaning in plain.items():
        if meaning == "serviceAccounts" and {"namespaces", "principals"} & set(plain.values()):
            yield Fault(f"{path}.{name}", "cannot be combined with namespaces or principals")
        if custom and meaning in _NOT_CUSTOM:
            yield Fault(f"{path}.{name}", "is not possible with the action CUSTOM")
    for name in ("principals", "requestPrincipals", "namespaces"):
        yield from _both(source, name, path, lambda _value: "")
    for name in ("ipBlocks", "remoteIpBlocks"):
        yield from _both(source, name, path, _address)
    yield from _both(source, "serviceAccounts", path, _service_account)
    yield from _both(source, "trustDomains", path, _trust_domain)


def _operation(operation: dict[str, Any], path: str, _custom: bool) -> Iterator[Fault]:
    for name in ("methods", "hosts"):
        yield from _both(operation, name, path, lambda _value: "")
    yield from _both(operation, "ports", path, _port)
    yield from _both(operation, "paths", path, _template)


def _condition(condition: dict[str, Any], path: str, custom: bool) -> Iterator[Fault]:
    key, values = condition.get("key") or "", condition.get("values")
    if not key:
        yield Fault(f"{path}.key", "must not be empty")
        return
    if custom and (key in _NOT_CUSTOM_KEYS or key.startswith("request.auth.")):
        yield Fault(f"{path}.key", f"{key} is not possible with the action CUSTOM")
    if not values and not condition.get("notValues"):
        yield Fault(path, f"{key} needs values or notValues")
        return
    check = _checks_of(key)
    if isinstance(check, str):
        yield Fault(f"{path}.key", check)
        return
    for name in ("values", "notValues"):
        yield from _each(condition.get(name), f"{path}.{name}", check)


def _checks_of(key: str) -> Callable[[str], str] | str:
    """The check of a condition's values, or what is wrong with its key."""
    replaced = next((fix for name, fix in _REPLACED_KEYS.items() if key.startswith(name)), "")
    if replaced:
        return f"{key} is not possible: {replaced}"
    if key.startswith(_MAP_KEYS):
        good = re.fullmatch(r"[^\[]+\[.+\]", key, re.DOTALL)
        return (lambda _value: "") if good else f"{key!r} needs a name in brackets, as in request.headers[user-agent]"
    checks: dict[str, Callable[[str], str]] = {
        **dict.fromkeys(("source.ip", "remote.ip", "destination.ip"), _address),
        **dict.fromkeys(_TEXT_KEYS, lambda _value: ""),
        "source.serviceAccount": _service_account,
        "source.trustDomain": _wildcard,
        "destination.port": _port,
    }
    return checks.get(key) or f"{key!r} is not an attribute of a condition"


def _address(value: str) -> str:
    try:
        if "/" in value:
            # ipaddress also takes a netmask there, Istio does not.
            if not value.rpartition("/")[2].isdigit():
                raise ValueError
            ipaddress.ip_interface(value)
        else:
            ipaddress.ip_address(value)
    except ValueError:
        return f"{value!r} is neither an IP address nor a range such as 10.0.0.0/8"
    return ""


def _port(value: str) -> str:
    good = re.fullmatch(r"[0-9]+", value) and int(value) <= 65535
    return "" if good else f"{value!r} is not a port number from 0 to 65535"


def _service_account(value: str) -> str:
    namespace, slash, name = value.rpartition("/")
    if "*" in value:
        return f"{value!r}: wildcards are not possible here"
    if "/" in namespace or not name or (slash and not namespace):
        return f"{value!r} is neither SERVICE_ACCOUNT nor NAMESPACE/SERVICE_ACCOUNT"
    return ""


def _wildcard(value: str) -> str:
    if value.count("*") > 1 or "*" in value[1:-1]:
        return f"{value!r}: one wildcard is possible, at the start or at the end"
    return ""


def _trust_domain(value: str) -> str:
    return _wildcard(value) or (f"{value!r}: a trust domain has no /" if "/" in value else "")


def _template(value: str) -> str:
    """A path: with {*} for one segment and, as the last template, {**} for any number of them."""
    template, ended = _ONE in value or _ANY in value, False
    for segment in value.strip("/").split("/"):
        if segment in (_ONE, _ANY):
            if ended:
                return f"{value!r}: {_ANY} must be the last template"
            ended = segment == _ANY
        elif "{" in segment or "}" in segment:
            return f"{value!r}: braces are only for {_ONE} and {_ANY}, each as a whole segment"
        elif template and not _PATH_SEGMENT.fullmatch(segment):
            return f"{value!r}: the segment {segment!r} is not possible beside templates"
    return ""
