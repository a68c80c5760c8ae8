#!/usr/bin/env python3
"""Verify the DSSE envelope of a Sigstore bundle with securesystemslib, without any code of Jackfield.

    pip install 'securesystemslib[crypto]>=1'
    verify_dsse.py echo.wasm.sigstore.json public.pem [echo.wasm]

Exit code 0: the key signed the statement (and, where a component is given, the statement is about it); 1: not.
"""

import hashlib
import json
import sys

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey


def main(arguments):
    if len(arguments) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 1
    with open(arguments[0], encoding="utf-8") as file:
        bundle = json.load(file)
    with open(arguments[1], "rb") as file:
        key = SSlibKey.from_crypto(load_pem_public_key(file.read()))

    if bundle["verificationMaterial"]["publicKey"]["hint"] != key.keyid:
        print(f"bad: the bundle names another key than {key.keyid}", file=sys.stderr)
        return 1
    envelope = Envelope.from_dict(bundle["dsseEnvelope"])
    try:
        envelope.verify([key], threshold=1)
    except VerificationError as error:
        print(f"bad: {error}", file=sys.stderr)
        return 1

    statement = json.loads(envelope.payload)
    if len(arguments) == 3:
        with open(arguments[2], "rb") as file:
            found = hashlib.sha256(file.read()).hexdigest()
        signed = [subject["digest"]["sha256"] for subject in statement["subject"] if subject["name"] == "component"]
        if signed != [found]:
            print(f"bad: the statement is about {signed}, the component is {found}", file=sys.stderr)
            return 1
    predicate = statement["predicate"]
    print(f"good: {key.keyid} publishes {predicate['name']} {predicate['version']}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
