// Every bound of the verifier; the same as in core/package/src/limits.rs, where the reasons stand.

/** Levels of arrays and objects in JSON. */
export const JSON_DEPTH = 32;
/** Bytes of a bundle. */
export const BUNDLE_BYTES = 256 << 10;
/** Bytes of a statement. */
export const STATEMENT_BYTES = 64 << 10;
/** Bytes of an index statement, and of its bundle. */
export const INDEX_BYTES = 2 << 20;
export const INDEX_BUNDLE_BYTES = 3 << 20;
/** Subjects of a statement. */
export const SUBJECTS = 16;
/** Keys of a keyset. */
export const KEYSET_KEYS = 16;
/** Versions of a keyset. */
export const KEYSET_VERSIONS = 256;
/** Statements of one kind. */
export const BUNDLES = 64;
/** Bytes of an evidence document. */
export const EVIDENCE_BYTES = 16 << 20;
/** Bytes and signatures of a signed note. */
export const NOTE_BYTES = 128 << 10;
export const NOTE_SIGNATURES = 64;
/** Bytes of the name of a log or a witness. */
export const LOG_NAME_BYTES = 255;
/** Hashes of a proof. */
export const PROOF_HASHES = 63;
/** Bytes of a component. */
export const COMPONENT_BYTES = 64 << 20;
