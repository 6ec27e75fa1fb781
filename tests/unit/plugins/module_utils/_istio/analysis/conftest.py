# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tables of the analysis. FILE.yml beside test_FILE.py has the cases that warn and those that nearly do.

An object is written as {KIND: NAMESPACE/NAME, FIELD OF THE SPEC: ...}. All rules judge each case, so that what is right
for one of them is not wrong for another. Istio accepts the batch of each case.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.analyse import analyse
from ansible_collections.bare.mesh.plugins.module_utils._istio.config import refuse
from ansible_collections.bare.mesh.plugins.module_utils._istio.kinds import KINDS

VERSIONS = {
    **{kind: f"{group}/v1" for group, kind in KINDS},
    **{"Service": "v1", "Pod": "v1", "Deployment": "apps/v1"},
}


def manifest(short):
    (kind, name), *fields = short.items()
    namespace, _slash, name = name.partition("/")
    spec = dict(fields)
    metadata = {"namespace": namespace, "name": name, **spec.pop("metadata", {})}
    more = {field: spec.pop(field) for field in ("apiVersion", "status") if field in spec}
    return {"apiVersion": VERSIONS[kind], "kind": kind, "metadata": metadata, "spec": spec, **more}


def pytest_generate_tests(metafunc):
    if "case" in metafunc.fixturenames:
        file = Path(metafunc.module.__file__)
        table = yaml.safe_load((file.parent / f"{file.stem.removeprefix('test_')}.yml").read_text())
        cases = [*table["warns"], *({**case, "expect": []} for case in table["silent"])]
        metafunc.parametrize("case", cases, ids=[case["case"] for case in cases])


@pytest.fixture
def found(case):
    """The findings of a case. What is expected is written as RULE PATH."""
    batch = [manifest(one) for one in case["batch"]]
    refuse(batch)
    listed = set(map(tuple, case["listed"])) if "listed" in case else None
    known = [manifest(one) for one in case.get("known", [])]
    findings = analyse(batch, known, listed)
    for one in findings:
        assert one.source.startswith("https://istio.io/latest/docs/") and one.fix[0].isupper() and one.message
    return [f"{one.rule} {one.path}" for one in findings]
