//! Every bound of the registry, with its unit and reason. Those of packages and statements stand in
//! `jackfield_package::limits`.

/// Bytes of a JSON request body: the largest honest one is a bundle of 256 KiB.
pub const JSON_BODY_BYTES: usize = 512 << 10;

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
