# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A certificate authority for tests."""

from __future__ import annotations

import datetime
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DAYS = 30


class Authority:
    """Issues certificates that a client or a server can use."""

    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"authority {folder.name}")])
        limits = x509.BasicConstraints(ca=True, path_length=None)
        made = self._builder(self._name, self._key).add_extension(limits, critical=True)
        self.certificate = made.sign(self._key, hashes.SHA256())
        self.expires = f"{self.certificate.not_valid_after_utc:%Y-%m-%d}"
        self.path = str(folder / "authority.crt")
        (folder / "authority.crt").write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject, key):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number())
        begin = builder.not_valid_before(now - datetime.timedelta(days=1))
        return begin.not_valid_after(now + datetime.timedelta(days=DAYS))

    def issue(self, name, folder):
        """The paths of a new certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        made = self._builder(subject, key).add_extension(names, critical=False).sign(self._key, hashes.SHA256())
        certificate = folder / f"{name}.crt"
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        return str(certificate), self._written(key, folder / f"{name}.key")

    def key_file(self, folder):
        """The path of the authority's own key, for somebody else who signs with it."""
        return self._written(self._key, folder / "authority.key")

    @staticmethod
    def _written(key, path):
        form, hidden = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, hidden))
        return str(path)

    def context(self, own=None):
        """A client's TLS that trusts this authority, with a certificate of its own if one is given."""
        made = ssl.create_default_context(cafile=self.path)
        # The tests call the gateway by its address.
        made.check_hostname = False
        if own:
            made.load_cert_chain(*own)
        return made
