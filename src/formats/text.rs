//! Text files as plain UTF-8 that can be read at any place: unpacked, decoded, cut into splits.
//!
//! ```text
//!  zip ─ members ─┐
//!  gzip ──────────┼─ UTF-8? ── yes ─▶ as it is
//!  plain ─────────┘        └── no ──▶ GB18030 or as declared ─▶ memory, or a temporary file
//! ```
//!
//! A declared encoding is believed; without one UTF-8 is tried strictly and then GB18030, which
//! covers GBK. Splits end at line ends, and where the format quotes, at line ends outside quotes.

use std::io::{self, Read, Write};

use encoding_rs::{Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};
use memchr::{memchr, memchr_iter, memrchr};
use rayon::prelude::*;

use crate::error::{Complaint, Error};
use crate::store::{Body, Place, Store, disk_error};

/// Unpacked text up to this size stays in memory.
const IN_MEMORY: usize = 64 << 20;
/// A member may not unpack to more than this.
pub const UNPACKED_MAX: u64 = 64 << 30;
/// A member may not unpack to more than this many times its packed size, once it is large.
const RATIO_MAX: u64 = 2_000;
/// How much of a text decides its encoding.
const SAMPLE: usize = 256 << 10;

/// One text, decoded.
#[derive(Clone, Debug)]
pub struct Text {
    /// The file, and after `!` the member of an archive.
    pub name: String,
    /// UTF-8 without byte-order mark before `start`.
    pub body: Body,
    /// First byte after a byte-order mark.
    pub start: u64,
    /// The encoding it had.
    pub encoding: &'static str,
}

impl Text {
    /// One past the last byte.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.body.len()
    }

    /// Some bytes as text; broken UTF-8 becomes replacement characters.
    pub fn lossy(&self, offset: u64, length: u64) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&self.body.read(offset, length)?).into_owned())
    }

    /// The lines at the beginning, at most `most` bytes of them, each with where it ends in the text.
    ///
    /// Offsets are of bytes: a broken character is longer as text than it is in the file.
    pub fn first_lines(&self, most: u64) -> io::Result<Vec<(u64, String)>> {
        let bytes = self.body.read(self.start, most)?;
        let mut lines = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let end = memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |found| at + found + 1);
            let line = String::from_utf8_lossy(&bytes[at..end]);
            lines.push((self.start + end as u64, line.trim_end_matches(['\n', '\r']).to_owned()));
            at = end;
        }
        Ok(lines)
    }

    /// How many line ends stand before `offset`.
    pub fn lines_before(&self, offset: u64) -> io::Result<u64> {
        let mut count = 0;
        let mut at = self.start;
        while at < offset {
            let part = self.body.read(at, (offset - at).min(8 << 20))?;
            if part.is_empty() {
                break;
            }
            count += memchr_iter(b'\n', &part).count() as u64;
            at += part.len() as u64;
        }
        Ok(count)
    }

    /// The line that begins at `offset`, without its end, at most `most` bytes of it.
    pub fn line_at(&self, offset: u64, most: u64) -> io::Result<String> {
        let bytes = self.body.read(offset, most)?;
        let end = memchr(b'\n', &bytes).unwrap_or(bytes.len());
        Ok(String::from_utf8_lossy(&bytes[..end]).trim_end_matches('\r').to_owned())
    }

    /// Cuts `start..end` into ranges of about `size` bytes that end where a row ends. `quoting` is the quote inside
    /// which a line end does not end a row, and the mark between cells.
    pub fn split(&self, start: u64, end: u64, size: u64, quoting: Option<(u8, u8)>) -> io::Result<Vec<(u64, u64)>> {
        let quotes = Quotes::of(self, (start, end), size, quoting)?;
        let mut splits = Vec::new();
        let mut at = start;
        // No quote is open at a split's start.
        while at < end {
            let aim = at.saturating_add(size).min(end);
            let from = if quotes.any_within(at, aim) { at } else { aim - 1 };
            let cut = if aim == end { end } else { self.row_end(from, aim, end, quoting)? };
            splits.push((at, cut));
            at = cut;
        }
        Ok(splits)
    }

    /// The first row end at or after `aim`, given that no quote is open at `from`, and that there a row begins or none.
    fn row_end(&self, from: u64, aim: u64, end: u64, quoting: Option<(u8, u8)>) -> io::Result<u64> {
        let mut ahead = 1 << 16;
        loop {
            let until = aim.saturating_add(ahead).min(end);
            let begin = if quoting.is_some() { from } else { aim };
            let bytes = self.body.read(begin, until - begin)?;
            let least = usize::try_from(aim - begin).unwrap_or(usize::MAX);
            if let Some(found) = first_row_end(&bytes, least, quoting) {
                return Ok(begin + found as u64 + 1);
            }
            if until == end {
                return Ok(end);
            }
            // A quote that nobody closes is a stray one: its row is its line, as for whoever reads it.
            if quoting.is_some()
                && ahead > QUOTED_MAX
                && let Some(found) = first_row_end(&bytes, least, None)
            {
                return Ok(begin + found as u64 + 1);
            }
            ahead *= 8;
        }
    }
}

/// Which parts of a text have a quote anywhere: of the others nothing needs to be looked at to find where a row ends.
struct Quotes {
    start: u64,
    size: u64,
    parts: Vec<bool>,
}

/// How far a quote may stay open beyond where a split is to end.
const QUOTED_MAX: u64 = 8 << 20;
/// How much of a text is looked at for a quote at a time: where there are any, most rows have one.
const PEEK: u64 = 256 << 10;

impl Quotes {
    /// Looks for quotes in parts of `size`, side by side.
    fn of(text: &Text, (start, end): (u64, u64), size: u64, quoting: Option<(u8, u8)>) -> io::Result<Self> {
        let Some((quote, _)) = quoting else { return Ok(Self { start, size, parts: Vec::new() }) };
        let has_quote = |part: u64| -> io::Result<bool> {
            let mut at = start + part * size;
            let until = at.saturating_add(size).min(end);
            while at < until {
                let bytes = text.body.read(at, PEEK.min(until - at))?;
                if bytes.is_empty() || memchr(quote, &bytes).is_some() {
                    return Ok(!bytes.is_empty());
                }
                at += bytes.len() as u64;
            }
            Ok(false)
        };
        let count = usize::try_from(end.saturating_sub(start).div_ceil(size)).map_err(io::Error::other)?;
        let parts = (0..count).into_par_iter().with_max_len(1).map(|part| has_quote(part as u64));
        Ok(Self { start, size, parts: parts.collect::<io::Result<_>>()? })
    }

    /// Whether there may be one between two places.
    fn any_within(&self, from: u64, until: u64) -> bool {
        let part = |at: u64| usize::try_from((at - self.start) / self.size).unwrap_or(usize::MAX);
        self.parts.iter().skip(part(from)).take(part(until - 1) + 1 - part(from)).any(|part| *part)
    }
}

/// The first line end at or after `least` that is outside of quotes, in bytes that begin with a row.
///
/// A quote opens a cell only where the cell begins, as it is read; elsewhere it is a character like any other.
fn first_row_end(bytes: &[u8], least: usize, quoting: Option<(u8, u8)>) -> Option<usize> {
    let Some((quote, delimiter)) = quoting else {
        return memchr(b'\n', bytes.get(least..)?).map(|found| least + found);
    };
    let mut at = 0;
    loop {
        // Outside of quotes: a row may end before the next one opens.
        let next = memchr(quote, &bytes[at..]).map(|found| at + found);
        let from = at.max(least);
        let until = next.unwrap_or(bytes.len());
        if from < until
            && let Some(found) = memchr(b'\n', &bytes[from..until])
        {
            return Some(from + found);
        }
        let opening = next?;
        at = opening + 1;
        if opening > 0 && bytes[opening - 1] != delimiter && bytes[opening - 1] != b'\n' {
            continue;
        }
        loop {
            let closing = at + memchr(quote, &bytes[at..])?;
            at = closing + 1;
            if bytes.get(at) != Some(&quote) {
                break;
            }
            // Doubled: a quote within the cell.
            at += 1;
        }
    }
}

/// A member of an archive, or the file itself.
#[derive(Debug)]
pub struct Unpacked {
    /// The file, and after `!` the member.
    pub name: String,
    /// Its bytes.
    pub body: Body,
}

/// Unpacks zip and gzip by their magic numbers; anything else is given back as it is.
pub fn unpack(store: &Store, name: &str, body: &Body) -> Result<Vec<Unpacked>, Error> {
    let magic = body.read(0, 4).map_err(|e| broken(name, &e))?;
    if magic.starts_with(b"PK\x03\x04") || magic.starts_with(b"PK\x05\x06") {
        return unzip(store, name, body);
    }
    if magic.starts_with(&[0x1f, 0x8b]) {
        let mut reader = flate2::bufread::MultiGzDecoder::new(io::BufReader::with_capacity(256 << 10, body.reader(0)));
        let body = copy_out(store, name, &mut reader, body.len())?;
        return Ok(vec![Unpacked { name: name.to_owned(), body }]);
    }
    Ok(vec![Unpacked { name: name.to_owned(), body: body.clone() }])
}

fn unzip(store: &Store, name: &str, body: &Body) -> Result<Vec<Unpacked>, Error> {
    let archive = zip::ZipArchive::new(body.reader(0)).map_err(|e| broken(name, &e))?;
    let unpacked = |index: usize| -> Result<Option<Unpacked>, Error> {
        let mut archive = archive.clone();
        let member = archive.by_index(index).map_err(|e| broken(name, &e))?;
        if member.is_dir() {
            return Ok(None);
        }
        // Names come in GBK without saying so. They are shown, never used as paths.
        let member_name = decode_name(member.name_raw());
        let full_name = format!("{name}!{member_name}");
        let packed = member.compressed_size();
        let body = copy_out(store, &full_name, &mut io::BufReader::with_capacity(256 << 10, member), packed)?;
        Ok(Some(Unpacked { name: full_name, body }))
    };
    // Members side by side; of several that are broken the first is told.
    let all: Vec<Result<Option<Unpacked>, Error>> = (0..archive.len()).into_par_iter().map(unpacked).collect();
    let mut members: Vec<Unpacked> = all.into_iter().filter_map(Result::transpose).collect::<Result<_, Error>>()?;
    if members.is_empty() {
        return Err(broken(name, &"the archive has no member"));
    }
    members.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(members)
}

fn decode_name(raw: &[u8]) -> String {
    match std::str::from_utf8(raw) {
        Ok(name) => name.to_owned(),
        Err(_) => GB18030.decode_without_bom_handling(raw).0.into_owned(),
    }
}

/// Copies a stream to memory, and to disk when it is large, within the limits.
fn copy_out(store: &Store, name: &str, from: &mut dyn Read, packed: u64) -> Result<Body, Error> {
    let mut sink = Sink::new(store);
    let mut buffer = vec![0; 256 << 10];
    loop {
        let count = from.read(&mut buffer).map_err(|e| broken(name, &e))?;
        if count == 0 {
            return sink.finish(name);
        }
        sink.write(name, &buffer[..count])?;
        let (size, ratio) = (sink.size, sink.size / packed.max(1));
        if size > UNPACKED_MAX || (size > IN_MEMORY as u64 && ratio > RATIO_MAX) {
            let what = format!("{name} unpacks to more than {size} bytes from {packed}");
            return Err(Error::Limit(Complaint::new(what).hint("a statement does not compress like this")));
        }
    }
}

/// Collects bytes in memory and moves to a temporary file when they become many.
struct Sink<'s> {
    store: &'s Store,
    memory: Vec<u8>,
    file: Option<tempfile::NamedTempFile>,
    size: u64,
}

impl<'s> Sink<'s> {
    fn new(store: &'s Store) -> Self {
        Self { store, memory: Vec::new(), file: None, size: 0 }
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.size += bytes.len() as u64;
        self.memory.extend_from_slice(bytes);
        if self.memory.len() > IN_MEMORY {
            self.spill(name)?;
        }
        Ok(())
    }

    fn spill(&mut self, name: &str) -> Result<(), Error> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(self.store.scratch_file()?),
        };
        let place = Place::Local(file.path().to_path_buf());
        file.write_all(&self.memory).map_err(|e| match disk_error("unpacking to", &place, &e) {
            Error::Unavailable { .. } => broken(name, &e),
            known => known,
        })?;
        self.memory.clear();
        Ok(())
    }

    fn finish(mut self, name: &str) -> Result<Body, Error> {
        if self.file.is_none() {
            return Ok(Body::memory(self.memory));
        }
        self.spill(name)?;
        match self.file {
            Some(file) => {
                let (file, path) = file.into_parts();
                Body::file(file, Some(path)).map_err(|e| broken(name, &e))
            }
            None => Ok(Body::memory(self.memory)),
        }
    }
}

/// Decodes unpacked bytes to UTF-8. UTF-8 itself is not copied.
pub fn decode(store: &Store, unpacked: Unpacked, declared: Option<&'static Encoding>) -> Result<Text, Error> {
    let Unpacked { name, body } = unpacked;
    let sample = body.read(0, SAMPLE as u64).map_err(|e| broken(&name, &e))?;
    let (encoding, mark) = match Encoding::for_bom(&sample) {
        Some((encoding, length)) => (encoding, length as u64),
        None => (declared.unwrap_or_else(|| guess(&sample)), 0),
    };
    if encoding == UTF_8 {
        return Ok(Text { name, body, start: mark, encoding: "UTF-8" });
    }
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut sink = Sink::new(store);
    let mut reader = body.reader(mark);
    let mut input = vec![0; 256 << 10];
    let mut output = String::with_capacity(1 << 20);
    loop {
        let count = reader.read(&mut input).map_err(|e| broken(&name, &e))?;
        let mut taken = 0;
        loop {
            // Bytes that are no text become U+FFFD; the rows that contain one are rejected later.
            let (result, read, _) = decoder.decode_to_string(&input[taken..count], &mut output, count == 0);
            taken += read;
            sink.write(&name, output.as_bytes())?;
            output.clear();
            if result == encoding_rs::CoderResult::InputEmpty {
                break;
            }
        }
        if count == 0 {
            break;
        }
    }
    let body = sink.finish(&name)?;
    let encoding = if encoding == GB18030 { "GB18030" } else { encoding.name() };
    Ok(Text { name, body, start: 0, encoding })
}

/// UTF-8 if the sample is, else GB18030; UTF-16 without a mark shows itself by its zero bytes.
fn guess(sample: &[u8]) -> &'static Encoding {
    let zeros = |parity: usize| sample.iter().skip(parity).step_by(2).take(64).filter(|&&byte| byte == 0).count();
    if sample.len() >= 64 && zeros(1) > 8 && zeros(0) == 0 {
        return UTF_16LE;
    }
    if sample.len() >= 64 && zeros(0) > 8 && zeros(1) == 0 {
        return UTF_16BE;
    }
    match std::str::from_utf8(sample) {
        Ok(_) => UTF_8,
        // A sample may end inside a character.
        Err(e) if e.error_len().is_none() && sample.len() == SAMPLE => UTF_8,
        Err(_) => GB18030,
    }
}

/// An encoding by the label a job uses.
#[must_use]
pub fn encoding(label: &str) -> Option<&'static Encoding> {
    match label.to_ascii_lowercase().as_str() {
        "gbk" | "gb2312" | "gb18030" => Some(GB18030),
        other => Encoding::for_label(other.as_bytes()),
    }
}

/// A position before which no line begins in the last `most` bytes, and the lines from there on.
pub fn last_lines(text: &Text, most: u64) -> io::Result<Vec<(u64, String)>> {
    let from = text.end().saturating_sub(most).max(text.start);
    let bytes = text.body.read(from, text.end() - from)?;
    let mut lines = Vec::new();
    // The first line of the block may have begun before it.
    let mut at = if from == text.start { 0 } else { memchr(b'\n', &bytes).map_or(bytes.len(), |at| at + 1) };
    while at < bytes.len() {
        let end = memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |end| at + end);
        let line = String::from_utf8_lossy(&bytes[at..end]);
        lines.push((from + at as u64, line.trim_end_matches('\r').to_owned()));
        at = end + 1;
    }
    Ok(lines)
}

/// Whether the text ends with a line end.
pub fn ends_with_line_end(text: &Text) -> io::Result<bool> {
    if text.end() == text.start {
        return Ok(true);
    }
    let last = text.body.read(text.end() - 1, 1)?;
    Ok(memrchr(b'\n', &last).is_some())
}

/// A file whose bytes cannot be read as what they claim to be.
pub fn broken(name: &str, why: &dyn std::fmt::Display) -> Error {
    let complaint = Complaint::new(format!("could not read {name}: {why}"));
    Error::InvalidInput(complaint.hint("fetch the file again; it may be cut or damaged"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wherever the only quotes of a text are, its rows end at the same places as if all of it were looked at.
    #[test]
    fn splits_end_where_rows_end_wherever_quotes_are() {
        let row = |at: usize, quoted: usize| match at.checked_sub(quoted) {
            Some(0) => "\"two\n\"\"lines\"\"\n\",x\n".to_owned(),
            Some(1) => format!("{at},5\" pipe\n"),
            _ => format!("{at},5 pipe\n"),
        };
        for quoted in 0..40 {
            let rows: Vec<String> = (0..40).map(|at| row(at, quoted)).collect();
            let text = Text {
                name: "t".to_owned(),
                body: Body::memory(rows.concat().into_bytes()),
                start: 0,
                encoding: "UTF-8",
            };
            let mut ends = vec![0];
            rows.iter().for_each(|row| ends.push(ends.last().unwrap() + row.len() as u64));
            for size in 1..60 {
                let splits = text.split(0, text.end(), size, Some((b'"', b','))).unwrap();
                assert!(
                    splits.iter().all(|(start, end)| ends.contains(start) && ends.contains(end)),
                    "{quoted} {size}"
                );
                assert!(splits.windows(2).all(|pair| pair[0].1 == pair[1].0), "{quoted} {size}");
                // As short as they can be.
                assert!(splits.iter().all(|(start, end)| !ends.iter().any(|at| (start + size + 1..*end).contains(at))));
                assert_eq!((splits[0].0, splits.last().unwrap().1), (0, text.end()));
            }
        }
    }

    #[test]
    fn a_quote_that_nobody_closes_does_not_keep_a_text_in_one_piece() {
        let text = format!("1,\"x\n{}", "2,y\n".repeat(15 << 20)).into_bytes();
        let text = Text { name: "t".to_owned(), body: Body::memory(text), start: 0, encoding: "UTF-8" };
        let splits = text.split(0, text.end(), 2 << 20, Some((b'"', b','))).unwrap();
        assert!(splits.iter().all(|(start, end)| end - start < 3 << 20), "{splits:?}");
        assert!(splits.iter().skip(1).all(|(start, _)| start % 4 == 1 && splits.len() == 30), "{splits:?}");
    }

    #[test]
    fn a_row_ends_at_a_line_end_outside_of_quotes_that_open_a_cell() {
        let end = |text: &str, least: usize| first_row_end(text.as_bytes(), least, Some((b'"', b',')));
        assert_eq!(end("a,b\nc,d\n", 0), Some(3));
        assert_eq!(end("a,b\nc,d\n", 4), Some(7));
        assert_eq!(end("a,\"b\nc\",d\ne\n", 0), Some(9));
        assert_eq!(end("a,\"two\nlines, \"\"q\"\"\"\nb,c\n", 3), Some(20), "doubled quotes stay within the cell");
        assert_eq!(end("a,5\" pipe\nb,\"x\ny\"\n", 10), Some(17), "a quote within a cell opens nothing");
        assert_eq!(end("a,\"open\nb,c\n", 0), None);
        assert_eq!(first_row_end(b"a,\"b\nc\"\n", 0, None), Some(4));
        assert_eq!(first_row_end(b"a", 5, None), None);
    }
}
