"""Generate the packaged schemas of the Gateway API's kinds, for those that have a module.

The source are the definitions (CRDs) of its standard channel, in the version that the locked Istio version is built
with. tools/istio_schema.py documents the nodes; these have the formats of strings and what makes items of lists differ,
too. Run it after a change of the locked Istio version: `python -m tools.gateway_api_schema`.
"""

from __future__ import annotations

from typing import Any

import yaml
from ansible_collections.bare.mesh.plugins.module_utils._gateway_api.formats import FORMATS

from tools.istio_schema import IMPORT, ROOT, content, from_openapi, kind_of, module_folder, save, share, snake

TARGET = ROOT / "plugins/module_utils/_gateway_api/schemas"
# The module of Istio's Gateway has the name gateway.
NAMES = {"Gateway": "gateway_api_gateway"}
_FORMATS = {known.pattern: name for name, known in FORMATS.items()}


def name_of(kind: str) -> str:
    """The name of a kind's module."""
    return NAMES.get(kind) or snake(kind.replace("HTTP", "Http").replace("GRPC", "Grpc"))


def more(node: dict[str, Any]) -> dict[str, Any]:
    """The format of a string, and what makes the items of a list differ. Raises KeyError for an unknown format."""
    if "pattern" in node:
        return {"~": _FORMATS[node["pattern"]]}
    if node.get("x-kubernetes-list-type") == "set":
        return {"~": ""}
    keys = node.get("x-kubernetes-list-map-keys")
    return {"~": keys[0]} if keys else {}


def fields_of(definition: dict[str, Any]) -> dict[str, Any]:
    """The fields of a kind's spec as definitions of a schema."""
    spec = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return share(from_openapi(spec, more), definition["spec"]["names"]["kind"])


def definitions_of_kinds() -> dict[str, dict[str, Any]]:
    """The definitions (CRDs) of the standard channel, by kind."""
    folder = module_folder("sigs.k8s.io/gateway-api") / "config/crd/standard"
    read = [one for path in sorted(folder.glob("*.yaml")) for one in yaml.safe_load_all(path.read_text()) if one]
    return {one["spec"]["names"]["kind"]: one for one in read if one["kind"] == "CustomResourceDefinition"}


def main() -> None:
    """Write the schemas of the kinds that have a module."""
    for kind, definition in definitions_of_kinds().items():
        name = name_of(kind)
        if not (ROOT / f"plugins/modules/{name}.py").exists():
            continue
        version = definition["metadata"]["annotations"]["gateway.networking.k8s.io/bundle-version"]
        origin = f"tools/gateway_api_schema.py from the Gateway API {version}"
        text = content(f"the spec of {kind}", origin, fields_of(definition), kind)
        text = text.replace("from typing import Any\n", f"from typing import Any\n\n{IMPORT}\n")
        save(TARGET / f"{name}.py", text + f"KIND = {kind_of(definition)}\n")


if __name__ == "__main__":
    main()
