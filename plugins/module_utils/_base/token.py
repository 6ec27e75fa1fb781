# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bootstrap tokens as both halves make them: kubeadm init on a host, the joins through the API server.

https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
"""

from __future__ import annotations

import secrets
import string

# Start of the description of our tokens. kubeadm_init deletes tokens that an interrupted run left.
MARK = "bare.mesh: "


def random_token() -> str:
    """A new token such as abcdef.0123456789abcdef."""
    letters = string.ascii_lowercase + string.digits
    return ".".join("".join(secrets.choice(letters) for _place in range(length)) for length in (6, 16))
