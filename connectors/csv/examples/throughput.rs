//! Rows a second, natively: `cargo run --release -p jackfield-csv --example throughput [rows]`.

use std::{fmt::Write as _, io, time::Instant};

use jackfield_csv::{
    convert::{from_json_lines, to_json_lines},
    options::{ReadOptions, WriteOptions},
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows: usize = std::env::args().nth(1).map_or(Ok(2_000_000), |text| text.parse())?;
    let mut csv = "id,first,last,email,city,country,amount,paid,day,note\n".to_owned();
    for id in 0..rows {
        writeln!(
            csv,
            "{id},Ada{},Lovelace,ada.{id}@example.com,London,GB,{}.{:02},{},2026-0{}-1{},\"a, note\"",
            id % 97,
            id % 5000,
            id % 100,
            id % 2 == 0,
            id % 9 + 1,
            id % 10,
        )?;
    }
    let typed = serde_json::json!({"columns": [
        {"name": "id", "type": "integer"}, {"name": "amount", "type": "number"}, {"name": "paid", "type": "boolean"},
        {"name": "day", "type": "date"},
    ], "keep_others": true, "filters": [{"column": "country", "op": "eq", "value": "GB"}]});
    let mut lines = Vec::new();
    measure("to-json-lines, text", rows, csv.len(), || {
        lines.clear();
        to_json_lines(csv.as_bytes(), &mut lines, io::sink(), &ReadOptions::default())
    })?;
    let typed: ReadOptions = serde_json::from_value(typed)?;
    measure("to-json-lines, typed", rows, csv.len(), || to_json_lines(csv.as_bytes(), io::sink(), io::sink(), &typed))?;
    let utf_16: Vec<u8> = csv.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (encoding, input) in [("windows-1252", csv.as_bytes()), ("utf-16le", &utf_16)] {
        let options = serde_json::from_value(serde_json::json!({ "encoding": encoding }))?;
        let title = format!("the same, {encoding}");
        measure(&title, rows, input.len(), || to_json_lines(input, io::sink(), io::sink(), &options))?;
    }
    measure("from-json-lines", rows, lines.len(), || {
        from_json_lines(lines.as_slice(), io::sink(), io::sink(), &WriteOptions::default())
    })?;
    Ok(())
}

fn measure<T>(title: &str, rows: usize, bytes: usize, mut run: impl FnMut() -> io::Result<T>) -> io::Result<()> {
    let start = Instant::now();
    run()?;
    let seconds = start.elapsed().as_secs_f64();
    let (rows, megabytes) = (rows as f64 / seconds, bytes as f64 / seconds / 1e6);
    println!("{title:22} {rows:>12.0} rows/s {megabytes:>8.1} MB/s in");
    Ok(())
}
