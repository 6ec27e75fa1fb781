# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json

import pytest
from ansible_collections.bare.mesh.plugins.filter.jwt_faults import FilterModule

faults = FilterModule().filters()["jwt_faults"]
KEYS = {"keys": [{"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB"}, {"kty": "OKP", "crv": "Ed25519", "x": "AQAB"}]}
INLINE = {"issuer": "robots", "jwks": json.dumps(KEYS)}
REMOTE = {"issuer": "robots", "jwks_uri": "https://robots.example:8443/keys?all"}
URI = ("jwks_uri", "is not a URL that begins with http:// or https://")
NO_SET = ("jwks", "is not a JSON Web Key Set")


@pytest.mark.parametrize(
    "given",
    [
        {},
        "a text, of which the argument specification says that it is no mapping",
        INLINE,
        {**INLINE, "jwks": KEYS},
        REMOTE,
        {**REMOTE, "jwks_uri": "http://10.87.0.1/keys", "audiences": ["books", "shop"], "required": True},
        {**REMOTE, "audiences": [], "forward_original_token": True},
    ],
)
def test_good_settings(given):
    assert faults(given) == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"required": True}, [("issuer", "is not set"), ("", "has no keys")]),
        ({**INLINE, "issuer": ""}, [("issuer", "is not set")]),
        ({"issuer": "robots"}, [("", "has no keys")]),
        ({**INLINE, **REMOTE}, [("", "has both jwks and jwks_uri")]),
        *(
            ({**REMOTE, "jwks_uri": uri}, [URI])
            for uri in (
                "",
                None,
                "robots.example/keys",
                "file:///keys",
                "https:///keys",
                "https://a b/keys",
                "http://a:0/",
            )
        ),
        *(
            ({**INLINE, "jwks": jwks}, [NO_SET])
            for jwks in ("", None, "keys", "[]", "{}", '{"keys": []}', '{"keys": {}}', json.dumps(KEYS["keys"][0]))
        ),
        (
            {**INLINE, "jwks": {"keys": [{"kty": "rsa"}]}},
            [("jwks", "has a key whose kty is not one of EC, RSA, oct, OKP")],
        ),
        ({**INLINE, "jwks": {"keys": ["a"]}}, [("jwks", "has a key whose kty is not one of EC, RSA, oct, OKP")]),
        ({**INLINE, "jwks": {"keys": [*KEYS["keys"], {"kty": "EC", "d": "A"}]}}, [("jwks", "has a secret key")]),
        ({**INLINE, "jwks": '{"keys": [{"kty": "oct", "k": "A"}]}'}, [("jwks", "has a secret key")]),
        ({**REMOTE, "audiences": "books"}, [("audiences", "is not a list")]),
        (
            {**REMOTE, "audiences": ["books", 12, "", {"a": "b"}]},
            [
                ("audiences[1]", "is 12, which is not a name"),
                ("audiences[2]", "is '', which is not a name"),
                ("audiences[3]", "is {'a': 'b'}, which is not a name"),
            ],
        ),
        (
            {"jwks": "keys", "jwks_uri": "keys", "audiences": [""]},
            [
                ("issuer", "is not set"),
                ("", "has both jwks and jwks_uri"),
                URI,
                NO_SET,
                ("audiences[0]", "is '', which is not a name"),
            ],
        ),
    ],
)
def test_every_fault_is_named(given, expected):
    found = faults(given)
    assert [(one["where"], one["what"]) for one in found] == [
        (f"bookinfo_jwt.{field}" if field else "bookinfo_jwt", what) for field, what in expected
    ]
    assert all(one["fix"] for one in found)


def test_no_fault_quotes_what_may_be_secret():
    found = faults({"jwks": '{"keys": [{"kty": "oct", "k": "s3cret"}]}', "jwks_uri": "ftp://me:s3cret@robots.example"})
    assert len(found) == 4 and "s3cret" not in str(found)
