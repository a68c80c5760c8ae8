//! Verifies a signed connector, installs it with a grant, calls one operation and prints the answer and the bill.
//!
//! ```console
//! $ cargo run -p jackfield-example-embed -- CONNECTOR.wasm KEY.pem OPERATION INPUT
//! ```
//!
//! The statements are read from `CONNECTOR.wasm.sigstore.json`, where `jackfield sign` puts them.

use std::{error::Error, fs, io};

use jackfield_host::{Host, Invocation, grant::Grant};
use jackfield_package::{
    Package,
    key::PublicKey,
    statement::Bundle,
    verify::{Namespaces, Trust, TrustedKey, verify},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [connector, key, operation, input] = &arguments[..] else {
        return Err("expected: CONNECTOR.wasm KEY.pem OPERATION INPUT".into());
    };

    // What was received, and whose word we take for it.
    let package = Package::parse(fs::read(connector)?)?;
    let bundle = Bundle::parse(&fs::read(format!("{connector}.sigstore.json"))?)?;
    let trust = Trust::new(vec![TrustedKey {
        key: PublicKey::from_pem(&fs::read_to_string(key)?)?,
        namespaces: Namespaces::All,
    }]);
    let verified = verify(&package, std::slice::from_ref(&bundle), &trust).verdict?;

    // Everything that it asks for, no more: to public addresses, over https, within the limits it wishes.
    let grant = Grant::all_of(package.manifest());

    let home = std::env::temp_dir().join(format!("jackfield-embed-{}", std::process::id()));
    let host = Host::builder().home(&home).build()?;
    let installation = host.install(verified, &[bundle], grant).await?;
    let outcome = host.invoke(&installation.name, Invocation::new(operation, input)).await;
    fs::remove_dir_all(&home)
        .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;

    for denial in &outcome.denials {
        eprintln!("denied: {denial}");
    }
    println!("{}", outcome.result?);
    eprintln!("{} units of fuel, {} µs", outcome.bill.fuel, outcome.bill.wall_us);
    Ok(())
}
