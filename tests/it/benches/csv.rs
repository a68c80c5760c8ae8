//! Rows a second of the csv connector: in the sandbox, from file to file, beside the same code as a native library.
//!
//! `cargo bench -p jackfield-tests --bench csv -- 11000000` converts a gigabyte instead.

use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
    time::Instant,
};

use jackfield_csv::{
    convert::{Counts, from_json_lines, to_json_lines},
    options::{ReadOptions, WriteOptions},
};
use jackfield_host::{Bill, FileSource, Host, Invocation, limits::Limit};
use jackfield_package::{PackageName, manifest::Operation};
use jackfield_test_kit::TestHost;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

mod common;

use common::median;

/// Timed conversions of each kind, after one that is not.
const ROUNDS: usize = 5;

fn main() {
    let rows = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(300_000);
    let rounds = if rows > 1_000_000 { 1 } else { ROUNDS };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (table, lines) = (folder.path().join("table.csv"), folder.path().join("lines.jsonl"));
    generate(&table, rows).expect("a file of rows");
    native_to_json(&table, &lines, &json!({}));
    let size = |path: &Path| path.metadata().expect("a file").len();
    println!("{rows} rows of 10 columns: {} bytes of CSV, {} as JSON lines", size(&table), size(&lines));

    let runtime = Runtime::new().expect("a runtime");
    let test_host = TestHost::new();
    let sandbox = Sandbox::new(&runtime, &test_host, folder.path());
    let typed = json!({
        "columns": [
            { "name": "id", "type": "integer" },
            { "name": "name" },
            { "name": "date", "type": "date" },
            { "name": "amount", "as": "amount_eur", "type": "number" },
            { "name": "city" },
            { "name": "active", "type": "boolean" },
            { "name": "score", "type": "number" },
            { "name": "seen_at", "type": "datetime" },
        ],
        "filters": [{ "column": "amount", "op": "ge", "value": 100 }],
    });
    for (what, operation, file, options) in [
        ("to-json-lines, as text", "to-json-lines", &table, json!({})),
        ("to-json-lines, typed and filtered", "to-json-lines", &table, typed),
        ("from-json-lines", "from-json-lines", &lines, json!({})),
    ] {
        let native = |output: &Path| match operation {
            "to-json-lines" => native_to_json(file, output, &options),
            _ => native_from_json(file, output, &options),
        };
        compare(what, rows, rounds, &native, &|| sandbox.convert(operation, file, &options), folder.path());
    }
}

/// What a conversion in the sandbox gives: its counts and its bill.
struct Converted {
    counts: Value,
    bill: Bill,
}

fn compare(
    what: &str,
    rows: u64,
    rounds: usize,
    native: &dyn Fn(&Path) -> Counts,
    sandboxed: &dyn Fn() -> Converted,
    folder: &Path,
) {
    let output = folder.join("native");
    // Both do the same, or there is nothing to compare; and the code is loaded now.
    let (once, counts) = (sandboxed(), native(&output));
    let mut seen = once.counts;
    seen.as_object_mut().expect("an object").retain(|key, _| key.starts_with("rows_") || key.starts_with("lines_"));
    assert_eq!(seen, serde_json::to_value(counts).expect("counts are JSON"), "{what}");
    assert_eq!(counts.rows_in, rows, "{what}");

    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let started = Instant::now();
        sandboxed();
        inside.push(started.elapsed().as_secs_f64());
        let started = Instant::now();
        native(&output);
        outside.push(started.elapsed().as_secs_f64());
    }
    #[expect(clippy::cast_precision_loss, reason = "rows are fewer than 2^52")]
    let rate = |seconds| rows as f64 / median(seconds) / 1e3;
    let (inside, outside) = (rate(inside), rate(outside));
    println!("\n{what}: {inside:.0} k rows/s in the sandbox, {outside:.0} k native");
    println!("  sandbox / native  {:.2}", inside / outside);
    println!("  k rows/s          {}", common::at_least(250.0, inside));
    let Bill { fuel, peak_memory_bytes, host_calls, .. } = once.bill;
    println!(
        "  units of fuel for a row: {}; most memory: {} KiB; host calls: {host_calls}",
        fuel / rows,
        peak_memory_bytes >> 10
    );
}

/// The connector as it is shipped, in a host of its own.
struct Sandbox<'a> {
    runtime: &'a Runtime,
    host: Host,
    name: PackageName,
    output_directory: PathBuf,
}

impl<'a> Sandbox<'a> {
    fn new(runtime: &'a Runtime, test_host: &TestHost, folder: &Path) -> Self {
        let built = common::build_guests("connectors", &["--package", "jackfield-csv", "--lib"]);
        // The operations' schemas play no part in a call, so those of the test programs do.
        let installing =
            test_host.program(&common::component(&built, "jackfield_csv")).named("test:csv").manifest(|manifest| {
                let any = manifest.operations.remove(0);
                let named = |name: &str| Operation { name: name.parse().expect("a name"), ..any.clone() };
                manifest.operations = vec![named("to-json-lines"), named("from-json-lines")];
            });
        let installing =
            installing.limit(Limit::Fuel, 1 << 50).limit(Limit::TimeMs, 3_600_000).limit(Limit::HostCalls, 1 << 40);
        let name = runtime.block_on(installing.install()).name;
        let output_directory = folder.join("sandboxed");
        std::fs::create_dir(&output_directory).expect("a folder");
        Self { runtime, host: test_host.host().clone(), name, output_directory }
    }

    fn convert(&self, operation: &str, file: &Path, options: &Value) -> Converted {
        let mut input = options.clone();
        input["file"] = json!({ "$file": "input" });
        let invocation = Invocation::new(operation, input.to_string())
            .file("input", FileSource::Path(file.to_owned()))
            .output_directory(&self.output_directory);
        let (host, name) = (self.host.clone(), self.name.clone());
        let outcome = self.runtime.block_on(self.runtime.spawn(async move { host.invoke(&name, invocation).await }));
        let outcome = outcome.expect("no panic");
        let counts = serde_json::from_str(&outcome.result.expect("it converts")).expect("JSON");
        Converted { counts, bill: outcome.bill }
    }
}

fn native_to_json(input: &Path, output: &Path, options: &Value) -> Counts {
    let options: ReadOptions = serde_json::from_value(options.clone()).expect("options");
    let (input, output) = (File::open(input).expect("input"), File::create(output).expect("output"));
    to_json_lines(input, output, io::sink(), &options).expect("it converts")
}

fn native_from_json(input: &Path, output: &Path, options: &Value) -> Counts {
    let options: WriteOptions = serde_json::from_value(options.clone()).expect("options");
    let (input, output) = (File::open(input).expect("input"), File::create(output).expect("output"));
    from_json_lines(input, output, io::sink(), &options).expect("it converts")
}

/// Ten columns and about 90 bytes a row; one row in fifty has a quoted field with a comma in it. The same file each time.
fn generate(path: &Path, rows: u64) -> io::Result<()> {
    const NAMES: [&str; 6] =
        ["Ada Lovelace", "Grace Hopper", "Alan Turing", "Edsger Dijkstra", "Barbara Liskov", "Tony Hoare"];
    const CITIES: [&str; 5] = ["Hamburg", "København", "Zürich", "Utrecht", "São Paulo"];
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "id,name,date,amount,city,active,score,seen_at,code,note")?;
    let mut state = 1_u64;
    for id in 0..rows {
        // A linear congruential generator (Knuth's MMIX constants): the file is the same everywhere.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let random = state >> 33;
        let pick = |of: usize| usize::try_from(random).unwrap_or_default() % of;
        let (name, city) = (NAMES[pick(6)], CITIES[pick(5)]);
        let (month, day, hour) = (random % 12 + 1, random % 28 + 1, random % 24);
        let (amount, cents, score) = (random % 5_000, random % 100, random % 1_000);
        let active = random.is_multiple_of(3);
        write!(file, "{id},{name},2026-{month:02}-{day:02},{amount}.{cents:02},{city},{active},0.{score:03},")?;
        write!(file, "2026-{month:02}-{day:02}T{hour:02}:30:00Z,EU-{score:04},")?;
        writeln!(file, "{}", if random.is_multiple_of(50) { "\"late, again\"" } else { "on time" })?;
    }
    file.flush()
}
