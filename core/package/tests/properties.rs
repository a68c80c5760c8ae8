//! What holds for every input: readers never panic, and what is written is read back the same.

mod common;

use common::Builder;
use jackfield_package::{
    Label, Manifest, Package, PackageName, check,
    egress::{HostPattern, template_pattern},
    key::{PublicKey, SigningKey},
    section,
    statement::{Bundle, sign_publish},
    strict_json,
};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = Package::parse(bytes.clone());
        let _ = Bundle::parse(&bytes);
        let _ = strict_json::parse(&bytes);
        let _ = Manifest::parse(&bytes);
        let _ = section::embed(&bytes, &[(section::README, b"x")]);
    }

    #[test]
    fn mutated_components_never_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let good = Builder::default().bytes();
        let mut bytes = good.clone();
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(package) = Package::parse(bytes) {
            let _ = check::check(&package);
        }
    }

    #[test]
    fn mutated_bundles_never_verify_by_accident(index in any::<prop::sample::Index>(), bit in 0u8..8) {
        let key = SigningKey::from_seed([1; 32]);
        let good = sign_publish(&Builder::default().package(), &key);
        let mut bytes = good.to_bytes();
        let at = index.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(bundle) = Bundle::parse(&bytes)
            && bundle.envelope().verified_payload(&key.public_key()).is_ok()
        {
            prop_assert_eq!(bundle.envelope().unverified_payload(), good.envelope().unverified_payload());
        }
    }

    #[test]
    fn embedded_sections_are_found_again_and_replaced(readme in "\\PC{0,200}", icon in proptest::collection::vec(any::<u8>(), 0..200)) {
        let manifest = common::manifest().to_string();
        let bare = Builder::default().no_sections().bytes();
        let sections: [(&str, &[u8]); 3] =
            [(section::MANIFEST, manifest.as_bytes()), (section::README, readme.as_bytes()), (section::ICON, &icon)];
        let once = section::embed(&bare, &sections).expect("embedded");
        let package = Package::parse(once.clone()).expect("a package");
        prop_assert_eq!(package.readme(), Some(readme.as_str()));
        prop_assert_eq!(package.icon(), Some(icon.as_slice()));
        // A rebuild replaces: nothing stands twice, and the bytes are the same.
        prop_assert_eq!(&section::embed(&once, &sections).expect("embedded again"), &once);
    }

    #[test]
    fn names_are_read_back_as_written(text in "[a-z0-9:-]{1,20}") {
        if let Ok(name) = text.parse::<PackageName>() {
            prop_assert_eq!(name.to_string(), text.clone());
        }
        if let Ok(label) = text.parse::<Label>() {
            prop_assert_eq!(label.to_string(), text);
        }
    }

    #[test]
    fn hosts_are_read_back_as_written(text in "([*{}a-z0-9.:_\\[\\]-]{1,20}|[0-9]{1,3}(\\.[0-9]{1,3}){3}|\\*\\.[a-z]{1,5}\\.[a-z]{1,5})") {
        if let Ok(host) = text.parse::<HostPattern>() {
            let written = host.to_string();
            prop_assert_eq!(written.parse::<HostPattern>().expect("its own spelling"), host.clone());
            prop_assert!(written == text || written == format!("[{text}]"), "{} became {}", text, written);
            if let HostPattern::Suffix(suffix) = &host {
                let (below, sibling) = (format!("a.{suffix}"), format!("a{suffix}"));
                prop_assert!(host.matches(&below));
                prop_assert!(!host.matches(suffix) && !host.matches(&sibling));
            }
        }
    }

    #[test]
    fn template_patterns_match_as_a_whole(inner in "[a-z.|()\\[\\]\\\\$^?+*-]{0,12}", host in "[a-z.-]{0,12}") {
        if let Ok(pattern) = template_pattern(&format!("^{inner}$"))
            && let Some(found) = pattern.find(&host)
        {
            prop_assert_eq!(found.len(), host.len());
        }
    }

    #[test]
    fn keys_are_read_back_as_written(seed in any::<[u8; 32]>(), message in proptest::collection::vec(any::<u8>(), 0..64)) {
        let key = SigningKey::from_seed(seed);
        let public = PublicKey::from_pem(&key.public_key().to_pem()).expect("a key");
        prop_assert_eq!(public.id(), key.key_id());
        let signature = key.sign(&message);
        prop_assert!(public.verify(&message, &signature));
        let longer = [message.as_slice(), b"x"].concat();
        prop_assert!(!public.verify(&longer, &signature));
    }

    #[test]
    fn random_public_keys_never_panic(bytes in any::<[u8; 32]>()) {
        if let Ok(key) = PublicKey::from_bytes(&bytes) {
            prop_assert_eq!(key.to_bytes(), bytes);
        }
    }
}

#[test]
fn manifests_are_written_deterministically() {
    let parsed = Manifest::parse(common::manifest().to_string().as_bytes()).expect("a manifest");
    let written = parsed.to_bytes();
    let again = Manifest::parse(&written).expect("its own bytes");
    assert_eq!(again, parsed);
    assert_eq!(again.to_bytes(), written);
}
