#!/usr/bin/env python3
"""Verify that the log has a statement: securesystemslib for the log's signature, hashlib for the tree (RFC 9162, 2.1.3.2).

    pip install 'securesystemslib[crypto]>=1'
    verify_log.py BUNDLE PUBLIC_KEY_PEM PROOF LOG_VKEY

The entry is made from the bundle, as docs/spec/log.md says, never taken from the log. Exit code 0: it is in the log; 1: not.
"""

import base64
import copy
import hashlib
import json
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Signature, SSlibKey


def entry(bundle, key):
    """The log's entry of a statement: canonical JSON of a hashedrekord 0.0.2."""
    envelope = bundle["dsseEnvelope"]
    # It takes apart what it is given.
    pae = Envelope.from_dict(copy.deepcopy(envelope)).pae()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    record = {
        "data": {"algorithm": "SHA2_256", "digest": base64.b64encode(hashlib.sha256(pae).digest()).decode()},
        "signature": {
            "content": envelope["signatures"][0]["sig"],
            "verifier": {"keyDetails": "PKIX_ED25519", "publicKey": {"rawBytes": base64.b64encode(spki).decode()}},
        },
    }
    form = {"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": record}}
    return json.dumps(form, sort_keys=True, separators=(",", ":")).encode()


def root_of(leaf, index, size, proof):
    node = lambda left, right: hashlib.sha256(b"\x01" + left + right).digest()
    value, last = hashlib.sha256(b"\x00" + leaf).digest(), size - 1
    for beside in proof:
        assert last > 0, "the proof is too long"
        if index & 1 or index == last:
            value = node(beside, value)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            value = node(value, beside)
        index, last = index >> 1, last >> 1
    assert last == 0, "the proof is too short"
    return value


def main(arguments):
    if len(arguments) != 4:
        print(__doc__, file=sys.stderr)
        return 1
    with open(arguments[0], encoding="utf-8") as file:
        bundle = json.load(file)
    with open(arguments[1], "rb") as file:
        key = load_pem_public_key(file.read())
    with open(arguments[2], encoding="utf-8") as file:
        head, text, lines = file.read().split("\n\n")
    name, key_id, typed = arguments[3].split("+", 2)
    typed = base64.b64decode(typed, validate=True)
    try:
        head = [line for line in head.split("\n") if not line.startswith("extra ")]
        assert head[0] == "c2sp.org/tlog-proof@v1", "not a proof"
        index, proof = int(head[1].removeprefix("index ")), [base64.b64decode(line) for line in head[2:]]
        text += "\n"
        origin, size, root = text.split("\n")[:3]
        assert typed[0] == 1 and origin == name, "another log"
        named = [line.split(" ") for line in lines.strip().split("\n")]
        signatures = [base64.b64decode(line[2]) for line in named if line[1] == name]
        [signature] = [value[4:] for value in signatures if value[:4].hex() == key_id]
        log = SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(typed[1:]))
        log.verify_signature(Signature(log.keyid, signature.hex()), text.encode())
        found = root_of(entry(bundle, key), index, int(size), proof)
        assert index < int(size) and found == base64.b64decode(root), "the proof does not lead to the root"
    except (AssertionError, ValueError, UnverifiedSignatureError) as error:
        print(f"bad: {error}", file=sys.stderr)
        return 1
    print(f"good: {name} has it at {index} of {size}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
