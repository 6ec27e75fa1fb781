# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Preflight's finding about users that hosts do not have."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.bare.mesh.plugins.module_utils._preflight.finding import Finding, Report
from ansible_collections.bare.mesh.plugins.module_utils._preflight.hosts import grouped


def missing_users(reports: dict[str, Report]) -> Iterator[Finding]:
    """Whether the user who gets the kubeconfig is there, before the control plane is built."""
    for hosts, user in grouped({host: report["missing_users"] for host, report in reports.items()}):
        fix = "Create the user there, or set kubeadm_user to a user of that host, or to '' for none"
        yield Finding("settings", "kubeadm_user", f"{hosts} has no user {user}", fix)
