//! `tieout schema`

use super::{DONE, console};
use crate::error::Error;
use crate::report::TableSpec;
use crate::report::schema::ALL;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Tables to describe; all when none is named
    #[arg(value_name = "TABLE")]
    tables: Vec<String>,
    /// One JSON object per table on a line
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub fn run(self) -> Result<u8, Error> {
        let known = || ALL.iter().map(|table| table.name).collect::<Vec<_>>().join(", ");
        let find = |name: &String| {
            let table = ALL.iter().find(|table| table.name == name);
            table.ok_or_else(|| Error::usage(format!("there is no table `{name}`"), format!("one of {}", known())))
        };
        let named = self.tables.iter().map(find).collect::<Result<Vec<&TableSpec>, Error>>()?;
        let tables = if named.is_empty() { ALL.iter().collect() } else { named };
        let one = |table: &TableSpec| if self.json { in_json(table) } else { in_words(table) };
        console::out(&tables.into_iter().map(one).collect::<String>());
        Ok(DONE)
    }
}

fn in_json(table: &TableSpec) -> String {
    let columns: Vec<serde_json::Value> = table
        .columns
        .iter()
        .map(|column| {
            serde_json::json!({
                "name": column.name, "type": column.holds.word(), "about": column.about, "label_zh": column.zh,
            })
        })
        .collect();
    format!("{}\n", serde_json::json!({"table": table.name, "version": table.version, "columns": columns}))
}

fn in_words(table: &TableSpec) -> String {
    let width = table.columns.iter().map(|column| column.name.len()).max().unwrap_or(0);
    let mut text = format!("{} (version {})\n", table.name, table.version);
    for column in table.columns {
        text += &format!("  {:width$}  {:18}  {}\n", column.name, column.holds.word(), column.about);
    }
    text + "\n"
}
