"""Calls an operation: python.py acme:hello greet < input.json

JACKFIELD_WORKSPACE is such as http://127.0.0.1:8787/v1/workspaces/main, JACKFIELD_TOKEN a token of that workspace.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

TRIES = 4
DEADLINE_S = 30


class Problem(Exception):
    """Problem details (RFC 9457): `code` is for programs, `detail` and `hint` for people."""

    def __init__(self, answer):
        self.body = json.loads(answer.read())
        self.retry_after = answer.headers["Retry-After"]
        super().__init__(f"{self.body['detail']} [{self.body['code']}]")


def ask(url, token, body, key):
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Idempotency-Key": key,
        "Jackfield-Deadline-Ms": str(DEADLINE_S * 1000),
    }
    try:
        # The server gives up first, so that it can say why.
        request = urllib.request.Request(url, body, headers)
        with urllib.request.urlopen(request, timeout=DEADLINE_S + 5) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as answer:
        raise Problem(answer) from None


def call(workspace, token, package, operation, body):
    url = f"{workspace}/installations/{package.replace(':', '/')}/operations/{operation}/invoke"
    key = str(uuid.uuid4())
    for attempt in range(1, TRIES + 1):
        try:
            return ask(url, token, body, key)
        except Problem as problem:
            if problem.retry_after is None or attempt == TRIES:
                raise
            wait = int(problem.retry_after)
            # It was called and failed, which is this key's answer for good: calling once more is another call.
            if "invocation" in problem.body:
                key = str(uuid.uuid4())
        except OSError:
            # Whether it was done, nobody knows: under the same key it is done once, and the answer is still there.
            if attempt == TRIES:
                raise
            wait = attempt
        time.sleep(wait)


if __name__ == "__main__":
    if len(sys.argv) != 3 or not {"JACKFIELD_WORKSPACE", "JACKFIELD_TOKEN"} <= os.environ.keys():
        sys.exit(__doc__)
    where, who = os.environ["JACKFIELD_WORKSPACE"], os.environ["JACKFIELD_TOKEN"]
    try:
        print(json.dumps(call(where, who, sys.argv[1], sys.argv[2], sys.stdin.buffer.read())))
    except Problem as refused:
        sys.exit(f"{refused}\nhint: {refused.body['hint']}" if "hint" in refused.body else str(refused))
