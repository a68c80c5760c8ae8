//! Of the transparency log.

pub(crate) const LOG: &str = "\
Examples:
  jackfield log checkpoint --registry https://registry.example
  jackfield log monitor --once --output json";

pub(crate) const LOG_CHECKPOINT: &str = "\
Examples:
  jackfield log checkpoint
  jackfield log checkpoint --log-key 'registry.example+5f3a9c01+AR…'";

pub(crate) const LOG_PROVE: &str = "\
`jackfield publish` and `jackfield info` show the digests.

Examples:
  jackfield log prove acme:crm@1.2.0                            # all statements about the release
  jackfield log prove acme:crm@1.2.0 --out proofs
  jackfield log prove sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --out crm.tlog-proof
  jackfield log prove sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --out crm.sigstore.json";

pub(crate) const LOG_VERIFY: &str = "\
Examples:
  jackfield log verify crm.sigstore.json --key acme.pem --log-key 'registry.example+5f3a9c01+AR…'
  jackfield log verify crm.sigstore.json --key acme.pem --proof crm.tlog-proof --policy quorum.txt";

pub(crate) const LOG_MONITOR: &str = "\
Alarms: the log went back or shows another face, an entry without its statement, one version published twice, a changed
keyset, releases in any index and not in the log. Notes: logged releases that the index does not show (yet).

Examples:
  jackfield log monitor --once                       # in CI: exit code 3 on an alarm
  jackfield log monitor --every 30 --state /var/lib/monitor.json";

pub(crate) const LOG_REBUILD: &str = "\
For the registry's operator, on its machine: the releases, their states and the namespaces' keys as the log alone says them, from
its tiles and the statements. With --compare also what the database serves otherwise. On a registry that is served at the same
time, what was said in the last seconds may differ: look twice.

Examples:
  jackfield log rebuild --data jackfield-registry --compare
  jackfield log rebuild --config registry.toml --compare --output json   # exit code 3 if they differ";

pub(crate) const LOG_WITNESS: &str = "\
It shows its own key when it starts; the registry's operator puts `<vkey> <url>` into `witnesses`.

Examples:
  jackfield key new witness
  jackfield log witness --name witness.example --key witness --log 'registry.example+5f3a9c01+AR…'";
