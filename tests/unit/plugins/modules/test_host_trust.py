# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""host_trust against a played store of certificates."""

from __future__ import annotations

from ansible_collections.bare.mesh.plugins.modules import host_trust


def test_certificates_are_compared_by_their_bodies():
    pem = "x\n-----BEGIN CERTIFICATE-----\nab\ncd\n-----END CERTIFICATE-----\n"
    assert host_trust.bodies(pem + pem.replace("ab", "ef")) == {"abcd", "efcd"}
    assert host_trust.bodies("-----BEGIN CERTIFICATE-----\nab") == set()
