//! A thousand installed connectors: how a server starts with them, and what they take.

use std::time::Instant;

use jackfield_host::{Engines, Host, grant::Grant};
use jackfield_package::verify::verify;
use jackfield_test_kit::{PackageBuilder, trust};
use reqwest::Method;
use serde_json::json;

use crate::{
    common::{build_programs, component},
    place::{Place, RUNTIME},
};

const INSTALLED: usize = 1_000;

pub fn bench() {
    let programs = build_programs(&["json_work"]);
    let program = component(&programs, "json_work");
    let place = Place::new(&[]);
    let few = place.memory().0;
    let home = place.desk.path("data/workspaces/main");
    let Place { server, desk, .. } = place;
    assert_eq!(server.stop(), 0);

    let began = Instant::now();
    let host = Host::builder().home(&home).engines(&Engines::new(1)).build().unwrap();
    for number in 0..INSTALLED {
        let (package, bundle) = PackageBuilder::of(&program).named(&format!("test:number-{number}")).signed();
        let verified = verify(&package, &[bundle], &trust()).verdict.unwrap();
        RUNTIME.block_on(host.install(verified, &[], Grant::default())).unwrap();
    }
    drop(host);
    println!("{INSTALLED} installed, each compiled, in {:.0} s", began.elapsed().as_secs_f64());

    let began = Instant::now();
    let server = desk.serve(&["--set", "requests_per_minute=0"]);
    let started = began.elapsed();
    let place = Place::with(desk, server);
    let (idle, _) = place.memory();
    let began = Instant::now();
    let listed = place.ask(Method::GET, "/main/installations", json!(null));
    let list = began.elapsed();
    assert_eq!(listed["installations"].as_array().unwrap().len(), INSTALLED);
    let body = json!({ "items": [] });
    let mut first: Vec<f64> = (0..INSTALLED).map(|number| call(&place, number, &body)).collect();
    let mut again: Vec<f64> = (0..INSTALLED).map(|number| call(&place, number, &body)).collect();
    let (called, mappings) = place.memory();
    for times in [&mut first, &mut again] {
        times.sort_by(f64::total_cmp);
    }
    let at = |times: &[f64], share: usize| times[(times.len() - 1) * share / 100];
    println!("a server that has them starts in {started:?}, and lists them in {list:?}");
    println!(
        "memory {few} MiB with none, {idle} MiB with all, {called} MiB after each was called; {mappings} mappings"
    );
    println!(
        "ms a call, p50 and p99: {:.1} and {:.1} the first of each, {:.1} and {:.1} the second",
        at(&first, 50),
        at(&first, 99),
        at(&again, 50),
        at(&again, 99)
    );
}

fn call(place: &Place, number: usize, body: &serde_json::Value) -> f64 {
    let path = format!("/main/installations/test/number-{number}/operations/run/invoke");
    let began = Instant::now();
    place.ask(Method::POST, &path, body.clone());
    began.elapsed().as_secs_f64() * 1e3
}
