"""The fields of the IstioOperator spec, from Istio's protobuf files and Go types. Used by istio_schema.py."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any


def tokens(text: str) -> list[str]:
    text = re.sub(r"/\*.*?\*/", " ", re.sub(r"//[^\n]*", " ", text), flags=re.S)
    return re.findall(r'"(?:\\.|[^"])*"|[\w.]+|[{}<>=;,\[\]()]', text)


def parse_proto(text: str, package: str) -> dict[str, Any]:
    """Map full message names to their fields. Enums are left out, because their values are scalars."""
    words = tokens(text)
    messages: dict[str, Any] = {}

    def skip(at: int) -> int:
        depth = 0
        while True:
            depth += (words[at] == "{") - (words[at] == "}")
            if depth == 0 and words[at] in ("}", ";"):
                return at + 1
            at += 1

    def body(at: int, scope: str, fields: dict[str, Any]) -> int:
        while words[at] != "}":
            word = words[at]
            if word == "message":
                inner = f"{scope}.{words[at + 1]}"
                messages[inner] = {}
                at = body(at + 3, inner, messages[inner])
            elif word == "oneof":
                at = body(at + 3, scope, fields)
            elif word in ("enum", "reserved", "option", "extensions"):
                at = skip(at)
            elif word == ";":
                at += 1
            else:
                end = words.index(";", at)
                part = words[at:end]
                repeated = part[0] == "repeated"
                part = part[1:] if part[0] in ("repeated", "optional") else part
                equals = part.index("=")
                name = part[equals - 1]
                alias = part[part.index("json_name") + 2].strip('"') if "json_name" in part else camel(name)
                if part[0] == "map":
                    fields[alias] = {"{}": f"@{scope}@{part[4]}"}
                else:
                    node = f"@{scope}@{part[0]}"
                    fields[alias] = {"[]": node} if repeated else node
                at = end + 1
        return at + 1

    at = 0
    while at < len(words):
        if words[at] == "message":
            name = f"{package}.{words[at + 1]}"
            messages[name] = {}
            at = body(at + 3, name, messages[name])
        else:
            at = skip(at)
    return messages


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def resolve(node: Any, messages: dict[str, Any], used: dict[str, Any]) -> Any:
    """Replace type names by definitions. Searches from the innermost scope outwards, like protobuf."""
    if isinstance(node, dict):
        return {key: resolve(child, messages, used) for key, child in node.items()}
    _, scope, kind = node.split("@")
    while True:
        full = f"{scope}.{kind}" if scope else kind
        if full in messages:
            break
        if not scope:
            return "any"
        scope = scope.rpartition(".")[0]
    if full not in used:
        used[full] = {}
        used[full] = resolve(messages[full], messages, used)
    return f"#{full}"


def parse_go(text: str) -> dict[str, Any]:
    """Map struct names to their JSON fields. Types of other packages are kept unchanged."""
    structs: dict[str, Any] = {}
    for name, body in re.findall(r"^type (\w+) struct \{\n(.*?)^\}", text, flags=re.S | re.M):
        fields: dict[str, Any] = {}
        for line in body.splitlines():
            found = re.match(r'\s*\w+\s+(\[\])?\*?([\w.\[\]]+)\s+`json:"([\w]+)[,"]', line)
            if found:
                node = f"#go.{found[2]}" if re.fullmatch(r"[A-Z]\w+", found[2]) and found[2] != "BoolValue" else "any"
                fields[found[3]] = {"[]": node} if found[1] else node
            elif re.fullmatch(r"\s+[A-Z]\w+", line):
                fields.update(structs.get(line.strip(), {}))
        structs[name] = fields
    return structs


def operator_schema(istio: Path, api: Path) -> dict[str, Any]:
    messages: dict[str, Any] = {}
    for path in [*sorted(api.glob("*/*/*.proto")), istio / "operator/pkg/apis/values_types.proto"]:
        text = path.read_text()
        package = re.search(r"^package ([\w.]+);", text, flags=re.M)
        if package and path.name != "network.proto":
            messages.update(parse_proto(text, package[1]))
    used: dict[str, Any] = {}
    resolve("@@istio.mesh.v1alpha1.MeshConfig", messages, used)
    resolve("@@istio.operator.v1alpha1.Values", messages, used)
    # Allow a number or a string here, although the message has several fields.
    used.pop("istio.operator.v1alpha1.IntOrString", None)
    text = json.dumps(used).replace('"#istio.operator.v1alpha1.IntOrString"', '"any"')
    definitions: dict[str, Any] = json.loads(text)
    definitions["istio.operator.v1alpha1.Values"]["meshConfig"] = "#istio.mesh.v1alpha1.MeshConfig"
    structs = parse_go((istio / "operator/pkg/apis/types.go").read_text())
    spec = structs["IstioOperatorSpec"]
    spec["meshConfig"] = "#istio.mesh.v1alpha1.MeshConfig"
    spec["values"] = "#istio.operator.v1alpha1.Values"
    names = ("IstioOperatorSpec", "IstioComponentSpec", "BaseComponentSpec", "ComponentSpec", "GatewayComponentSpec")
    for name in names:
        definitions[f"go.{name}"] = structs[name]
    for name in ("KubernetesResources", "KubernetesOverlay", "Patch"):
        definitions[f"go.{name}"] = structs[name]
    short = {name: name.removeprefix("istio.").removeprefix("operator.v1alpha1.") for name in definitions}
    for name in sorted(definitions, key=len, reverse=True):
        text = json.dumps(definitions).replace(f'"#{name}"', f'"#{short[name]}"')
        definitions = json.loads(text)
    return {short[name]: node for name, node in definitions.items()}
