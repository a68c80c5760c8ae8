//! What connectors do all day: parses a list, filters, sorts and sums it, and writes it anew.

use program::{Answer, Call, ErrorKind, error, program};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    items: Vec<Item>,
}

#[derive(Deserialize, Serialize)]
struct Item {
    id: u64,
    name: String,
    price_cents: u64,
    tags: Vec<String>,
}

#[derive(Serialize)]
struct Output {
    items: Vec<Item>,
    total_cents: u64,
}

fn run(call: Call) -> Answer {
    let input: Input =
        serde_json::from_str(&call.input).map_err(|fault| error(ErrorKind::InvalidInput, fault.to_string()))?;
    let mut items: Vec<Item> = input.items.into_iter().filter(|item| !item.tags.is_empty()).collect();
    items.sort_by(|a, b| b.price_cents.cmp(&a.price_cents).then_with(|| a.id.cmp(&b.id)));
    for item in &mut items {
        item.name = item.name.to_uppercase();
    }
    let total_cents = items.iter().map(|item| item.price_cents).sum();
    Ok(serde_json::to_string(&Output { items, total_cents }).expect("it serialises"))
}

program!(run);
