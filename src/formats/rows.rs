//! Text to cells: four grammars, one result.
//!
//! A row that is not one becomes a reject and costs no other row: after a stray quote, reading goes
//! on at the next line, not at the next quote.

use std::collections::BTreeMap;
use std::sync::Arc;

use memchr::{memchr, memchr_iter, memchr2, memchr3};
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64;

use super::raw::{RawBatch, RawColumn, Span, is_tight, trim};
use crate::reject::{Reject, RejectReason};

/// How a line becomes cells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grammar {
    /// Alipay: commas, no quoting, nothing escaped.
    Commas,
    /// WeChat: every cell begins with a back-tick, and `` ,` `` separates two.
    BackTicks,
    /// Delimited text, quoted or not.
    Delimited {
        /// Between cells.
        delimiter: u8,
        /// Around cells that need it, doubled inside.
        quote: Option<u8>,
    },
    /// One JSON object a line; a column is a path of names joined by dots.
    JsonLines,
}

impl Grammar {
    /// The quote inside which a line end does not end a row.
    #[must_use]
    pub const fn quote(self) -> Option<u8> {
        match self {
            Self::Delimited { quote, .. } => quote,
            Self::Commas | Self::BackTicks | Self::JsonLines => None,
        }
    }

    /// The same with the mark between cells, after which alone a quote opens one.
    #[must_use]
    pub const fn quoting(self) -> Option<(u8, u8)> {
        match self {
            Self::Delimited { quote: Some(quote), delimiter } => Some((quote, delimiter)),
            Self::Delimited { quote: None, .. } | Self::Commas | Self::BackTicks | Self::JsonLines => None,
        }
    }
}

/// What a cell of a column looks like, where that tells columns apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Anything, but in formats without quoting also a stray comma.
    FreeText,
    /// `2026-11-20 09:30:00`
    Time,
    /// `-12.50`
    Amount,
    /// Anything without a comma.
    Other,
}

/// The columns of a text format.
#[derive(Clone, Debug)]
pub struct Layout {
    /// How lines become cells.
    pub grammar: Grammar,
    /// The header, trimmed.
    pub header: Vec<String>,
    /// By column; empty where nothing is known.
    pub shapes: Vec<Shape>,
}

impl Layout {
    /// Where named columns stand in the header, `None` for those that it does not have.
    #[must_use]
    pub fn places(&self, names: &[String]) -> Vec<Option<usize>> {
        names.iter().map(|name| self.header.iter().position(|column| column == name)).collect()
    }
}

/// Reads the rows of one split: all of them, or only those that begin at some bytes, which are ascending.
///
/// `wanted` names columns by their place in the header, `None` for a column the file does not have.
#[must_use]
pub fn read(
    layout: &Layout,
    bytes: Vec<u8>,
    wanted: &[Option<usize>],
    contents: bool,
    only: Option<&[u32]>,
) -> RawBatch {
    let mut reading = Reading::new(layout, to_text(bytes), wanted, contents);
    // Rows that are asked for by name were admitted: what cannot be decoded in a column that nobody compares is
    // shown as it is, and does not take the row away.
    reading.any_broken &= only.is_none();
    // Rows end where the text that was read ends; unescaped cells are appended after it.
    let end = reading.text.len();
    if let Some(rows) = only {
        for &row in rows {
            reading.row_at(row as usize, end);
        }
    } else {
        let mut at = 0;
        while at < end {
            at = reading.row_at(at, end);
        }
    }
    let text = Arc::new(reading.text);
    let columns = reading.columns.into_iter().zip(wanted);
    RawBatch {
        columns: columns
            .map(|(spans, wanted)| wanted.map_or(RawColumn::Absent, |_| RawColumn::Spans(Arc::clone(&text), spans)))
            .collect(),
        rows: reading.rows,
        contents: reading.contents.unwrap_or_default(),
        faults: reading.faults,
        line_ends: reading.line_ends,
    }
}

/// Marks a byte that is no text; as long as one, so that places stay what they are.
const BROKEN: u8 = 0x1a;
/// The same in text that was decoded from another encoding.
const REPLACED: &str = "\u{fffd}";

fn is_broken(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr(BROKEN, bytes).is_some() || memchr::memmem::find(bytes, REPLACED.as_bytes()).is_some()
}

/// Whether a text has a quote anywhere, and a place that could not be decoded.
fn has_quote_or_broken(text: &str, quote: Option<u8>) -> (bool, bool) {
    let bytes = text.as_bytes();
    // Most texts have none of the three, which is seen in one pass.
    match memchr3(BROKEN, REPLACED.as_bytes()[0], quote.unwrap_or(BROKEN), bytes) {
        None => (false, false),
        Some(_) => (quote.is_some_and(|quote| memchr(quote, bytes).is_some()), is_broken(text)),
    }
}

fn to_text(bytes: Vec<u8>) -> String {
    let mut bytes = bytes;
    loop {
        match String::from_utf8(bytes) {
            Ok(text) => return text,
            Err(e) => {
                let (from, length) = (e.utf8_error().valid_up_to(), e.utf8_error().error_len());
                bytes = e.into_bytes();
                let until = length.map_or(bytes.len(), |length| from + length);
                bytes[from..until].fill(BROKEN);
            }
        }
    }
}

struct Reading<'l> {
    layout: &'l Layout,
    text: String,
    /// Whether there is a quote anywhere, and a place that could not be decoded: most splits have neither.
    any_quote: bool,
    any_broken: bool,
    wanted: &'l [Option<usize>],
    columns: Vec<Vec<Span>>,
    rows: Vec<u32>,
    contents: Option<Vec<u64>>,
    faults: Vec<Reject>,
    /// Line ends within the rows that were read, and after them.
    line_ends: u64,
    cells: Vec<Span>,
}

fn span(start: usize, end: usize) -> Span {
    let narrow = |at: usize| u32::try_from(at).expect("a split is smaller than 4 GiB");
    Span { start: narrow(start), end: narrow(end) }
}

impl<'l> Reading<'l> {
    fn new(layout: &'l Layout, text: String, wanted: &'l [Option<usize>], contents: bool) -> Self {
        let (any_quote, any_broken) = has_quote_or_broken(&text, layout.grammar.quote());
        Self {
            layout,
            any_quote,
            any_broken,
            text,
            columns: vec![Vec::new(); wanted.len()],
            wanted,
            rows: Vec::new(),
            contents: contents.then(Vec::new),
            faults: Vec::new(),
            line_ends: 0,
            cells: Vec::with_capacity(layout.header.len()),
        }
    }

    /// Reads the row that begins at a byte; gives where the next one begins.
    fn row_at(&mut self, at: usize, end: usize) -> usize {
        let line_end = memchr(b'\n', &self.text.as_bytes()[at..end]).map_or(end, |found| at + found);
        match self.layout.grammar {
            Grammar::Delimited { delimiter, quote: Some(quote) } if self.has_quote(at, line_end, quote) => {
                let next = self.quoted_row(at, line_end, end, delimiter, quote);
                self.line_ends += memchr_iter(b'\n', &self.text.as_bytes()[at..next.min(end)]).count() as u64;
                next
            }
            grammar => {
                self.line(grammar, at, line_end);
                self.line_ends += u64::from(line_end < end);
                line_end + 1
            }
        }
    }

    fn has_quote(&self, start: usize, end: usize, quote: u8) -> bool {
        self.any_quote && memchr(quote, &self.text.as_bytes()[start..end]).is_some()
    }

    fn line(&mut self, grammar: Grammar, start: usize, end: usize) {
        let line = self.text[start..end].trim_end_matches('\r');
        if trim(line).is_empty() {
            return;
        }
        let (end, is_row) = (start + line.len(), line.starts_with('`'));
        match grammar {
            Grammar::Commas if line.starts_with('#') => self.fault(start, end, RejectReason::NotARow),
            Grammar::Commas => self.split(start, end, b','),
            Grammar::BackTicks if !is_row => self.fault(start, end, RejectReason::NotARow),
            Grammar::BackTicks => self.split_back_ticks(start, end),
            Grammar::Delimited { delimiter, .. } => self.split(start, end, delimiter),
            Grammar::JsonLines => self.json(start, end),
        }
    }

    fn split(&mut self, start: usize, end: usize, delimiter: u8) {
        self.cells.clear();
        let mut cell = start;
        let Self { cells, text, .. } = self;
        each_place(&text.as_bytes()[start..end], delimiter, |place| {
            cells.push(span(cell, start + place));
            cell = start + place + 1;
        });
        self.cells.push(span(cell, end));
        self.row(start, end);
    }

    fn split_back_ticks(&mut self, start: usize, end: usize) {
        self.cells.clear();
        let mut cell = start + 1;
        for found in memchr_iter(b',', &self.text.as_bytes()[start..end]) {
            let comma = start + found;
            // A comma inside a cell is not followed by a back-tick.
            if self.text.as_bytes().get(comma + 1) == Some(&b'`') && comma + 1 < end {
                self.cells.push(span(cell, comma));
                cell = comma + 2;
            }
        }
        self.cells.push(span(cell.min(end), end));
        self.row(start, end);
    }

    /// A row of which at least the first line holds a quote; gives where the next row begins.
    fn quoted_row(&mut self, start: usize, line_end: usize, end: usize, delimiter: u8, quote: u8) -> usize {
        let kept = self.text.len();
        match self.quoted_cells(start, end, delimiter, quote) {
            Some(row_end) if self.cells.len() == self.layout.header.len() || row_end <= line_end => {
                self.row(start, row_end);
                row_end + 1
            }
            // A stray quote: only this line is lost.
            _ => {
                self.text.truncate(kept);
                self.fault(start, line_end, RejectReason::BadQuote);
                line_end + 1
            }
        }
    }

    /// Finds the cells of a row that begins at `start`; gives where it ends, `None` for a stray quote.
    fn quoted_cells(&mut self, start: usize, end: usize, delimiter: u8, quote: u8) -> Option<usize> {
        self.cells.clear();
        let mut at = start;
        loop {
            let after = if at < end && self.text.as_bytes()[at] == quote {
                self.quoted_cell(at + 1, end, quote)?
            } else {
                let stop = memchr2(delimiter, b'\n', &self.text.as_bytes()[at..end]).map_or(end, |found| at + found);
                self.cells.push(span(at, stop));
                stop
            };
            match &self.text.as_bytes()[after..end] {
                [] | [b'\n', ..] => return Some(after),
                [b'\r'] | [b'\r', b'\n', ..] => return Some(after + 1),
                [byte, ..] if *byte == delimiter => at = after + 1,
                _ => return None,
            }
        }
    }

    /// Reads a cell after its opening quote; gives the place after the closing one.
    fn quoted_cell(&mut self, start: usize, end: usize, quote: u8) -> Option<usize> {
        let mut at = start;
        let mut doubled = false;
        loop {
            let close = at + memchr(quote, &self.text.as_bytes()[at..end])?;
            if close + 1 < end && self.text.as_bytes()[close + 1] == quote {
                doubled = true;
                at = close + 2;
                continue;
            }
            let cell = if doubled {
                let (one, two) = (char::from(quote).to_string(), char::from(quote).to_string().repeat(2));
                let plain = self.text[start..close].replace(&two, &one);
                self.append(&plain)
            } else {
                span(start, close)
            };
            self.cells.push(cell);
            return Some(close + 1);
        }
    }

    fn append(&mut self, text: &str) -> Span {
        let start = self.text.len();
        self.text.push_str(text);
        span(start, self.text.len())
    }

    fn json(&mut self, start: usize, end: usize) {
        let line = self.text[start..end].to_owned();
        let object: BTreeMap<String, &RawValue> = match serde_json::from_str(&line) {
            Ok(object) => object,
            Err(e) => return self.fault(start, end, RejectReason::BadJson(e.to_string())),
        };
        let mut cells = Vec::with_capacity(self.layout.header.len());
        for column in &self.layout.header {
            cells.push(match json_text(&object, column) {
                Some(value) => self.append(&value),
                None => Span::ABSENT,
            });
        }
        self.cells = cells;
        self.row(start, end);
    }

    fn row(&mut self, start: usize, end: usize) {
        if self.any_broken && is_broken(&self.text[start..end]) {
            let cell_text = |cell: &Span| self.text.get(cell.start as usize..cell.end as usize);
            let wanted_cells = self.wanted.iter().flatten().filter_map(|&column| self.cells.get(column));
            if wanted_cells.filter_map(cell_text).any(is_broken) {
                return self.fault(start, end, RejectReason::Undecodable);
            }
        }
        let expected = self.layout.header.len();
        if self.cells.len() > expected && !self.layout.shapes.is_empty() {
            self.join_stray_commas();
        }
        if self.cells.len() != expected {
            let reason = RejectReason::WrongCellCount { cells: self.cells.len(), expected };
            return self.fault(start, end, reason);
        }
        self.rows.push(span(start, start).start);
        if let Some(contents) = &mut self.contents {
            contents.push(xxh3_64(trim(&self.text[start..end]).as_bytes()));
        }
        for (column, wanted) in self.columns.iter_mut().zip(self.wanted) {
            let Some(wanted) = wanted else { continue };
            let cell = self.cells[*wanted];
            column.push(match self.text.get(cell.start as usize..cell.end as usize) {
                Some(text) if is_tight(text) => cell,
                Some(text) => {
                    let trimmed = trim(text);
                    let from = cell.start as usize + (trimmed.as_ptr() as usize - text.as_ptr() as usize);
                    span(from, from + trimmed.len())
                }
                None => Span::ABSENT,
            });
        }
    }

    fn fault(&mut self, start: usize, end: usize, reason: RejectReason) {
        let text = self.text[start..end].trim_end_matches('\r').to_owned();
        self.faults.push(Reject::row(span(start, start).start, &text, reason));
    }

    /// Formats without quoting print a comma of a product name as it is. The surplus cells go back
    /// into the free-text column for which every column of a strict shape fits again, if that is
    /// exactly one way.
    fn join_stray_commas(&mut self) {
        let surplus = self.cells.len() - self.layout.header.len();
        let free: Vec<usize> =
            (0..self.layout.shapes.len()).filter(|&at| self.layout.shapes[at] == Shape::FreeText).collect();
        if surplus > 8 || free.is_empty() {
            return;
        }
        let mut fitting = Vec::new();
        let mut shares = vec![0; free.len()];
        distribute(surplus, 0, &mut shares, &mut |shares| {
            let joined = self.joined(&free, shares);
            if self.fits(&joined) {
                fitting.push(joined);
            }
        });
        if let [only] = fitting.as_slice() {
            self.cells.clone_from(only);
        }
    }

    fn joined(&self, free: &[usize], shares: &[usize]) -> Vec<Span> {
        let mut cells = Vec::with_capacity(self.layout.header.len());
        let mut at = 0;
        for column in 0..self.layout.header.len() {
            let extra = free.iter().position(|&one| one == column).map_or(0, |one| shares[one]);
            cells.push(Span { start: self.cells[at].start, end: self.cells[at + extra].end });
            at += extra + 1;
        }
        cells
    }

    fn fits(&self, cells: &[Span]) -> bool {
        cells.iter().zip(&self.layout.shapes).all(|(cell, shape)| {
            let text = trim(&self.text[cell.start as usize..cell.end as usize]);
            match shape {
                Shape::Time => looks_like_time(text),
                Shape::Amount => looks_like_amount(text),
                Shape::FreeText | Shape::Other => true,
            }
        })
    }
}

/// Calls `each` with every place of a byte, ascending. The places are close to each other: looked for eight bytes at a
/// time, they cost less than a call each.
#[inline]
fn each_place(bytes: &[u8], byte: u8, mut each: impl FnMut(usize)) {
    const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let (words, rest) = bytes.as_chunks::<8>();
    let wanted = u64::from_ne_bytes([byte; 8]);
    for (at, word) in (0..).step_by(8).zip(words) {
        let zero_where_equal = u64::from_le_bytes(*word) ^ wanted;
        // The top bit of each byte that is zero, and of no other.
        let mut equal = !(((zero_where_equal & LOW_BITS) + LOW_BITS) | zero_where_equal | LOW_BITS);
        while equal != 0 {
            each(at + equal.trailing_zeros() as usize / 8);
            equal &= equal - 1;
        }
    }
    for (at, _) in (bytes.len() - rest.len()..).zip(rest).filter(|(_, one)| **one == byte) {
        each(at);
    }
}

/// Calls `each` with every way to hand out `surplus` among the shares from `at` on.
fn distribute(surplus: usize, at: usize, shares: &mut Vec<usize>, each: &mut impl FnMut(&[usize])) {
    if at + 1 == shares.len() {
        shares[at] = surplus;
        each(shares);
        return;
    }
    for share in 0..=surplus {
        shares[at] = share;
        distribute(surplus - share, at + 1, shares, each);
    }
}

/// `yyyy-MM-dd HH:mm:ss` or empty.
fn looks_like_time(text: &str) -> bool {
    let shape = b"0000-00-00 00:00:00";
    text.is_empty()
        || (text.len() == shape.len()
            && text
                .bytes()
                .zip(shape)
                .all(|(byte, &like)| if like == b'0' { byte.is_ascii_digit() } else { byte == like }))
}

/// A signed decimal or empty.
fn looks_like_amount(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    text.is_empty()
        || (!digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            && digits.bytes().filter(|&byte| byte == b'.').count() <= 1)
}

/// The text of a value: strings unescaped, numbers exactly as written, nothing for null.
fn json_text(object: &BTreeMap<String, &RawValue>, path: &str) -> Option<String> {
    let (first, rest) = match path.split_once('.') {
        // A name that itself holds a dot comes before a path.
        _ if object.contains_key(path) => (path, None),
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    let raw = object.get(first)?.get();
    if let Some(rest) = rest {
        let inner: BTreeMap<String, &RawValue> = serde_json::from_str(raw).ok()?;
        return json_text(&inner, rest);
    }
    match raw.as_bytes().first()? {
        b'"' => serde_json::from_str(raw).ok(),
        b'n' => None,
        _ => Some(raw.to_owned()),
    }
}

/// The names of a JSON object, nested ones joined by dots, in order of their names.
pub fn json_columns(line: &str) -> Result<Vec<String>, String> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).map_err(|e| e.to_string())?;
    let mut names = Vec::new();
    collect_names("", &object, &mut names);
    Ok(names)
}

fn collect_names(prefix: &str, object: &serde_json::Map<String, serde_json::Value>, names: &mut Vec<String>) {
    for (name, value) in object {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value.as_object() {
            Some(inner) => collect_names(&path, inner, names),
            None => names.push(path),
        }
    }
}

/// Splits a header line into trimmed names, full-width brackets and colons made half-width.
#[must_use]
pub fn header_names(grammar: Grammar, line: &str) -> Vec<String> {
    let line = line.trim_end_matches('\r').trim_start_matches('\u{feff}');
    let delimiter = match grammar {
        Grammar::Delimited { delimiter, .. } => delimiter,
        Grammar::Commas | Grammar::BackTicks | Grammar::JsonLines => b',',
    };
    let layout = Layout { grammar, header: Vec::new(), shapes: Vec::new() };
    let mut reading = Reading::new(&layout, line.to_owned(), &[], false);
    let quoted = grammar.quote().filter(|&quote| reading.has_quote(0, line.len(), quote));
    let in_quotes = quoted.is_some_and(|quote| reading.quoted_cells(0, line.len(), delimiter, quote).is_some());
    let cells: Vec<&str> = if in_quotes {
        reading.cells.iter().map(|cell| &reading.text[cell.start as usize..cell.end as usize]).collect()
    } else {
        line.split(char::from(delimiter)).collect()
    };
    cells.iter().map(|cell| plain_name(cell)).collect()
}

/// A column name without padding, back-tick and full-width forms, so that both spellings are one.
#[must_use]
pub fn plain_name(name: &str) -> String {
    trim(name)
        .trim_start_matches('`')
        .chars()
        .map(|c| match c {
            '（' => '(',
            '）' => ')',
            '：' => ':',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_a_byte_is_found() {
        for length in 0..40 {
            for seed in 0..200_usize {
                // A byte beside the one that is looked for, as `-` is beside the comma, and one with its top bit set.
                let pick = |at: usize| [b',', b'-', b'+', b'a', 0xac, 0][(at * 31 + seed * 17 + at * seed) % 6];
                let bytes: Vec<u8> = (0..length).map(pick).collect();
                let mut places = Vec::new();
                each_place(&bytes, b',', |place| places.push(place));
                let expected: Vec<usize> = memchr_iter(b',', &bytes).collect();
                assert_eq!(places, expected, "{bytes:?}");
            }
        }
    }

    #[test]
    fn line_ends_are_counted_in_and_between_rows() {
        let grammar = Grammar::Delimited { delimiter: b',', quote: Some(b'"') };
        let layout = Layout { grammar, header: vec!["a".to_owned(), "b".to_owned()], shapes: Vec::new() };
        for text in
            ["", "1,2", "1,2\n", "1,2\n\n3,4", "1,\"two\nlines\"\n3,4\n", "1,\"x\n3,4\n", "1,\"x\"", "1,\"\n\n\"\r\n"]
        {
            let batch = read(&layout, text.as_bytes().to_vec(), &[Some(0), Some(1)], false, None);
            assert_eq!(batch.line_ends, text.matches('\n').count() as u64, "{text:?}");
        }
    }
}
