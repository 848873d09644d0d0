//! Text rules bound to the columns that a reader was asked for.

use std::borrow::Cow;
use std::collections::BTreeMap;

use arrow_array::{Array as _, StringArray, StringViewArray, UInt32Array};

use super::mapping::TextRule;
use super::time::{Clock, Reading};
use crate::formats::{OpenFile, RawBatch, RawColumn, Span, trim};
use crate::reject::RejectReason;

/// Collects the columns to read. A column that the file lacks is asked for all the same: the reader
/// gives it as absent, and whether it may be absent was decided when the file was opened.
pub(super) struct Wanted<'w> {
    pub(super) names: &'w mut Vec<String>,
    pub(super) file: &'w OpenFile,
}

impl Wanted<'_> {
    pub(super) fn place(&mut self, column: &str) -> usize {
        if let Some(place) = self.names.iter().position(|name| name == column) {
            place
        } else {
            self.names.push(column.to_owned());
            self.names.len() - 1
        }
    }
}

/// A text rule with places instead of names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum BoundText {
    None,
    Always(String),
    Column { place: usize, none: Vec<String> },
    FirstOf(Vec<BoundText>),
    Joined(Vec<BoundText>, String),
    Mapped(Box<BoundText>, BTreeMap<String, String>),
}

impl BoundText {
    pub(super) fn of(rule: &TextRule, wanted: &mut Wanted<'_>) -> Self {
        match rule {
            TextRule::None => Self::None,
            TextRule::Always(text) => Self::Always(text.clone()),
            TextRule::Column { column, none } => Self::Column { place: wanted.place(column), none: none.clone() },
            TextRule::FirstOf(rules) => {
                // Of alternatives only those that the file has are read.
                let has = |rule: &&TextRule| match rule {
                    TextRule::Column { column, .. } => wanted.file.has(column),
                    TextRule::None
                    | TextRule::Always(_)
                    | TextRule::FirstOf(_)
                    | TextRule::Joined(..)
                    | TextRule::Mapped(..) => true,
                };
                let present: Vec<&TextRule> = rules.iter().filter(has).collect();
                Self::FirstOf(present.into_iter().map(|rule| Self::of(rule, wanted)).collect())
            }
            TextRule::Joined(rules, between) => {
                Self::Joined(rules.iter().map(|rule| Self::of(rule, wanted)).collect(), between.clone())
            }
            TextRule::Mapped(rule, codes) => Self::Mapped(Box::new(Self::of(rule, wanted)), codes.clone()),
        }
    }

    pub(super) const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The column to blame when the text is wrong.
    pub(super) fn place(&self) -> Option<usize> {
        match self {
            Self::None | Self::Always(_) => None,
            Self::Column { place, .. } => Some(*place),
            Self::FirstOf(rules) | Self::Joined(rules, _) => rules.iter().find_map(Self::place),
            Self::Mapped(rule, _) => rule.place(),
        }
    }

    #[inline]
    pub(super) fn get<'b>(&'b self, raw: &'b RawBatch, row: usize) -> Option<Cow<'b, str>> {
        match self {
            Self::None => None,
            Self::Always(text) => Some(Cow::Borrowed(text)),
            Self::Column { place, none } => {
                let text = Cells::of(&raw.columns[*place]).get(row)?;
                if none.is_empty() || !none.iter().any(|one| *one == text) { Some(text) } else { None }
            }
            Self::FirstOf(rules) => rules.iter().find_map(|rule| rule.get(raw, row)),
            Self::Mapped(rule, codes) => {
                let text = rule.get(raw, row)?;
                Some(codes.get(text.as_ref()).map_or(text, |mapped| Cow::Borrowed(mapped.as_str())))
            }
            Self::Joined(rules, between) => {
                let first = rules.first()?.get(raw, row)?;
                let rest = rules[1..].iter().filter_map(|rule| rule.get(raw, row));
                Some(Cow::Owned(rest.fold(first.into_owned(), |joined, part| joined + between + &part)))
            }
        }
    }

    /// The time that the text or the typed column states; the column to blame otherwise.
    pub(super) fn reading(
        &self,
        raw: &RawBatch,
        row: usize,
        clock: &Clock,
    ) -> Result<Option<Reading>, (Option<usize>, RejectReason)> {
        match self {
            Self::FirstOf(rules) => {
                for rule in rules {
                    if let Some(reading) = rule.reading(raw, row, clock)? {
                        return Ok(Some(reading));
                    }
                }
                Ok(None)
            }
            Self::Column { place, .. } => match &raw.columns[*place] {
                RawColumn::Moments(array, is_instant) if !array.is_null(row) => Ok(Some(if *is_instant {
                    Reading::Instant(array.value(row))
                } else {
                    Reading::Local(array.value(row))
                })),
                RawColumn::Days(array) if !array.is_null(row) => {
                    Ok(Some(Reading::Local(i64::from(array.value(row)) * 86_400_000_000)))
                }
                RawColumn::Moments(..) | RawColumn::Days(_) => Ok(None),
                RawColumn::Unusable(_) => Err((Some(*place), RejectReason::BadTime)),
                _ => self.parsed(raw, row, clock),
            },
            Self::None | Self::Always(_) | Self::Joined(..) | Self::Mapped(..) => self.parsed(raw, row, clock),
        }
    }

    fn parsed(
        &self,
        raw: &RawBatch,
        row: usize,
        clock: &Clock,
    ) -> Result<Option<Reading>, (Option<usize>, RejectReason)> {
        self.get(raw, row).map(|text| clock.read(&text)).transpose().map_err(|reason| (self.place(), reason))
    }
}

/// A text rule on one batch, with what it needs to look at found once and not for every row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Texts<'b> {
    /// There is none.
    Nothing,
    /// The same on every row.
    Same(&'b str),
    /// A column of text without nulls, of which every text counts.
    Views(&'b StringViewArray),
    /// Cells of a text file, of which every text counts.
    Spans(&'b str, &'b [Span]),
    /// The number of each row's value in a list of values, of which every text counts.
    Coded(&'b UInt32Array, &'b StringArray),
    /// Anything else.
    Rule(&'b BoundText, &'b RawBatch),
}

impl<'b> Texts<'b> {
    pub(super) fn of(rule: &'b BoundText, raw: &'b RawBatch) -> Self {
        match rule {
            BoundText::None => Self::Nothing,
            BoundText::Always(text) => Self::Same(text),
            BoundText::FirstOf(rules) if rules.len() == 1 => Self::of(&rules[0], raw),
            BoundText::Column { place, none } if none.is_empty() => match &raw.columns[*place] {
                RawColumn::Views(array) if array.null_count() == 0 => Self::Views(array),
                RawColumn::Spans(text, spans) => Self::Spans(text, spans),
                RawColumn::Coded(numbers, values) => Self::Coded(numbers, values),
                RawColumn::Absent => Self::Nothing,
                _ => Self::Rule(rule, raw),
            },
            BoundText::Column { .. } | BoundText::FirstOf(_) | BoundText::Joined(..) | BoundText::Mapped(..) => {
                Self::Rule(rule, raw)
            }
        }
    }

    #[inline]
    pub(super) fn get(&self, row: usize) -> Option<Cow<'b, str>> {
        let text = match self {
            Self::Nothing => return None,
            Self::Same(text) => text,
            Self::Views(array) => return told(array.value(row)),
            Self::Spans(text, spans) => {
                let Span { start, end } = spans[row];
                text.get(start as usize..end as usize)?
            }
            Self::Coded(numbers, _) if numbers.is_null(row) => return None,
            Self::Coded(numbers, values) => return told(values.value(numbers.value(row) as usize)),
            Self::Rule(rule, raw) => return rule.get(raw, row),
        };
        if text.is_empty() { None } else { Some(Cow::Borrowed(text)) }
    }
}

/// What the texts of one column on a batch stand for: those that are listed, or are the same on every row, are looked
/// at once and before the first row.
#[derive(Debug)]
pub struct Once<'b, T> {
    texts: Texts<'b>,
    /// What listed texts stand for, and after them what nothing stands for.
    listed: Vec<T>,
}

impl<'b, T: Copy> Once<'b, T> {
    pub(super) fn of(texts: Texts<'b>, mut meaning: impl FnMut(Option<Cow<'b, str>>) -> T) -> Self {
        let listed = match texts {
            Texts::Coded(numbers, values) => {
                let mut listed: Vec<T> = values.iter().map(|text| meaning(text.and_then(told))).collect();
                if numbers.null_count() > 0 {
                    listed.push(meaning(None));
                }
                listed
            }
            Texts::Nothing | Texts::Same(_) => vec![meaning(texts.get(0))],
            Texts::Views(_) | Texts::Spans(..) | Texts::Rule(..) => Vec::new(),
        };
        Self { texts, listed }
    }

    /// What the text of a row stands for.
    #[inline]
    pub fn get(&self, row: usize, meaning: impl FnOnce(Option<Cow<'b, str>>) -> T) -> T {
        match self.texts {
            Texts::Coded(numbers, _) if numbers.is_valid(row) => self.listed[numbers.value(row) as usize],
            Texts::Coded(_, values) => self.listed[values.len()],
            Texts::Nothing | Texts::Same(_) => self.listed[0],
            Texts::Views(_) | Texts::Spans(..) | Texts::Rule(..) => meaning(self.texts.get(row)),
        }
    }
}

/// A text as it counts: trimmed, and none when nothing is left.
#[inline]
fn told(text: &str) -> Option<Cow<'_, str>> {
    let text = trim(text);
    (!text.is_empty()).then_some(Cow::Borrowed(text))
}

/// The cells of one column as text.
#[derive(Clone, Copy)]
pub(super) struct Cells<'b>(&'b RawColumn);

impl<'b> Cells<'b> {
    pub(super) const fn of(column: &'b RawColumn) -> Self {
        Self(column)
    }

    #[inline]
    pub(super) fn get(self, row: usize) -> Option<Cow<'b, str>> {
        if self.0.is_text() { self.0.text(row).map(Cow::Borrowed) } else { self.0.shown(row).map(Cow::Owned) }
    }
}

/// What the cells of a column with few different texts stand for, row by row: each text is looked at once, as long as
/// it is short or listed.
pub(super) fn meanings<'b, T: Copy>(
    column: &'b RawColumn,
    rows: usize,
    mut meaning: impl FnMut(Option<Cow<'b, str>>) -> T,
) -> Vec<T> {
    if let RawColumn::Coded(numbers, values) = column {
        let once = Once::of(Texts::Coded(numbers, values), &mut meaning);
        return (0..rows).map(|row| once.get(row, &mut meaning)).collect();
    }
    let mut runs = Runs { column, known: Vec::new() };
    (0..rows).map(|row| runs.get(row, &mut meaning)).collect()
}

/// Texts that come one after the other.
struct Runs<'b, T> {
    column: &'b RawColumn,
    /// Texts and what they stand for, the last one first.
    known: Vec<(u128, T)>,
}

/// Different texts that are remembered at a time.
const KNOWN_MAX: usize = 8;

impl<'b, T: Copy> Runs<'b, T> {
    /// What the cell of a row stands for; `meaning` is asked for texts that are not remembered.
    #[inline]
    fn get(&mut self, row: usize, meaning: impl FnOnce(Option<Cow<'b, str>>) -> T) -> T {
        let Some(short) = self.short(row) else { return meaning(Cells::of(self.column).get(row)) };
        if let Some((last, known)) = self.known.first()
            && *last == short
        {
            return *known;
        }
        self.recall(short, row, meaning)
    }

    fn recall(&mut self, short: u128, row: usize, meaning: impl FnOnce(Option<Cow<'b, str>>) -> T) -> T {
        if let Some(at) = self.known.iter().position(|(text, _)| *text == short) {
            self.known.swap(0, at);
        } else {
            let value = meaning(Cells::of(self.column).get(row));
            self.known.truncate(KNOWN_MAX - 1);
            self.known.insert(0, (short, value));
        }
        self.known[0].1
    }

    /// All of a short text with its length in one number; `None` for longer ones and for nothing.
    #[inline]
    fn short(&self, row: usize) -> Option<u128> {
        const SHORT: u128 = 12;
        match self.column {
            RawColumn::Views(array) if array.null_count() == 0 => {
                let view = array.views()[row];
                (view & 0xffff_ffff <= SHORT).then_some(view)
            }
            RawColumn::Spans(text, spans) => {
                let cell = spans[row];
                let length = cell.end.checked_sub(cell.start).filter(|&length| u128::from(length) <= SHORT)?;
                let bytes = text.as_bytes().get(cell.start as usize..cell.end as usize)?;
                let mut view = [0; 16];
                view[..4].copy_from_slice(&length.to_le_bytes());
                view[4..4 + bytes.len()].copy_from_slice(bytes);
                Some(u128::from_le_bytes(view))
            }
            _ => None,
        }
    }
}
