# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Users that hosts do not have."""

from __future__ import annotations

from ansible_collections.bare.mesh.plugins.module_utils._preflight.users import missing_users


def test_a_user_that_is_not_there():
    assert list(missing_users({"cp1": {"missing_users": []}})) == []
    (fault,) = missing_users({"cp1": {"missing_users": ["nosuchuser"]}, "w1": {"missing_users": []}})
    assert str(fault).startswith("kubeadm_user [settings]: cp1 has no user nosuchuser. Create the user there, or set ")
