//! The TOML of a job as it was written: every value with its place, every complaint collected.
//!
//! A [`Section`] hands out the values of one table and remembers which names it was asked for; the
//! names that nobody asked for are complained about with the closest known one. Reading goes on
//! after a complaint, so that one look at the errors shows all of them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Complaint, Excerpt};
use crate::formats::closest;

/// A file that was read.
#[derive(Debug)]
pub struct Source {
    /// Its name as shown.
    pub file: String,
    /// Its text.
    pub text: String,
}

/// A place in one of the files.
#[derive(Clone, Debug)]
pub struct At {
    source: Rc<Source>,
    span: Range<usize>,
}

impl At {
    /// The line to show.
    #[must_use]
    pub fn excerpt(&self) -> Excerpt {
        Excerpt::of(&self.source.file, &self.source.text, self.span.clone())
    }

    /// A part of a quoted text at this place.
    #[must_use]
    pub fn part(&self, within: Range<usize>) -> Self {
        // One byte for the opening quote; texts with escapes are only approximately placed.
        let start = (self.span.start + 1 + within.start).min(self.span.end);
        let end = (self.span.start + 1 + within.end).min(self.span.end.saturating_sub(1)).max(start);
        Self { source: Rc::clone(&self.source), span: start..end }
    }
}

/// A value with its place.
#[derive(Clone, Debug)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub at: At,
}

/// A TOML value with the places of everything in it.
#[derive(Clone, Debug)]
pub struct Node {
    what: What,
    at: At,
}

#[derive(Clone, Debug)]
enum What {
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<Node>),
    Table(BTreeMap<String, (At, Node)>),
    /// A float, a date: nothing a job file needs.
    Other(&'static str),
}

/// What is wrong, from wherever it is found.
#[derive(Clone, Debug, Default)]
pub struct Complaints(Rc<RefCell<Vec<Complaint>>>);

impl Complaints {
    /// Adds one.
    pub fn add(&self, complaint: Complaint) {
        self.0.borrow_mut().push(complaint);
    }

    /// All of them, by file and line.
    #[must_use]
    pub fn take(&self) -> Vec<Complaint> {
        let mut all = self.0.take();
        let place = |complaint: &Complaint| {
            complaint.excerpt.as_ref().map(|excerpt| (excerpt.file.clone(), excerpt.line, excerpt.column))
        };
        all.sort_by_key(place);
        all.dedup();
        all
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }
}

impl Node {
    /// Parses a file.
    #[must_use]
    pub fn parse(file: &str, text: String, complaints: &Complaints) -> Self {
        let source = Rc::new(Source { file: file.to_owned(), text });
        let (table, errors) = DeTable::parse_recoverable(&source.text);
        for error in errors {
            let at = At { source: Rc::clone(&source), span: error.span().unwrap_or(0..0) };
            complaints.add(Complaint::new(error.message().trim()).at(at.excerpt()));
        }
        let at = At { source: Rc::clone(&source), span: table.span() };
        Self { what: table_of(table.get_ref(), &source), at }
    }

    /// Puts the values of `below` where this table has none.
    pub fn underlay(&mut self, below: &Self) {
        if let (What::Table(mine), What::Table(theirs)) = (&mut self.what, &below.what) {
            for (name, (at, node)) in theirs {
                match mine.get_mut(name) {
                    Some((_, own)) => own.underlay(node),
                    None => {
                        mine.insert(name.clone(), (at.clone(), node.clone()));
                    }
                }
            }
        }
    }

    /// The same without one name, for what only the outer file may say.
    pub fn remove(&mut self, name: &str) -> Option<At> {
        match &mut self.what {
            What::Table(table) => table.remove(name).map(|(at, _)| at),
            _ => None,
        }
    }

    /// The table as a section.
    #[must_use]
    pub fn section<'n>(&'n self, name: &str, complaints: &Complaints) -> Section<'n> {
        Section::of(name, self, complaints)
    }

    /// The values in one spelling, whatever their order, layout and comments.
    #[must_use]
    pub fn canonical(&self) -> String {
        match &self.what {
            What::Text(text) => format!("{text:?}"),
            What::Integer(number) => number.to_string(),
            What::Boolean(truth) => truth.to_string(),
            What::List(items) => format!("[{}]", items.iter().map(Self::canonical).collect::<Vec<_>>().join(",")),
            What::Table(table) => {
                let entries = table.iter().map(|(name, (_, node))| format!("{name:?}={}", node.canonical()));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
            }
            What::Other(word) => (*word).to_owned(),
        }
    }

    /// Its place.
    #[must_use]
    pub fn at(&self) -> &At {
        &self.at
    }

    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.what {
            What::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is a table.
    #[must_use]
    pub const fn is_table(&self) -> bool {
        matches!(self.what, What::Table(_))
    }

    const fn word(&self) -> &'static str {
        match self.what {
            What::Text(_) => "text",
            What::Integer(_) => "a whole number",
            What::Boolean(_) => "true or false",
            What::List(_) => "a list",
            What::Table(_) => "a table",
            What::Other(word) => word,
        }
    }
}

fn table_of(table: &DeTable<'_>, source: &Rc<Source>) -> What {
    let place = |span: Range<usize>| At { source: Rc::clone(source), span };
    let entries =
        table.iter().map(|(key, value)| (key.get_ref().to_string(), (place(key.span()), node_of(value, source))));
    What::Table(entries.collect())
}

fn node_of(value: &Spanned<DeValue<'_>>, source: &Rc<Source>) -> Node {
    let what = match value.get_ref() {
        DeValue::String(text) => What::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()) {
            Ok(number) => What::Integer(number),
            Err(_) => What::Other("a number that is too large"),
        },
        DeValue::Boolean(truth) => What::Boolean(*truth),
        DeValue::Array(list) => What::List(list.iter().map(|item| node_of(item, source)).collect()),
        DeValue::Table(table) => table_of(table, source),
        DeValue::Float(_) => What::Other("a number with a point"),
        DeValue::Datetime(_) => What::Other("a date without quotes"),
    };
    Node { what, at: At { source: Rc::clone(source), span: value.span() } }
}

/// One table that is being read.
#[derive(Debug)]
pub struct Section<'n> {
    name: String,
    node: &'n Node,
    asked: RefCell<Vec<String>>,
    /// Names of which somebody has complained already.
    told: RefCell<Vec<String>>,
    complaints: Complaints,
}

impl<'n> Section<'n> {
    fn of(name: &str, node: &'n Node, complaints: &Complaints) -> Self {
        if !node.is_table() {
            let what = format!("`{name}` is a table, not {}", node.word());
            complaints.add(Complaint::new(what).at(node.at.excerpt()));
        }
        Self {
            name: name.to_owned(),
            node,
            asked: RefCell::default(),
            told: RefCell::default(),
            complaints: complaints.clone(),
        }
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&'n Node> {
        self.asked.borrow_mut().push(name.to_owned());
        match &self.node.what {
            What::Table(table) => table.get(name).map(|(_, node)| node),
            _ => None,
        }
    }

    /// Where the table begins.
    #[must_use]
    pub fn at(&self) -> &At {
        &self.node.at
    }

    /// Complains about a value here.
    pub fn complain(&self, at: &At, what: impl Into<String>, hint: impl Into<String>) {
        self.complaints.add(Complaint::new(what).at(at.excerpt()).hint(hint));
    }

    fn wrong_type(&self, name: &str, node: &Node, wanted: &str) {
        let what = format!("`{name}` is {wanted}, not {}", node.word());
        self.complaints.add(Complaint::new(what).at(node.at.excerpt()));
    }

    fn missing(&self, name: &str, why: &str) {
        let place = if self.name.is_empty() { "the job".to_owned() } else { format!("[{}]", self.name) };
        let what = format!("{place} does not say `{name}`");
        self.complaints.add(Complaint::new(what).at(self.node.at.excerpt()).hint(why));
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<Placed<String>> {
        let node = self.get(name)?;
        if let What::Text(text) = &node.what {
            Some(Placed { value: text.clone(), at: node.at.clone() })
        } else {
            self.wrong_type(name, node, "text in quotes");
            None
        }
    }

    /// A text that must be there; `why` says what it is for.
    pub fn needed_text(&self, name: &str, why: &str) -> Option<Placed<String>> {
        if self.get(name).is_none() {
            self.missing(name, why);
        }
        self.text(name)
    }

    /// A whole number that is not negative.
    pub fn count(&self, name: &str) -> Option<Placed<u64>> {
        let node = self.get(name)?;
        match node.what {
            What::Integer(number) if number >= 0 => Some(Placed { value: number.unsigned_abs(), at: node.at.clone() }),
            _ => {
                self.wrong_type(name, node, "a whole number, not negative");
                None
            }
        }
    }

    /// True or false.
    pub fn truth(&self, name: &str) -> Option<bool> {
        let node = self.get(name)?;
        if let What::Boolean(truth) = node.what {
            Some(truth)
        } else {
            self.wrong_type(name, node, "true or false");
            None
        }
    }

    /// A list of texts; a single text is a list of one.
    pub fn texts(&self, name: &str) -> Option<Vec<Placed<String>>> {
        let node = self.get(name)?;
        let items: Vec<&Node> = match &node.what {
            What::Text(_) => vec![node],
            What::List(items) => items.iter().collect(),
            _ => {
                self.wrong_type(name, node, "a list of texts");
                return None;
            }
        };
        let text = |item: &&Node| {
            if let What::Text(text) = &item.what {
                Some(Placed { value: text.clone(), at: item.at.clone() })
            } else {
                self.wrong_type(name, item, "a list of texts");
                None
            }
        };
        Some(items.iter().filter_map(text).collect())
    }

    /// A table.
    pub fn section(&self, name: &str) -> Option<Section<'n>> {
        let node = self.get(name)?;
        Some(Section::of(&self.below(name), node, &self.complaints))
    }

    /// A list of tables.
    pub fn sections(&self, name: &str) -> Vec<Section<'n>> {
        match self.get(name).map(|node| (node, &node.what)) {
            None => Vec::new(),
            Some((_, What::List(items))) => {
                items.iter().map(|item| Section::of(&self.below(name), item, &self.complaints)).collect()
            }
            Some((node, _)) => {
                self.wrong_type(name, node, "a list of tables, written [[…]]");
                Vec::new()
            }
        }
    }

    fn below(&self, name: &str) -> String {
        if self.name.is_empty() { name.to_owned() } else { format!("{}.{name}", self.name) }
    }

    /// Refuses names for a reason of their own, where merely being unknown would not say enough.
    pub fn refuse(&self, is_refused: impl Fn(&str) -> bool, what: impl Fn(&str) -> String, hint: &str) {
        let What::Table(table) = &self.node.what else { return };
        for (name, (at, _)) in table.iter().filter(|(name, _)| is_refused(name)) {
            self.complain(at, what(name), hint);
            self.told.borrow_mut().push(name.clone());
        }
    }

    /// All names of a table whose names are data, such as a map of codes.
    pub fn entries(&self) -> Vec<(String, &'n At, &'n Node)> {
        match &self.node.what {
            What::Table(table) => {
                let mut asked = self.asked.borrow_mut();
                asked.extend(table.keys().cloned());
                table.iter().map(|(name, (at, node))| (name.clone(), at, node)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// One of some words.
    pub fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?;
        self.one_of(&text, words)
    }

    /// Finds a text among some words.
    pub fn one_of<T: Copy>(&self, text: &Placed<String>, words: &[(&str, T)]) -> Option<T> {
        let found = words.iter().find(|(word, _)| *word == text.value);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let hint = match closest(&text.value, known.iter().copied()) {
                Some(close) => format!("did you mean `{close}`?"),
                None if known.len() > 30 => format!("one of {} names, such as {}", known.len(), known[..3].join(", ")),
                None => format!("one of {}", known.join(", ")),
            };
            self.complain(&text.at, format!("`{}` is not known here", text.value), hint);
        }
        found.map(|(_, value)| *value)
    }

    /// Complains about every name that nobody asked for.
    pub fn finish(self) {
        let What::Table(table) = &self.node.what else { return };
        let asked = self.asked.borrow();
        let told = self.told.borrow();
        for (name, (at, _)) in table.iter().filter(|(name, _)| !asked.contains(name) && !told.contains(name)) {
            let unused = asked.iter().filter(|known| !table.contains_key(*known)).map(String::as_str);
            let hint = if let Some(close) = closest(name, unused) {
                format!("did you mean `{close}`?")
            } else {
                let mut known: Vec<&str> = asked.iter().map(String::as_str).collect();
                known.sort_unstable();
                known.dedup();
                format!("known here: {}", known.join(", "))
            };
            let place = if self.name.is_empty() { "a job".to_owned() } else { format!("[{}]", self.name) };
            self.complaints.add(Complaint::new(format!("{place} has no `{name}`")).at(at.excerpt()).hint(hint));
        }
    }
}
