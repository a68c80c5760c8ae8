"""Pushes or pulls one file with the Python library oras: push|pull HOST/REPOSITORY:TAG FOLDER [USER TOKEN]."""

import sys

import oras.client

verb, target, folder = sys.argv[1:4]
client = oras.client.OrasClient(insecure=True)
if len(sys.argv) > 4:
    client.auth.set_basic_auth(*sys.argv[4:6])
if verb == "push":
    client.push(
        target=target,
        files=[f"{folder}/crm.wasm:application/wasm"],
        manifest_config=f"{folder}/config.json:application/vnd.wasm.config.v0+json",
        disable_path_validation=True,
        do_chunked=True,
        chunk_size=50_000,
    )
else:
    print("\n".join(client.pull(target=target, outdir=folder)))
