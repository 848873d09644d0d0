//! One row by its line, as it is written: for people who look at it.

use memchr::{memchr, memchr_iter};

use super::raw::RawColumn;
use super::text::{self, Text};
use super::{Content, OpenFile, Split};
use crate::error::Error;

/// A row as its file has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Written {
    /// The line of a text, decoded; lines, where a quoted cell has a line end.
    Line(String),
    /// Columns and values of a typed file, without those that have none.
    Cells(Vec<(String, String)>),
}

/// A row is not longer than this, unless a quote was left open.
const LONGEST: u64 = 1 << 20;

impl OpenFile {
    /// The row that begins at a line, or has a number in files without lines: its split and its place there.
    pub fn row_of_line(&self, line: u64) -> Result<Option<(Split, u32)>, Error> {
        let place = match &self.content {
            Content::Text { text, .. } => begin_of_line(text, line).map_err(|e| text::broken(&self.name, &e))?,
            Content::Columns(_) => line.checked_sub(1),
        };
        let within = |split: &Split| {
            let (from, until) = match *split {
                Split::Bytes { start, end } => (start, end),
                Split::RowGroup { rows, before, .. } => (before, before + rows),
            };
            let row = place.filter(|place| (from..until).contains(place))? - from;
            Some((*split, u32::try_from(row).ok()?))
        };
        Ok(self.splits.iter().find_map(within))
    }

    /// A row of a split as it is written.
    pub fn written(&self, split: &Split, row: u32) -> Result<Written, Error> {
        if let (Content::Text { text, layout }, Split::Bytes { start, end }) = (&self.content, split) {
            let from = start + u64::from(row);
            let bytes = text.body.read(from, LONGEST.min(end - from)).map_err(|e| text::broken(&text.name, &e))?;
            let end = row_end(&bytes, layout.grammar.quote());
            return Ok(Written::Line(String::from_utf8_lossy(&bytes[..end]).trim_end_matches('\r').to_owned()));
        }
        let batches = self.fetch(split, &[row], &self.header, false)?;
        let cells = batches.iter().flat_map(|batch| self.header.iter().zip(&batch.columns));
        let shown = |(name, column): (&String, &RawColumn)| Some((name.clone(), shown(column)?));
        Ok(Written::Cells(cells.filter_map(shown).collect()))
    }
}

/// Where a line begins in a text.
fn begin_of_line(text: &Text, line: u64) -> std::io::Result<Option<u64>> {
    let Some(mut left) = line.checked_sub(1) else { return Ok(None) };
    let mut at = text.start;
    while left > 0 {
        let part = text.body.read(at, 8 << 20)?;
        if part.is_empty() {
            return Ok(None);
        }
        let mut ends = memchr_iter(b'\n', &part);
        match usize::try_from(left - 1).ok().and_then(|skipped| ends.nth(skipped)) {
            Some(end) => return Ok(Some(at + end as u64 + 1)),
            None => left -= memchr_iter(b'\n', &part).count() as u64,
        }
        at += part.len() as u64;
    }
    Ok(Some(at))
}

/// Where the first row of some bytes ends: at the first line end outside of quotes.
fn row_end(bytes: &[u8], quote: Option<u8>) -> usize {
    let mut open = false;
    for (at, &byte) in bytes.iter().enumerate() {
        if Some(byte) == quote {
            open = !open;
        } else if byte == b'\n' && !open {
            return at;
        }
    }
    // The quote is a stray one, and so the row is its line.
    if open { memchr(b'\n', bytes).unwrap_or(bytes.len()) } else { bytes.len() }
}

/// The only cell of a column that was read for one row; moments as people write them.
fn shown(column: &RawColumn) -> Option<String> {
    match column {
        RawColumn::Moments(array, is_instant) => {
            use arrow_array::Array as _;
            let micros = (!array.is_null(0)).then(|| array.value(0))?;
            let instant = jiff::Timestamp::from_microsecond(micros).ok()?;
            let local = || instant.to_zoned(jiff::tz::TimeZone::UTC).datetime().to_string();
            Some(if *is_instant { instant.to_string() } else { local() })
        }
        RawColumn::Unusable(kind) => Some(format!("({kind})")),
        column => column.shown(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Body;

    #[test]
    fn lines_are_found_from_the_beginning_and_after_the_last_there_is_none() {
        let body = Body::memory("\u{feff}one\ntwo\n\nfour".as_bytes());
        let text = Text { name: "t".to_owned(), body, start: 3, encoding: "UTF-8" };
        let begin = |line| begin_of_line(&text, line).unwrap();
        assert_eq!(
            [begin(0), begin(1), begin(2), begin(3), begin(4), begin(5)],
            [None, Some(3), Some(7), Some(11), Some(12), None]
        );
    }

    #[test]
    fn a_row_ends_outside_of_quotes_and_a_stray_quote_costs_one_line() {
        let end = |text: &str| row_end(text.as_bytes(), Some(b'"'));
        assert_eq!(end("a,\"b\nc\",d\ne"), 9);
        assert_eq!(end("a,\"b\nc,d\n"), 4);
        assert_eq!(end("a,b"), 3);
        assert_eq!(row_end(b"a,\"b\nc", None), 4);
    }
}
