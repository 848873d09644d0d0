//! Totals that a file declares about itself, and what its rows come to.

use std::collections::BTreeMap;

use super::raw::{RawBatch, RawColumn};
use crate::normalise::{Exact, Notation};

/// Which rows a total is over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RowTest {
    /// All.
    All,
    /// Those with one of these texts in a column.
    Is(String, Vec<String>),
    /// Those without one of these texts in a column.
    IsNot(String, Vec<String>),
    /// Those with a number other than zero in a column.
    NotZero(String),
}

/// How a total comes about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Measure {
    /// Number of rows.
    Count(RowTest),
    /// Sum of a column, signed as printed; a column the file does not have sums to nothing.
    Sum(String, RowTest),
    /// Sum of a column without the signs of its cells, negative: some exports print debits positive.
    Debits(String),
}

/// A total as a file declares it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Control {
    /// What the file calls it.
    pub name: String,
    /// What it declares.
    pub declared: Exact,
    /// What it may stand for; it ties if any of these gives the declared value.
    pub measures: Vec<Measure>,
}

/// What the rows of a file came to, part by part.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    sums: Vec<Vec<Exact>>,
}

impl Control {
    /// A total with one reading.
    #[must_use]
    pub fn new(name: &str, declared: Exact, measure: Measure) -> Self {
        Self { name: name.to_owned(), declared, measures: vec![measure] }
    }

    /// The columns it needs.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.measures.iter().flat_map(Measure::columns)
    }
}

impl Measure {
    fn columns(&self) -> Vec<&str> {
        match self {
            Self::Count(test) => test.column().into_iter().collect(),
            Self::Sum(column, test) => std::iter::once(column.as_str()).chain(test.column()).collect(),
            Self::Debits(column) => vec![column],
        }
    }
}

impl RowTest {
    fn column(&self) -> Option<&str> {
        match self {
            Self::All => None,
            Self::Is(column, _) | Self::IsNot(column, _) | Self::NotZero(column) => Some(column),
        }
    }

    fn holds<'b>(&self, cell: impl Fn(&str) -> Option<&'b str>) -> bool {
        let is_among =
            |column: &str, words: &[String]| cell(column).is_some_and(|text| words.iter().any(|word| word == text));
        match self {
            Self::All => true,
            Self::Is(column, words) => is_among(column, words),
            Self::IsNot(column, words) => !is_among(column, words),
            Self::NotZero(column) => cell(column).is_some_and(|text| number(text).digits != 0),
        }
    }
}

/// A cell as a number; one that cannot be read counts nothing and is rejected elsewhere.
fn number(text: &str) -> Exact {
    Exact::parse(text, Notation::default()).unwrap_or(Exact::ZERO)
}

impl Measured {
    /// Nothing yet, for these controls.
    #[must_use]
    pub fn of(controls: &[Control]) -> Self {
        Self { sums: controls.iter().map(|control| vec![Exact::ZERO; control.measures.len()]).collect() }
    }

    /// Adds the rows of a batch whose columns are `names`.
    pub fn add(&mut self, controls: &[Control], names: &[String], batch: &RawBatch) {
        let places: BTreeMap<&str, &RawColumn> = names.iter().map(String::as_str).zip(&batch.columns).collect();
        for (control, sums) in controls.iter().zip(&mut self.sums) {
            for (measure, sum) in control.measures.iter().zip(sums) {
                *sum = sum.plus(measured(measure, &places, batch));
            }
        }
    }

    /// Adds another part of the same file.
    pub fn merge(&mut self, other: &Self) {
        for (sums, more) in self.sums.iter_mut().zip(&other.sums) {
            for (sum, more) in sums.iter_mut().zip(more) {
                *sum = sum.plus(*more);
            }
        }
    }

    /// What each control came to, and whether it ties.
    #[must_use]
    pub fn against(&self, controls: &[Control]) -> Vec<(Exact, bool)> {
        let verdict = |(control, sums): (&Control, &Vec<Exact>)| {
            let tied = sums.iter().find(|sum| sum.same(control.declared));
            (tied.or(sums.first()).copied().unwrap_or(Exact::ZERO), tied.is_some())
        };
        controls.iter().zip(&self.sums).map(verdict).collect()
    }
}

fn measured(measure: &Measure, places: &BTreeMap<&str, &RawColumn>, batch: &RawBatch) -> Exact {
    let rows = batch.rows.len();
    let cell = |row: usize, column: &str| places.get(column).and_then(|cells| cells.text(row));
    match measure {
        // A line that is no row is still one that the file counted.
        Measure::Count(RowTest::All) => {
            Exact { digits: i128::try_from(rows + batch.faults.len()).unwrap_or(i128::MAX), scale: 0 }
        }
        Measure::Count(test) => {
            let count = (0..rows).filter(|&row| test.holds(|column| cell(row, column))).count();
            Exact { digits: i128::try_from(count).unwrap_or(i128::MAX), scale: 0 }
        }
        Measure::Sum(column, test) => {
            sum(places.get(column.as_str()), rows, |row| test.holds(|column| cell(row, column)))
        }
        Measure::Debits(column) => {
            let Some(cells) = places.get(column.as_str()) else { return Exact::ZERO };
            let debits = (0..rows).filter_map(|row| cells.text(row)).map(|text| number(text).magnitude().negated());
            debits.fold(Exact::ZERO, Exact::plus)
        }
    }
}

fn sum(cells: Option<&&RawColumn>, rows: usize, counts: impl Fn(usize) -> bool) -> Exact {
    let Some(cells) = cells else { return Exact::ZERO };
    let numbers = (0..rows).filter(|&row| counts(row)).filter_map(|row| cells.text(row)).map(number);
    numbers.fold(Exact::ZERO, Exact::plus)
}
