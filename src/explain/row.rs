//! One row of a published table, by the names of its columns.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::report::{Cells, Holds, Table, TableSpec};
use crate::store::Body;

/// A row, every cell as text; nothing is `None`. As JSON it has no cells that hold nothing.
#[derive(Clone, Debug)]
pub struct Row {
    spec: TableSpec,
    cells: Vec<Option<String>>,
}

impl Row {
    /// The rows of a published table that pass a test, in their order.
    ///
    /// # Errors
    /// What is wrong with the table, as text.
    pub fn read(
        spec: TableSpec,
        body: Body,
        mut test: impl FnMut(&Cells<'_>) -> bool + Send,
    ) -> Result<Vec<Self>, String> {
        let mut rows = Vec::new();
        Table::read_parts(
            spec,
            body,
            |cause| cause,
            |part| {
                let places = part.batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
                let passed = part.cells().zip(places).filter(|(cells, _)| test(cells));
                let cells = |(_, (batch, row))| (0..spec.columns.len()).map(|at| part.cell(batch, at, row)).collect();
                rows.extend(passed.map(cells).map(|cells| Self { spec, cells }));
                Ok(())
            },
        )?;
        Ok(rows)
    }

    /// A cell as text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.cells[self.spec.place(name)].as_deref()
    }

    /// A cell as text of its own.
    #[must_use]
    pub fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// A cell as anything that can be read from its text.
    #[must_use]
    pub fn value<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        for (column, cell) in self.spec.columns.iter().zip(&self.cells) {
            let Some(cell) = cell else { continue };
            match column.holds {
                Holds::Integer => map.serialize_entry(column.name, &cell.parse::<i64>().unwrap_or_default())?,
                Holds::Boolean => map.serialize_entry(column.name, &(cell == "true"))?,
                // Money in major units stays text, so that no reader makes a float of it.
                Holds::Text | Holds::Decimal | Holds::Date | Holds::Instant => {
                    map.serialize_entry(column.name, cell)?;
                }
            }
        }
        map.end()
    }
}
