//! What stands below the flags in every `--help`.

mod account;
mod broker;
mod log;

pub(crate) use self::{account::*, broker::*, log::*};

pub(crate) const TOP: &str = "\
A connector's life:
  jackfield new hello --namespace acme && cd hello    # a folder that builds
  jackfield test                                      # in the sandbox, without a network
  jackfield build                                     # checks it too; says where it is
  jackfield key new release
  jackfield sign target/jackfield/hello-0.1.0.wasm --key release
  jackfield trust add release --namespace acme
  jackfield install target/jackfield/hello-0.1.0.wasm
  jackfield invoke acme:hello greet --input '{\"name\": \"Ada\"}' --bill

Exit codes:
  0    done
  1    the host failed, or a file or the network did
  2    the command line is wrong, or asks for an answer that nobody can give
  3    refused: a check, a signature or a policy said no
  4    the connector answered with an error
  5    denied: the connector asked what its manifest or its grant does not allow
  6    the connector used up a limit
  7    the connector crashed
  8    not found, or not installed
  130  cancelled

Answers go to stdout, everything else to stderr. With --output json both are JSON.";

pub(crate) const NEW: &str = "\
Examples:
  jackfield new fetch-issues --namespace acme
  jackfield new ./connectors/fetch-issues";

pub(crate) const BUILD: &str = "\
Examples:
  jackfield build
  jackfield build connectors/fetch-issues --debug";

pub(crate) const CHECK: &str = "\
Examples:
  jackfield check                               # the connector in this folder
  jackfield check fetch-issues.wasm --output json
  jackfield check strange.wasm --no-run         # reads it, runs nothing

Exit code 3 if a check fails.";

pub(crate) const TEST: &str = "\
Examples:
  jackfield test
  jackfield test connectors/fetch-issues --filter retry";

pub(crate) const INSPECT: &str = "\
Examples:
  jackfield inspect fetch-issues.wasm
  jackfield inspect fetch-issues.wasm --output json | jq .manifest.egress";

pub(crate) const KEY: &str = "\
Examples:
  jackfield key new release
  jackfield key show release > release.pub.pem";

pub(crate) const KEY_NEW: &str = "\
The key is written to <home>/keys/NAME.pem: PKCS#8, encrypted, mode 0600, readable by openssl.

Examples:
  jackfield key new release                                  # asks for the passphrase, twice
  jackfield key new ci --passphrase-file /run/secrets/passphrase
  jackfield key new ci --passphrase-fd 3 3< <(pass show jackfield)";

pub(crate) const KEY_LIST: &str = "\
Examples:
  jackfield key list
  jackfield key list --output json | jq -r '.keys[].keyid'";

pub(crate) const KEY_SHOW: &str = "\
Examples:
  jackfield key show release > release.pub.pem
  jackfield key show release --output json | jq -r .keyid";

pub(crate) const TRUST: &str = "\
Examples:
  jackfield trust add acme.pub.pem --namespace acme
  jackfield trust list";

pub(crate) const TRUST_ADD: &str = "\
Examples:
  jackfield trust add acme.pub.pem --namespace acme --label 'Acme, release key 2026'
  jackfield trust add release                   # my own key, for every namespace";

pub(crate) const TRUST_LIST: &str = "\
Examples:
  jackfield trust list
  jackfield trust list --output json | jq -r '.keys[] | [.keyid, .label] | @tsv'";

pub(crate) const TRUST_REMOVE: &str = "\
Examples:
  jackfield trust remove release
  jackfield trust remove 9f30fe8f               # the beginning of its keyid";

pub(crate) const SIGN: &str = "\
Examples:
  jackfield sign fetch-issues.wasm --key release
  jackfield sign fetch-issues.wasm --key release --evidence evidence/
  openssl pkeyutl -verify -rawin -in evidence/pae.bin -sigfile evidence/sig.bin \\
      -pubin -inkey evidence/public.pem";

pub(crate) const PUBLISH: &str = "\
Examples:
  jackfield publish target/jackfield/fetch-issues.wasm --key release
  jackfield publish fetch-issues.wasm --key release --registry https://registry.example
  jackfield publish fetch-issues.wasm --stage
  jackfield publish --staged acme:fetch-issues@1.2.0 --key release

Exit code 0: released, or with --no-wait: handed in. 3: a rule is broken, or a moderator must look at it.";

pub(crate) const WITHDRAW: &str = "\
The version is free again, for other bytes too. What is out already is taken back by a statement: jackfield yank.

Examples:
  jackfield withdraw acme:fetch-issues@1.2.0 --reason 'built from the wrong branch'";

pub(crate) const VERIFY: &str = "\
Examples:
  jackfield verify fetch-issues.wasm --explain
  jackfield verify fetch-issues.wasm --key acme.pub.pem
  jackfield verify fetch-issues.wasm --bundle downloads/fetch-issues.sigstore.json

Exit code 3 if it is refused.";

pub(crate) const INSTALL: &str = "\
Shows what the connector asks for and why, and then asks. Without a terminal, say what to grant.

Examples:
  jackfield install fetch-issues.wasm
  jackfield install fetch-issues.wasm --grant-all
  jackfield install fetch-issues.wasm --allow 'GET https://api.example.com' --operation list
  jackfield install fetch-issues.wasm --grant-all --credential api=/etc/jackfield/token
  jackfield install feed.wasm --grant-none --config '{\"feeds\": [\"https://example.com/feed\"]}'";

pub(crate) const GRANT: &str = "\
A destination is '[METHODS ]SCHEME://HOST[:PORTS][ via ADDRESSES]': METHODS such as GET,POST or *,
left out GET and HEAD; HOST a name, *.name, {config_field} or an address; ADDRESSES private networks
it may resolve to.

Examples:
  jackfield grant acme:fetch-issues                       # shows it
  jackfield grant acme:fetch-issues --allow 'GET,POST https://api.example.com'
  jackfield grant acme:fetch-issues --allow 'GET https://intranet.example via 10.0.0.0/8'
  jackfield grant acme:fetch-issues --deny api.example.com --limit time-ms=60000
  jackfield grant acme:fetch-issues --none                # computing only";

pub(crate) const LIST: &str = "\
Examples:
  jackfield list
  jackfield list --output json | jq -r '.installations[].name'";

pub(crate) const UNINSTALL: &str = "\
Examples:
  jackfield uninstall acme:fetch-issues";

pub(crate) const ENABLE: &str = "\
Examples:
  jackfield enable acme:fetch-issues";

pub(crate) const DISABLE: &str = "\
Examples:
  jackfield disable acme:fetch-issues";

pub(crate) const INVOKE: &str = "\
The answer's JSON goes to stdout; log lines, denials and the bill go to stderr. Ctrl-C cancels,
and tells the bill.

Examples:
  jackfield invoke acme:fetch-issues list --input '{\"repository\": \"acme/site\"}'
  jackfield invoke acme:fetch-issues list --input @query.json --bill
  echo '{\"repository\": \"acme/site\"}' | jackfield invoke acme:fetch-issues list --input -
  jackfield invoke jackfield:csv to-json-lines --input '{\"file\": {\"$file\": \"table\"}}' \\
      --file table=table.csv --out rows/";

pub(crate) const MCP: &str = "\
An agent's client starts this command; there is nothing to type. The tools are the operations of what is installed and enabled,
each call as by `jackfield invoke`. It ends when its stdin does. For what a server has installed, agents need no command:
docs/reference/mcp.md.

Examples:
  jackfield mcp
  jackfield mcp --only 'acme:*'
  claude mcp add jackfield -- jackfield mcp --only acme:fetch-issues";

pub(crate) const SERVE: &str = "\
Listens on 127.0.0.1:8787 and keeps everything in ./jackfield-registry unless told otherwise. The first start
makes the user `operator`, writes a token for it to <data>/operator-token, and prints a link to sign in by. SIGTERM
ends it in order.

Examples:
  jackfield serve --data /var/lib/jackfield --origin registry.example
  jackfield serve --config /etc/jackfield/registry.toml --check
  jackfield serve --listen 127.0.0.1:0 --output json | jq -r .listening
  jackfield login --registry http://127.0.0.1:8787 --token-file jackfield-registry/operator-token";

pub(crate) const BACKUP: &str = "\
The server may run meanwhile. Databases of SQLite are copied as they stand at one moment; a PostgreSQL database and blobs
in S3 are named, and copied by their own tools. The copy has the server's keys.

Examples:
  jackfield backup /var/backups/jackfield-2026-11-28 --data /var/lib/jackfield
  jackfield backup /var/backups/today --config /etc/jackfield/registry.toml --output json | jq .bytes";

pub(crate) const RESTORE: &str = "\
Examples:
  jackfield restore /var/backups/jackfield-2026-11-28 --data /var/lib/jackfield";

pub(crate) const REGISTRY: &str = "\
Examples:
  jackfield registry add https://registry.example
  jackfield registry list";

pub(crate) const REGISTRY_ADD: &str = "\
Examples:
  jackfield registry add https://registry.example
  jackfield registry add https://registry.example --log-key registry.example+1a2b3c4d+AbCd";

pub(crate) const REGISTRY_LIST: &str = "\
Examples:
  jackfield registry list
  jackfield registry list --output json";

pub(crate) const REGISTRY_REMOVE: &str = "\
Examples:
  jackfield registry remove registry.example";

pub(crate) const REVIEW: &str = "\
Examples:
  jackfield review add acme:crm --stars 4 --text 'Fast, and says what went wrong.'
  jackfield review list acme:crm

A review goes with a receipt: how many calls of the installed release went well in this home, and from which day to which.";

pub(crate) const REVIEW_ADD: &str = "\
Examples:
  jackfield review add acme:crm --stars 4 --text 'Fast, and says what went wrong.'
  jackfield review add acme:crm --stars 2 --text @review.txt   # in place of what you said before";

pub(crate) const REVIEW_LIST: &str = "\
Examples:
  jackfield review list acme:crm";

pub(crate) const REVIEW_REPLY: &str = "\
Examples:
  jackfield review reply acme:crm 019b76da-a800-7123-8456-426614174000 --text 'Fixed in 1.3.0.'";

pub(crate) const REVIEW_FLAG: &str = "\
Examples:
  jackfield review flag acme:crm 019b76da-a800-7123-8456-426614174000 --reason 'names a customer'";

pub(crate) const REVIEW_REMOVE: &str = "\
Examples:
  jackfield review remove acme:crm 019b76da-a800-7123-8456-426614174000 --reason 'names a customer'";

pub(crate) const REVIEW_KEEP: &str = "\
Examples:
  jackfield review keep acme:crm 019b76da-a800-7123-8456-426614174000 --reason 'harsh, and fair'";

pub(crate) const REVIEW_FLAGS: &str = "\
Examples:
  jackfield review flags";

pub(crate) const ADVISORY: &str = "\
Examples:
  jackfield advisory list acme:crm
  jackfield advisory show acme:crm JFA-2026-0001";

pub(crate) const ADVISORY_PUBLISH: &str = "\
Examples:
  jackfield advisory publish acme:crm --affected '>=1.2.0, <1.2.5' --severity high \\
      --title 'Loses rows' --text 'Rows after the first page are dropped. Upgrade to 1.2.5.'";

pub(crate) const ADVISORY_LIST: &str = "\
Examples:
  jackfield advisory list acme:crm";

pub(crate) const ADVISORY_SHOW: &str = "\
Examples:
  jackfield advisory show acme:crm JFA-2026-0001";

pub(crate) const ADVISORY_WITHDRAW: &str = "\
Examples:
  jackfield advisory withdraw acme:crm JFA-2026-0001";

pub(crate) const UPGRADE: &str = "\
Examples:
  jackfield upgrade                  # all; what asks for more waits for your word
  jackfield upgrade acme:crm@1.3.0   # also on its first day
  jackfield upgrade acme:crm --yes   # agree to what it asks for beyond the release before

What it may do stays as granted: see `jackfield grant NAME`.";

pub(crate) const OUTDATED: &str = "\
Examples:
  jackfield outdated
  jackfield outdated --output json";

pub(crate) const STATUS: &str = "\
Examples:
  jackfield status
  jackfield status --offline
  jackfield status --disable-revoked --output json

Exit code 3 if something installed was taken back (yanked, quarantined, revoked), or does not hold.";

pub(crate) const AUDIT: &str = "\
Examples:
  jackfield audit acme:crm@1.3.0 --since 1.2.0
  jackfield audit acme:crm@1.3.0 --verdict pass --key review --notes 'read all of it' --push";

pub(crate) const EXPORT_EVIDENCE: &str = "\
Examples:
  jackfield export-evidence acme:crm ./evidence
  openssl pkeyutl -verify -pubin -inkey evidence/publish-0/public.pem -rawin \\
    -in evidence/publish-0/pae.bin -sigfile evidence/publish-0/sig.bin";

pub(crate) const SEARCH: &str = "\
Examples:
  jackfield search crm
  jackfield search 'list issues' --category developer-tools --sort rating
  jackfield search --host api.example.com --auth oauth2";

pub(crate) const INFO: &str = "\
Examples:
  jackfield info acme:crm
  jackfield info acme:crm@1.2.0 --output json";

pub(crate) const YANK: &str = "\
Examples:
  jackfield yank acme:crm@1.2.0 --reason 'loses rows' --key release";

pub(crate) const QUARANTINE: &str = "\
Examples:
  jackfield quarantine acme:crm@1.2.0 --reason 'somebody looks at it' --days 2";

pub(crate) const REVOKE: &str = "\
Examples:
  jackfield revoke acme:crm@1.2.0 --reason 'leaks credentials' --key release";

pub(crate) const LIFT: &str = "\
Examples:
  jackfield lift acme:crm@1.2.0 --reason 'it was a mistake' --key release";

pub(crate) const DEPRECATE: &str = "\
Examples:
  jackfield deprecate acme:crm --message 'use acme:crm-next'
  jackfield deprecate acme:crm --undo";
