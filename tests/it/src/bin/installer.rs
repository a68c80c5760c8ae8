//! A second process over one home, for tests that kill it: `installer HOME PROGRAM` installs the program again and again,
//! in two versions by turns, and prints a line after each. `installer HOME PROGRAM disable` turns it off and ends.

use std::{env, path::Path};

use jackfield_host::grant::Grant;
use jackfield_package::verify::verify;
use jackfield_test_kit::{PackageBuilder, TestHost, trust};

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::expect_used, reason = "a test's own program")]
async fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let host = TestHost::over(Path::new(&arguments[0])).expect("a host");
    let program = PackageBuilder::of(&arguments[1]);
    if arguments.get(2).is_some_and(|word| word == "disable") {
        host.set_enabled(program.name(), false).expect("it is disabled");
        return;
    }
    for version in ["1.0.0", "1.0.1"].into_iter().cycle() {
        let (package, bundle) = program.clone().version(version).signed();
        let verified = verify(&package, std::slice::from_ref(&bundle), &trust()).verdict.expect("it is verified");
        host.install(verified, &[bundle], Grant::default()).await.expect("it is installed");
        println!("{version}");
    }
}
