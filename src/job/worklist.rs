//! `[worklist]`: who does what, by when, and who must agree.

use std::collections::BTreeMap;

use tieout_kernel::action::{Place, sla_hours};
use tieout_kernel::code::{Code, Severity};
use tieout_kernel::currency::Currency;
use tieout_kernel::money::Total;

use super::document::Section;
use super::resolve::Resolver;

/// What the job says of worklist items.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorklistPlan {
    /// The queue of items by where they are carried out.
    pub queues: BTreeMap<Place, String>,
    /// The queue of all items of a code.
    pub queues_of_code: BTreeMap<Code, String>,
    /// Hours until an item is due, by tier.
    pub sla_hours: BTreeMap<Severity, u32>,
    /// From how much, in minor units of the base currency, one, two or three people agree to what moves money.
    pub money_from: [Total; 3],
    /// The same for what changes the books.
    pub books_from: [Total; 3],
}

impl WorklistPlan {
    /// Defaults: money needs one agreement, from 1 000 two, from 10 000 three; the books ten times as much.
    #[must_use]
    pub fn of(base: Currency) -> Self {
        let unit = 10_i128.pow(u32::from(base.exponent()));
        let from = |amounts: [i128; 3]| amounts.map(|amount| Total::new(amount * unit));
        let queues = [
            (Place::Provider, "payments"),
            (Place::Ledger, "accounting"),
            (Place::People, "finance"),
            (Place::Job, "engineering"),
        ];
        Self {
            queues: queues.into_iter().map(|(place, queue)| (place, queue.to_owned())).collect(),
            queues_of_code: BTreeMap::new(),
            sla_hours: Severity::ALL.iter().map(|&tier| (tier, sla_hours(tier))).collect(),
            money_from: from([0, 1_000, 10_000]),
            books_from: from([0, 10_000, 100_000]),
        }
    }
}

impl Resolver<'_> {
    pub(super) fn worklist(&self, base: Option<Currency>) -> WorklistPlan {
        let base = base.or_else(|| Currency::iso("CNY")).expect("CNY is a currency");
        let mut plan = WorklistPlan::of(base);
        let Some(section) = self.root.section("worklist") else { return plan };
        if let Some(queues) = section.section("queues") {
            for &place in Place::ALL {
                if let Some(queue) = queues.text(place.word()) {
                    plan.queues.insert(place, queue.value);
                }
            }
            queues.finish();
        }
        if let Some(queues) = section.section("queue_of_code") {
            for &code in Code::ALL {
                if let Some(queue) = queues.text(code.word()) {
                    plan.queues_of_code.insert(code, queue.value);
                }
            }
            queues.finish();
        }
        if let Some(hours) = section.section("sla_hours") {
            for &tier in Severity::ALL {
                if let Some(count) = hours.count(tier.word()) {
                    plan.sla_hours.insert(tier, u32::try_from(count.value).unwrap_or(u32::MAX));
                }
            }
            hours.finish();
        }
        if let Some(approval) = section.section("approval_minor") {
            plan.money_from = self.levels(&approval, "money", plan.money_from);
            plan.books_from = self.levels(&approval, "books", plan.books_from);
            approval.finish();
        }
        section.finish();
        plan
    }

    /// `money = { one = 0, two = 100000, three = 1000000 }`.
    fn levels(&self, section: &Section<'_>, name: &str, otherwise: [Total; 3]) -> [Total; 3] {
        let Some(own) = section.section(name) else { return otherwise };
        let mut levels = otherwise;
        for (level, name) in levels.iter_mut().zip(["one", "two", "three"]) {
            if let Some(amount) = self.minor(&own, name) {
                *level = amount.into();
            }
        }
        if levels[0] > levels[1] || levels[1] > levels[2] {
            self.complain(own.at(), "more people agree to less money", "write one <= two <= three");
        }
        own.finish();
        levels
    }
}
