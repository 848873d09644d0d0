//! What has to be known of everything that differs before any of it is settled and weighed: gathered slice by slice.

use std::collections::BTreeMap;

use indicatif::HumanBytes;
use tieout_kernel::outcome::{Outcome, State};
use tieout_kernel::policy::Policy;
use tieout_kernel::settle::Ballot;
use tieout_kernel::severity::Parties;

use crate::agree::{Night, Residue};
use crate::error::{Complaint, Error};
use crate::job::Plan;
use crate::reconcile::{Reconciled, Scales};
use crate::report::sums::MatchRates;
use crate::settle::{self, Volume};
use crate::weigh::RateFile;

/// What the rules that look across groups ask for. What is added slice by slice comes to the same as what is counted at
/// once.
#[derive(Debug, Default)]
pub struct Survey {
    /// What matched of what could have.
    pub rates: MatchRates,
    /// Rows that a source has already, by source and file.
    pub replicas: BTreeMap<(u16, String), u64>,
    /// Amounts that differ by a power of ten; counted before they are called so.
    pub scales: Scales,
    /// What matched, by source and currency.
    pub volume: Volume,
    /// What may be settled.
    pub ballot: Ballot<u128>,
    /// Differences by other party; empty where the job does not ask.
    pub parties: Parties,
}

impl Survey {
    /// Counts some outcomes; `ids` names the differences.
    #[expect(clippy::too_many_arguments, reason = "what a slice is, and what the job says")]
    pub fn count(
        &mut self,
        plan: &Plan,
        policy: &Policy,
        rates: &RateFile,
        night: &Night<'_>,
        residue: &Residue,
        reconciled: &Reconciled<'_>,
        ids: &[(String, usize)],
    ) {
        self.rates.count(reconciled, policy);
        for outcome in &reconciled.outcomes {
            if let Outcome::Rest { record, state: State::Replica, .. } = outcome {
                let source = reconciled.records[*record as usize].source;
                let file = residue.stored(night, *record as usize).file;
                *self.replicas.entry((source, file.to_owned())).or_default() += 1;
            }
        }
        self.volume.count(reconciled);
        settle::hear(&mut self.ballot, plan, rates, reconciled, ids);
        if plan.severity.weights.repeats > 0 {
            self.parties.count(&reconciled.records, &reconciled.outcomes);
        }
    }

    /// Adds what is known of other outcomes.
    pub fn add(&mut self, more: Self) {
        self.rates.add(&more.rates);
        for (of, count) in more.replicas {
            *self.replicas.entry(of).or_default() += count;
        }
        self.scales.add(&more.scales);
        self.volume.add(more.volume);
        self.ballot.add(more.ballot);
        self.parties.add(more.parties);
    }

    /// Refuses to know more than fits.
    ///
    /// # Errors
    /// [`Error::Limit`] with what takes the room.
    pub fn fits(&self, bytes: u64) -> Result<(), Error> {
        let (ballot, parties) = (self.ballot.bytes() as u64, self.parties.bytes() as u64);
        if ballot + parties <= bytes {
            return Ok(());
        }
        let what = format!(
            "what may be settled takes {} of memory, and the other parties of what differs {}; there is room for {}",
            HumanBytes(ballot),
            HumanBytes(parties),
            HumanBytes(bytes)
        );
        let hint = "raise --memory-limit; or check that both sides have the same unit and fee before anything else";
        Err(Error::Limit(Complaint::new(what).hint(hint)))
    }
}
