# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All of Istio's kinds, by group and kind."""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

from ansible_collections.bare.mesh.plugins.module_utils._istio.kind_module import Rules
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules import (
    authorization_policy as authorization_policy_rules,
)
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules import destination_rule as destination_rule_rules
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules import envoy_filter as envoy_filter_rules
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules import gateway as gateway_rules
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules import (
    peer_authentication as peer_authentication_rules,
)
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules import proxy_config as proxy_config_rules
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules import (
    request_authentication as request_authentication_rules,
)
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules import service_entry as service_entry_rules
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules import sidecar as sidecar_rules
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules import telemetry as telemetry_rules
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules import traffic_extension as traffic_extension_rules
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules import virtual_service as virtual_service_rules
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules import wasm_plugin as wasm_plugin_rules
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules import workload_entry as workload_entry_rules
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules import workload_group as workload_group_rules
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas import (
    authorization_policy,
    destination_rule,
    envoy_filter,
    gateway,
    peer_authentication,
    proxy_config,
    request_authentication,
    service_entry,
    sidecar,
    telemetry,
    traffic_extension,
    virtual_service,
    wasm_plugin,
    workload_entry,
    workload_group,
)


class Known(NamedTuple):
    """The fields of a kind and its rules."""

    schema: ModuleType
    rules: Rules


# Imported by name, because only such files are sent with a module.
KINDS: dict[tuple[str, str], Known] = {
    (schema.KIND.group, schema.KIND.kind): Known(schema, rules.faults)
    for schema, rules in (
        (authorization_policy, authorization_policy_rules),
        (destination_rule, destination_rule_rules),
        (envoy_filter, envoy_filter_rules),
        (gateway, gateway_rules),
        (peer_authentication, peer_authentication_rules),
        (proxy_config, proxy_config_rules),
        (request_authentication, request_authentication_rules),
        (service_entry, service_entry_rules),
        (sidecar, sidecar_rules),
        (telemetry, telemetry_rules),
        (traffic_extension, traffic_extension_rules),
        (virtual_service, virtual_service_rules),
        (wasm_plugin, wasm_plugin_rules),
        (workload_entry, workload_entry_rules),
        (workload_group, workload_group_rules),
    )
}
