# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Random tokens have the form that Kubernetes asks for."""

from __future__ import annotations

import re

from ansible_collections.bare.mesh.plugins.module_utils._base.token import random_token


def test_tokens_are_random_and_well_formed():
    tokens = {random_token() for _time in range(50)}
    assert len(tokens) == 50
    assert all(re.fullmatch(r"[a-z0-9]{6}\.[a-z0-9]{16}", token) for token in tokens)
