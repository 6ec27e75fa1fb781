# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: setting_faults
short_description: What is wrong with the settings of an inventory
version_added: 0.2.0
description:
  - Compares the variables of all hosts of the cluster, and of the controller, with the argument specifications of all
    roles of this collection, before any role runs.
  - A variable that begins like ours and that no role knows is a fault, too.
  - A value that depends on facts which are not gathered yet is left to the role that uses it.
positional: _input
options:
  _input:
    description: Ansible's C(groups).
    type: dict
    required: true
  hostvars:
    description: Ansible's C(hostvars).
    type: dict
    required: true
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Show what is wrong with the settings
  ansible.builtin.debug:
    msg: "{{ groups | bare.mesh.setting_faults(hostvars) }}"
"""

RETURN = r"""
_value:
  description: One entry a fault, for O(bare.mesh.preflight_check#module:findings).
  type: list
  elements: dict
  contains:
    check:
      description: >-
        V(settings) for a wrong value, V(names) for a variable that no role knows, V(inventory) for hosts in a group
        that no play uses.
      type: str
    where: {description: The variable and, where not all hosts have it, the hosts., type: str}
    what: {description: What is wrong with it., type: str}
    fix: {description: What to do., type: str}
"""

import difflib
import functools
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.bare.mesh.plugins.filter.address_pool_faults import VARIABLE as ADDRESSES
from ansible_collections.bare.mesh.plugins.filter.address_pool_faults import address_pool_faults
from ansible_collections.bare.mesh.plugins.filter.cluster_hosts import cluster_hosts
from ansible_collections.bare.mesh.plugins.filter.jwt_faults import VARIABLE as TOKENS
from ansible_collections.bare.mesh.plugins.filter.jwt_faults import jwt_faults
from ansible_collections.bare.mesh.plugins.filter.tls_credentials import tls_credentials
from ansible_collections.bare.mesh.plugins.module_utils._istio.gateway_config import VARIABLE as GATEWAYS
from ansible_collections.bare.mesh.plugins.module_utils._istio.gateway_config import faults_of_gateways
from ansible_collections.bare.mesh.plugins.module_utils._istio.mesh_settings import SETTINGS, mesh_faults
from jinja2.exceptions import UndefinedError

ROLES = Path(__file__).resolve().parents[2] / "roles"
# The mesh half runs there.
CONTROLLER = "localhost"
# These are URLs that begin with a scheme.
URLS = (
    "bare_mesh_mirror_url",
    "bare_mesh_mirror_registry_url",
    "bare_mesh_http_proxy",
    "bare_mesh_https_proxy",
    "kubeadm_api_url",
)
# The groups that plays run on, and the group that usually has both as children.
GROUPS = ("control_plane", "workers")
PARENT = "cluster"
CREDENTIALS = "istio_gateway_credentials"
# As the role istio has it where the mesh is to be highly available.
PRODUCTION_WORKERS = 3
# How alike a name must be to one of ours to be taken for a slip: of 1.0.
ALIKE = 0.88


@functools.lru_cache(maxsize=1)
def specifications() -> dict[str, list[dict[str, Any]]]:
    """Variable to its different specifications: roles that share a variable need not limit it in the same way."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path in sorted(ROLES.glob("*/meta/argument_specs.yml")):
        # The loader in C takes a seventh of the time, and each worker that needs the specifications reads them.
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        for entry in content["argument_specs"].values():
            for name, option in (entry.get("options") or {}).items():
                limits = {
                    key: value for key, value in option.items() if key not in ("description", "default", "required")
                }
                if limits not in found[name]:
                    found[name].append(limits)
    return dict(found)


def _prefixes() -> tuple[str, ...]:
    # Other collections have variables that begin with docker_, too.
    roles = {path.parent.parent.name for path in ROLES.glob("*/meta/argument_specs.yml")} - {"docker"}
    return ("bare_mesh_", *(f"{role}_" for role in sorted(roles)))


def _value(known: Any, name: str) -> tuple[bool, Any]:
    """(whether the variable's value can be told now, the value)."""
    try:
        value = known[name]
        # ansible-core from 2.19 on raises here where the value is undefined; before, it returns the template as it is.
        return "{{" not in str(value), value
    except (AnsibleError, UndefinedError):
        return False, None


def _native(value: Any) -> Any:
    """The value without what Ansible keeps with it, of which the validator would copy every part."""
    if isinstance(value, Mapping):
        return {_native(key): _native(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_native(entry) for entry in value]
    return str(value) if isinstance(value, str) else value


def wrong_values(name: str, value: Any) -> list[str]:
    """What the specifications have against a value."""
    messages = []
    for limits in specifications()[name]:
        result = ArgumentSpecValidator({name: limits}).validate({name: value})
        messages += [message for message in result.error_messages if message not in messages]
    if name in URLS and value and not re.match(r"https?://[^/]", str(value)):
        # The value may hold a password.
        messages.append("is not a URL that begins with http:// or https://")
    return messages


@functools.cache
def unknown_name(name: str) -> str | None:
    """The known name that is meant, or nothing, where a name looks like ours and is not.

    None where it does not look so.
    """
    known = specifications()
    if name in known or name.startswith("__"):
        return None
    if name.startswith(_prefixes()):
        return next(iter(difflib.get_close_matches(name, known, 1, 0.6)), "")
    return next(iter(difflib.get_close_matches(name, known, 1, ALIKE)), None)


def _plain(message: str) -> str:
    """A message of the validator, without the names of Python's classes."""
    message = re.sub(r"\s+", " ", message).rstrip(".")
    found = re.match(
        r"argument '.*?' is of type (?:<class ')?(\w+)(?:'>)? and we were unable to convert to (\w+)", message
    )
    if found:
        return f"is of the type {found[1]}, not {found[2]}"
    # Fields that a setting does not have. The validator names no verb.
    found = re.fullmatch(r"(\S.*?)\. Supported parameters include: (.*)", message)
    return f"has {found[1]}, which is not known. Known are: {found[2]}" if found else message


def _faults_of_host(known: Any) -> list[tuple[str, str, str, str]]:
    """(check, variable, what is wrong, fix) of one host's variables."""
    found = []
    for name in known:
        if name in specifications():
            told, value = _value(known, name)
            for message in wrong_values(name, _native(value)) if told else []:
                found.append(("settings", name, _plain(message), "Set it as docs/variables.md says"))
        else:
            meant = unknown_name(name)
            if meant is not None:
                fix = f"Did you mean {meant}?" if meant else "Remove it; docs/variables.md names all variables"
                found.append(("names", name, "is not a variable of this collection", fix))
    return found


def _faults_of_groups(groups: Any) -> list[dict[str, str]]:
    """Hosts that were probably meant for the cluster, in groups that no play uses."""
    used = {host for name in GROUPS for host in groups.get(name) or []}
    found = []
    for name in groups:
        lost = [host for host in groups[name] or [] if host not in used]
        meant = next(iter(difflib.get_close_matches(name.replace("-", "_"), GROUPS, 1, 0.75)), "")
        if not lost or name in GROUPS or (name != PARENT and not meant):
            continue
        what = f"has {', '.join(lost)}, which control_plane and workers do not have"
        fix = f"Did you mean the group {meant}?" if meant else "Put each host of the cluster into one of the two groups"
        found.append({"check": "inventory", "where": f"group {name}", "what": what, "fix": fix})
    return found


def _faults_of_mesh(known: Any) -> list[tuple[str, str, str, str]]:
    """What the argument specifications cannot say of the mesh's settings, such as a percentage above 100."""
    told = {name: _value(known, name) for name in (*SETTINGS, GATEWAYS, CREDENTIALS) if name in known}
    settings = {name: _native(value) for name, (can_be_told, value) in told.items() if can_be_told}
    if any(wrong_values(name, value) for name, value in settings.items()):
        return []
    gateways, credentials = settings.pop(GATEWAYS, []), settings.pop(CREDENTIALS, [])
    faults = [*mesh_faults(settings), *faults_of_gateways(gateways, settings.get("istio_ingress_ports", []))]
    found = [("settings", fault.where, fault.what, fault.fix) for fault in faults]
    judged = tls_credentials(credentials, CREDENTIALS)["faults"]
    return found + [("settings", fault["where"], fault["what"], fault["fix"]) for fault in judged]


def _faults_of_addresses(known: Any, hosts: list[dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    """Addresses of the load balancer that cannot be, or that the cluster or a host has."""
    given = _native(_value(known, ADDRESSES)[1]) if ADDRESSES in known else []
    if not given or wrong_values(ADDRESSES, given):
        return []
    ranges = {
        name: _value(known, name)[1] for name in ("bare_mesh_pod_cidr", "bare_mesh_service_cidr") if name in known
    }
    taken = {**ranges, **{host["name"]: host["node_ip"] for host in hosts}}
    judged = address_pool_faults(given, {name: value for name, value in taken.items() if value})
    return [("settings", fault["where"], fault["what"], fault["fix"]) for fault in judged]


def _faults_of_tokens(known: Any) -> list[tuple[str, str, str, str]]:
    """What the argument specification cannot say of whose tokens the demo's page takes."""
    given = _native(_value(known, TOKENS)[1]) if TOKENS in known else {}
    judged = jwt_faults(given) if not wrong_values(TOKENS, given or {}) else []
    return [("settings", fault["where"], fault["what"], fault["fix"]) for fault in judged]


def _too_few_workers(groups: Any, known: Any) -> list[tuple[str, str, str, str]]:
    """Whether the inventory has fewer workers than a mesh with these settings must have."""
    name, reason = "istio_required_workers", "istio_high_availability"
    available = reason in known and str(_value(known, reason)[1]).lower() in ("true", "yes")
    wanted = _value(known, name)[1] if name in known else PRODUCTION_WORKERS * available
    workers = len(groups.get("workers") or [])
    if not str(wanted).isdigit() or int(str(wanted)) <= workers:
        return []
    what = f"is {wanted}, and the inventory has {workers} worker{'s' * (workers != 1)}"
    return [("settings", name, what, "Add hosts to the group workers, or set it to fewer")]


def setting_faults(groups: Any, hostvars: Any) -> list[dict[str, str]]:
    """See DOCUMENTATION."""
    cluster = cluster_hosts(groups, hostvars)
    hosts = [host["name"] for host in cluster]
    hosts += [CONTROLLER] if CONTROLLER in hostvars else []
    found: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for host in hosts:
        for fault in _faults_of_host(hostvars[host]):
            found[fault].append(host)
    if CONTROLLER in hostvars:
        # The mesh has one set of settings, so one address pool, so these are no host's.
        known = hostvars[CONTROLLER]
        faults = _faults_of_mesh(known) + _too_few_workers(groups, known) + _faults_of_addresses(known, cluster)
        faults += _faults_of_tokens(known)
        found.update(dict.fromkeys(faults, hosts))
    return _faults_of_groups(groups) + [
        {
            "check": check,
            "where": name if len(where) == len(hosts) else f"{name} of {', '.join(where)}",
            "what": what,
            "fix": fix,
        }
        for (check, name, what, fix), where in sorted(found.items(), key=lambda item: item[0][1:])
    ]


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"setting_faults": setting_faults}
