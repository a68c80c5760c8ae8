//! The log's formats: good, and broken in every way that a stranger may try.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod common;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use common::Builder;
use jackfield_package::{
    Refusal,
    key::SigningKey,
    limits::{
        LOG_ENTRY_BYTES, LOG_NAME_BYTES, NOTE_BYTES, NOTE_SIGNATURES, POLICY_BYTES, POLICY_ITEMS, PROOF_EXTRA_BYTES,
        PROOF_HASHES,
    },
    log::{
        Checkpoint, KeyName, Leaf, Policy, SignedNote, SigstoreEntry, TlogProof, VerifierKey, leaf,
        merkle::{self, Hash, leaf_hash},
        note::NoteSignature,
        tile::{self, Edge, Tile},
        witness::{self, AddCheckpoint, Declined, Seen},
    },
    statement::{Bundle, sign_publish},
};

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn name(text: &str) -> KeyName {
    text.parse().unwrap()
}

fn code<T: std::fmt::Debug>(result: Result<T, Refusal>) -> &'static str {
    result.unwrap_err().code
}

fn bundle() -> Bundle {
    sign_publish(&Builder::default().package(), &key(1))
}

/// A log of this many entries, the statement's among them at this index.
struct Log {
    entries: Vec<Vec<u8>>,
}

impl Log {
    fn new(size: u64, index: u64) -> Self {
        let entry = |at: u64| if at == index { leaf(&bundle(), &key(1).public_key()) } else { at.to_string().into() };
        Self { entries: (0..size).map(entry).collect() }
    }

    fn read(&self, node: merkle::Node) -> Result<Hash, Refusal> {
        let start = usize::try_from(node.index << node.level).unwrap();
        let hashes: Vec<_> = self.entries[start..start + (1 << node.level)].iter().map(|e| leaf_hash(e)).collect();
        Ok(fold(&hashes))
    }

    fn checkpoint(&self, size: u64) -> Checkpoint {
        Checkpoint { origin: name("log.example"), size, root: merkle::root(size, |node| self.read(node)).unwrap() }
    }

    fn proof(&self, index: u64) -> TlogProof {
        let size = self.entries.len() as u64;
        TlogProof {
            index,
            hashes: merkle::prove_inclusion(index, size, |node| self.read(node)).unwrap(),
            checkpoint: self.checkpoint(size).sign(&key(9)).unwrap(),
            extra: None,
        }
    }

    fn consistency(&self, from: u64, to: u64) -> Vec<Hash> {
        merkle::prove_consistency(from, to, |node| self.read(node)).unwrap()
    }
}

fn fold(hashes: &[Hash]) -> Hash {
    match hashes {
        [one] => *one,
        more => merkle::node_hash(&fold(&more[..more.len() / 2]), &fold(&more[more.len() / 2..])),
    }
}

fn log_key() -> VerifierKey {
    VerifierKey::of_log(name("log.example"), key(9).public_key())
}

fn witness_key(number: u8) -> VerifierKey {
    VerifierKey::of_witness(name(&format!("w{number}.example")), key(100 + number).public_key())
}

fn cosigned(note: &SignedNote, number: u8) -> NoteSignature {
    witness::cosign(name(&format!("w{number}.example")), &key(100 + number), note, 1_767_225_600)
}

#[test]
fn an_entry_has_one_spelling() {
    let entry = leaf(&bundle(), &key(1).public_key());
    let parsed = Leaf::parse(&entry).unwrap();
    assert_eq!(parsed.key, key(1).public_key());
    assert_eq!(parsed, Leaf::of(&bundle(), &key(1).public_key()));
    assert_eq!(parsed.to_bytes(), entry);

    let text = String::from_utf8(entry).unwrap();
    let changed = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        code(Leaf::parse(text.replacen(from, to, 1).as_bytes()))
    };
    assert_eq!(changed("0.0.2", "0.0.1"), "log-entry-malformed");
    assert_eq!(changed("hashedrekord\"", "dsse\""), "log-entry-malformed");
    assert_eq!(changed("SHA2_256", "SHA2_512"), "log-entry-malformed");
    assert_eq!(changed("PKIX_ED25519", "PKIX_ED25519_PH"), "log-entry-malformed");
    assert_eq!(changed("{", "{ "), "log-entry-malformed");
    assert_eq!(changed("{", "{\"more\":1,"), "log-entry-malformed");
    assert_eq!(changed("{\"apiVersion\"", "{\"kind\":\"hashedrekord\",\"apiVersion\""), "json-duplicate-key");
    assert_eq!(code(Leaf::parse(&vec![b' '; LOG_ENTRY_BYTES + 1])), "log-entry-malformed");
    // A weak key can't be anybody's.
    let weak = STANDARD.encode([&[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0][..], &[0; 32]].concat());
    let strong = text.split("rawBytes\":\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(changed(strong, &weak), "key-weak");
}

#[test]
fn names_and_vkeys_have_one_spelling() {
    let vkey = log_key().to_string();
    assert_eq!(vkey.parse::<VerifierKey>().unwrap(), log_key());
    assert_eq!(witness_key(1).to_string().parse::<VerifierKey>().unwrap(), witness_key(1));
    for bad in ["", "log.example", "log.example+00000000", "log.example+00000000+"] {
        assert_eq!(code(bad.parse::<VerifierKey>()), "log-key-malformed", "{bad}");
    }
    let other = vkey.replacen("log.example", "fog.example", 1);
    assert_eq!(code(other.parse::<VerifierKey>()), "log-key-malformed");
    let upper = vkey.replacen(&hex::encode(log_key().id()), &hex::encode_upper(log_key().id()), 1);
    if upper != vkey {
        assert_eq!(code(upper.parse::<VerifierKey>()), "log-key-malformed");
    }
    let kind = STANDARD.encode([&[2][..], &key(9).public_key().to_bytes()].concat());
    assert_eq!(code(format!("log.example+00000000+{kind}").parse::<VerifierKey>()), "log-key-malformed");
    let weak = STANDARD.encode([&[1][..], &[0; 32]].concat());
    assert_eq!(code(format!("log.example+00000000+{weak}").parse::<VerifierKey>()), "key-weak");
    for bad in ["", "a b", "a+b", "a\u{a0}b", "a\nb", &"a".repeat(LOG_NAME_BYTES + 1)] {
        assert_eq!(code(bad.parse::<KeyName>()), "log-name-malformed", "{bad}");
    }
}

#[test]
fn a_checkpoint_is_what_the_log_signed() {
    let log = Log::new(5, 2);
    let note = log.checkpoint(5).sign(&key(9)).unwrap();
    let text = note.to_string();
    let read = SignedNote::parse(text.as_bytes()).unwrap();
    assert_eq!(read, note);
    assert_eq!(Checkpoint::open(&read, &log_key()).unwrap(), log.checkpoint(5));

    let open = |text: &str| SignedNote::parse(text.as_bytes()).and_then(|note| Checkpoint::open(&note, &log_key()));
    assert_eq!(code(open(&text.replacen("\n5\n", "\n6\n", 1))), "note-signature-invalid");
    assert_eq!(code(open(&text.replacen("\n5\n", "\n05\n", 1))), "note-signature-invalid");
    assert_eq!(code(open(&text.replacen("— log.example", "— fog.example", 1))), "note-signature-missing");
    // One good line does not save a note with a bad one of the same key.
    let line = text.lines().last().unwrap();
    let mut bytes = STANDARD.decode(line.rsplit(' ').next().unwrap()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let forged = format!("{text}— log.example {}\n", STANDARD.encode(bytes));
    assert_eq!(code(open(&forged)), "note-signature-invalid");
    // The log's key under another log's text.
    let other = Checkpoint { origin: name("other.example"), ..log.checkpoint(5) };
    let signed = jackfield_package::log::NoteSigner::new(name("log.example"), &key(9)).sign(other.to_string());
    assert_eq!(code(Checkpoint::open(&signed.unwrap(), &log_key())), "checkpoint-origin");

    for bad in [
        "",
        "\n",
        "a\n",
        "a\n\n",
        "a\n\nb\n",
        "a\n\n— b\n",
        "a\n\n— b AAAA\n",
        "a\n\n— b AAAAAA==",
        "a\n\n— b AAAAAB==\n",
        "a\n\n- b AAAAAAA=\n",
        "a\u{1}\n\n— b AAAAAAA=\n",
        "a\r\n\n— b AAAAAAA=\n",
        "a\n\n— b AAAAAAA=\n\n",
    ] {
        assert_eq!(code(SignedNote::parse(bad.as_bytes())), "note-malformed", "{bad:?}");
    }
    assert_eq!(code(SignedNote::parse(b"a\xff\n\n")), "note-malformed");
    assert_eq!(code(SignedNote::parse(&vec![b'a'; NOTE_BYTES + 1])), "note-too-large");
    let many = format!("{text}{}", "— b AAAAAAA=\n".repeat(NOTE_SIGNATURES));
    assert_eq!(code(SignedNote::parse(many.as_bytes())), "note-too-large");

    for bad in ["", "a", "a\n", "a\n1\n", "a\n01\nX\n", "a\n-1\nX\n", "a\n1\nAAAA\n", "a b\n1\nAAAA\n"] {
        let code = code(Checkpoint::parse(bad));
        assert!(["checkpoint-malformed", "log-name-malformed"].contains(&code), "{bad:?}: {code}");
    }
    let extended = format!("{}more\n", log.checkpoint(5));
    assert_eq!(code(Checkpoint::parse(&extended)), "checkpoint-malformed");
    let enormous = format!("a\n9223372036854775808\n{}\n", log.checkpoint(5).root);
    assert_eq!(code(Checkpoint::parse(&enormous)), "checkpoint-malformed");
}

#[test]
fn a_proof_goes_the_whole_way_or_not_at_all() {
    let log = Log::new(11, 7);
    let proof = log.proof(7);
    let entry = leaf(&bundle(), &key(1).public_key());
    let policy = Policy::of_log(log_key());
    let text = proof.to_string();
    let read = TlogProof::parse(text.as_bytes()).unwrap();
    assert_eq!(read, proof);
    assert_eq!(read.verify(&entry, &policy).unwrap().checkpoint, log.checkpoint(11));

    let verify = |text: &str, entry: &[u8]| TlogProof::parse(text.as_bytes()).and_then(|p| p.verify(entry, &policy));
    assert_eq!(code(verify(&text, b"another")), "log-inclusion-invalid");
    assert_eq!(code(verify(&text.replacen("index 7", "index 6", 1), &entry)), "log-inclusion-invalid");
    assert_eq!(code(verify(&text.replacen("index 7", "index 11", 1), &entry)), "log-inclusion-invalid");
    let hash = proof.hashes[0].to_string();
    assert_eq!(code(verify(&text.replacen(&format!("{hash}\n"), "", 1), &entry)), "log-inclusion-invalid");
    let twice = text.replacen(&format!("{hash}\n"), &format!("{hash}\n{hash}\n"), 1);
    assert_eq!(code(verify(&twice, &entry)), "log-inclusion-invalid");
    let stranger = Policy::of_log(VerifierKey::of_log(name("log.example"), key(8).public_key()));
    assert_eq!(code(proof.verify(&entry, &stranger)), "note-signature-missing");

    for bad in [
        "",
        "c2sp.org/tlog-proof@v2\nindex 1\n\n",
        "c2sp.org/tlog-proof@v1\n\n",
        "c2sp.org/tlog-proof@v1\nindex 01\n\n",
        "c2sp.org/tlog-proof@v1\nindex -1\n\n",
        "c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\n",
        "c2sp.org/tlog-proof@v1\nextra ?\nindex 1\n\n",
        "c2sp.org/tlog-proof@v1\nindex 1\nextra AAAA\n\n",
        "c2sp.org/tlog-proof@v1\nindex 1\nextra AAAA",
        "c2sp.org/tlog-proof@v1\nindex 9223372036854775808\n\n",
    ] {
        assert_eq!(code(TlogProof::parse(bad.as_bytes())), "log-proof-malformed", "{bad:?}");
    }
    let long = format!("index 7\n{}", format!("{hash}\n").repeat(PROOF_HASHES));
    assert_eq!(code(verify(&text.replacen("index 7\n", &long, 1), &entry)), "log-proof-malformed");
    let extra = format!("@v1\nextra {}\n", "A".repeat(PROOF_EXTRA_BYTES));
    assert_eq!(code(verify(&text.replacen("@v1\n", &extra, 1), &entry)), "log-proof-malformed");
    let some = text.replacen("@v1\n", "@v1\nextra AAAA\n", 1);
    assert_eq!(TlogProof::parse(some.as_bytes()).unwrap().to_string(), some);
    assert!(verify(&some, &entry).is_ok());
}

#[test]
fn a_quorum_is_counted_as_the_policy_says() {
    let log = Log::new(3, 0);
    let mut note = log.checkpoint(3).sign(&key(9)).unwrap();
    let keys: Vec<_> = (1..=3).map(|number| format!("witness W{number} {}\n", witness_key(number))).collect();
    let head = format!("# a comment\n\n log\t{} https://log.example/log\n{}", log_key(), keys.concat());
    let policy = |rest: &str| Policy::parse(format!("{head}{rest}").as_bytes());
    let two = policy("group G 2 W1 W2 W3\nquorum G\n").unwrap();
    assert_eq!(two.logs()[0].url.as_deref(), Some("https://log.example/log"));
    assert!(policy("quorum none\n").unwrap().accept(&note).is_ok());
    assert_eq!(code(two.accept(&note)), "log-quorum");
    note.add(cosigned(&note, 1));
    assert_eq!(code(two.accept(&note)), "log-quorum");
    // The same witness again is one witness.
    note.add(cosigned(&note, 1));
    assert_eq!(note.signatures().len(), 2);
    assert_eq!(code(two.accept(&note)), "log-quorum");
    assert!(policy("quorum W1\n").unwrap().accept(&note).is_ok());
    note.add(cosigned(&note, 3));
    let accepted = two.accept(&note).unwrap();
    assert_eq!(accepted.cosigned, [(witness_key(1), 1_767_225_600), (witness_key(3), 1_767_225_600)]);
    assert_eq!(code(policy("group G all W1 W2\nquorum G\n").unwrap().accept(&note)), "log-quorum");
    let nested = "group A any W1 W2\ngroup B all A W3\nquorum B\n";
    assert!(policy(nested).unwrap().accept(&note).is_ok());
    // A cosignature over another text spoils the note.
    let other = log.checkpoint(2).sign(&key(9)).unwrap();
    let mut spoiled = note.clone();
    spoiled.add(cosigned(&other, 2));
    assert_eq!(code(two.accept(&spoiled)), "note-signature-invalid");
    // A witness's key does not sign for a log, nor the other way round.
    let swapped = VerifierKey::of_witness(name("log.example"), key(9).public_key());
    assert_eq!(note.verify(&swapped).unwrap(), None);

    for bad in [
        "",
        "quorum G\n",
        "quorum none\nquorum none\n",
        "quorum\n",
        "group none any W1\nquorum none\n",
        "group G 0 W1\nquorum G\n",
        "group G 2 W1\nquorum G\n",
        "group G any\nquorum G\n",
        "group G x W1\nquorum G\n",
        "group G any W1\ngroup H any W1\nquorum G\n",
        "group G all W1 W1\nquorum G\n",
        "group W1 any W2\nquorum W1\n",
        "group G any none\nquorum G\n",
        "quorum G\ngroup G any W1\n",
        "teapot\nquorum none\n",
        "quorum none\u{1}\n",
    ] {
        assert_eq!(code(policy(bad)), "log-policy-malformed", "{bad:?}");
    }
    let doubled = format!("witness W9 {}\nquorum none\n", witness_key(1));
    assert_eq!(code(policy(&doubled)), "log-policy-malformed");
    let log_as_witness = format!("witness W9 {}\nquorum none\n", log_key());
    assert_eq!(code(policy(&log_as_witness)), "log-policy-malformed");
    let flood: String = (0..=POLICY_ITEMS).map(|n| format!("witness X{n} {}\n", witness_key(50 + n as u8))).collect();
    assert_eq!(code(Policy::parse(format!("{flood}quorum none\n").as_bytes())), "log-policy-malformed");
    assert_eq!(code(Policy::parse(&vec![b'#'; POLICY_BYTES + 1])), "log-policy-malformed");
}

#[test]
fn a_witness_goes_forward_only() {
    let log = Log::new(20, 0);
    let request = |from: u64, to: u64| AddCheckpoint {
        old_size: from,
        consistency: log.consistency(from, to),
        checkpoint: log.checkpoint(to).sign(&key(9)).unwrap(),
    };
    let judge = |request: &AddCheckpoint, seen: Option<&Seen>| witness::judge(request, &log_key(), seen);
    let text = request(5, 12).to_text();
    assert_eq!(AddCheckpoint::parse(text.as_bytes()).unwrap(), request(5, 12));

    let at = |size: u64| Seen { size, root: log.checkpoint(size).root };
    assert_eq!(judge(&request(0, 5), None), Ok(at(5)));
    assert_eq!(judge(&request(5, 12), Some(&at(5))), Ok(at(12)));
    assert_eq!(judge(&request(12, 12), Some(&at(12))), Ok(at(12)));
    assert_eq!(judge(&request(0, 12), Some(&at(5))), Err(Declined::Behind(5)));
    assert_eq!(judge(&request(5, 12), Some(&at(13))), Err(Declined::Behind(13)));
    let backwards = AddCheckpoint { old_size: 12, ..request(0, 5) };
    assert!(matches!(judge(&backwards, Some(&at(12))), Err(Declined::Malformed(_))));
    let forked = Seen { size: 12, root: log.checkpoint(11).root };
    assert_eq!(judge(&request(12, 12), Some(&forked)), Err(Declined::Fork));
    assert!(matches!(judge(&request(12, 20), Some(&forked)), Err(Declined::Inconsistent(_))));
    let unproven = AddCheckpoint { consistency: Vec::new(), ..request(5, 12) };
    assert!(matches!(judge(&unproven, Some(&at(5))), Err(Declined::Inconsistent(_))));
    let overproven = AddCheckpoint { consistency: vec![log.checkpoint(1).root], ..request(0, 5) };
    assert!(matches!(judge(&overproven, None), Err(Declined::Inconsistent(_))));
    let stranger = AddCheckpoint { checkpoint: log.checkpoint(5).sign(&key(8)).unwrap(), ..request(0, 5) };
    assert!(matches!(judge(&stranger, None), Err(Declined::Unsigned(_))));

    for bad in ["", "old 5", "old 05\n\n", "old -1\n\n", "new 5\n\n", "old 5\nAAAA\n\n"] {
        assert_eq!(code(AddCheckpoint::parse(bad.as_bytes())), "witness-request-malformed", "{bad:?}");
    }
    let hash = log.checkpoint(1).root;
    let long = text.replacen("old 5\n", &format!("old 5\n{}", format!("{hash}\n").repeat(PROOF_HASHES + 1)), 1);
    assert_eq!(code(AddCheckpoint::parse(long.as_bytes())), "witness-request-malformed");
}

#[test]
fn a_bundle_carries_its_proof_as_sigstore_does() {
    let log = Log::new(6, 4);
    let entry = leaf(&bundle(), &key(1).public_key());
    let sigstore = SigstoreEntry::new(&log_key(), entry.clone(), log.proof(4));
    let carried = bundle().with_log_entry(&sigstore).unwrap();
    let read = Bundle::parse(&carried.to_bytes()).unwrap();
    assert_eq!(read.log_entries().unwrap(), [sigstore]);
    assert_eq!(read.clone().without_log_entries().to_bytes(), bundle().to_bytes());
    let proof = &read.log_entries().unwrap()[0].proof;
    assert!(proof.verify(&entry, &Policy::of_log(log_key())).is_ok());

    let json: serde_json::Value = serde_json::from_slice(&carried.to_bytes()).unwrap();
    let changed = |pointer: &str, value: serde_json::Value| {
        let mut json = json.clone();
        *json.pointer_mut(&format!("/verificationMaterial/tlogEntries/0{pointer}")).unwrap() = value;
        code(Bundle::parse(json.to_string().as_bytes()).unwrap().log_entries())
    };
    for (pointer, value) in [
        ("/logIndex", "5"),
        ("/inclusionProof/logIndex", "5"),
        ("/inclusionProof/treeSize", "7"),
        ("/inclusionProof/rootHash", "AAAA"),
        ("/kindVersion/kind", "dsse"),
        ("/kindVersion/version", "0.0.1"),
        ("/logId/keyId", "AAAA"),
        ("/canonicalizedBody", "?"),
    ] {
        assert_eq!(changed(pointer, value.into()), "log-proof-malformed", "{pointer}");
    }
    assert_eq!(changed("/inclusionProof/checkpoint/envelope", "x".into()), "note-malformed");
}

#[test]
fn tiles_have_one_path() {
    for good in ["0/000", "0/x001/x234/067", "7/999.p/1", "entries/x001/000.p/255", "1/x999/999"] {
        let tile = Tile::parse(good).unwrap();
        assert_eq!(tile.to_string(), format!("tile/{good}"));
    }
    for bad in [
        "",
        "0",
        "0/",
        "0/0",
        "0/0000",
        "0/x000/001",
        "0/001/002",
        "0/x001",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/01",
        "0/000.p/",
        "00/000",
        "8/000",
        "64/000",
        "-1/000",
        "data/000",
        "0/000/",
        "0/000.p/1.p/1",
        "0/../000",
        "0/x99999/000",
        "0/x999/x999/x999/x999/x999/x999/x999/999",
    ] {
        assert_eq!(code(Tile::parse(bad)), "log-tile-malformed", "{bad:?}");
    }
    assert_eq!(Tile::parse("0/000.p/112").unwrap().end(), Some(112));
    assert_eq!(Tile::parse("1/001.p/2").unwrap().end(), Some((256 + 2) * 256));
    let sizes: Vec<_> = Edge::tiles_of(70_000).iter().map(ToString::to_string).collect();
    assert_eq!(sizes, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"], "the specification's example");

    let tile = Tile::parse("entries/000.p/2").unwrap();
    let bytes = tile::encode_entries([&b"ab"[..], b""]).unwrap();
    assert_eq!(bytes, b"\0\x02ab\0\0");
    assert_eq!(tile::decode_entries(tile, &bytes).unwrap(), [b"ab".to_vec(), Vec::new()]);
    for bad in [&b""[..], b"\0\x02ab", b"\0\x02ab\0", b"\0\x02ab\0\x01", b"\0\0\0\0\0\0", b"\xff\xff"] {
        assert_eq!(code(tile::decode_entries(tile, bad)), "log-tile-malformed", "{bad:?}");
    }
    assert_eq!(code(tile::encode_entries([&vec![0; 65_536][..]])), "log-entry-malformed");
    let mut tiles = tile::Tiles::new(2);
    assert_eq!(code(tiles.insert(Tile::parse("0/000.p/2").unwrap(), &[0; 63])), "log-tile-malformed");
    assert_eq!(code(tiles.node(merkle::Node { level: 0, index: 0 })), "log-tile-missing");
    assert_eq!(code(tiles.node(merkle::Node { level: 63, index: u64::MAX })), "log-tile-missing");
}
