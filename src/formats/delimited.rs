//! Delimited text and JSON Lines: columns by name, everything else declared in the job.

use tieout_kernel::code::Code;

use super::rows::{Grammar, Layout, header_names, json_columns};
use super::text::{Text, broken, ends_with_line_end};
use super::{Format, OpenFile};
use crate::error::{Complaint, Error};
use crate::finding::Finding;

/// How a delimited text is laid out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dialect {
    /// Between cells; `None` to tell it from the header.
    pub delimiter: Option<u8>,
    /// Around cells, or none.
    pub quote: Option<u8>,
    /// Lines before the header.
    pub skip_lines: usize,
    /// What begins a line before the header that is no header.
    pub comment: Option<String>,
    /// Whether a last line without line end is taken to be cut off.
    pub final_line_end: bool,
}

impl Default for Dialect {
    fn default() -> Self {
        Self { delimiter: None, quote: Some(b'"'), skip_lines: 0, comment: None, final_line_end: true }
    }
}

/// Delimiters that are tried when none is declared.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// Opens a delimited text.
pub fn open(text: Text, dialect: &Dialect) -> Result<OpenFile, Error> {
    let fail = |e: std::io::Error| broken(&text.name, &e);
    let mut at = text.start;
    let mut header_line = String::new();
    for (number, (end, line)) in text.first_lines(1 << 20).map_err(fail)?.into_iter().enumerate() {
        at = end;
        let is_comment = dialect.comment.as_ref().is_some_and(|comment| line.starts_with(comment.as_str()));
        if number >= dialect.skip_lines && !is_comment && !line.trim().is_empty() {
            header_line = line;
            break;
        }
    }
    let delimiter = dialect.delimiter.unwrap_or_else(|| likely_delimiter(&header_line));
    let grammar = Grammar::Delimited { delimiter, quote: dialect.quote };
    let header = header_names(grammar, &header_line);
    let cut = dialect.final_line_end && !ends_with_line_end(&text).map_err(fail)?;
    let name = text.name.clone();
    let end = text.end();
    let layout = Layout { grammar, header, shapes: Vec::new() };
    let mut file = OpenFile::of_text(text, Format::Delimited, layout, (at, end.max(at)))?;
    finish(&mut file, &name, cut);
    Ok(file)
}

/// Opens JSON Lines. The columns are those of the first line, and those the job asks for besides.
pub fn open_json(text: Text, declared: &[String], final_line_end: bool) -> Result<OpenFile, Error> {
    let fail = |e: std::io::Error| broken(&text.name, &e);
    let head = text.lossy(text.start, 4 << 20).map_err(fail)?;
    let first = head.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let mut header = if first.is_empty() { Vec::new() } else { json_columns(first).unwrap_or_default() };
    header.extend(declared.iter().filter(|name| !header.contains(name)).cloned().collect::<Vec<_>>());
    let cut = final_line_end && !ends_with_line_end(&text).map_err(fail)?;
    let name = text.name.clone();
    let rows = (text.start, text.end());
    let layout = Layout { grammar: Grammar::JsonLines, header, shapes: Vec::new() };
    let mut file = OpenFile::of_text(text, Format::JsonLines, layout, rows)?;
    finish(&mut file, &name, cut);
    Ok(file)
}

fn finish(file: &mut OpenFile, name: &str, cut: bool) {
    if file.header.iter().all(String::is_empty) {
        file.findings.push(
            Finding::new(Code::StatementTruncated, "there is no header: the file is empty or cut off")
                .of_file(name)
                .hint(
                    "a day without any row is a header alone, or an empty file named like this one with .nobill added",
                )
                .blocking(),
        );
    }
    if cut {
        file.findings.push(
            Finding::new(Code::StatementTruncated, "the last line does not end: the file may be cut off")
                .of_file(name)
                .hint("fetch the file again, or say `final_line_end = \"optional\"` if its writer leaves it out")
                .blocking(),
        );
    }
    let line = file.preamble_lines.max(1);
    file.findings.extend(super::sniff::repeated_column(&file.header, name, line));
}

fn likely_delimiter(header: &str) -> u8 {
    let count = |delimiter: u8| header.bytes().filter(|&byte| byte == delimiter).count();
    // The first of equally frequent ones: a comma before a tab before a semicolon.
    DELIMITERS.into_iter().rev().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',')
}

/// Reads a one-character setting of a job file.
pub fn one_byte(text: &str) -> Result<Option<u8>, Complaint> {
    match text.as_bytes() {
        [] => Ok(None),
        [byte] if byte.is_ascii() => Ok(Some(*byte)),
        _ if text == "\\t" || text == "tab" => Ok(Some(b'\t')),
        _ => Err(Complaint::new(format!("`{text}` is not one ASCII character"))),
    }
}
