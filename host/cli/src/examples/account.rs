//! Of accounts.

pub(crate) const LOGIN: &str = "\
The token stands in <home>/credentials.toml, mode 0600; the registry is from then on the one that is asked.
JACKFIELD_TOKEN goes before it.

Examples:
  jackfield login --registry https://registry.example --user ada
  jackfield login --registry http://127.0.0.1:8787 --token-file jackfield-registry/operator-token
  pass show registry | jackfield login --registry https://registry.example --token-stdin";

pub(crate) const LOGOUT: &str = "\
Examples:
  jackfield logout
  jackfield logout --registry https://registry.example";

pub(crate) const WHOAMI: &str = "\
Examples:
  jackfield whoami
  jackfield whoami --output json | jq -r .user";

pub(crate) const USER: &str = "\
Examples:
  jackfield user create ada --password-file ada.password
  jackfield user disable mallory";

pub(crate) const USER_PASSWORD: &str = "\
Examples:
  jackfield user password
  jackfield user password --old-file old --new-file new";

pub(crate) const USER_CREATE: &str = "\
Examples:
  jackfield user create ada                       # asks for the password, twice
  jackfield user create moderator --operator --password-file password";

pub(crate) const USER_DISABLE: &str = "\
Examples:
  jackfield user disable mallory";

pub(crate) const USER_ENABLE: &str = "\
Examples:
  jackfield user enable mallory";

pub(crate) const TOKEN: &str = "\
Examples:
  jackfield token create --label ci --packages 'acme:*' --action publish --days 30
  jackfield token list";

pub(crate) const TOKEN_CREATE: &str = "\
Examples:
  jackfield token create --label ci --packages 'acme:*' --action publish --days 30
  jackfield token create --output json | jq -r .token";

pub(crate) const TOKEN_LIST: &str = "\
Examples:
  jackfield token list
  jackfield token list --output json | jq -r '.tokens[] | [.id, .label] | @tsv'";

pub(crate) const TOKEN_REVOKE: &str = "\
Examples:
  jackfield token revoke 019b76da-a800-7123-8456-426614174000";

pub(crate) const NAMESPACE: &str = "\
Examples:
  jackfield namespace create acme
  jackfield namespace keyset acme --key release
  jackfield namespace member add acme bob --role publisher";

pub(crate) const NAMESPACE_CREATE: &str = "\
A reserved name, or one that looks like another, waits for a moderator.

Examples:
  jackfield namespace create acme";

pub(crate) const NAMESPACE_SHOW: &str = "\
Examples:
  jackfield namespace show acme
  jackfield namespace show acme --output json | jq .keyset";

pub(crate) const NAMESPACE_LIST: &str = "\
Examples:
  jackfield namespace list";

pub(crate) const NAMESPACE_MEMBER: &str = "\
Examples:
  jackfield namespace member add acme bob
  jackfield namespace member add acme bob --role owner
  jackfield namespace member remove acme bob";

pub(crate) const NAMESPACE_VERIFY: &str = "\
Examples:
  jackfield namespace verify acme --dns acme.example
  jackfield namespace verify acme --key release";

pub(crate) const NAMESPACE_KEYSET: &str = "\
The first set is signed by each of its keys. A later one is signed by as many keys of the set until now as its
threshold says, and by every key that is new. The statement goes into the log.

Examples:
  jackfield namespace keyset acme --key release
  jackfield namespace keyset acme --key release-2027 --sign-with release --reason 'yearly rotation'
  jackfield namespace keyset acme --key ada --key bob --threshold 2 --sign-with release";

pub(crate) const NAMESPACE_RECOVER: &str = "\
Examples:
  jackfield namespace recover prepare acme --key next --out recovery.json       # who has lost the keys
  jackfield namespace recover announce acme recovery.json --reason 'a fire'    # an operator, who knows him
  jackfield namespace recover stop acme                                        # an owner who knows nothing of it
  jackfield namespace recover complete acme                                    # an operator, 14 days later

Hosts that have seen the keys before refuse the new ones until somebody there removes the pin.";

pub(crate) const NAMESPACE_REVOKE_KEY: &str = "\
Examples:
  jackfield namespace revoke-key acme 0f3c… --reason 'the laptop was stolen' --key spare
  jackfield namespace revoke-key acme 0f3c… --reason 'lost on Friday' --since-index 1042 --key spare";

pub(crate) const NAMESPACE_PUBLISHER: &str = "\
Examples:
  jackfield namespace publisher add acme --issuer https://token.actions.githubusercontent.com \\
      --claim repository=acme/crm --claim ref=refs/heads/main --packages acme:crm
  jackfield namespace publisher list acme
  jackfield namespace publisher remove acme 019b76da-a800-7123-8456-426614174000";

pub(crate) const NAMESPACE_HELD: &str = "\
Examples:
  jackfield namespace held";

pub(crate) const NAMESPACE_DECIDE: &str = "\
Examples:
  jackfield namespace decide acrne refuse --reason 'looks like acme'
  jackfield namespace decide modem-tools grant --reason 'they make modems'";
