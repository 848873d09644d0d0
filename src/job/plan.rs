//! The job as resolved: complete and checked, nothing left to interpret.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jiff::civil;
use tieout_kernel::calendar::{Calendar, Day};
use tieout_kernel::code::Severity;
use tieout_kernel::currency::Currency;
use tieout_kernel::key::Pass;
use tieout_kernel::policy::{ByAmount, Compared, Policy, SourcePolicy, Tolerances};
use tieout_kernel::record::{Book, KindSet};
use tieout_kernel::settle::Settlement;
use tieout_kernel::severity::Weights;

use super::{CarryPlan, WorklistPlan};
use crate::expression::Condition;
use crate::formats::{Format, OpenFile, Opening, alipay, wechat};
use crate::normalise::{Mapping, Principal, TextRule};
use crate::store::Place;

/// How much is kept of what matched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Evidence {
    /// Nothing but counts.
    None,
    /// Row references, pass and amount.
    References,
}

/// The reader's language.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    /// English.
    English,
    /// Chinese.
    Chinese,
}

/// A reconciliation, ready to run on any date.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name: letters, digits, dashes and underscores.
    pub job: String,
    /// Where the job file is.
    pub file: PathBuf,
    /// The currency in which amounts of several currencies are compared in size.
    pub base_currency: Currency,
    /// Currencies that the job declares besides those of ISO 4217.
    pub currencies: BTreeMap<String, Currency>,
    /// Which days count.
    pub calendar: Calendar,
    /// Where results go.
    pub output: Place,
    /// Its sources, in the order of the job file.
    pub sources: Vec<SourcePlan>,
    /// Passes after K1, in order.
    pub passes: Vec<Pass>,
    /// How K4 looks.
    pub by_amount: ByAmount,
    /// What is compared.
    pub compared: Compared,
    /// What may differ.
    pub tolerances: Tolerances,
    /// Unfinished refunds and payouts older than this are stuck.
    pub stuck_after: u32,
    /// Look-alikes: `None` when the rule is off.
    pub look_alikes: Option<LookAlikes>,
    /// When a match rate is a collapse.
    pub match_rate: MatchRate,
    /// How bad differences are.
    pub severity: SeverityPlan,
    /// What may be written off; `None` settles nothing.
    pub settlement: Option<Settlement>,
    /// Who does what, by when, and who must agree.
    pub worklist: WorklistPlan,
    /// What a run takes over from the runs before.
    pub carry: CarryPlan,
    /// How much is kept of matches.
    pub evidence: Evidence,
    /// The language of the people's reports.
    pub language: Language,
    /// Differences of this tier or a higher one make the exit code 10; none never do.
    pub alert_tier: Option<Severity>,
    /// SHA-256 of everything the job says except where the output goes.
    pub policy_hash: String,
}

/// How bad differences are (`taxonomy` §3).
#[derive(Clone, Debug)]
pub struct SeverityPlan {
    /// Tiers by code, amount and age; without rates, which are read on the night.
    pub weights: Weights,
    /// What other currencies are worth in the base currency: CSV with the columns `currency,rate`.
    pub rates: Option<DatedPlace>,
    /// Conditions that decide after everything else; the first that holds counts.
    pub overrides: Vec<Override>,
}

/// One condition of the job that sets a tier.
#[derive(Clone, Debug)]
pub struct Override {
    /// Over the columns of a difference.
    pub condition: Condition,
    /// The tier it sets.
    pub tier: Severity,
    /// Why.
    pub reason: String,
}

/// The rule for look-alikes under different orders.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LookAlikes {
    /// How close in time.
    pub window_micros: i64,
    /// Other parties to whom it does not apply, such as a shop's own wallet.
    pub allowed: BTreeSet<String>,
}

/// When a match rate is a collapse.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MatchRate {
    /// Below this share of matched statement records, in percent.
    pub floor_percent: u32,
    /// A source with fewer records has no rate.
    pub records_min: u64,
}

/// How many rows of a source may be unreadable before the source is stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RejectLimit {
    /// So many in any case.
    pub rows: u64,
    /// And beyond that, so many in a million.
    pub per_million: u64,
    /// And at most this much money, in minor units, where the amount could be read.
    pub amount_minor: Option<i128>,
}

/// When a file that is not there is missing rather than not there yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deadline {
    /// Days after the business date.
    pub days: i32,
    /// Time of day in the zone of the source.
    pub time: civil::Time,
}

/// One source.
#[derive(Clone, Debug)]
pub struct SourcePlan {
    /// Its name.
    pub name: String,
    /// Its book.
    pub book: Book,
    /// The format of its files.
    pub format: Format,
    /// Where its files are.
    pub place: DatedPlace,
    /// Where its manifest is.
    pub manifest: Option<DatedPlace>,
    /// Whether a day without a file is wrong.
    pub expected: bool,
    /// When it is.
    pub deadline: Option<Deadline>,
    /// Accounts that are reconciled; none for a ledger, which is scoped by the statements' accounts.
    pub accounts: Vec<String>,
    /// How its files are opened.
    pub opening: Opening,
    /// Whether an end marker or a last line end may be missing.
    pub footer_optional: bool,
    /// What its columns mean, for generic formats.
    pub mapping: Option<Mapping>,
    /// Columns carried to the reports, by their name there.
    pub extra: Vec<(String, TextRule)>,
    /// Which amount is compared.
    pub principal: Principal,
    /// Which records take part.
    pub filter: Option<Condition>,
    /// How many rows may be unreadable.
    pub reject_limit: RejectLimit,
    /// What the kernel knows of it.
    pub policy: SourcePolicy,
}

impl SourcePlan {
    /// What the columns of one of its files mean.
    #[must_use]
    pub fn mapping_of(&self, file: &OpenFile) -> Mapping {
        let mut mapping = match (&self.mapping, file.format) {
            (Some(mapping), _) => mapping.clone(),
            (None, format @ (Format::WechatTrade | Format::WechatFund)) => wechat::mapping(format, &file.header),
            (None, format) => alipay::mapping(format),
        };
        if self.mapping.is_none() {
            mapping.extra.clone_from(&self.extra);
            if matches!(file.format, Format::AlipayTrade | Format::AlipayFund) {
                // The file names its account once, above the rows; a re-saved one may have lost that line.
                mapping.account = TextRule::Always(file.account.clone().or(self.only_account()).unwrap_or_default());
            }
            if file.format == Format::WechatFund {
                // This one names none; the job names exactly one for it.
                mapping.account = TextRule::Always(self.only_account().unwrap_or_default());
            }
        }
        mapping
    }

    /// The account of its rows where a file names none and the job exactly one.
    #[must_use]
    pub fn only_account(&self) -> Option<String> {
        match self.accounts.as_slice() {
            [only] => Some(only.clone()),
            _ => None,
        }
    }

    /// The kinds that one of its files shows.
    #[must_use]
    pub fn kinds_of(&self, file: &OpenFile) -> KindSet {
        match file.format {
            Format::WechatTrade => wechat::shown_kinds(&file.header),
            _ => self.policy.kinds,
        }
    }

    /// What is read of one of its files because somebody compares it or selects by it: without it, both sides would be
    /// equal, or nothing would be selected.
    #[must_use]
    pub fn asked_rules(&self, mapping: &Mapping, compared: &Compared) -> Vec<TextRule> {
        let mut asked = self.compared_rules(compared);
        asked.extend(compared.counterparty.then(|| mapping.counterparty.clone()));
        for name in self.filter.iter().flat_map(Condition::uses) {
            let extra = mapping.extra.iter().find(|(extra, _)| extra == name).map(|(_, rule)| rule.clone());
            asked.extend(extra.or_else(|| (name == "counterparty").then(|| mapping.counterparty.clone())));
        }
        asked
    }

    /// The rules of the further compared columns.
    #[must_use]
    pub fn compared_rules(&self, compared: &Compared) -> Vec<TextRule> {
        let rule = |name: &str| {
            self.extra.iter().find(|(extra, _)| extra == name).map_or(TextRule::None, |(_, rule)| rule.clone())
        };
        compared.columns.iter().map(|column| rule(&column.name)).collect()
    }
}

impl Plan {
    /// The sources of one book, with their numbers.
    pub fn of_book(&self, book: Book) -> impl Iterator<Item = (u16, &SourcePlan)> {
        let numbered = self.sources.iter().enumerate();
        numbered
            .filter(move |(_, source)| source.book == book)
            .map(|(number, source)| (u16::try_from(number).expect("a job has few sources"), source))
    }

    /// For how many business days a record of any source may wait.
    #[must_use]
    pub fn longest_wait(&self) -> u32 {
        let horizons = self.sources.iter().flat_map(|source| &source.policy.horizons).map(|horizon| horizon.days());
        horizons.max().unwrap_or(1).max(self.stuck_after) + 1
    }

    /// What the kernel's rules ask of the job on one day.
    #[must_use]
    pub fn kernel_policy(&self, day: Day) -> Policy {
        let ledger_kinds =
            self.of_book(Book::Ledger).fold(KindSet::NONE, |kinds, (_, source)| kinds.union(source.policy.kinds));
        Policy {
            run_day: Some(day),
            calendar: self.calendar.clone(),
            sources: self.sources.iter().map(|source| source.policy.clone()).collect(),
            accounts: self.accounts(),
            ledger_kinds,
            stuck_after: self.stuck_after,
            passes: self.passes.clone(),
            by_amount: self.by_amount,
            compared: self.compared.clone(),
            tolerances: self.tolerances,
        }
    }

    /// The statement source of each account.
    #[must_use]
    pub fn accounts(&self) -> BTreeMap<String, u16> {
        self.of_book(Book::Statement)
            .flat_map(|(number, source)| source.accounts.iter().map(move |account| (account.clone(), number)))
            .collect()
    }

    /// The source of a name.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<&SourcePlan> {
        self.sources.iter().find(|source| source.name == name)
    }
}

/// A place that depends on the business date.
///
/// `{date}` is the date as `2026-11-20`, `{date:%Y%m%d}` in another form, `{date+1}` a day later.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DatedPlace {
    text: String,
    base: PathBuf,
}

impl Plan {
    /// A currency by its code: the job's own, else that of ISO 4217.
    #[must_use]
    pub fn currency(&self, code: &str) -> Option<Currency> {
        self.currencies.get(code).copied().or_else(|| Currency::iso(code))
    }
}

impl DatedPlace {
    /// Reads a place, and tries it on a date.
    pub fn parse(text: &str, base: PathBuf) -> Result<Self, String> {
        let place = Self { text: text.to_owned(), base };
        place.try_on(civil::date(2026, 11, 20))?;
        Ok(place)
    }

    /// The place on a date.
    #[must_use]
    pub fn on(&self, date: civil::Date) -> Place {
        self.try_on(date).expect("the place was tried when the job was checked")
    }

    /// Whether it changes with the date.
    #[must_use]
    pub fn is_dated(&self) -> bool {
        self.text.contains("{date")
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// As it was written, with the date filled in: the same text on every machine.
    #[must_use]
    pub fn written_on(&self, date: civil::Date) -> String {
        self.fill(date).unwrap_or_else(|_| self.text.clone())
    }

    fn try_on(&self, date: civil::Date) -> Result<Place, String> {
        Place::parse(&self.fill(date)?, &self.base)
    }

    fn fill(&self, date: civil::Date) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = self.text.as_str();
        while let Some(open) = rest.find('{') {
            filled.push_str(&rest[..open]);
            let close = rest[open..].find('}').ok_or("a `{` without its `}`")? + open;
            filled.push_str(&one_date(&rest[open + 1..close], date)?);
            rest = &rest[close + 1..];
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

fn one_date(inner: &str, date: civil::Date) -> Result<String, String> {
    let (which, format) = inner.split_once(':').unwrap_or((inner, "%Y-%m-%d"));
    let days = match which.strip_prefix("date") {
        Some("") => 0,
        Some(shift) => {
            shift.parse::<i64>().map_err(|_| format!("`{{{inner}}}`: write {{date}}, {{date+1}} or {{date:%Y%m%d}}"))?
        }
        None => return Err(format!("`{{{inner}}}`: only {{date}} can stand in braces")),
    };
    let date = date.checked_add(jiff::Span::new().days(days)).map_err(|e| e.to_string())?;
    jiff::fmt::strtime::format(format, date).map_err(|e| format!("`{format}`: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_the_date() {
        let on = |text: &str| {
            DatedPlace::parse(text, PathBuf::from("/jobs")).map(|place| place.on(civil::date(2026, 12, 31)).to_string())
        };
        assert_eq!(on("in/{date}/x.csv").as_deref(), Ok("/jobs/in/2026-12-31/x.csv"));
        assert_eq!(on("s3://b/{date:%Y%m%d}_{date+1:%Y%m%d}.zip").as_deref(), Ok("s3://b/20261231_20270101.zip"));
        assert!(on("in/{dat}/x.csv").is_err());
        assert!(on("in/{date/x.csv").is_err());
        assert!(on("in/{date:%!}/x.csv").is_err());
    }
}
