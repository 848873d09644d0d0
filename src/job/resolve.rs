//! From a job file to a plan: includes, defaults, every check that needs no data.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::civil;
use tieout_kernel::calendar::{Calendar, Day};
use tieout_kernel::code::{Code, Severity};
use tieout_kernel::currency::Currency;
use tieout_kernel::fee::{FeeBase, FeeRule, FeeSchedule, Rate, RefundFee};
use tieout_kernel::key::Pass;
use tieout_kernel::money::Minor;
use tieout_kernel::policy::{ByAmount, Compared, ComparedColumn, Tolerances};
use tieout_kernel::record::{Kind, KindSet};

use super::document::{At, Complaints, Node, Placed, Section};
use super::plan::{Evidence, Language, LookAlikes, MatchRate, Plan};
use crate::error::{Complaint, Error};
use crate::expression::Type;
use crate::normalise::{Exact, Notation, Rounding, day_of_date, iso};
use crate::store::{Place, sha256};

/// Columns that filters may name besides the source's extra columns. Amounts are signed.
pub const FILTER_COLUMNS: [(&str, Type); 13] = [
    ("account", Type::Text),
    ("kind", Type::Text),
    ("status", Type::Text),
    ("direction", Type::Text),
    ("currency", Type::Text),
    ("amount_minor", Type::Number),
    ("fee_minor", Type::Number),
    ("order_no", Type::Text),
    ("event_no", Type::Text),
    ("provider_txn_id", Type::Text),
    ("counterparty", Type::Text),
    ("occurred_at", Type::Instant),
    ("business_date", Type::Date),
];

/// Reads and resolves a job file with everything it includes.
pub fn load(path: &Path) -> Result<Plan, Error> {
    let complaints = Complaints::default();
    let absolute =
        std::path::absolute(path).map_err(|e| Error::usage(format!("{}: {e}", path.display()), "name a job file"))?;
    let node = read_with_includes(path, &absolute, &complaints)?;
    let plan = complaints.is_empty().then(|| resolve(&node, &absolute, &complaints)).flatten();
    match (plan, complaints.take()) {
        (Some(plan), complaints) if complaints.is_empty() => Ok(plan),
        (_, complaints) => Err(Error::Usage(complaints)),
    }
}

const WEEKDAYS: [(&str, usize); 7] =
    [("Monday", 0), ("Tuesday", 1), ("Wednesday", 2), ("Thursday", 3), ("Friday", 4), ("Saturday", 5), ("Sunday", 6)];

/// What only the job file itself may say.
const OWN_NAMES: [&str; 5] = ["job", "source", "output", "include", "starts"];

fn read_with_includes(shown: &Path, absolute: &Path, complaints: &Complaints) -> Result<Node, Error> {
    let mut node = read(shown, absolute, complaints)?;
    let folder = absolute.parent().unwrap_or(Path::new("/")).to_path_buf();
    let includes = node.section("", complaints).texts("include").unwrap_or_default();
    for include in includes.iter().rev() {
        let path = folder.join(&include.value);
        let shown_include = shown.parent().unwrap_or(Path::new("")).join(&include.value);
        if let Ok(mut below) = read(&shown_include, &path, complaints) {
            for name in OWN_NAMES {
                if let Some(at) = below.remove(name) {
                    let what = format!("an included file cannot say `{name}`");
                    complaints.add(Complaint::new(what).at(at.excerpt()).hint("say it in the job file"));
                }
            }
            node.underlay(&below);
        } else {
            let what = format!("could not read the included file {}", shown_include.display());
            let hint = "its place is relative to the file that includes it";
            complaints.add(Complaint::new(what).at(include.at.excerpt()).hint(hint));
        }
    }
    Ok(node)
}

fn read(shown: &Path, absolute: &Path, complaints: &Complaints) -> Result<Node, Error> {
    let text = crate::store::read_text(absolute).map_err(|e| {
        Error::usage(
            format!("could not read the job file {}: {e}", shown.display()),
            "name a TOML file such as jobs/shop.toml",
        )
    })?;
    Ok(Node::parse(&shown.display().to_string(), text, complaints))
}

pub(super) struct Resolver<'n> {
    pub(super) root: Section<'n>,
    pub(super) complaints: &'n Complaints,
    pub(super) folder: PathBuf,
    pub(super) currencies: BTreeMap<String, Currency>,
}

fn resolve(node: &Node, file: &Path, complaints: &Complaints) -> Option<Plan> {
    let root = node.section("", complaints);
    let folder = file.parent().unwrap_or(Path::new("/")).to_path_buf();
    let currencies = declared_currencies(&root, complaints);
    let resolver = Resolver { root, complaints, folder, currencies };
    let plan = resolver.plan(node, file);
    resolver.root.finish();
    plan
}

fn declared_currencies(root: &Section<'_>, complaints: &Complaints) -> BTreeMap<String, Currency> {
    let Some(section) = root.section("currencies") else { return BTreeMap::new() };
    let mut currencies = BTreeMap::new();
    for (code, at, _) in section.entries() {
        let exponent = section.count(&code).and_then(|count| u8::try_from(count.value).ok());
        match exponent.and_then(|exponent| Currency::declared(&code, exponent)) {
            Some(currency) => {
                currencies.insert(code, currency);
            }
            None => complaints.add(
                Complaint::new(format!("`{code}` is no currency code with its number of decimals"))
                    .at(at.excerpt())
                    .hint("write CNH = 2"),
            ),
        }
    }
    currencies
}

impl Resolver<'_> {
    pub(super) fn complain(&self, at: &At, what: impl Into<String>, hint: impl Into<String>) {
        self.complaints.add(Complaint::new(what).at(at.excerpt()).hint(hint));
    }

    fn plan(&self, node: &Node, file: &Path) -> Option<Plan> {
        let root = &self.root;
        root.texts("include");
        let job = root.needed_text("job", "a short name; results are kept under it");
        if let Some(job) = &job
            && !is_name(&job.value)
        {
            self.complain(&job.at, format!("`{}` cannot be a name", job.value), "use letters, digits, `-` and `_`");
        }
        let base_currency = root.needed_text("base_currency", "an ISO code such as CNY");
        let base_currency = base_currency.and_then(|code| self.currency(&code));
        let output = root.needed_text("output", "a folder or bucket for results, such as ../out or s3://bucket/tieout");
        let output = output.and_then(|output| match Place::parse(&output.value, &self.folder) {
            Ok(place) => Some(place),
            Err(e) => {
                self.complain(&output.at, e, "a path, file://, s3://, gs:// or az://");
                None
            }
        });
        let calendar = self.calendar();
        let matching = root.section("matching");
        let passes = matching.as_ref().map_or_else(default_passes, |section| self.passes(section));
        let by_amount = self.by_amount(matching.as_ref());
        let stuck_after = matching.as_ref().and_then(|section| section.count("stuck_after"));
        let match_rate = Self::match_rate(matching.as_ref());
        if let Some(section) = matching {
            section.finish();
        }
        let compared = self.compared();
        let tolerances = self.tolerances();
        let look_alikes = self.look_alikes();
        let evidence = root.word("evidence", &[("none", Evidence::None), ("references", Evidence::References)]);
        let language = root.word("language", &[("en", Language::English), ("zh", Language::Chinese)]);
        let mut tiers: Vec<(&str, Option<Severity>)> =
            Severity::ALL.iter().map(|tier| (tier.word(), Some(*tier))).collect();
        tiers.push(("never", None));
        let alert_tier = root.word("alert_tier", &tiers);
        let fees = self.fee_schedules();
        let sources = self.sources(&fees, &compared);
        let severity = self.severity(base_currency, &sources);
        let settlement = self.settlement(base_currency, tolerances);
        let worklist = self.worklist(base_currency);
        let carry = self.carry_plan();
        Some(Plan {
            job: job?.value,
            file: file.to_path_buf(),
            base_currency: base_currency?,
            currencies: self.currencies.clone(),
            calendar,
            output: output?,
            sources,
            passes,
            by_amount,
            compared,
            tolerances,
            stuck_after: stuck_after.and_then(|count| u32::try_from(count.value).ok()).unwrap_or(3),
            look_alikes,
            match_rate,
            severity,
            settlement,
            worklist,
            carry,
            evidence: evidence.unwrap_or(Evidence::References),
            language: language.unwrap_or(Language::English),
            alert_tier: alert_tier.unwrap_or(Some(Severity::P1)),
            policy_hash: sha256(canonical(node).as_bytes()),
        })
    }

    fn currency(&self, code: &Placed<String>) -> Option<Currency> {
        let found = self.currencies.get(&code.value).copied().or_else(|| Currency::iso(&code.value));
        if found.is_none() {
            let hint = "ISO 4217 codes in capitals; others are declared under [currencies]";
            self.complain(&code.at, format!("`{}` is no currency", code.value), hint);
        }
        found
    }

    fn day(&self, text: &Placed<String>) -> Option<Day> {
        match iso(&text.value) {
            Some(crate::normalise::Reading::Local(micros)) if text.value.len() == 10 => {
                i32::try_from(micros / 86_400_000_000).ok().map(Day)
            }
            _ => {
                self.complain(&text.at, format!("`{}` is no date", text.value), "write \"2026-11-20\"");
                None
            }
        }
    }

    fn days(&self, section: &Section<'_>, name: &str) -> Vec<Day> {
        let texts = section.texts(name).unwrap_or_default();
        let mut days: Vec<Day> = texts.iter().filter_map(|text| self.day(text)).collect();
        days.sort_unstable();
        days.dedup();
        days
    }

    fn calendar(&self) -> Calendar {
        let Some(section) = self.root.section("calendar") else { return Calendar::default() };
        let mut calendar = Calendar::default();
        for day in section.texts("weekend").unwrap_or_default() {
            if let Some(weekday) = section.one_of(&day, &WEEKDAYS) {
                calendar.weekend[weekday] = true;
            }
        }
        calendar.holidays = self.days(&section, "holidays");
        calendar.working_weekends = self.days(&section, "working_weekends");
        section.finish();
        calendar
    }

    fn passes(&self, section: &Section<'_>) -> Vec<Pass> {
        let Some(texts) = section.texts("passes") else { return default_passes() };
        let words: Vec<(&str, Pass)> = Pass::ALL.iter().map(|pass| (pass.word(), *pass)).collect();
        let mut passes: Vec<Pass> = texts.iter().filter_map(|text| section.one_of(text, &words)).collect();
        if passes.first() != Some(&Pass::K1) || !passes.is_sorted() {
            let at = section.get("passes").map_or(section.at(), Node::at);
            self.complain(at, "passes begin with K1 and come in order", "leave out those you do not want");
        }
        passes.retain(|pass| *pass != Pass::K1);
        passes
    }

    fn by_amount(&self, section: Option<&Section<'_>>) -> ByAmount {
        let window = section.and_then(|section| section.text("amount_window")).and_then(|text| self.duration(&text));
        let parties =
            section.and_then(|section| section.word("amount_party", &[("required", true), ("optional", false)]));
        ByAmount { window_micros: window.unwrap_or(600_000_000), party_required: parties.unwrap_or(true) }
    }

    fn match_rate(section: Option<&Section<'_>>) -> MatchRate {
        let floor = section.and_then(|section| section.count("match_rate_floor_percent"));
        let records = section.and_then(|section| section.count("match_rate_records_min"));
        let floor_percent = floor.and_then(|floor| u32::try_from(floor.value).ok()).unwrap_or(50);
        MatchRate { floor_percent, records_min: records.map_or(5, |records| records.value) }
    }

    pub(super) fn duration(&self, text: &Placed<String>) -> Option<i64> {
        let span: Result<jiff::SignedDuration, _> = text.value.parse();
        match span {
            Ok(duration) if !duration.is_negative() => i64::try_from(duration.as_micros()).ok(),
            _ => {
                self.complain(&text.at, format!("`{}` is no duration", text.value), "write \"10m\" or \"1h 30m\"");
                None
            }
        }
    }

    fn compared(&self) -> Compared {
        let mut compared = Compared::default();
        let Some(section) = self.root.section("compare") else { return compared };
        compared.fee = section.truth("fee").unwrap_or(false);
        compared.tax = section.truth("tax").unwrap_or(false);
        compared.counterparty = section.truth("counterparty").unwrap_or(false);
        for column in section.texts("columns").unwrap_or_default() {
            let code = if column.value == "channel" { Code::ChannelMismatch } else { Code::FieldMismatch };
            compared.columns.push(ComparedColumn { name: column.value, code });
        }
        section.finish();
        compared
    }

    fn tolerances(&self) -> Tolerances {
        let mut tolerances = Tolerances::default();
        let Some(section) = self.root.section("tolerance") else { return tolerances };
        for (name, field) in [
            ("principal_minor", &mut tolerances.principal),
            ("fee_minor", &mut tolerances.fee),
            ("net_minor", &mut tolerances.net),
        ] {
            if let Some(minor) = self.minor(&section, name) {
                *field = minor;
            }
        }
        section.finish();
        tolerances
    }

    pub(super) fn minor(&self, section: &Section<'_>, name: &str) -> Option<Minor> {
        let count = section.count(name)?;
        let minor = i64::try_from(count.value).ok().and_then(Minor::new);
        if minor.is_none() {
            self.complain(&count.at, "an amount has at most 18 digits", "amounts here are minor units: fen, cents");
        }
        minor
    }

    fn look_alikes(&self) -> Option<LookAlikes> {
        let default = LookAlikes { window_micros: 600_000_000, allowed: BTreeSet::new() };
        let Some(section) = self.root.section("suspected_duplicates") else { return Some(default) };
        let enabled = section.truth("enabled").unwrap_or(true);
        let window = section.text("window").and_then(|text| self.duration(&text));
        let allowed = section.texts("allow").unwrap_or_default().into_iter().map(|text| text.value).collect();
        section.finish();
        enabled.then(|| LookAlikes { window_micros: window.unwrap_or(default.window_micros), allowed })
    }

    fn fee_schedules(&self) -> BTreeMap<String, FeeSchedule> {
        let Some(section) = self.root.section("fees") else { return BTreeMap::new() };
        let mut schedules = BTreeMap::new();
        for (name, _, _) in section.entries() {
            let rules = section.sections(&name).into_iter().filter_map(|rule| self.fee_rule(rule)).collect();
            schedules.insert(name, FeeSchedule { rules });
        }
        schedules
    }

    fn fee_rule(&self, section: Section<'_>) -> Option<FeeRule> {
        let rate = section.needed_text("rate", "a percentage such as \"0.6%\"");
        let rate = rate.and_then(|text| self.rate(&text));
        let kinds =
            section.texts("kinds").map_or_else(|| Some(vec![Kind::Payment]), |texts| kinds_of(&section, &texts));
        let choices = [("kept", RefundFee::Kept), ("returned", RefundFee::Returned), ("unjudged", RefundFee::Unjudged)];
        let refunds = section.word("refunds", &choices);
        if refunds.is_none() && section.get("refunds").is_none() {
            let hint = "`kept`: the provider keeps the fee of a refunded payment; `returned`: it gives its share \
                        back; `unjudged`: the job cannot tell";
            self.complain(section.at(), "a fee rule says what happens on refunds: `refunds`", hint);
        }
        let fixed = ["flat_minor", "floor_minor"].into_iter().find(|part| section.get(part).is_some());
        if let (Some(RefundFee::Returned), Some(part)) = (refunds, fixed) {
            let what = format!("what comes back of a fee with `{part}` does not follow from the refund alone");
            self.complain(section.at(), what, "write refunds = \"unjudged\", or \"kept\" if nothing comes back");
        }
        let base = section.word("base", &[("amount", FeeBase::Amount), ("order_amount", FeeBase::OrderAmount)]);
        let day = |name: &str| section.text(name).and_then(|text| self.day(&text));
        let mut kinds = kinds?;
        if kinds.contains(&Kind::Payment) {
            kinds.push(Kind::Refund);
        }
        let rule = FeeRule {
            from: day("from"),
            until: day("until"),
            kinds: KindSet::of(&kinds),
            currency: section.text("currency").and_then(|code| self.currency(&code)),
            rate: rate.unwrap_or(Rate(0)),
            base: base.unwrap_or(FeeBase::Amount),
            flat: self.minor(&section, "flat_minor").unwrap_or(Minor::ZERO),
            floor: self.minor(&section, "floor_minor"),
            cap: self.minor(&section, "cap_minor"),
            refunds: refunds.unwrap_or(RefundFee::Kept),
        };
        section.finish();
        Some(rule)
    }

    /// A percentage in units of 10⁻⁹.
    pub(super) fn rate(&self, text: &Placed<String>) -> Option<Rate> {
        let number =
            text.value.strip_suffix('%').and_then(|number| Exact::parse(number.trim(), Notation::default()).ok());
        let parts = number.and_then(|number| number.at_scale(7, Rounding::Refuse));
        match parts.and_then(|parts| i64::try_from(parts).ok()) {
            Some(parts) if (0..=Rate::ONE).contains(&parts) => Some(Rate(parts)),
            _ => {
                self.complain(&text.at, format!("`{}` is no percentage from 0% to 100%", text.value), "write \"0.6%\"");
                None
            }
        }
    }
}

/// Kinds by their words.
pub(super) fn kinds_of(section: &Section<'_>, texts: &[Placed<String>]) -> Option<Vec<Kind>> {
    let words: Vec<(&str, Kind)> = Kind::ALL.iter().map(|kind| (kind.word(), *kind)).collect();
    texts.iter().map(|text| section.one_of(text, &words)).collect()
}

fn default_passes() -> Vec<Pass> {
    vec![Pass::K2, Pass::K3, Pass::K4]
}

pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// What the job says, in one spelling, without where its output goes: the identity of a policy.
fn canonical(node: &Node) -> String {
    let mut node = node.clone();
    node.remove("output");
    node.canonical()
}

/// The day of a date.
#[must_use]
pub fn day_of(date: civil::Date) -> Day {
    let days = day_of_date(i64::from(date.year()), i64::from(date.month()), i64::from(date.day())).unwrap_or(0);
    Day(i32::try_from(days).unwrap_or(0))
}

/// The date of a day.
#[must_use]
pub fn date_of(day: Day) -> civil::Date {
    civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(i64::from(day.0)))
}
