//! A file from a stranger: read, and checked if it is a package.
#![no_main]

use jackfield_package::{Package, check, section};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(package) = Package::parse(bytes) {
        let _ = check::check(&package);
        // Whatever is a package stays one when it is built anew from its own sections.
        let manifest = package.manifest().to_bytes();
        let rebuilt = section::embed(bytes, &[(section::MANIFEST, &manifest)]).expect("a package can be rebuilt");
        assert_eq!(Package::parse(rebuilt).expect("still a package").manifest(), package.manifest());
    }
});
