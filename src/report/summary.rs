//! The first page: does it tie out, what explains the difference, what needs somebody.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tieout_kernel::action::Verb;
use tieout_kernel::calendar::Day;
use tieout_kernel::code::{Code, Severity};
use tieout_kernel::currency::Currency;
use tieout_kernel::money::Total;
use tieout_kernel::outcome::State;
use tieout_kernel::proof::{Broken, Ends};
use tieout_kernel::record::Book;

use super::schema::SUMMARY;
use super::sheet::{Sheet, Table};
use super::sums::{MatchRates, OPENING, Sums, Ties};
use crate::agree::{Night, Scan, Totals};
use crate::carry::roll::{Count, RollForward, Section};
use crate::error::Error;
use crate::finding::Finding;
use crate::job::Plan;
use crate::normalise::decimal_text;
use crate::publish::Link;
use crate::store::Store;
use crate::worklist;

/// How a reconciliation stands (`operations` §3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Standing {
    /// Both books agree in everything.
    #[serde(rename = "BALANCED")]
    Balanced,
    /// Every cent of the difference is explained by what is listed.
    #[serde(rename = "BALANCED WITH OPEN ITEMS")]
    OpenItems,
    /// A source was blocked or is missing.
    #[serde(rename = "INCOMPLETE INPUT")]
    Incomplete,
}

impl Standing {
    /// The words of the first page.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Balanced => "BALANCED",
            Self::OpenItems => "BALANCED WITH OPEN ITEMS",
            Self::Incomplete => "INCOMPLETE INPUT",
        }
    }

    /// The same in Chinese.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Balanced => "平账",
            Self::OpenItems => "平账（有未决项）",
            Self::Incomplete => "输入不完整",
        }
    }
}

/// One part of the bridge from statement to ledger.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Explained {
    /// A code or a state.
    pub item: String,
    /// In English words.
    pub label_en: String,
    /// In Chinese words.
    pub label_zh: String,
    /// The worst tier among the differences of a code.
    pub severity: Option<String>,
    /// Differences of a code, records of a state.
    pub count: u64,
    /// Statement effect less ledger effect.
    pub amount_minor: i64,
}

/// The bridge of one account and currency.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TieOut {
    /// The statement's source; empty for an account that no statement has.
    pub source: String,
    /// The account.
    pub account: String,
    /// The currency.
    pub currency: String,
    /// Its decimals.
    pub exponent: u8,
    /// Records of the statement.
    pub statement_records: u64,
    /// Records of the ledger.
    pub ledger_records: u64,
    /// What the statement's successes come to.
    pub statement_minor: i64,
    /// What the ledger's successes come to.
    pub ledger_minor: i64,
    /// The first less the second.
    pub difference_minor: i64,
    /// What explains it.
    pub explained: Vec<Explained>,
    /// What is left; a run in which anything is left is not published.
    pub unexplained_minor: i64,
}

/// Differences of one code, tier and currency.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CodeLine {
    /// The code.
    pub code: String,
    /// In English words.
    pub label_en: String,
    /// In Chinese words.
    pub label_zh: String,
    /// The tier.
    pub severity: String,
    /// The currency.
    pub currency: String,
    /// Its decimals.
    pub exponent: u8,
    /// How many.
    pub count: u64,
    /// Statement effect less ledger effect.
    pub exposure_minor: i64,
    /// What could be lost.
    pub at_risk_minor: i64,
    /// Charged less expected fees.
    pub fee_delta_minor: i64,
}

/// Differences of one code and currency that policy settled.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SettledLine {
    /// The code.
    pub code: String,
    /// In English words.
    pub label_en: String,
    /// In Chinese words.
    pub label_zh: String,
    /// The currency.
    pub currency: String,
    /// Its decimals.
    pub exponent: u8,
    /// How many.
    pub count: u64,
    /// What we gained, without sign.
    pub favourable_minor: i64,
    /// What we lost, without sign.
    pub adverse_minor: i64,
}

/// Records of one book and state.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StateLine {
    /// The book.
    pub book: String,
    /// The state.
    pub state: String,
    /// In English words.
    pub label_en: String,
    /// In Chinese words.
    pub label_zh: String,
    /// How many.
    pub records: u64,
}

/// Worklist items of one state and verb.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WorklistLine {
    /// ISSUED, OPEN, CANCELLED or WITHHELD.
    pub state: String,
    /// The verb.
    pub verb: String,
    /// In English words.
    pub label_en: String,
    /// In Chinese words.
    pub label_zh: String,
    /// How many.
    pub count: u64,
}

/// Items by state and verb.
#[must_use]
pub fn worklist_lines(counts: &BTreeMap<(worklist::State, Verb), u64>) -> Vec<WorklistLine> {
    let line = |(&(state, verb), &count): (&(worklist::State, Verb), &u64)| WorklistLine {
        state: state.word().to_owned(),
        verb: verb.word().to_owned(),
        label_en: verb.label_en().to_owned(),
        label_zh: verb.label_zh().to_owned(),
        count,
    };
    counts.iter().map(line).collect()
}

/// Open differences of one age and currency.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AgeLine {
    /// Business days, such as `1-2`.
    pub business_days: String,
    /// The currency.
    pub currency: String,
    /// Its decimals.
    pub exponent: u8,
    /// How many.
    pub count: u64,
    /// Statement effect less ledger effect.
    pub exposure_minor: i64,
    /// What could be lost.
    pub at_risk_minor: i64,
}

/// One source of the job.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SourceLine {
    /// Its name.
    pub name: String,
    /// Its book.
    pub book: String,
    /// Files and members read.
    pub files: u64,
    /// Rows that take part.
    pub records: u64,
    /// Rows that could not be read.
    pub rejects: u64,
    /// Rows that take no part.
    pub aside: u64,
    /// Declared totals that were checked.
    pub controls: u64,
    /// Whether all of them tie.
    pub ties: bool,
    /// Whether it was not reconciled.
    pub blocked: bool,
    /// Statement records that matched, of those that could, in a thousand.
    pub matched_per_mille: Option<u64>,
}

/// The whole first page.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Summary {
    /// Name and version of this document.
    pub schema: String,
    /// The job.
    pub job: String,
    /// The business date.
    pub date: String,
    /// The run.
    pub run_id: String,
    /// How it stands.
    pub standing: Standing,
    /// Per account and currency.
    pub tie_outs: Vec<TieOut>,
    /// Pairs that agree.
    pub matched: u64,
    /// Groups that do not.
    pub differences: u64,
    /// By code, without those that policy settled.
    pub codes: Vec<CodeLine>,
    /// What policy settled, by code and currency.
    #[serde(default)]
    pub settled: Vec<SettledLine>,
    /// What is to be done, by state and verb.
    #[serde(default)]
    pub worklist: Vec<WorklistLine>,
    /// By state.
    pub states: Vec<StateLine>,
    /// What was open, came, went and is open.
    pub roll_forward: Vec<RollForward>,
    /// Open differences by how long they have been open.
    pub aging: Vec<AgeLine>,
    /// The first day that the history knows; none when nothing is remembered.
    pub history_since: Option<String>,
    /// By source.
    pub sources: Vec<SourceLine>,
    /// The highest tier among differences and findings.
    pub worst: Option<String>,
    /// What is wrong with files or the run.
    pub findings: Vec<Finding>,
    /// Why nothing about records of this run is issued, if nothing is; what is to be done about files is.
    pub withheld: Option<String>,
}

impl Summary {
    /// The file of the first page.
    pub const FILE: &'static str = "summary.json";

    /// Reads what a run published.
    pub fn read(store: &Store, plan: &Plan, run: &Link) -> Result<Self, Error> {
        let page = run.read(store, plan, Self::FILE)?;
        let wrong = |cause: String| run.unreadable(plan, Self::FILE, cause);
        let page = page.whole().map_err(|e| wrong(e.to_string()))?;
        serde_json::from_slice(&page).map_err(|e| wrong(format!("not a summary: {e}")))
    }
}

/// What a summary is made of.
pub struct Parts<'s> {
    /// The job's name.
    pub job: &'s str,
    /// The date as text.
    pub date: &'s str,
    /// The run.
    pub run_id: &'s str,
    /// The files.
    pub night: &'s Night<'s>,
    /// Their scan.
    pub scan: &'s Scan,
    /// Where all records ended.
    pub ends: &'s Ends,
    /// All findings.
    pub findings: &'s [Finding],
    /// Names of blocked sources.
    pub blocked: &'s [String],
    /// Books of all sources, in order.
    pub books: &'s [Book],
    /// The roll-forward.
    pub roll_forward: &'s [RollForward],
    /// The first day that the history knows.
    pub history_since: Option<Day>,
}

impl Parts<'_> {
    /// Computes every figure of the first page.
    pub fn summary(&self, sums: Sums) -> Result<Summary, Error> {
        let Sums { ties, codes, settled, aging, rates } = sums;
        let tie_outs = self.tie_outs(ties)?;
        let codes = codes.lines()?;
        let states = self.states();
        let matches = [State::Matched.word(), State::LateMatched.word()];
        let matched = states.iter().filter(|line| line.book == "statement" && matches.contains(&line.state.as_str()));
        let matched = matched.map(|line| line.records).sum();
        let differences: u64 = codes.iter().map(|line| line.count).sum();
        let open = states.iter().any(|line| line.state == State::TimingPending.word());
        let off = tie_outs.iter().any(|tie_out| tie_out.difference_minor != 0);
        let standing = if !self.blocked.is_empty() || states.iter().any(|line| line.state == State::Held.word()) {
            Standing::Incomplete
        } else if differences > 0 || open || off || self.scan.files.iter().any(|file| file.rejected > 0) {
            Standing::OpenItems
        } else {
            Standing::Balanced
        };
        let tiers = codes.iter().filter_map(|line| Severity::from_word(&line.severity));
        let worst =
            tiers.chain(self.findings.iter().map(|finding| finding.severity)).min().map(|tier| tier.word().to_owned());
        Ok(Summary {
            schema: "tieout.summary/3".to_owned(),
            job: self.job.to_owned(),
            date: self.date.to_owned(),
            run_id: self.run_id.to_owned(),
            standing,
            tie_outs,
            matched,
            differences,
            codes,
            settled: settled.lines()?,
            worklist: Vec::new(),
            states,
            roll_forward: self.roll_forward.to_vec(),
            aging: aging.lines()?,
            history_since: self.history_since.map(|day| day.to_string()),
            sources: self.sources(&rates),
            worst,
            findings: self.findings.to_vec(),
            withheld: withheld(self.findings),
        })
    }

    fn tie_outs(&self, ties: Ties) -> Result<Vec<TieOut>, Error> {
        let Ties { mut facts, tiers } = ties;
        let mut add_totals = |book: Book, totals: &Totals, state: Option<State>| {
            for (tag, total) in &totals.0 {
                let moved =
                    if tag.status == tieout_kernel::record::Status::Success { total.principal.get() } else { 0 };
                let item = if book == Book::Ledger { LEDGER } else { STATEMENT };
                facts.push([&tag.account, tag.currency.code(), item], [i128::from(total.rows), moved]);
                if let Some(state) = state {
                    let signed = if book == Book::Ledger { -moved } else { moved };
                    facts.push([&tag.account, tag.currency.code(), state.word()], [i128::from(total.rows), signed]);
                }
            }
        };
        for (file, scanned) in self.night.files.iter().zip(&self.scan.files) {
            add_totals(file.book, &scanned.totals, None);
            for (state, totals) in &scanned.aside {
                add_totals(file.book, totals, Some(*state));
            }
        }
        let mut tie_outs: BTreeMap<(String, String), TieOut> = BTreeMap::new();
        for line in facts.summed() {
            let tier = tiers.get(&line.keys).copied();
            let [account, currency, item] = line.keys;
            let [count, amount] = line.figures;
            let tie_out =
                tie_outs.entry((account.clone(), currency.clone())).or_insert_with(|| self.tie_out(account, currency));
            tie_out.take(&item, count, amount, tier)?;
        }
        let mut tie_outs: Vec<TieOut> = tie_outs.into_values().collect();
        for tie_out in &mut tie_outs {
            tie_out.close()?;
        }
        tie_outs.sort_by(|a, b| {
            (a.source.is_empty(), &a.source, &a.account, &a.currency).cmp(&(
                b.source.is_empty(),
                &b.source,
                &b.account,
                &b.currency,
            ))
        });
        Ok(tie_outs)
    }

    fn tie_out(&self, account: String, currency: String) -> TieOut {
        let source = self.night.policy.statement_of(&account).map_or(String::new(), |source| source.name.clone());
        let exponent = self.exponent(&currency);
        TieOut {
            source,
            account,
            currency,
            exponent,
            statement_records: 0,
            ledger_records: 0,
            statement_minor: 0,
            ledger_minor: 0,
            difference_minor: 0,
            explained: Vec::new(),
            unexplained_minor: 0,
        }
    }

    /// Decimals of a currency that occurred.
    fn exponent(&self, code: &str) -> u8 {
        let tags = self
            .scan
            .files
            .iter()
            .flat_map(|file| file.totals.0.keys().chain(file.aside.values().flat_map(|totals| totals.0.keys())));
        let found = tags.map(|tag| tag.currency).find(|currency| currency.code() == code);
        found.or_else(|| Currency::iso(code)).map_or(0, Currency::exponent)
    }

    fn states(&self) -> Vec<StateLine> {
        let by_state = &self.ends.by_state;
        let line = |((book, state), tally): (&(Book, State), &tieout_kernel::proof::Tally)| StateLine {
            book: book.word().to_owned(),
            state: state.word().to_owned(),
            label_en: label(*state).0.to_owned(),
            label_zh: label(*state).1.to_owned(),
            records: tally.rows,
        };
        by_state.iter().map(line).filter(|line| line.records > 0).collect()
    }

    fn sources(&self, rates: &MatchRates) -> Vec<SourceLine> {
        let sources = self.night.policy.sources.iter().zip(self.books);
        (0_u16..)
            .zip(sources)
            .map(|(number, (source, book))| {
                let files = self.night.files.iter().zip(&self.scan.files).filter(|(file, _)| file.source == number);
                let mut line = SourceLine {
                    name: source.name.clone(),
                    book: book.word().to_owned(),
                    files: 0,
                    records: 0,
                    rejects: 0,
                    aside: 0,
                    controls: 0,
                    ties: true,
                    blocked: self.blocked.contains(&source.name),
                    matched_per_mille: None,
                };
                for (file, scanned) in files {
                    line.files += 1;
                    line.records += scanned.totals.rows();
                    line.rejects += scanned.rejected;
                    line.aside += scanned.aside.values().map(Totals::rows).sum::<u64>();
                    let controls = scanned.controls(&file.open.controls);
                    line.controls += controls.len() as u64;
                    line.ties &= controls.iter().all(|(_, _, _, ties)| *ties);
                }
                if *book == Book::Statement {
                    let rate = rates.of(number, line.records);
                    line.matched_per_mille = rate.map(|(matched, of)| matched * 1_000 / of);
                }
                line
            })
            .collect()
    }
}

/// Why nothing about records may be issued, if nothing may: match rates and units gone wrong mean that the run
/// misunderstands its inputs.
#[must_use]
pub fn withheld(findings: &[Finding]) -> Option<String> {
    let bad = findings.iter().filter(|finding| finding.withholds());
    let mut codes: Vec<&str> = bad.map(|finding| finding.code.word()).collect();
    codes.sort_unstable();
    codes.dedup();
    (!codes.is_empty()).then(|| format!("controls failed: {}", codes.join(", ")))
}

const STATEMENT: &str = "statement total";
const LEDGER: &str = "ledger total";

/// A sum as it is written.
pub(crate) fn narrow(figure: i128) -> Result<i64, Error> {
    i64::try_from(figure).map_err(|_| {
        Error::Limit(
            crate::error::Complaint::new(format!("a sum has more than 18 digits: {figure}"))
                .hint("check the `unit` of the amounts"),
        )
    })
}

impl TieOut {
    fn take(&mut self, item: &str, count: i128, amount: i128, tier: Option<Severity>) -> Result<(), Error> {
        let count = u64::try_from(count).unwrap_or(0);
        let amount = narrow(amount)?;
        match item {
            STATEMENT => (self.statement_records, self.statement_minor) = (count, amount),
            LEDGER => (self.ledger_records, self.ledger_minor) = (count, amount),
            item => {
                let code = Code::from_word(item);
                let state = State::from_word(item);
                let (label_en, label_zh) = match (code, state) {
                    (None, None) if item == OPENING => ("left open by earlier nights", "期初未决"),
                    (_, Some(state)) => label(state),
                    (Some(code), None) => (code.label_en(), code.label_zh()),
                    (None, None) => ("", ""),
                };
                if amount == 0 && (item == OPENING || state == Some(State::MatchedBefore)) {
                    return Ok(());
                }
                self.explained.push(Explained {
                    item: item.to_owned(),
                    label_en: label_en.to_owned(),
                    label_zh: label_zh.to_owned(),
                    severity: tier.filter(|_| state.is_none()).map(|tier| tier.word().to_owned()),
                    count,
                    amount_minor: amount,
                });
            }
        }
        Ok(())
    }

    /// Proves the bridge: nothing may be left unexplained.
    fn close(&mut self) -> Result<(), Error> {
        let difference = i128::from(self.statement_minor) - i128::from(self.ledger_minor);
        let explained: i128 = self.explained.iter().map(|part| i128::from(part.amount_minor)).sum();
        self.difference_minor = narrow(difference)?;
        self.unexplained_minor = narrow(difference - explained)?;
        self.explained.sort_by(|a, b| {
            (a.severity.is_none(), &a.severity, &a.item).cmp(&(b.severity.is_none(), &b.severity, &b.item))
        });
        if self.unexplained_minor == 0 {
            return Ok(());
        }
        let left = decimal_text(i128::from(self.unexplained_minor), self.exponent);
        let text = format!(
            "account {}: {} {left} of the difference between the books is not explained",
            self.account, self.currency
        );
        Err(Broken(text).into())
    }
}

/// A state in English and Chinese words.
#[must_use]
pub const fn label(state: State) -> (&'static str, &'static str) {
    match state {
        State::Matched => ("matched", "核平"),
        State::LateMatched => ("matched late", "跨期核平"),
        State::MatchedBefore => ("matched on an earlier night", "前期已核平"),
        State::TimingPending => ("in transit", "在途/存疑"),
        State::Held => ("held until the statement is right", "待账单"),
        State::NoMovement => ("moved no money", "未发生资金变动"),
        State::NotBooked => ("a kind that the ledger does not book", "平台不记的类型"),
        State::NotShown => ("a kind that the statement does not show", "账单不列的类型"),
        State::NonMonetary => ("authorisation, no money", "预授权，非资金"),
        State::SecondEdge => ("sweep to the bank", "结算划款"),
        State::OutOfScope => ("account of somebody else", "非本业务账户"),
        State::Filtered => ("left out by the job's filter", "作业过滤"),
        State::Replica => ("the same row again", "账单重复行"),
        State::Netted => ("undone on its own side", "同侧冲抵"),
        State::Settled => ("settled by policy", "策略核销"),
        State::InDifference => ("in a difference", "差异"),
    }
}

/// A line of the table. What it is not of stays empty.
#[derive(Default)]
struct TableLine<'l> {
    section: &'l str,
    source: &'l str,
    account: &'l str,
    currency: &'l str,
    item: &'l str,
    label_en: &'l str,
    label_zh: &'l str,
    severity: Option<&'l str>,
    count: Option<u64>,
    amount: Option<i64>,
    at_risk: Option<i64>,
}

impl Summary {
    /// The summary as a table, line by line.
    pub fn table(&self) -> Result<Table, Error> {
        let mut lines = vec![TableLine {
            section: "state",
            item: self.standing.word(),
            label_en: self.standing.word(),
            label_zh: self.standing.zh(),
            severity: self.worst.as_deref(),
            ..TableLine::default()
        }];
        self.tie_outs.iter().for_each(|tie_out| lines.extend(tie_out.lines()));
        lines.extend(self.states.iter().map(|state| TableLine {
            section: "records",
            source: &state.book,
            item: &state.state,
            label_en: &state.label_en,
            label_zh: &state.label_zh,
            count: Some(state.records),
            ..TableLine::default()
        }));
        self.codes.iter().for_each(|code| lines.extend(code.lines()));
        self.settled.iter().for_each(|settled| lines.extend(settled.lines()));
        lines.extend(self.worklist.iter().map(|line| TableLine {
            section: "worklist",
            source: &line.state,
            item: &line.verb,
            label_en: &line.label_en,
            label_zh: &line.label_zh,
            count: Some(line.count),
            ..TableLine::default()
        }));
        self.roll_forward.iter().for_each(|line| lines.extend(roll_lines(line)));
        lines.extend(self.aging.iter().map(|age| TableLine {
            section: "aging",
            currency: &age.currency,
            item: &age.business_days,
            label_en: "business days open",
            label_zh: "账龄（工作日）",
            count: Some(age.count),
            amount: Some(age.exposure_minor),
            at_risk: Some(age.at_risk_minor),
            ..TableLine::default()
        }));
        self.sources.iter().for_each(|source| lines.extend(source.lines()));
        let mut sheet = Sheet::new(SUMMARY);
        lines.iter().for_each(|line| self.put(&mut sheet, line));
        sheet.finish()
    }

    fn put(&self, sheet: &mut Sheet, line: &TableLine<'_>) {
        let optional = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let currency = optional(line.currency).and_then(|code| self.currency(&code));
        let total = |minor: Option<i64>| minor.map(|minor| Total::new(i128::from(minor)));
        sheet
            .text(Some(line.section))
            .text(optional(line.source).as_deref())
            .text(optional(line.account).as_deref())
            .text(optional(line.currency).as_deref())
            .text(Some(line.item))
            .text(optional(line.label_en).as_deref())
            .text(optional(line.label_zh).as_deref())
            .text(line.severity)
            .integer(line.count.and_then(|count| i64::try_from(count).ok()))
            .money(total(line.amount), currency)
            .money(total(line.at_risk), currency)
            .end_row();
    }

    fn currency(&self, code: &str) -> Option<Currency> {
        let exponents = self
            .tie_outs
            .iter()
            .map(|one| (&one.currency, one.exponent))
            .chain(self.codes.iter().map(|one| (&one.currency, one.exponent)));
        let found = exponents.into_iter().find(|(known, _)| *known == code);
        found.and_then(|(code, exponent)| Currency::declared(code, exponent)).or_else(|| Currency::iso(code))
    }
}

impl TieOut {
    fn lines(&self) -> Vec<TableLine<'_>> {
        let line = |item, label_zh, count, amount| TableLine {
            section: "tie_out",
            source: &self.source,
            account: &self.account,
            currency: &self.currency,
            item,
            label_en: item,
            label_zh,
            count,
            amount: Some(amount),
            ..TableLine::default()
        };
        let mut lines = vec![
            line(STATEMENT, "渠道合计", Some(self.statement_records), self.statement_minor),
            line(LEDGER, "平台合计", Some(self.ledger_records), self.ledger_minor),
            line("difference", "差额", None, self.difference_minor),
        ];
        lines.extend(self.explained.iter().map(|part| TableLine {
            label_en: &part.label_en,
            severity: part.severity.as_deref(),
            ..line(&part.item, &part.label_zh, Some(part.count), part.amount_minor)
        }));
        lines.push(line("unexplained", "未解释", None, self.unexplained_minor));
        lines
    }
}

impl CodeLine {
    fn lines(&self) -> Vec<TableLine<'_>> {
        let line = |section, amount, at_risk| TableLine {
            section,
            currency: &self.currency,
            item: &self.code,
            label_en: &self.label_en,
            label_zh: &self.label_zh,
            severity: Some(&self.severity),
            count: Some(self.count),
            amount: Some(amount),
            at_risk,
            ..TableLine::default()
        };
        let mut lines = vec![line("codes", self.exposure_minor, Some(self.at_risk_minor))];
        if self.fee_delta_minor != 0 {
            lines.push(line("fees", self.fee_delta_minor, None));
        }
        lines
    }
}

impl SettledLine {
    fn lines(&self) -> Vec<TableLine<'_>> {
        let line = |item, amount| TableLine {
            section: "settled",
            currency: &self.currency,
            item,
            label_en: &self.label_en,
            label_zh: &self.label_zh,
            amount: Some(amount),
            ..TableLine::default()
        };
        vec![
            TableLine { count: Some(self.count), ..line(&self.code, self.favourable_minor - self.adverse_minor) },
            line("favourable", self.favourable_minor),
            line("adverse", -self.adverse_minor),
        ]
    }
}

fn roll_lines(line: &RollForward) -> Vec<TableLine<'_>> {
    let section = match line.section {
        Section::InTransit => "in_transit",
        Section::InDifferences => "in_differences",
    };
    let steps = [
        ("opening", "期初", line.opening),
        ("added", "新增", line.added),
        ("cleared", "核销", line.cleared),
        ("expired", "到期转差异", line.expired),
        ("lapsed", "超期移出", line.lapsed),
        ("closing", "期末", line.closing),
    ];
    let of = |(item, label_zh, count): (&'static str, &'static str, Count)| TableLine {
        section,
        source: &line.source,
        account: &line.account,
        currency: &line.currency,
        item,
        label_en: item,
        label_zh,
        count: Some(count.records),
        amount: Some(count.effect_minor),
        ..TableLine::default()
    };
    let shown = |(item, _, count): &(&str, &str, Count)| {
        matches!(*item, "opening" | "added" | "cleared" | "closing") || count.records > 0
    };
    steps.into_iter().filter(shown).map(of).collect()
}

impl SourceLine {
    fn lines(&self) -> Vec<TableLine<'_>> {
        let counts = [
            ("files", "文件数", self.files),
            ("records", "记录数", self.records),
            ("rejects", "拒绝行", self.rejects),
            ("aside", "不参与", self.aside),
        ];
        let line = |(item, label_zh, count)| TableLine {
            section: "sources",
            source: &self.name,
            item,
            label_en: item,
            label_zh,
            count: Some(count),
            ..TableLine::default()
        };
        counts.into_iter().map(line).collect()
    }
}
