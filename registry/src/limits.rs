//! Every bound of the registry, with its unit and reason. Those of packages and statements stand in
//! `jackfield_package::limits`.

// ── Finding and reading ─────────────────────────────────────────────────────────────────────────────────────────────

/// Bytes of the text of a search. A sentence is shorter; what follows would cost and find nothing.
pub const SEARCH_TEXT_BYTES: usize = 512;

/// Words of a search that are looked for; the rest of the text is not looked at. Each is a look-up in the index.
pub const SEARCH_WORDS: usize = 8;

/// Characters of one word, in documents and searches: longer ones are cut, in both alike.
pub const SEARCH_WORD_CHARS: usize = 40;

/// Words of one part of a package that are indexed. A README goes on, and its end says nothing new.
pub const SEARCH_INDEXED_WORDS: usize = 2_000;

/// Facets of one package: 256 operations and 256 imports at the most, and a few hosts.
pub const SEARCH_FACET_VALUES: usize = 640;

/// Facets that one search may ask for: as many as its text has places.
pub const SEARCH_FILTERS: usize = 8;

/// Packages on a page unless asked otherwise.
pub const SEARCH_PAGE: i64 = 20;

/// Packages on a page at the most.
pub const SEARCH_PAGE_AT_MOST: i64 = 100;

/// Packages that are counted, and whose facets are: a search for a common word costs the same in a large registry. Beyond it
/// the answer says `more than`.
pub const SEARCH_COUNTED: i64 = 2_000;

/// Values of one facet in an answer, those that most packages have.
pub const SEARCH_FACET_VALUES_SHOWN: i64 = 16;

/// Reviews that each package is thought to have besides its own: how much it takes to move it.
pub const RATING_PRIOR_REVIEWS: i64 = 10;

/// Thousandths of a star of these: what people give on average when they bother.
pub const RATING_PRIOR_MILLI: i64 = 3_500;

/// Bytes of a blob that are read or sent at a time: large enough that a system call costs little, small enough that a
/// thousand slow readers cost 256 MiB.
pub const BLOB_CHUNK_BYTES: usize = 256 << 10;

/// Bytes of an object that is kept in memory once it was read: documents, tiles and small blobs. Above, opening a file costs little
/// beside sending it.
pub const KEPT_OBJECT_BYTES: u64 = 64 << 10;

/// Bytes of all objects that are kept in memory, their names included; twice, for those that change under their name are kept
/// apart. What is asked for most stays.
pub const KEPT_BYTES: u64 = 32 << 20;

/// Microseconds for which a blob that everybody could see is taken to be so still, without a query: how long after a release was
/// hidden *another* process of the registry may still hand its bytes out. This one knows at once.
pub const SHOWN_FOR: i64 = 2_000_000;

/// Blobs that are known to be everybody's at a time: 300 bytes each.
pub const SHOWN_BLOBS: u64 = 100_000;

/// Bytes of one OCI blob. A component has at most 64 MiB; generic namespaces may hold images.
pub const BLOB_BYTES: u64 = 10 << 30;

/// Bytes of an OCI manifest: what distribution-spec 1.1 asks a registry to take at least, and what clients stop at.
pub const MANIFEST_BYTES: usize = 4 << 20;

/// Uploads that one actor may have open: each is a file.
pub const UPLOADS_OPEN: i64 = 256;

/// Bytes of its namespace's quota that an upload of unknown length takes ahead of what has arrived, at the least and at the
/// most: each time is a transaction, and what is taken ahead is lacking to others until the body ends.
pub const UPLOAD_AHEAD_BYTES: (i64, i64) = (1 << 20, 64 << 20);

/// Seconds after which an upload that nobody went on with is forgotten.
pub const UPLOAD_IDLE_S: i64 = 24 * 3600;

/// Seconds after which the bytes of a blob that no repository shows are removed. Longer than any upload takes between its
/// first and its last step.
pub const BLOB_UNUSED_S: i64 = 24 * 3600;

/// Blobs or uploads that one round of sweeping looks at, so that it never holds the database for long.
pub const SWEEP_ROWS: i64 = 500;

/// Tags in one answer of `tags/list`; more are behind its `Link`.
pub const TAGS_PAGE: i64 = 1000;

/// Referrers in one answer; more are behind its `Link`.
pub const REFERRERS_PAGE: i64 = 200;

/// Bytes of annotations in one answer of the referrers API; what is beyond is behind its `Link`. One manifest is always shown.
pub const REFERRERS_BYTES: usize = 4 << 20;

/// Tags that one manifest may be pushed under at once (`?tag=`).
pub const TAGS_PER_PUSH: usize = 32;

/// Bytes of a repository's name, as distribution-spec and hosts' file systems want it.
pub const REPOSITORY_BYTES: usize = 255;

/// Bytes of the OCI config of a connector: a few hundred are honest.
pub const CONNECTOR_CONFIG_BYTES: i64 = 1 << 20;

/// Bytes of a body that are read and dropped after a refusal, so that a client that is still sending reads the answer.
pub const DRAIN_BYTES: usize = 8 << 20;

/// Seconds that a token of `/v2/token` lives: a push of one large blob that asks again in between.
pub const OCI_TOKEN_S: i64 = 300;

/// How many times as often as elsewhere may be asked under `/v2/`: what is one act of a person is a hundred requests of his
/// OCI client.
pub const OCI_REQUESTS_FACTOR: u32 = 10;

/// Scopes that one token may name: clients ask for one or two.
pub const OCI_TOKEN_SCOPES: usize = 16;

/// Bytes of a password: a paragraph. More costs hashing time and no guesser anything.
pub const PASSWORD_BYTES: usize = 1 << 10;
/// Characters of a password at the least: below, a stolen table is guessed (NIST SP 800-63B asks for 8 with a second factor).
pub const PASSWORD_CHARACTERS: usize = 12;
/// Passwords hashed at once, each with 19 MiB and a core for some 20 ms: the rest waits.
pub const PASSWORDS_AT_ONCE: usize = 2;
/// Tokens a user may have that are neither revoked nor expired: each is a secret to look after.
pub const TOKENS_PER_USER: i64 = 100;
/// Seconds a token lives at the most: what nobody renews in a year, nobody looks after.
pub const TOKEN_LIFETIME_S: i64 = 366 * 86_400;
/// Seconds a token lives if nobody says.
pub const TOKEN_LIFETIME_DEFAULT_S: i64 = 90 * 86_400;
/// Seconds that a browser stays signed in: a day's work.
pub const SESSION_S: i64 = 12 * 3600;
/// Seconds that somebody may take at a provider to sign in: with a second factor from another device.
pub const SIGN_IN_ATTEMPT_S: i64 = 10 * 60;
/// Providers by which people sign in: buttons on a page.
pub const SIGN_IN_PROVIDERS: usize = 20;
/// Identities of one user at providers.
pub const IDENTITIES: usize = 10;
/// Seconds that a link signs somebody in: it is read in a mail or on a terminal, and not the next day.
pub const SIGN_IN_CODE_S: i64 = 30 * 60;
/// Seconds a token of trusted publishing or of the OCI token endpoint lives: one upload on a slow line.
pub const TOKEN_SHORT_S: i64 = 15 * 60;
/// Seconds between two notes of when a token was last used: a write per request would be the costliest part of reading.
pub const TOKEN_USED_EVERY_S: i64 = 3600;
/// Bytes of a token's label, and of other one-line texts for lists.
pub const LABEL_TEXT_BYTES: usize = 200;
/// Namespaces a user may own, if no operator makes them: names are scarce.
pub const NAMESPACES_PER_USER: i64 = 20;
/// Members of a namespace: a large team.
pub const MEMBERS_PER_NAMESPACE: i64 = 200;
/// Failed sign-ins at once for one name, then one each [`SIGN_IN_EVERY_S`]: nobody forgets his password that often.
pub const SIGN_INS_AT_ONCE: u32 = 10;
/// Seconds until another failed sign-in is let through: 2 880 guesses a day find no password of 12 characters.
pub const SIGN_IN_EVERY_S: u32 = 30;
/// Seconds for one upload: 256 MiB over 3 Mbit/s.
pub const UPLOAD_TIMEOUT_S: u64 = 15 * 60;
/// Versions of one package that wait for a signature: a stolen token can stage, and must not fill the store with it.
pub const STAGED_PER_PACKAGE: i64 = 20;
/// Entries that one round of the log's sequencer takes: some 4 MB of tiles, and a transaction of a fraction of a second.
pub const LOG_BATCH_ENTRIES: i64 = 4096;

/// Statements that one answer holds: of the largest kind they are some 8 MiB.
pub const LOG_STATEMENTS_PAGE: u64 = 32;

/// Bytes of a witness's answer: a handful of signature lines.
pub const WITNESS_ANSWER_BYTES: usize = 16 << 10;

/// Logs that one witness watches: each is a line of its state file, which is written anew with each cosignature.
pub const WITNESS_LOGS: usize = 256;
/// Days that a keyset which the keys before did not sign is public before it is in force: an owner on holiday sees it.
pub const RECOVERY_DELAY_DAYS: i64 = 14;
/// Seconds between a signature that proves control and now, either way: clocks differ.
pub const CONTROL_AGE_S: i64 = 10 * 60;
/// Seconds between two looks at a TXT record that proves control: a domain changes hands within days, not hours.
pub const CONTROL_CHECK_S: i64 = 86_400;
/// Days that a TXT record may be missing before it proves nothing any more: a mistake in a zone is mended within two weeks.
pub const CONTROL_GRACE_DAYS: i64 = 14;
/// TXT records looked up in one round, an hour apart: 10 seconds each at the worst.
pub const CONTROLS_A_ROUND: i64 = 200;
/// Bytes of an identity token: those of CI services have some 2 000.
pub const ID_TOKEN_BYTES: usize = 16 << 10;
/// Seconds since an identity token was made at the most: CI asks for one when it needs it.
pub const ID_TOKEN_AGE_S: i64 = 3600;
/// Bytes of an issuer's discovery document or key set.
pub const ISSUER_BYTES: usize = 256 << 10;
/// Keys of an issuer: it rotates among a handful.
pub const ISSUER_KEYS: usize = 64;
/// Seconds that an issuer's keys are remembered.
pub const ISSUER_KEYS_AGE_S: i64 = 600;
/// Seconds between two questions to an issuer, whatever keys tokens claim: a stranger shall not make this registry knock there.
pub const ISSUER_ASKED_EVERY_S: i64 = 30;
/// Claims of a trusted publisher.
pub const CLAIMS: usize = 16;
/// Bytes of a claim's name, and of its value.
pub const CLAIM_BYTES: usize = 300;
/// Trusted publishers of a namespace: a workflow for each package of a large team.
pub const PUBLISHERS_PER_NAMESPACE: usize = 200;

/// Packages in one answer about a namespace.
pub const NAMESPACE_PAGE: i64 = 200;

/// Packages whose downloads and installs wait in memory to be written; more are not counted until then. 10 seconds of a busy
/// registry, 5 MiB.
pub const COUNTS_KEPT: usize = 50_000;

/// Characters of a review, and of a reply to one: two pages.
pub const REVIEW_CHARS: usize = 4_000;

/// Characters of a reason: a sentence or two. As much as a status statement takes.
pub const REASON_CHARS: usize = 240;

/// Reviews in one answer.
pub const REVIEWS_PAGE: i64 = 20;

/// Flags in one answer: a moderator's morning.
pub const FLAGS_PAGE: i64 = 200;

/// Characters of an advisory: two pages.
pub const ADVISORY_CHARS: usize = 8_000;

// ── Publishing ──────────────────────────────────────────────────────────────────────────────────────────────────────

/// Components that one process has examined at a time: each takes a core and up to 3 GiB.
pub const CHECKS_AT_ONCE: usize = 2;

/// How often an examination may come to no verdict before a person is asked.
pub const CHECK_ATTEMPTS: i64 = 5;

/// Seconds until the second attempt; each further one waits four times as long.
pub const CHECK_RETRY_S: i64 = 5;

/// Seconds that a lease on a release lasts unless it is renewed: how long one waits whose checker has died.
pub const CHECK_LEASE_S: i64 = 15;

/// Releases that are taken from the log to everybody's eyes in one round; the rest has its turn in the next.
pub const RELEASES_A_ROUND: i64 = 100;

/// Names that are read at a time when a new one is held against all others.
pub const CONFUSABLE_PAGE: i64 = 1_000;

/// Seconds that a request for progress may wait for news. Proxies end a silent request after a minute.
pub const PROGRESS_WAIT_S: u64 = 30;

/// Held releases in one answer to a moderator, the oldest ones.
pub const HELD_SHOWN: i64 = 100;

/// Characters of a moderator's reason and of an author's appeal.
pub const DECISION_CHARS: usize = 2_000;
/// Days that the audit log keeps a line: a year and a month, for whoever looks once a year.
pub const AUDIT_DAYS: i64 = 400;
/// Lines of the audit log in one answer.
pub const AUDIT_PAGE: i64 = 200;
/// Days that a token which has ended is remembered, so that whoever presents it hears why.
pub const TOKEN_KEPT_DAYS: i64 = 30;

// ── Evidence ────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Statements that one release's evidence shows. Beyond it hosts would refuse the document anyway (64 of a kind).
pub const EVIDENCE_STATEMENTS: i64 = 1_024;

/// Audits of one release that are taken. Hosts read 64; the rest stays for an operator's reviewers.
pub const EVIDENCE_AUDITS: i64 = 48;
/// Days that a quarantine lasts at the most: time to look, not a way to take a release away unexplained.
pub const QUARANTINE_DAYS: i64 = 7;

/// Statuses that one round makes true: a moderator's morning. The next round follows within a second.
pub const STATUSES_AT_ONCE: i64 = 100;

// ── Reading and trying components ───────────────────────────────────────────────────────────────────────────────────

/// Bytes of a component's WIT: a connector that sends requests has 8 KiB. What is valid and made to be long has three of these.
pub const WIT_BYTES: usize = 1 << 20;

/// Components that are read at a time for what they say of themselves: each takes a process, and a core for part of a second.
pub const READINGS_AT_ONCE: usize = 2;

/// Bytes of what components say of themselves that are kept in memory: more than a thousand usual ones.
pub const READINGS_KEPT_BYTES: u64 = 32 << 20;

/// Seconds that somebody waits for a reading or a try to begin while others have theirs; then he is told to come again.
pub const TURN_S: u64 = 10;

/// Seconds that a try may take in all, its turn and the compilation included: [`TURN_S`], a minute, and some to answer.
pub const TRY_TIMEOUT_S: u64 = 75;

/// Tries at once from one address, and as many of one user; then one each [`TRY_EVERY_S`]: who looks at a form and thinks takes longer.
pub const TRIES_IN_A_ROW: u32 = 20;

/// Seconds until one more: each compiles a component and runs somebody else's code.
pub const TRY_EVERY_S: i64 = 6;

/// Tries that run at a time, at the most that can be set: each is a process that may take a core and 4 GiB.
pub const TRIES_AT_ONCE: usize = 64;

/// Files of a try: as many as a call may have.
pub const TRY_FILES: usize = 32;

/// Bytes of the names in a try: an operation's, a cassette's, a file's id.
pub const TRY_WORD_BYTES: usize = 200;
