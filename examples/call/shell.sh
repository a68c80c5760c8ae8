#!/bin/sh
# Calls an operation: shell.sh acme:hello greet < input.json
# JACKFIELD_WORKSPACE is such as http://127.0.0.1:8787/v1/workspaces/main, JACKFIELD_TOKEN a token of that workspace.
set -eu
url="$JACKFIELD_WORKSPACE/installations/$(echo "$1" | tr : /)/operations/$2/invoke"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/input"
new_key() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

key=$(new_key)
for try in 1 2 3 4; do
    : > "$work/headers"
    # The server gives up first, so that it can say why.
    status=$(curl --silent --show-error --max-time 35 --dump-header "$work/headers" --output "$work/answer" \
        --write-out '%{http_code}' --header "Authorization: Bearer $JACKFIELD_TOKEN" \
        --header 'Content-Type: application/json' --header "Idempotency-Key: $key" \
        --header 'Jackfield-Deadline-Ms: 30000' --data-binary "@$work/input" "$url") || status=lost
    if [ "$status" = 200 ]; then
        cat "$work/answer"
        echo
        exit
    fi
    after=$(sed -n 's/^retry-after: *\([0-9]*\).*/\1/Ip' "$work/headers")
    if [ "$status" = lost ]; then
        # Whether it was done, nobody knows: under the same key it is done once, and the answer is still there.
        after=$try
    elif [ -z "$after" ]; then
        break
    elif grep -q '"invocation":' "$work/answer"; then
        # It was called and failed, which is this key's answer for good: calling once more is another call.
        key=$(new_key)
    fi
    sleep "$after"
done
# Problem details (RFC 9457): `code` is for programs, `detail` and `hint` for people.
[ "$status" = lost ] || cat "$work/answer" >&2
exit 1
