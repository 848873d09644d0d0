//! `[severity]`: what the job says of tiers.

use std::collections::BTreeMap;

use tieout_kernel::code::{Code, Severity};
use tieout_kernel::currency::Currency;
use tieout_kernel::money::Total;
use tieout_kernel::severity::Weights;

use super::document::{Placed, Section};
use super::plan::{Override, SeverityPlan, SourcePlan};
use super::resolve::Resolver;
use crate::error::Complaint;
use crate::expression::{Column, Condition, Type};

/// The columns of a difference that conditions may name, besides those that sources carry along.
pub const DIFFERENCE_COLUMNS: [(&str, Type); 19] = [
    ("code", Type::Text),
    ("family", Type::Text),
    ("severity", Type::Text),
    ("source", Type::Text),
    ("account", Type::Text),
    ("kind", Type::Text),
    ("currency", Type::Text),
    ("cash_effect", Type::Text),
    ("cause", Type::Text),
    ("pass", Type::Text),
    ("exposure_minor", Type::Number),
    ("at_risk_minor", Type::Number),
    ("at_risk_base_minor", Type::Number),
    ("fee_delta_minor", Type::Number),
    ("age_business_days", Type::Number),
    ("order_no", Type::Text),
    ("event_no", Type::Text),
    ("provider_txn_id", Type::Text),
    ("counterparty", Type::Text),
];

impl Resolver<'_> {
    pub(super) fn severity(&self, base: Option<Currency>, sources: &[SourcePlan]) -> SeverityPlan {
        let base = base.or_else(|| Currency::iso("CNY")).expect("CNY is a currency");
        let mut plan = SeverityPlan { weights: Weights::of(base), rates: None, overrides: Vec::new() };
        let Some(section) = self.root.section("severity") else { return plan };
        if let Some(amounts) = section.section("amount_minor") {
            let amount = |tier: &str| self.minor(&amounts, tier).map(Total::from);
            plan.weights.by_amount = self.ladder(&amounts, &plan.weights.by_amount, amount);
            amounts.finish();
        }
        if let Some(ages) = section.section("age") {
            let days = |tier: &str| ages.count(tier).map(|days| u32::try_from(days.value).unwrap_or(u32::MAX));
            plan.weights.by_age = self.ladder(&ages, &plan.weights.by_age, days);
            ages.finish();
        }
        if let Some(codes) = section.section("base") {
            plan.weights.of_code = Self::tiers_of_codes(&codes);
        }
        if let Some(count) = section.count("repeated_counterparty") {
            plan.weights.repeats = u32::try_from(count.value).unwrap_or(u32::MAX);
        }
        plan.rates = section.text("rates").and_then(|text| self.dated(&text));
        let columns = difference_columns(sources);
        for section in section.sections("override") {
            plan.overrides.extend(self.override_of(section, &columns));
        }
        section.finish();
        plan
    }

    /// Steps from the worst tier to the mildest, each lower than the one before. A tier that is not said
    /// keeps its default.
    fn ladder<T: PartialOrd + Copy>(
        &self,
        section: &Section<'_>,
        default: &[(Severity, T)],
        step: impl Fn(&str) -> Option<T>,
    ) -> Vec<(Severity, T)> {
        let own = |tier: Severity| default.iter().find(|(known, _)| *known == tier).map(|(_, value)| *value);
        let tiers = Severity::ALL.iter().filter(|tier| **tier != Severity::Info);
        let steps: Vec<(Severity, T)> =
            tiers.filter_map(|tier| step(tier.word()).or_else(|| own(*tier)).map(|value| (*tier, value))).collect();
        if !steps.windows(2).all(|pair| pair[0].1 > pair[1].1) {
            self.complain(section.at(), "a worse tier begins at a larger figure", "order them P0 > P1 > P2 > P3");
        }
        steps
    }

    fn tiers_of_codes(section: &Section<'_>) -> BTreeMap<Code, Severity> {
        let tiers: Vec<(&str, Severity)> = Severity::ALL.iter().map(|tier| (tier.word(), *tier)).collect();
        // Codes of files and of the run, and states, have no row that a tier of their own would stand in.
        let none = [
            Code::SystematicVariance,
            Code::TimingPending,
            Code::LateMatched,
            Code::OutOfScopeRow,
            Code::ReplicaRow,
            Code::StatusBothPending,
            Code::LedgerStatusSuperseded,
        ];
        let has_rows = |code: Code| code.family() != 'A' && !none.contains(&code);
        let has_none = |word: &str| Code::from_word(word).is_some_and(|code| !has_rows(code));
        let what = |word: &str| format!("`{word}` is of a file, of the run or no difference: its tier is fixed");
        section.refuse(has_none, what, "tiers are set for codes of differences");
        let of_groups = Code::ALL.iter().filter(|code| has_rows(**code));
        let codes: Vec<(&str, Code)> = of_groups.map(|code| (code.word(), *code)).collect();
        let mut found = BTreeMap::new();
        for (word, at, _) in section.entries().into_iter().filter(|(word, _, _)| !has_none(word)) {
            let code = section.one_of(&Placed { value: word.clone(), at: at.clone() }, &codes);
            if let (Some(code), Some(tier)) = (code, section.word(&word, &tiers)) {
                found.insert(code, tier);
            }
        }
        found
    }

    fn override_of(&self, section: Section<'_>, columns: &[Column]) -> Option<Override> {
        let tiers: Vec<(&str, Severity)> = Severity::ALL.iter().map(|tier| (tier.word(), *tier)).collect();
        let when = section.needed_text("when", "a condition over the columns of a difference");
        let tier = section.word("tier", &tiers);
        if section.get("tier").is_none() {
            self.complain(section.at(), "an override says which `tier`", "one of P0, P1, P2, P3, INFO");
        }
        let reason = section.needed_text("reason", "why: it stands beside every difference that it changes");
        let condition = when.and_then(|text| self.condition(&text, columns));
        section.finish();
        Some(Override { condition: condition?, tier: tier?, reason: reason?.value })
    }

    pub(super) fn condition(&self, text: &Placed<String>, columns: &[Column]) -> Option<Condition> {
        match Condition::parse(&text.value, columns) {
            Ok(condition) => Some(condition),
            Err(mistake) => {
                let mut complaint = Complaint::new(mistake.what).at(text.at.part(mistake.span).excerpt());
                complaint.hint = mistake.hint;
                self.complaints.add(complaint);
                None
            }
        }
    }
}

/// The columns of differences of a job, with those that its sources carry along.
pub fn difference_columns(sources: &[SourcePlan]) -> Vec<Column> {
    let mut columns: Vec<Column> =
        DIFFERENCE_COLUMNS.iter().map(|(name, holds)| Column { name: (*name).to_owned(), holds: *holds }).collect();
    let mut extra: Vec<&String> = sources.iter().flat_map(|source| &source.extra).map(|(name, _)| name).collect();
    extra.sort();
    extra.dedup();
    let known = |name: &str| DIFFERENCE_COLUMNS.iter().any(|(own, _)| *own == name);
    columns.extend(
        extra.into_iter().filter(|name| !known(name)).map(|name| Column { name: name.clone(), holds: Type::Text }),
    );
    columns
}
