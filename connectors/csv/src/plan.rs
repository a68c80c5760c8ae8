//! What becomes of each column: the options, applied to the header.

use crate::{
    filter::Condition,
    json,
    options::{Column, Kind, Ragged, ReadOptions},
    value::Typed,
};

/// What becomes of each row.
pub(crate) struct Plan {
    /// How many fields a row has.
    pub(crate) width: usize,
    pub(crate) columns: Vec<Output>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) null_values: Vec<Vec<u8>>,
    pub(crate) ragged: Ragged,
}

/// A column of the output.
pub(crate) struct Output {
    pub(crate) index: usize,
    /// Its name in the file, for messages.
    pub(crate) name: String,
    /// `"name":`
    pub(crate) key: Vec<u8>,
    pub(crate) typed: Typed,
}

impl Plan {
    /// Applies the options to the columns' names; what doesn't go together is refused with words for a person.
    pub(crate) fn new(options: &ReadOptions, names: &[String]) -> Result<Self, String> {
        let index_of = |name: &str| {
            names.iter().position(|known| known == name).ok_or_else(|| {
                let shown: Vec<&str> = names.iter().take(50).map(String::as_str).collect();
                format!("no column `{name}`: the file has `{}`", shown.join("`, `"))
            })
        };
        let wanted = match &options.columns {
            Some(columns) => columns.clone(),
            None => Vec::new(),
        };
        let mut columns = Vec::new();
        for column in &wanted {
            columns.push(Output::new(column, index_of(&column.name)?)?);
        }
        if options.columns.is_none() || options.keep_others {
            for (index, name) in names.iter().enumerate() {
                if !columns.iter().any(|column| column.index == index) {
                    columns.push(Output::new(&Column::text(name), index)?);
                }
            }
        }
        for (at, column) in columns.iter().enumerate() {
            if columns[..at].iter().any(|earlier| earlier.key == column.key) {
                return Err(format!(
                    "two columns are put out under one name: {}",
                    String::from_utf8_lossy(&column.key)
                ));
            }
        }
        let condition = |filter| {
            let filter: &crate::options::Filter = filter;
            let typed = wanted.iter().find(|column| column.name == filter.column).map(Typed::new).transpose()?;
            let typed = typed.map_or_else(|| Typed::new(&Column::text(&filter.column)), Ok)?;
            Condition::new(filter, index_of(&filter.column)?, typed)
        };
        Ok(Self {
            width: names.len(),
            columns,
            conditions: options.filters.iter().map(condition).collect::<Result<_, _>>()?,
            null_values: options.null_values.iter().map(|text| text.clone().into_bytes()).collect(),
            ragged: options.ragged,
        })
    }

    /// Whether this text stands for null in a column of this type.
    pub(crate) fn is_null(&self, text: &[u8], kind: Kind) -> bool {
        (text.is_empty() && kind != Kind::String) || self.null_values.iter().any(|null| null == text)
    }
}

impl Output {
    fn new(column: &Column, index: usize) -> Result<Self, String> {
        let mut key = Vec::new();
        json::write_string(&mut key, column.rename.as_deref().unwrap_or(&column.name).as_bytes());
        key.push(b':');
        Ok(Self { index, name: column.name.clone(), key, typed: Typed::new(column)? })
    }
}

/// Names that differ: a blank one becomes `column_3`, a repeated one gets `_2`, `_3` and so on.
pub(crate) fn unique_names(header: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (index, name) in header.into_iter().enumerate() {
        let name = name.trim();
        let base = if name.is_empty() { format!("column_{}", index + 1) } else { name.to_owned() };
        let mut unique = base.clone();
        let mut count = 1;
        while names.contains(&unique) {
            count += 1;
            unique = format!("{base}_{count}");
        }
        names.push(unique);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_unique() {
        let names = ["a", " b ", "", "a", "a_2", "a"].map(str::to_owned);
        assert_eq!(unique_names(names), ["a", "b", "column_3", "a_2", "a_2_2", "a_3"]);
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let names = ["a".to_owned(), "b".to_owned()];
        let columns = |columns: Vec<Column>| ReadOptions { columns: Some(columns), ..ReadOptions::default() };
        let refused = |options: &ReadOptions| Plan::new(options, &names).err().unwrap();
        assert_eq!(refused(&columns(vec![Column::text("c")])), "no column `c`: the file has `a`, `b`");
        let twice = columns(vec![Column::text("a"), Column { rename: Some("a".to_owned()), ..Column::text("b") }]);
        assert_eq!(refused(&twice), "two columns are put out under one name: \"a\":");
    }
}
