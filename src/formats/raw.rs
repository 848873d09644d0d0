//! What readers give: columns of one split as they stand in the file, text or typed.
//!
//! ```text
//!  text file    Spans { text, (start, end)… }     cells are slices of one decoded buffer
//!  Parquet      Arrow arrays of the column's own type; text of which the file lists each value once, as such a list
//! ```
//!
//! Nothing is interpreted here: no amount, no time, no code.

use std::sync::Arc;

use arrow_array::{
    Array as _, BooleanArray, Date32Array, Decimal128Array, Int64Array, StringArray, StringViewArray, UInt32Array,
};

use crate::reject::Reject;

/// Shortens text for messages.
pub trait Cut {
    /// The text, or its first `most` characters and an ellipsis.
    fn cut(&self, most: usize) -> String;
}

impl Cut for str {
    fn cut(&self, most: usize) -> String {
        match self.char_indices().nth(most) {
            Some((at, _)) => format!("{}…", &self[..at]),
            None => self.to_owned(),
        }
    }
}

/// A cell within the text of its split; an absent cell starts after it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// Byte after the last.
    pub end: u32,
}

impl Span {
    /// A cell that the row does not have.
    pub const ABSENT: Self = Self { start: 1, end: 0 };
}

/// One column of a batch.
#[derive(Clone, Debug)]
pub enum RawColumn {
    /// The file has no such column.
    Absent,
    /// Cells of a text file.
    Spans(Arc<String>, Vec<Span>),
    /// Text of a typed file.
    Views(StringViewArray),
    /// Text of a typed file that lists each value once: the number of each row's value in that list, and the list.
    Coded(UInt32Array, StringArray),
    /// Whole numbers.
    Integers(Int64Array),
    /// Decimal numbers with the scale of their type.
    Decimals(Decimal128Array),
    /// Moments in microseconds; `true` when they are instants, `false` when local times.
    Moments(Int64Array, bool),
    /// Days.
    Days(Date32Array),
    /// Truth values.
    Booleans(BooleanArray),
    /// A type that no field accepts, by its name.
    Unusable(String),
}

impl RawColumn {
    /// The text of a cell; `None` when it is absent, null or empty after trimming.
    ///
    /// Only for columns of text: see [`RawColumn::shown`] for any column.
    #[inline]
    #[must_use]
    pub fn text(&self, row: usize) -> Option<&str> {
        let text = match self {
            Self::Spans(text, spans) => {
                let Span { start, end } = spans[row];
                text.get(start as usize..end as usize)?
            }
            Self::Views(array) if !array.is_null(row) => trim(array.value(row)),
            Self::Coded(numbers, values) if !numbers.is_null(row) => trim(values.value(numbers.value(row) as usize)),
            Self::Views(_)
            | Self::Coded(..)
            | Self::Absent
            | Self::Integers(_)
            | Self::Decimals(_)
            | Self::Moments(..)
            | Self::Days(_)
            | Self::Booleans(_)
            | Self::Unusable(_) => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    /// Whether cells are text.
    #[must_use]
    pub const fn is_text(&self) -> bool {
        matches!(self, Self::Spans(..) | Self::Views(_) | Self::Coded(..))
    }

    /// A cell of any column as text, for messages and for identifiers that are whole numbers.
    #[must_use]
    pub fn shown(&self, row: usize) -> Option<String> {
        match self {
            Self::Spans(..) | Self::Views(_) | Self::Coded(..) => self.text(row).map(str::to_owned),
            Self::Integers(array) => (!array.is_null(row)).then(|| array.value(row).to_string()),
            Self::Decimals(array) => (!array.is_null(row)).then(|| array.value_as_string(row)),
            Self::Moments(array, _) => (!array.is_null(row)).then(|| format!("{} µs", array.value(row))),
            Self::Days(array) => {
                (!array.is_null(row)).then(|| tieout_kernel::calendar::Day(array.value(row)).to_string())
            }
            Self::Booleans(array) => (!array.is_null(row)).then(|| array.value(row).to_string()),
            Self::Absent | Self::Unusable(_) => None,
        }
    }
}

/// White space, byte-order marks and the tabs that Alipay pads its cells with.
#[inline]
#[must_use]
pub fn trim(text: &str) -> &str {
    let is_padding = |c: char| matches!(c, ' ' | '\t' | '\u{a0}' | '\u{feff}' | '\r' | '\u{3000}');
    if is_tight(text) { text } else { text.trim_matches(is_padding) }
}

/// Whether a text has no padding at either end, as most cells: decided on two bytes.
#[inline]
pub(super) fn is_tight(text: &str) -> bool {
    matches!((text.as_bytes().first(), text.as_bytes().last()), (Some(0x21..=0x7e), Some(0x21..=0x7e)))
}

/// Some rows of one split.
#[derive(Clone, Debug)]
pub struct RawBatch {
    /// In the order in which columns were asked for.
    pub columns: Vec<RawColumn>,
    /// Where each row is: byte offset of its line within the split, or its number in the row group.
    pub rows: Vec<u32>,
    /// A hash of each row's bytes after trimming; empty unless asked for.
    pub contents: Vec<u64>,
    /// Rows that are no rows.
    pub faults: Vec<Reject>,
    /// Line ends in the text that was read.
    pub line_ends: u64,
}
