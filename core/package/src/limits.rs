//! Every bound of this crate: what grows, how far, in which unit, and why.

/// Bytes of one label of a name. As WIT and OCI repository names allow, and short enough to read.
pub const LABEL_BYTES: usize = 64;

// ── JSON ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Levels of arrays and objects in strict JSON. Schemas of real connectors stay below 20.
pub const JSON_DEPTH: usize = 32;

/// Bytes of the manifest section. The largest connector with 200 operations and their schemas stays below half of it.
pub const MANIFEST_BYTES: usize = 256 << 10;

/// Entries of the manifest's `egress`. Each is a line that a person reads before granting it.
pub const EGRESS_ENTRIES: usize = 64;

/// Entries of the manifest's `auth`.
pub const AUTH_ENTRIES: usize = 16;

/// Entries of `hook.reads`: an error's code and words, and some numbers.
pub const HOOK_READS: usize = 16;

/// Entries of the manifest's `operations`.
pub const OPERATIONS: usize = 256;

/// Entries of the manifest's `examples`.
pub const EXAMPLES: usize = 512;

/// Entries of `categories`.
pub const CATEGORIES: usize = 4;

/// Entries of `keywords`.
pub const KEYWORDS: usize = 16;

/// Scopes of one `auth` entry or one operation.
pub const SCOPES: usize = 128;

/// Characters of `title` and of an operation's or example's title.
pub const TITLE_CHARS: usize = 80;

/// Characters of `summary` and of a `reason`.
pub const SUMMARY_CHARS: usize = 240;

/// Characters of `changes` and of an operation's `description`.
pub const TEXT_CHARS: usize = 8_000;

/// Characters of a link, a scope's name, a header's or parameter's name and an egress pattern.
pub const WORD_CHARS: usize = 512;

/// Subschemas that one value may be held against, counted through `$ref`, `allOf` and their like. Hand-written and
/// derived schemas stay below 500; a bomb of references reaches millions.
pub const SCHEMA_COST: u64 = 20_000;

/// Bytes of the compiled program of one regular expression.
pub const PATTERN_BYTES: usize = 1 << 20;

// ── The component ───────────────────────────────────────────────────────────────────────────────────────────────────

/// Bytes of a component. CPython with its standard library is 18 MB, SpiderMonkey 12 MB.
pub const COMPONENT_BYTES: usize = 64 << 20;

/// Sections at the component's top level. `wit-component` writes a few hundred for CPython.
pub const TOP_LEVEL_SECTIONS: usize = 10_000;

/// Sections in all, those of nested modules and components included.
pub const TOTAL_SECTIONS: usize = 100_000;

/// Nested modules and components in all. CPython brings about 40.
pub const NESTED: usize = 1_000;

/// Levels of nesting. `wit-component` nests once, a composition twice.
pub const NESTING_DEPTH: usize = 8;

/// Functions with a body, summed over all modules. CPython and SpiderMonkey have about 20 000 each.
pub const FUNCTIONS: u64 = 200_000;

/// Bytes of any custom section: debug information is the largest honest one.
pub const CUSTOM_SECTION_BYTES: usize = 16 << 20;

/// Bytes of the section `jackfield:readme`.
pub const README_BYTES: usize = 256 << 10;

/// Bytes of the section `jackfield:icon`.
pub const ICON_BYTES: usize = 128 << 10;

/// Bytes of the section `jackfield:cassettes`. The ten cassettes of a connector with real answers have some 30 KiB.
pub const CASSETTES_BYTES: usize = 2 << 20;

/// Cassettes of one package: a handful for each of 25 operations, and few enough to replay while somebody waits.
pub const CASSETTES: usize = 128;

/// Bytes of a cassette's name, which is that of its file.
pub const CASSETTE_NAME_BYTES: usize = 128;

/// Imports of the component. All of WASI 0.2 is about 40 interfaces.
pub const IMPORTS: u32 = 256;

/// Exports of the component.
pub const EXPORTS: u32 = 256;

/// Bytes of the name of an import or export.
pub const EXTERN_NAME_BYTES: usize = 256;

// ── What a manifest may wish for ────────────────────────────────────────────────────────────────────────────────────

/// Bytes of memory: as much as a 32-bit guest of a heavy language can use well.
pub const WISH_MEMORY_BYTES: u64 = 1 << 30;

/// Units of fuel a call: what computes in some eight minutes, which is as long as a call may wish to take.
pub const WISH_FUEL: u64 = 1_000_000_000_000;

/// Milliseconds a call.
pub const WISH_TIME_MS: u64 = 600_000;

/// Bytes of one HTTP response's body.
pub const WISH_RESPONSE_BYTES: u64 = 256 << 20;

// ── Statements and keys ─────────────────────────────────────────────────────────────────────────────────────────────

/// Bytes of a Sigstore bundle's JSON, log entries included.
pub const BUNDLE_BYTES: usize = 256 << 10;

/// Bytes of a statement inside its envelope.
pub const STATEMENT_BYTES: usize = 64 << 10;

/// Subjects of one statement.
pub const SUBJECTS: usize = 16;

/// Keys of one namespace's keyset: a company's signers, and few enough to check each change by hand.
pub const KEYSET_KEYS: usize = 16;

/// Versions of one namespace's keyset in a release's evidence: a rotation a month for 20 years.
pub const KEYSET_VERSIONS: usize = 256;

/// Bytes of a release's evidence: 64 statements of each kind are far below, unless somebody makes them large.
pub const EVIDENCE_BYTES: usize = 16 << 20;

/// Rules that one checks statement names. There are fewer than 60.
pub const CHECKS: usize = 512;

/// Releases in a package's signed index: one a day for 13 years.
pub const INDEX_RELEASES: usize = 5_000;

/// Versions that are named to who asked for one that is not there: as many as a person takes in at a glance.
pub const VERSIONS_SHOWN: usize = 8;

/// Advisories that stand against one package: beyond, its author has other worries than one more.
pub const INDEX_ADVISORIES: usize = 64;

/// Characters of an advisory's affected versions: some twenty ranges.
pub const AFFECTED_CHARS: usize = 400;

/// Ranges of an advisory: one a line of releases that is still cared for.
pub const AFFECTED_RANGES: usize = 32;

/// Bytes of an index inside its envelope: [`INDEX_RELEASES`] of about 350 bytes each.
pub const INDEX_BYTES: usize = 2 << 20;

/// Bytes of an index's bundle: base64 of [`INDEX_BYTES`] and what is around it.
pub const INDEX_BUNDLE_BYTES: usize = 3 << 20;

/// Bundles that one verification looks at: each costs a signature check.
pub const BUNDLES: usize = 64;

/// Bytes of a PEM file with a key. Ours have about 400.
pub const KEY_PEM_BYTES: usize = 8 << 10;

/// Bytes of memory that reading an encrypted key may cost (scrypt's 128 × N × r).
pub const KEY_SCRYPT_BYTES: u64 = 256 << 20;

/// Rounds of PBKDF2 that reading an encrypted key may cost.
pub const KEY_PBKDF2_ROUNDS: u32 = 10_000_000;

// ── The log ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Bytes of one entry of the log. Ours have 420, and tiles can carry 65535.
pub const LOG_ENTRY_BYTES: usize = 4 << 10;

/// Bytes of a key's name, which is the log's origin or a witness's name: a host name and a path.
pub const LOG_NAME_BYTES: usize = 255;

/// Bytes of a signed note: sixteen signatures, as each reader must take, of the longest kind there is (5 kB).
pub const NOTE_BYTES: usize = 128 << 10;

/// Signatures of a note.
pub const NOTE_SIGNATURES: usize = 64;

/// Hashes of a proof: the height of a tree whose size has 63 bits.
pub const PROOF_HASHES: usize = 63;

/// Bytes of a proof's opaque extra data, as base64.
pub const PROOF_EXTRA_BYTES: usize = 16 << 10;

/// Bytes of a policy file: its logs, witnesses and groups with a URL each, and comments.
pub const POLICY_BYTES: usize = 64 << 10;

/// Logs, witnesses and groups of a policy, of each so many. Every reader takes 32.
pub const POLICY_ITEMS: usize = 64;
