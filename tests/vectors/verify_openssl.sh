#!/bin/sh
# Verify the DSSE envelope of a Sigstore bundle with openssl (3.0 or later) and nothing else but a shell and Python's
# standard library, which takes the JSON apart.
#
#     verify_openssl.sh echo.wasm.sigstore.json public.pem
#
# Exit code 0: the key signed the statement; otherwise not.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 - "$1" "$work" <<'PYTHON'
import base64, json, sys
envelope = json.load(open(sys.argv[1], encoding="utf-8"))["dsseEnvelope"]
payload = base64.b64decode(envelope["payload"], validate=True)
kind = envelope["payloadType"].encode()
with open(sys.argv[2] + "/pae.bin", "wb") as file:
    file.write(b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload))
with open(sys.argv[2] + "/sig.bin", "wb") as file:
    file.write(base64.b64decode(envelope["signatures"][0]["sig"], validate=True))
PYTHON
openssl pkeyutl -verify -pubin -inkey "$2" -rawin -in "$work/pae.bin" -sigfile "$work/sig.bin"
