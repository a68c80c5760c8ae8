//! Only what a trusted publisher has signed for its own namespace is installed.

use jackfield_package::{
    Package,
    key::SigningKey,
    statement::{Bundle, sign_publish},
    verify::verify,
};
use jackfield_test_kit::{PackageBuilder, programs, publisher, trust};

fn verdict(package: &Package, bundles: &[Bundle]) -> &'static str {
    verify(package, bundles, &trust()).verdict.map_or_else(|refusal| refusal.code, |_| "verified")
}

#[test]
fn only_a_trusted_signature_over_these_bytes_is_believed() {
    let (echo, bundle) = PackageBuilder::of(programs::ECHO).signed();
    let stranger = SigningKey::from_seed([8; 32]);
    let (spin, spin_bundle) = PackageBuilder::of(programs::SPIN).signed();
    let (later, _) = PackageBuilder::of(programs::ECHO).version("1.0.1").signed();
    let (foreign, foreign_bundle) = PackageBuilder::of(programs::ECHO).named("bank:echo").signed();
    for (story, package, bundles, expected) in [
        ("signed by its publisher", &echo, vec![bundle.clone()], "verified"),
        (
            "one good bundle among others",
            &echo,
            vec![sign_publish(&echo, &stranger), spin_bundle.clone(), bundle.clone()],
            "verified",
        ),
        ("not signed", &echo, vec![], "signature-missing"),
        ("signed by a stranger", &echo, vec![sign_publish(&echo, &stranger)], "signer-unknown"),
        ("the statement of another package", &echo, vec![spin_bundle], "subject-mismatch"),
        ("the statement of an earlier release", &later, vec![bundle.clone()], "subject-mismatch"),
        ("somebody else's namespace", &foreign, vec![foreign_bundle], "signer-not-for-namespace"),
        ("another program under the same statement", &spin, vec![bundle], "subject-mismatch"),
    ] {
        assert_eq!(verdict(package, &bundles), expected, "{story}");
    }
}

#[test]
fn a_changed_byte_anywhere_is_noticed() {
    let builder = PackageBuilder::of(programs::ECHO);
    let (_, bundle) = builder.signed();
    let bytes = builder.bytes();
    let mut noticed = 0;
    for at in (8..bytes.len()).step_by(bytes.len() / 97) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        // Most changes make nonsense of the component; what still parses is not what was signed.
        match Package::parse(changed) {
            Ok(package) => {
                assert_eq!(verdict(&package, std::slice::from_ref(&bundle)), "subject-mismatch", "byte {at}")
            }
            Err(_) => noticed += 1,
        }
    }
    assert!(noticed > 0);
}

#[test]
fn a_changed_bundle_is_noticed() {
    let (package, bundle) = PackageBuilder::of(programs::ECHO).signed();
    let text = String::from_utf8(bundle.to_bytes()).unwrap();
    let signature_at = text.find("\"sig\"").expect("a signature") + 10;
    let mut changed = text.clone().into_bytes();
    changed[signature_at] = if changed[signature_at] == b'A' { b'B' } else { b'A' };
    let bundle = Bundle::parse(&changed).unwrap();
    assert_eq!(verdict(&package, &[bundle]), "signature-invalid");
}

#[test]
fn the_publisher_of_tests_is_always_the_same() {
    assert_eq!(publisher().key_id(), publisher().key_id());
}
