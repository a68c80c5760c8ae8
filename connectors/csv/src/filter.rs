//! Which rows are wanted.

use serde_json::Value;

use crate::{
    options::{Filter, Kind, Op},
    value::{self, Typed},
};

/// A condition, ready to be asked of rows.
pub(crate) struct Condition {
    pub(crate) index: usize,
    pub(crate) name: String,
    op: Op,
    typed: Typed,
    operand: Operand,
}

/// What a field is compared with, in the field's own type.
enum Operand {
    Nothing,
    Texts(Vec<Vec<u8>>),
    Numbers(Vec<f64>),
    Booleans(Vec<bool>),
    Instants(Vec<i128>),
}

impl Condition {
    /// The filter on the column of that index and type; what doesn't go together is refused with words for a person.
    pub(crate) fn new(filter: &Filter, index: usize, typed: Typed) -> Result<Self, String> {
        let refuse = |expected: &str| {
            let (column, value) = (&filter.column, &filter.value);
            format!(
                "filter on `{column}`: {value} does not go with the operator and the column's type: expected {expected}"
            )
        };
        let values = match (filter.op, &filter.value) {
            (Op::IsNull | Op::NotNull, Value::Null) => &[][..],
            (Op::IsNull | Op::NotNull, _) => return Err(refuse("no value")),
            (Op::In, Value::Array(values)) => values.as_slice(),
            (Op::In, _) => return Err(refuse("an array")),
            (_, value) => std::slice::from_ref(value),
        };
        let textual = matches!(filter.op, Op::Contains | Op::StartsWith);
        let numeric = !values.is_empty() && values.iter().all(Value::is_number);
        let operand = match typed.kind {
            _ if matches!(filter.op, Op::IsNull | Op::NotNull) => Operand::Nothing,
            _ if textual => texts(values).map(Operand::Texts).ok_or_else(|| refuse("a text"))?,
            Kind::String if !numeric => {
                texts(values).map(Operand::Texts).ok_or_else(|| refuse("a text or a number"))?
            }
            Kind::String | Kind::Integer | Kind::Number => {
                let numbers = values.iter().map(Value::as_f64).collect::<Option<_>>();
                Operand::Numbers(numbers.ok_or_else(|| refuse("a number"))?)
            }
            Kind::Boolean => {
                let booleans = values.iter().map(Value::as_bool).collect::<Option<_>>();
                Operand::Booleans(booleans.ok_or_else(|| refuse("a boolean"))?)
            }
            Kind::Date | Kind::Datetime => {
                let instant = |value: &Value| {
                    Some(crate::date::Moment::datetime(value.as_str()?.as_bytes(), Default::default())?.instant())
                };
                let instants = values.iter().map(instant).collect::<Option<_>>();
                Operand::Instants(instants.ok_or_else(|| refuse("a date such as \"2026-01-31\""))?)
            }
        };
        Ok(Self { index, name: filter.column.clone(), op: filter.op, typed, operand })
    }

    /// Whether a field meets it. `None`: the field is not of the type that is compared by.
    pub(crate) fn is_met(&self, text: &[u8], null: bool) -> Option<bool> {
        if null {
            return Some(matches!(self.op, Op::Ne | Op::IsNull));
        }
        Some(match &self.operand {
            Operand::Nothing => self.op == Op::NotNull,
            Operand::Texts(texts) => match self.op {
                Op::Contains => texts.iter().any(|part| memchr::memmem::find(text, part).is_some()),
                Op::StartsWith => texts.iter().any(|start| text.starts_with(start)),
                _ => self.compare(texts, |known| text.partial_cmp(known.as_slice())),
            },
            Operand::Numbers(numbers) => {
                let number = self.typed.number(text)?;
                self.compare(numbers, |known| number.partial_cmp(known))
            }
            Operand::Booleans(booleans) => {
                let boolean = value::boolean(text)?;
                self.compare(booleans, |known| boolean.partial_cmp(known))
            }
            Operand::Instants(instants) => {
                let instant = self.typed.moment(text)?.instant();
                self.compare(instants, |known| instant.partial_cmp(known))
            }
        })
    }

    /// What a field is not, where [`Condition::is_met`] can't tell.
    pub(crate) fn expected(&self) -> &'static str {
        match self.operand {
            Operand::Nothing | Operand::Texts(_) => "a text",
            Operand::Numbers(_) => "a number",
            Operand::Booleans(_) => "a boolean",
            Operand::Instants(_) => "a date",
        }
    }

    fn compare<T>(&self, known: &[T], with: impl Fn(&T) -> Option<std::cmp::Ordering>) -> bool {
        known.iter().filter_map(with).any(|ordering| match self.op {
            Op::Lt => ordering.is_lt(),
            Op::Le => ordering.is_le(),
            Op::Gt => ordering.is_gt(),
            Op::Ge => ordering.is_ge(),
            Op::Ne => ordering.is_ne(),
            _ => ordering.is_eq(),
        })
    }
}

fn texts(values: &[Value]) -> Option<Vec<Vec<u8>>> {
    values.iter().map(|value| Some(value.as_str()?.as_bytes().to_vec())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::options::Column;

    fn condition(kind: Kind, op: Op, value: Value) -> Result<Condition, String> {
        let typed = Typed::new(&Column { kind, ..Column::text("x") }).unwrap();
        Condition::new(&Filter { column: "x".to_owned(), op, value }, 0, typed)
    }

    fn check(kind: Kind, op: Op, value: Value, text: &str, expect: Option<bool>) {
        let condition = condition(kind, op, value).unwrap();
        assert_eq!(condition.is_met(text.as_bytes(), text.is_empty()), expect, "{op:?} {text}");
    }

    #[test]
    fn conditions() {
        check(Kind::String, Op::Eq, json!("a"), "a", Some(true));
        check(Kind::String, Op::Lt, json!("b"), "a", Some(true));
        check(Kind::String, Op::Eq, json!(5), "5.0", Some(true));
        check(Kind::String, Op::Gt, json!(5), "x", None);
        check(Kind::String, Op::Contains, json!("ell"), "hello", Some(true));
        check(Kind::String, Op::StartsWith, json!("ell"), "hello", Some(false));
        check(Kind::String, Op::In, json!(["a", "b"]), "b", Some(true));
        check(Kind::String, Op::In, json!([]), "b", Some(false));
        check(Kind::Integer, Op::Ge, json!(10), "9", Some(false));
        check(Kind::Integer, Op::Ge, json!(10), "010", Some(true));
        check(Kind::Integer, Op::In, json!([1, 2]), "2", Some(true));
        check(Kind::Boolean, Op::Eq, json!(true), "yes", Some(true));
        check(Kind::Date, Op::Ge, json!("2026-01-01"), "2026-01-31", Some(true));
        check(Kind::Datetime, Op::Lt, json!("2026-01-01T00:00:00Z"), "2026-01-01T00:30:00+01:00", Some(true));
        for (op, expect) in [(Op::Eq, false), (Op::Ne, true), (Op::Lt, false)] {
            check(Kind::Integer, op, json!(1), "", Some(expect));
        }
        check(Kind::String, Op::IsNull, Value::Null, "", Some(true));
        check(Kind::String, Op::NotNull, Value::Null, "a", Some(true));
        check(Kind::String, Op::IsNull, Value::Null, "a", Some(false));
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for (kind, op, value) in [
            (Kind::String, Op::In, json!("a")),
            (Kind::String, Op::Eq, json!([1])),
            (Kind::Integer, Op::Eq, json!("1")),
            (Kind::Date, Op::Lt, json!("soon")),
            (Kind::Boolean, Op::Eq, json!("yes")),
            (Kind::String, Op::IsNull, json!(1)),
            (Kind::Integer, Op::Contains, json!(1)),
        ] {
            assert!(condition(kind, op, value).is_err());
        }
    }
}
