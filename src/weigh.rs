//! Tiers: the kernel's steps with tonight's rates, then the job's own conditions.

use std::collections::BTreeMap;

use jiff::civil;
use tieout_kernel::code::Severity;
use tieout_kernel::currency::Currency;
use tieout_kernel::key::{Pass, event_key};
use tieout_kernel::money::Total;
use tieout_kernel::outcome::{Difference, Outcome};
use tieout_kernel::policy::Policy;
use tieout_kernel::record::Record;
use tieout_kernel::severity::{Parties, Rates, Reason, Weights, weigh};

use crate::agree::{Night, Residue};
use crate::error::{Complaint, Error};
use crate::expression::Value;
use crate::job::{Override, Plan};
use crate::normalise::{Exact, Notation, Rounding, decimal_text};
use crate::reconcile::Reconciled;
use crate::store::{Store, sha256};

/// The rates of a night and the checksum of the file they are from.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RateFile {
    /// What one unit of each currency is worth.
    pub rates: Rates,
    /// SHA-256 of the file; empty when the job names none.
    pub sha256: String,
}

/// Reads the rates that the job names: CSV with a header `currency,rate`.
///
/// # Errors
/// [`Error::NotThereYet`] when the file is not there, [`Error::InvalidInput`] with the line that is wrong.
pub fn read_rates(store: &Store, plan: &Plan, date: civil::Date) -> Result<RateFile, Error> {
    let Some(place) = &plan.severity.rates else { return Ok(RateFile::default()) };
    let place = place.on(date);
    let Some(bytes) = store.read(&place)? else {
        let hint = "a CSV file with the columns currency,rate: base units for one unit of the currency";
        return Err(Error::NotThereYet(Complaint::new(format!("the rates are not there yet: {place}")).hint(hint)));
    };
    let wrong = |line: usize, what: String| {
        let complaint = Complaint::new(format!("{place}:{line}: {what}"));
        Error::InvalidInput(complaint.hint("currency,rate, such as USD,7.1234"))
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong(1, "the rates are not UTF-8".to_owned()))?;
    let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    let header = lines.next().map_or("", |(_, line)| line.trim());
    if header != "currency,rate" {
        return Err(wrong(1, format!("the header is `{header}`")));
    }
    let mut rates = BTreeMap::new();
    for (at, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let (code, rate) = line.split_once(',').ok_or_else(|| wrong(at + 1, format!("`{line}` has no comma")))?;
        let currency =
            plan.currency(code.trim()).ok_or_else(|| wrong(at + 1, format!("`{code}` is no currency code")))?;
        let parts = Exact::parse(rate.trim(), Notation::default()).ok();
        let parts = parts.and_then(|exact| exact.at_scale(9, Rounding::Refuse)).filter(|parts| *parts > 0);
        let parts = parts.ok_or_else(|| wrong(at + 1, format!("`{rate}` is no rate: above 0, up to 9 decimals")))?;
        if currency == plan.base_currency && parts != 1_000_000_000 {
            return Err(wrong(at + 1, format!("`{code}` is the base currency, and one of it is worth one of it")));
        }
        if rates.insert(currency, parts).is_some() {
            return Err(wrong(at + 1, format!("`{code}` is there twice")));
        }
    }
    Ok(RateFile { rates: Rates(rates), sha256: sha256(&bytes) })
}

/// Gives every difference its tier; `parties` has what is open of the whole night.
pub fn apply(
    plan: &Plan,
    policy: &Policy,
    rates: &RateFile,
    night: &Night<'_>,
    residue: &Residue,
    reconciled: &mut Reconciled<'_>,
    parties: &Parties,
) {
    let weights = Weights { rates: rates.rates.clone(), ..plan.severity.weights.clone() };
    weigh(&reconciled.records, &mut reconciled.outcomes, policy, &weights, parties);
    if plan.severity.overrides.is_empty() {
        return;
    }
    let records = &reconciled.records;
    for outcome in &mut reconciled.outcomes {
        let Outcome::Difference(difference) = outcome else { continue };
        let facts = Facts { records, difference, policy, night, residue };
        let holds = |one: &Override| one.condition.selects(&|name| facts.value(name));
        if let Some(at) = plan.severity.overrides.iter().position(holds) {
            let tier = plan.severity.overrides[at].tier;
            difference.reasons.push(Reason::Override(tier, u16::try_from(at).unwrap_or(u16::MAX)));
            difference.severity = tier;
        }
    }
}

/// A difference by the names of its columns.
pub struct Facts<'f, 'r> {
    /// The records of the night.
    pub records: &'f [Record<'r>],
    /// The difference.
    pub difference: &'f Difference,
    /// The rules.
    pub policy: &'f Policy,
    /// The files.
    pub night: &'f Night<'f>,
    /// What the records carry along.
    pub residue: &'f Residue,
}

impl Facts<'_, '_> {
    /// The value of one of [`crate::job::difference_columns`].
    #[must_use]
    pub fn value(&self, name: &str) -> Value {
        let text = |text: &str| Value::Text(text.to_owned());
        let total = |total: Option<Total>| total.map_or(Value::Null, |total| Value::integer(total.get()));
        let difference = self.difference;
        // The ledger's record first, as in the table of differences.
        let members = || difference.ledger.iter().chain(&difference.statement).map(|&at| &self.records[at as usize]);
        let first = members().next();
        let of_statement = difference.statement.first().map(|&at| &self.records[at as usize]).or(first);
        let number = |field: fn(&Record<'_>) -> Option<String>| {
            members().find_map(|record| field(record)).map_or(Value::Null, Value::Text)
        };
        match name {
            "code" => text(difference.code.word()),
            "family" => Value::Text(difference.code.family().to_string()),
            "severity" => text(difference.severity.word()),
            "source" => of_statement.map_or(Value::Null, |record| text(&self.policy.source(record.source).name)),
            "account" => first.map_or(Value::Null, |record| text(record.account)),
            "kind" => first.map_or(Value::Null, |record| text(record.kind.word())),
            "currency" => first.map_or(Value::Null, |record| text(record.currency.code())),
            "cash_effect" => text(difference.cash_effect().word()),
            "cause" => text(difference.cause.word()),
            "pass" => difference.pass.map_or(Value::Null, |pass: Pass| text(pass.word())),
            "exposure_minor" => total(difference.exposure),
            "at_risk_minor" => total(difference.at_risk),
            "at_risk_base_minor" => total(difference.at_risk_base),
            "fee_delta_minor" => total(difference.fee_delta),
            "age_business_days" => difference.age.map_or(Value::Null, |age| Value::integer(i128::from(age))),
            "order_no" => number(|record| record.order_no.map(str::to_owned)),
            "event_no" => number(|record| event_key(record).map(str::to_owned)),
            "provider_txn_id" => number(|record| record.provider_txn_id.map(str::to_owned)),
            "counterparty" => number(|record| record.counterparty.map(str::to_owned)),
            extra => self.extra(extra),
        }
    }

    /// A column that sources carry along, from the first record that has it.
    fn extra(&self, name: &str) -> Value {
        let members = self.difference.ledger.iter().chain(&self.difference.statement);
        let found = members.into_iter().find_map(|&at| {
            let stored = self.residue.stored(self.night, at as usize);
            stored.extra.iter().find(|(own, _)| *own == name).map(|(_, text)| (*text).to_owned())
        });
        found.map_or(Value::Null, Value::Text)
    }
}

/// Why a difference has its tier, in words; each step names the tier it led to.
#[must_use]
pub fn in_words(difference: &Difference, base: Currency, overrides: &[Override]) -> Option<String> {
    let step = |reason: &Reason| {
        let tier: Severity = reason.tier();
        let what = match reason {
            Reason::Code(_) => "the code".to_owned(),
            Reason::Case(_) => "this case of the code".to_owned(),
            Reason::Flag(_, code) => format!("also {code}"),
            Reason::Amount(_, amount) => {
                format!("{} {} at risk", base.code(), decimal_text(amount.get(), base.exponent()))
            }
            Reason::NoRate(_, currency) => format!("no rate for {}, so its amount is not weighed", currency.code()),
            Reason::Age(_, 1) => "open for 1 business day".to_owned(),
            Reason::Age(_, days) => format!("open for {days} business days"),
            Reason::Outflow(_) => "money leaves".to_owned(),
            Reason::Repeat(_, count) => format!("{count} differences with this other party"),
            Reason::Regulated(_) => "a regulated source".to_owned(),
            Reason::Override(_, at) => overrides.get(usize::from(*at)).map_or(String::new(), |one| one.reason.clone()),
        };
        format!("{tier} {what}")
    };
    let steps: Vec<String> = difference.reasons.iter().map(step).collect();
    (!steps.is_empty()).then(|| steps.join("; "))
}
