# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbook plaintext_callers, against an API server of two pods: its table, and when it fails."""

from __future__ import annotations

import json

import pytest

from tests.served_playbook import served

# Written after Istio's documented default text format, not recorded.
LINE = (
    '[2026-01-31T12:00:00.123Z] "GET / HTTP/1.1" 200 - via_upstream - "-" 0 358 9 8 "-" "curl/8.5.0" "1d" "web"'
    ' "10.244.1.4:8000" inbound|8000|| 127.0.0.6:1 10.244.1.4:8000 {} default\n'
)


def pod(name, ip, *containers):
    return {
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": name}},
        "spec": {"containers": list(containers)},
        "status": {"phase": "Running", "startTime": "2026-01-31T10:00:00Z", "podIPs": [{"ip": ip}]},
    }


PROXY = {"name": "istio-proxy", "args": ["proxy", "sidecar"]}
LISTS = {
    "/api/v1/pods": [pod("web", "10.244.1.4", PROXY), pod("silent", "10.244.1.5", PROXY), pod("old", "10.244.1.7")],
    "/api/v1/nodes": [],
}


@pytest.fixture
def play(tmp_path):
    """Run the playbook while web's sidecar has this log. Returns the exit code and the output."""
    logs = {}

    def answer(path, _query):
        content = {"kind": "List", "metadata": {}, "items": LISTS.get(path, [])}
        return 200, logs.get(path, "") if path.endswith("/log") else json.dumps(content)

    with served(answer, tmp_path) as play:

        def run(log, *options):
            logs["/api/v1/namespaces/shop/pods/web/log"] = log
            return play("playbooks/plaintext_callers.yml", *options)

        yield run


def rows(output):
    return [" ".join(line.strip(' ",-').split()) for line in output.splitlines() if " plaintext " in line]


def test_the_table_and_the_failure(play):
    log = LINE.format("10.244.1.7:1 -") + LINE.format("203.0.113.9:0 -")
    code, said = play(log)
    assert code == 0, said
    assert rows(said) == [
        "shop/web 8000 plaintext pod shop/old 1 2026-01-31T12:00:00.123Z",
        "shop/web 8000 plaintext outside 203.0.113.9 (by its header) 1 2026-01-31T12:00:00.123Z",
    ]
    assert "By the logs of 1 sidecars." in said and "These sidecars say nothing: shop/silent" in said
    code, said = play(log, "-e", "plaintext_fail=true", "-e", "plaintext_since=86400", "--check")
    assert code != 0 and "2 callers would be refused by STRICT" in said


def test_nobody_and_nothing(play):
    log = LINE.format("10.244.1.7:1 outbound_.8000_._.web.shop.svc.cluster.local")
    code, said = play(log, "-e", "plaintext_fail=true", "-e", '{"plaintext_namespaces": ["shop"]}')
    assert code == 0 and "Nobody has called without mutual TLS." in said and rows(said) == []
    code, said = play("")
    assert code != 0 and "none of the 2 sidecars of the cluster has written an access log" in said
