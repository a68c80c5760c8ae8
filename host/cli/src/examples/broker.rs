//! Examples of what is done with accounts that connectors use.

pub(crate) const CONNECT: &str = "\
An app must be registered at the provider first; without --client-id this says how. Secrets come from files, stdin or
the terminal, never from the command line.

Examples:
  jackfield connect jackfield:github --client-id Iv1.0a1b --client-secret-from app-secret
  jackfield connect jackfield:github --client-id Iv1.0a1b --flow device      # no browser on this machine
  pass show github-token | jackfield connect jackfield:github --token-from -
  jackfield connect acme:shop --provider shopify --set shop=acme --client-id 0a1b --client-secret-from app-secret
  jackfield connect acme:mail --provider google --flow jwt-bearer --client-id robot@acme.example --client-key robot.pem";

pub(crate) const CONNECTIONS: &str = "\
Examples:
  jackfield connections list
  jackfield connections show con_0199…
  jackfield connections reconnect con_0199…";

pub(crate) const CONNECTIONS_LIST: &str = "\
Examples:
  jackfield connections list
  jackfield connections list --output json | jq -r '.connections[] | select(.state == \"needs-reauth\").id'";

pub(crate) const CONNECTIONS_SHOW: &str = "\
Examples:
  jackfield connections show con_0199…";

pub(crate) const CONNECTIONS_TEST: &str = "\
Examples:
  jackfield connections test con_0199…";

pub(crate) const CONNECTIONS_RECONNECT: &str = "\
Examples:
  jackfield connections reconnect con_0199…
  jackfield connections reconnect con_0199… --token-from new-token";

pub(crate) const CONNECTIONS_REVOKE: &str = "\
Examples:
  jackfield connections revoke con_0199…";

pub(crate) const CONNECTIONS_DELETE: &str = "\
Examples:
  jackfield connections delete con_0199…";

pub(crate) const CONNECTIONS_DISABLE: &str = "\
Examples:
  jackfield connections disable con_0199…";

pub(crate) const CONNECTIONS_ENABLE: &str = "\
Examples:
  jackfield connections enable con_0199…";

pub(crate) const PROVIDER: &str = "\
Examples:
  jackfield provider list
  jackfield provider show salesforce";

pub(crate) const PROVIDER_LIST: &str = "\
Examples:
  jackfield provider list
  jackfield provider list --output json | jq -r '.providers[].name'";

pub(crate) const PROVIDER_SHOW: &str = "\
Examples:
  jackfield provider show salesforce
  jackfield provider show github --output json";

pub(crate) const PROVIDER_ADD: &str = "\
Examples:
  jackfield provider add ./acme-git.toml
  jackfield provider add --issuer https://id.acme.example --name acme-id
  jackfield provider add --issuer https://id.intra.acme.example --name acme-id --address 10.0.0.0/8";

pub(crate) const VAULT: &str = "\
Examples:
  jackfield vault show
  jackfield vault rewrap      # then back up broker.key
  jackfield vault retire";

pub(crate) const VAULT_SHOW: &str = "\
Examples:
  jackfield vault show
  jackfield vault show --output json | jq -r '.masters[].id'";

pub(crate) const VAULT_REWRAP: &str = "\
Back up broker.key afterwards, and not beside the database: without it no secret opens.

Examples:
  jackfield vault rewrap
  JACKFIELD_MASTER_KEYS=\"$(cat old-key new-key)\" jackfield vault rewrap";

pub(crate) const VAULT_RETIRE: &str = "\
What is taken out stands in broker.key.retired until you delete that: copies of the database that were made before need it.

Examples:
  jackfield vault retire";
