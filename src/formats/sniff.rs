//! Recognising files by what they contain, never by their names.

use arrow_schema::DataType;
use rayon::prelude::*;
use tieout_kernel::code::{Code, Severity};

use super::columnar::Columnar;
use super::delimited::{self, Dialect};
use super::rows::Shape;
use super::text::{Text, Unpacked, decode, unpack};
use super::{Format, OpenFile, alipay, wechat};
use crate::error::{Complaint, Error};
use crate::finding::Finding;
use crate::normalise::{Mapping, TextRule, Used};
use crate::store::{Body, Store};

/// What a file turned out to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Recognised {
    /// A format that can be read.
    Format(Format),
    /// A summary member that repeats what the bill next to it says; left out.
    Summary,
    /// The provider's word that there was nothing to bill on that day.
    NoBill,
    /// The provider's word that the bill is not ready.
    NotReady(String),
    /// A file that is known and not supported, with what it is.
    Refused(String),
    /// Not a single byte.
    Empty,
}

/// Looks at the beginning of a text.
#[must_use]
pub fn recognise(head: &str) -> Recognised {
    let head = head.trim_start_matches('\u{feff}');
    let mut lines = head.lines().map(str::trim).filter(|line| !line.is_empty());
    let Some(first) = lines.next() else { return Recognised::Empty };
    if alipay::SUMMARY_TITLES.iter().any(|title| first.starts_with(title)) {
        return Recognised::Summary;
    }
    if first.starts_with(alipay::TRADE_TITLE) {
        return Recognised::Format(Format::AlipayTrade);
    }
    if first.starts_with(alipay::FUND_TITLE) {
        return Recognised::Format(Format::AlipayFund);
    }
    if let Some(answer) = providers_answer(head) {
        return answer;
    }
    let consumer = ["支付宝交易记录明细查询", "支付宝（中国）网络技术有限公司", "电子客户回单", "微信支付账单明细"];
    if head.lines().take(30).any(|line| consumer.iter().any(|title| line.contains(title))) {
        let what = "an export for consumers, not a merchant's bill; fetch the bill through the merchant interface";
        return Recognised::Refused(what.to_owned());
    }
    let header = std::iter::once(first).chain(lines).find(|line| !line.starts_with('#')).unwrap_or(first);
    if let Some(format) = alipay::recognise_header(header).or_else(|| wechat::recognise_header(header)) {
        return Recognised::Format(format);
    }
    if first.starts_with('{') && first.ends_with('}') {
        return Recognised::Format(Format::JsonLines);
    }
    Recognised::Format(Format::Delimited)
}

/// An error body instead of a bill, such as WeChat's `No Bill Exist`.
fn providers_answer(head: &str) -> Option<Recognised> {
    let text = head.trim();
    let is_xml = text.starts_with("<xml") || text.starts_with("<?xml");
    let is_json = text.starts_with('{')
        && (text.contains("\"code\"") || text.contains("\"return_code\""))
        && text.contains("\"message\"");
    if !is_xml && !is_json {
        return None;
    }
    let folded = text.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| folded.contains(word));
    if says(&["no bill exist", "no_statement_exist", "20002"]) {
        return Some(Recognised::NoBill);
    }
    if says(&["bill creating", "statement_creating", "20003"]) {
        return Some(Recognised::NotReady("the provider is still creating it".to_owned()));
    }
    let shown: String = text.chars().take(200).collect();
    Some(Recognised::Refused(format!("an answer of the provider and no bill: {shown}")))
}

/// A member of a file, recognised, and opened where it can be.
#[derive(Debug)]
pub struct Member {
    /// The file, and after `!` the member.
    pub name: String,
    /// What it is.
    pub recognised: Recognised,
    /// Ready to be read, unless it is none of the formats.
    pub file: Option<OpenFile>,
}

/// How files of a source are to be opened.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// The format that the job declares; without it the content decides.
    pub format: Option<Format>,
    /// The encoding that the job declares.
    pub encoding: Option<&'static encoding_rs::Encoding>,
    /// The layout of delimited text.
    pub dialect: Dialect,
    /// Columns that the job maps, for formats that do not list theirs.
    pub columns: Vec<String>,
}

/// Opens a file and all members it may have.
pub fn open_all(store: &Store, name: &str, body: &Body, opening: &Opening) -> Result<Vec<Member>, Error> {
    if is_parquet(body, name)? {
        let file = OpenFile::of_columns(name, Columnar::open(name, body)?);
        return Ok(vec![Member {
            name: name.to_owned(),
            recognised: Recognised::Format(Format::Parquet),
            file: Some(file),
        }]);
    }
    let member = |unpacked: Unpacked| {
        if is_parquet(&unpacked.body, &unpacked.name)? {
            let Unpacked { name, body } = unpacked;
            let file = OpenFile::of_columns(&name, Columnar::open(&name, &body)?);
            return Ok(Member { name, recognised: Recognised::Format(Format::Parquet), file: Some(file) });
        }
        open_text(decode(store, unpacked, opening.encoding)?, opening)
    };
    // Members side by side; of several that are broken the first is told.
    let members: Vec<Result<Member, Error>> = unpack(store, name, body)?.into_par_iter().map(member).collect();
    members.into_iter().collect()
}

fn is_parquet(body: &Body, name: &str) -> Result<bool, Error> {
    let magic = body.read(0, 4).map_err(|e| super::text::broken(name, &e))?;
    Ok(magic.as_ref() == b"PAR1")
}

fn open_text(text: Text, opening: &Opening) -> Result<Member, Error> {
    let name = text.name.clone();
    let head = text.lossy(text.start, 64 << 10).map_err(|e| super::text::broken(&name, &e))?;
    let recognised = match (recognise(&head), opening.format) {
        // A declared generic format is believed: its content looks like anything.
        (Recognised::Format(_) | Recognised::Refused(_), Some(format)) if format.is_generic() => {
            Recognised::Format(format)
        }
        (recognised, _) => recognised,
    };
    let file = match &recognised {
        Recognised::Format(format @ (Format::AlipayTrade | Format::AlipayFund)) => Some(alipay::open(text, *format)?),
        Recognised::Format(format @ (Format::WechatTrade | Format::WechatFund)) => Some(wechat::open(text, *format)?),
        Recognised::Format(Format::JsonLines) => {
            Some(delimited::open_json(text, &opening.columns, opening.dialect.final_line_end)?)
        }
        Recognised::Format(Format::Delimited) => Some(delimited::open(text, &opening.dialect)?),
        Recognised::Format(Format::Parquet) => {
            let what = format!("{name} is not a Parquet file");
            return Err(Error::InvalidInput(Complaint::new(what).hint("check the `format` and `place` of the source")));
        }
        Recognised::Summary
        | Recognised::NoBill
        | Recognised::NotReady(_)
        | Recognised::Refused(_)
        | Recognised::Empty => None,
    };
    Ok(Member { name, recognised, file })
}

/// Holds a header against the columns a format is known to have and those a mapping needs.
///
/// A needed column that is gone blocks the source; a column that is new is kept and reported.
#[must_use]
pub fn header_findings(
    header: &[String],
    mapping: &Mapping,
    known: &[(&str, Shape)],
    file: &str,
    line: u64,
) -> Vec<Finding> {
    let has = |column: &str| header.iter().any(|name| name == column);
    let missing: Vec<String> =
        mapping.columns().into_iter().filter(|used| used.needed && !has(&used.name)).map(|used| used.name).collect();
    let new: Vec<&String> = header.iter().filter(|name| !known.iter().any(|(column, _)| column == name)).collect();
    let mut findings = Vec::new();
    for column in missing {
        let close = closest(&column, new.iter().map(|name| name.as_str()));
        let hint = match close {
            Some(close) => format!("the header has `{close}`, which may be the same column under a new name"),
            None => "the provider changed the file, or it is of another type".to_owned(),
        };
        findings.push(
            Finding::new(Code::SchemaDrift, format!("the column `{column}` is missing"))
                .of_file(file)
                .at_line(line)
                .hint(hint)
                .blocking(),
        );
    }
    for column in new {
        let what =
            if column.is_empty() { "a column without a name".to_owned() } else { format!("the column `{column}`") };
        findings.push(
            Finding::new(Code::SchemaDrift, format!("{what} is new; it was kept and not read"))
                .severity(Severity::P3)
                .of_file(file)
                .at_line(line),
        );
    }
    findings
}

/// Columns of a file that the mapping reads and whose type holds nothing to read; and rules that are `asked` for, because
/// somebody compares them or selects by them, of which the file has nothing to read at all.
///
/// Floating-point numbers in a column of amounts are told row by row.
#[must_use]
pub fn column_findings(file: &OpenFile, mapping: &Mapping, asked: &[TextRule]) -> Vec<Finding> {
    let quoted = |columns: &[&str]| columns.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let finding = |what: String, hint: &str| Finding::new(Code::SchemaDrift, what).of_file(&file.name).hint(hint);
    let typed = "export it as text, a whole number, a decimal, a day or a timestamp";
    let unusable = |column: &str, data_type: &DataType| {
        finding(format!("the column `{column}` is of type {data_type}, from which nothing can be read exactly"), typed)
    };
    let mut findings = Vec::new();
    let mut told: Vec<&str> = Vec::new();
    for rule in asked.iter().filter(|rule| !can_be_read(file, rule)) {
        let columns = rule.columns();
        findings.push(match columns.as_slice() {
            [only] => {
                let what = format!("the column `{only}`, which is compared or selected by, is missing");
                let missing = || finding(what, "the provider changed the file, or it is of another type");
                file.unusable_type(only).map_or_else(missing, |data_type| unusable(only, &data_type)).blocking()
            }
            several => {
                let what = format!("of {}, which are compared or selected by, none can be read", quoted(several));
                finding(what, typed).blocking()
            }
        });
        told.extend(columns);
    }
    let of_type = |used: Used| {
        let data_type = file.unusable_type(&used.name).filter(|_| !told.contains(&used.name.as_str()))?;
        if used.only_money && data_type.is_floating() {
            return None;
        }
        let finding = unusable(&used.name, &data_type);
        Some(if used.needed || used.readable { finding.blocking() } else { finding.severity(Severity::P3) })
    };
    findings.extend(mapping.columns().into_iter().filter_map(of_type));
    findings
}

/// Whether a file has what a rule reads.
fn can_be_read(file: &OpenFile, rule: &TextRule) -> bool {
    match rule {
        TextRule::None | TextRule::Always(_) => true,
        TextRule::Column { column, .. } => file.has(column) && file.unusable_type(column).is_none(),
        TextRule::FirstOf(rules) => rules.iter().any(|rule| can_be_read(file, rule)),
        TextRule::Joined(rules, _) => rules.iter().all(|rule| can_be_read(file, rule)),
        TextRule::Mapped(rule, _) => can_be_read(file, rule),
    }
}

/// A header that has a column twice: nobody can tell which of the two is meant.
#[must_use]
pub fn repeated_column(header: &[String], file: &str, line: u64) -> Option<Finding> {
    let (_, column) = header.iter().enumerate().find(|(at, name)| header[..*at].contains(name))?;
    let what = format!("the header has the column `{column}` twice");
    Some(Finding::new(Code::SchemaDrift, what).of_file(file).at_line(line).blocking())
}

/// The most similar of some words, if one is similar at all.
#[must_use]
pub fn closest<'w>(word: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let allowed = (word.chars().count() / 2).clamp(1, 4);
    words
        .map(|other| (strsim::damerau_levenshtein(word, other), other))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}
