//! The copy of the contract that travels with this crate is the contract.

use std::{fs, path::Path};

#[test]
fn the_copied_wit_is_the_contract() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (copy, original) = (here.join("wit"), here.join("../../wit"));
    if !original.join("connector.wit").exists() {
        return; // A copy beside an author's own code has no original to compare with.
    }
    for folder in ["", "deps"] {
        let names = |root: &Path| {
            let mut names: Vec<_> = fs::read_dir(root.join(folder))
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "wit"))
                .collect();
            names.sort();
            names
        };
        assert_eq!(names(&copy), names(&original));
        for name in names(&copy) {
            let read = |root: &Path| fs::read_to_string(root.join(folder).join(&name)).unwrap();
            assert!(read(&copy) == read(&original), "wit/{folder}/{name:?} differs: copy it from the contract anew");
        }
    }
}
