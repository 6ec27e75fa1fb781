# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One look at the cluster at the end of a run: a list of each kind, read only, within a few seconds or not at all."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from typing import Any
from urllib.parse import urlencode

from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client, Object
from ansible_collections.bare.mesh.plugins.module_utils._progress.watch import the_gate
from ansible_collections.bare.mesh.plugins.module_utils._report.mesh import LISTS

# Seconds, of the whole look and of one request.
LIMIT = 5.0
CONNECT_TIMEOUT = 1.0
READ_TIMEOUT = 3.0
# Objects of a kind.
MOST = 500
# A field of a kubeconfig, in YAML or JSON, for which the client library starts a program.
PROGRAM = re.compile(r"""(exec|auth-provider)["']?\s*:""")


def look(connection: dict[str, str], limit: float = LIMIT) -> tuple[dict[str, list[Object]], list[str]]:
    """The objects to draw, and what has to be said of them. Raises Failure with the reason if there are none.

    connection: the path of the kubeconfig, and if need be context and api_host.
    The work is done beside the run, whose end must not wait for a resolver of names or a proxy that hangs.
    """
    kubeconfig = connection["kubeconfig"]
    if not os.path.isfile(kubeconfig):
        raise Failure(f"there is no file {kubeconfig}")
    with open(kubeconfig, encoding="utf-8") as file:
        if PROGRAM.search(file.read()):
            raise Failure(f"{kubeconfig} obtains its credentials from a program, which is not started for this")
    answers: list[Any] = []
    thread = threading.Thread(
        target=lambda: answers.append(_answer(connection, time.monotonic() + limit)), name="report", daemon=True
    )
    thread.start()
    thread.join(limit)
    if not answers:
        raise Failure(f"the cluster of {kubeconfig} has not answered within {limit:g} seconds")
    if isinstance(answers[0], Failure):
        raise answers[0]
    found: tuple[dict[str, list[Object]], list[str]] = answers[0]
    return found


def _answer(connection: dict[str, str], deadline: float) -> Any:
    """What look returns or raises. Errors of libraries are named only: their words may hold the password of a proxy."""
    try:
        # No fork in the middle of an import or a request, as when more playbooks follow.
        with the_gate():
            return _Lists(connection, deadline).read()
    except _Refused as error:
        return Failure(f"the API server of {connection['kubeconfig']} {error}")
    except Exception as error:
        return Failure(f"the cluster of {connection['kubeconfig']} cannot be read ({type(error).__name__})")


class _Refused(Failure):
    """An answer with an error status."""


class _Lists(Client):
    """A client that repeats nothing."""

    def __init__(self, connection: dict[str, str], deadline: float) -> None:
        super().__init__(connection)
        self.deadline = deadline

    def read(self) -> tuple[dict[str, list[Object]], list[str]]:
        found, notes = {}, []
        for kind, path in LISTS.items():
            found[kind], more = self._list(path)
            if more:
                notes.append(f"Only the first {MOST} {kind} of the cluster are drawn.")
        return found, notes

    def _list(self, path: str) -> tuple[list[Object], bool]:
        left = max(self.deadline - time.monotonic(), 0.1)
        timeout = self.urllib3.Timeout(connect=min(CONNECT_TIMEOUT, left), read=min(READ_TIMEOUT, left))
        url = f"{self.host}{path}?{urlencode({'limit': MOST})}"
        answer = self.pool.request("GET", url, headers=self._headers(""), timeout=timeout, retries=False)
        if answer.status == 404:
            # A cluster without Istio's kinds.
            return [], False
        if answer.status != 200:
            raise _Refused(f"answers with status {answer.status} for {path}")
        content = json.loads(answer.data)
        return content["items"], bool((content.get("metadata") or {}).get("continue"))
