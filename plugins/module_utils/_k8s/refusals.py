# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the API server refuses, in words with a fix."""

from __future__ import annotations

from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._k8s import discovery
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure

# https://github.com/kubernetes/kubernetes/tree/master/staging/src/k8s.io/apiserver/pkg/admission/plugin/webhook/errors
NO_WEBHOOK = "failed calling webhook"


def explained(error: ApiError, one: dict[str, Any]) -> Failure:
    """The error of the API server with its fix, if it is known."""
    message, namespace = str(error), one["metadata"].get("namespace")
    if error.status == 404 and "namespaces" in message:
        fix = f"create the namespace {namespace} first, or in the same task"
    elif error.status == 404:
        fix = discovery.not_served(one["apiVersion"], one["kind"])
    elif error.status == 403 and (
        "NamespaceTerminating" in error.causes or "because it is being terminated" in message
    ):
        fix = f"the namespace {namespace} is being deleted; run again when it is gone"
    elif error.status == 403 and "exceeded quota" in message:
        fix = f"raise the ResourceQuota of the namespace {namespace}, or ask for less"
    elif error.status == 403 and " cannot " in message and "User " in message:
        fix = "the credentials lack this right"
    else:
        return error
    explained = Failure(f"{message}: {fix}", **error.data)
    explained.given_up = error.given_up
    return explained


def some(names: list[str]) -> str:
    """The first names of a list, for a message."""
    shown = ", ".join(names[:10]) or "nothing"
    return shown + (f" and {len(names) - 10} more" if len(names) > 10 else "")
