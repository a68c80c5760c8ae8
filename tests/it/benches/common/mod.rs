//! What the benches share: guests built as they are shipped, and contestants that take turns.
#![allow(dead_code, reason = "each bench uses a part")]

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use tokio::runtime::Runtime;

const TARGET: &str = "wasm32-wasip2";

/// A path from the top of the checkout.
pub(crate) fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Builds components of the workspace in `folder`, and gives the folder they are in.
pub(crate) fn build_guests(folder: &str, arguments: &[&str]) -> PathBuf {
    let target_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests").join(folder.replace('/', "-"));
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root(folder)).args(["build", "--release", "--locked", "--quiet", "--target", TARGET]);
    cargo.args(arguments).arg("--target-dir").arg(&target_dir);
    // Flags for this machine's own programs are not for guests.
    cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    let status = cargo.status().expect("cargo runs");
    assert!(status.success(), "the guests of {folder} do not build; hint: rustup target add {TARGET}");
    target_dir.join(TARGET).join("release")
}

/// The path of one built component.
pub(crate) fn component(folder: &Path, name: &str) -> String {
    folder.join(format!("{name}.wasm")).into_os_string().into_string().expect("the target folder's path is UTF-8")
}

/// The plain programs of tests/programs, optimised as a connector's release is: the tests build theirs to be built fast.
pub(crate) fn build_programs(names: &[&str]) -> PathBuf {
    let mut arguments = Vec::new();
    for setting in ["opt-level=3", "lto=true", "codegen-units=1"] {
        arguments.extend(["--config".to_owned(), format!("profile.release.{setting}")]);
    }
    for name in names {
        arguments.extend(["--example".to_owned(), (*name).to_owned()]);
    }
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    build_guests("tests/programs", &arguments).join("examples")
}

/// One way to do the work: does it so many times, and says how long that took.
pub(crate) type Contestant<'a> = Box<dyn FnMut(u32) -> Duration + 'a>;

/// Calls as a server makes them: from a task on a worker thread.
pub(crate) fn on_worker<'a, F: Future<Output = ()> + Send>(
    runtime: &'a Runtime,
    call: impl Fn() -> F + Clone + Send + Sync + 'static,
) -> Contestant<'a> {
    Box::new(move |times| {
        let call = call.clone();
        let batch = runtime.spawn(async move {
            let started = Instant::now();
            for _ in 0..times {
                call().await;
            }
            started.elapsed()
        });
        runtime.block_on(batch).expect("no panic")
    })
}

/// Times a plain function.
pub(crate) fn timed<'a>(mut work: impl FnMut() + 'a) -> Contestant<'a> {
    Box::new(move |times| {
        let started = Instant::now();
        for _ in 0..times {
            work();
        }
        started.elapsed()
    })
}

/// Lets the contestants take turns, a batch of some milliseconds each, so that whatever else the machine does falls on all of
/// them; and gives the median of each one's batches, in microseconds for one piece of work.
pub(crate) fn compare<const N: usize>(rounds: usize, mut contestants: [Contestant<'_>; N]) -> [f64; N] {
    const BATCH: Duration = Duration::from_millis(4);
    let times = contestants.each_mut().map(|contestant| {
        let warm_up = 200;
        let once = contestant(warm_up) / warm_up;
        u32::try_from(BATCH.as_nanos() / once.as_nanos().max(1)).unwrap_or(u32::MAX).max(1)
    });
    let mut samples = [const { Vec::new() }; N];
    for _ in 0..rounds {
        for ((contestant, times), samples) in contestants.iter_mut().zip(times).zip(&mut samples) {
            samples.push(contestant(times).as_secs_f64() * 1e6 / f64::from(times));
        }
    }
    samples.map(median)
}

pub(crate) fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// Seconds of CPU that this process has used so far, on all its threads.
pub(crate) fn cpu_seconds() -> f64 {
    // proc_pid_stat(5): after the name in parentheses, the 12th and 13th fields are the ticks in user and kernel mode; a
    // tick is a hundredth of a second on every Linux there is.
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().expect("a number") / 100.0).sum()
}

/// `measured` beside its goal. Nothing fails by it: time is a property of the machine and the day too.
pub(crate) fn at_most(goal: f64, measured: f64) -> String {
    format!("{measured:.2} (goal: at most {goal}, {})", if measured <= goal { "met" } else { "not met" })
}

/// The same, where more is better.
pub(crate) fn at_least(goal: f64, measured: f64) -> String {
    format!("{measured:.2} (goal: at least {goal}, {})", if measured >= goal { "met" } else { "not met" })
}
