//! What each code calls for, and what holds for every step.

use tieout_kernel::action::{Place, Step, Verb, sla_hours, steps};
use tieout_kernel::code::{CashEffect, Code, Severity};
use tieout_kernel::record::Kind;

/// Every code with every kind and effect that it could come with.
fn everything() -> impl Iterator<Item = (Code, &'static [Step])> {
    let of_code = |&code: &Code| {
        let kinds = Kind::ALL.iter();
        kinds.flat_map(move |&kind| CashEffect::ALL.iter().map(move |&cash| (code, steps(code, kind, cash))))
    };
    Code::ALL.iter().flat_map(of_code)
}

/// `QUERY provider, REFUND provider after 1`: steps count from 1, as in the worklist.
fn told(steps: &[Step]) -> String {
    let told = |step: &Step| {
        let after = step.after.map_or(String::new(), |after| format!(" after {}", after + 1));
        format!("{} {}{after}", step.verb, step.at)
    };
    steps.iter().map(told).collect::<Vec<_>>().join(", ")
}

/// Lines of `CODE KIND CASH: steps`; kind and cash may be left out where they do not count.
fn check(text: &str) {
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (case, expected) = line.split_once(':').unwrap();
        let mut words = case.split_whitespace();
        let code = Code::from_word(words.next().unwrap()).unwrap();
        let kind = words.next().map(|word| Kind::from_word(word).unwrap());
        let cash = words.next().map(|word| CashEffect::from_word(word).unwrap());
        let kinds = kind.map_or(Kind::ALL.to_vec(), |kind| vec![kind]);
        let effects = cash.map_or(CashEffect::ALL.to_vec(), |cash| vec![cash]);
        for (kind, cash) in kinds.iter().flat_map(|&kind| effects.iter().map(move |&cash| (kind, cash))) {
            assert_eq!(told(steps(code, kind, cash)), expected.trim(), "{code} {kind} {cash}");
        }
    }
}

#[test]
fn faults_of_a_file_are_fetched_again_looked_at_or_configured() {
    check(
        "
        STATEMENT_MISSING: RELOAD job
        TRAILER_MISMATCH: RELOAD job, DISPUTE provider after 1
        STATEMENT_TRUNCATED: RELOAD job
        STATEMENT_RESTATED: REVIEW people
        STATEMENT_GAP: RELOAD job
        STATEMENT_OVERLAP: RELOAD job
        ROW_REJECTED: CONFIG job
        UNMAPPED_CODE: CONFIG job
        SCHEMA_DRIFT: CONFIG job
        LEDGER_EXTRACT_INCOMPLETE: RELOAD job
        MATCH_RATE_COLLAPSE: CONFIG job
        VOLUME_ANOMALY: REVIEW people
        AMOUNT_SCALE: CONFIG job
        SYSTEMATIC_VARIANCE: CONFIG job, DISPUTE provider after 1
        STATEMENT_DUPLICATE:
    ",
    );
}

#[test]
fn records_that_one_side_lacks_are_queried_before_anything_else() {
    check(
        "
        MISSING_IN_LEDGER PAYMENT SURPLUS: QUERY provider, BOOK ledger after 1, REFUND provider after 1
        MISSING_IN_LEDGER PAYMENT SHORTAGE: QUERY provider, BOOK ledger after 1, RECALL people after 1
        MISSING_IN_LEDGER PAYMENT NONE: QUERY provider, BOOK ledger after 1
        MISSING_IN_LEDGER TRANSFER SHORTAGE: QUERY provider, BOOK ledger after 1, RECALL people after 1
        MISSING_IN_LEDGER TRANSFER SURPLUS: QUERY provider, BOOK ledger after 1
        MISSING_IN_LEDGER REVERSAL SHORTAGE: QUERY provider, BOOK ledger after 1
        MISSING_AT_PROVIDER: QUERY provider, REJECT people after 1, REVERSE ledger after 1
        REFUND_UNAUTHORISED: QUERY provider, BOOK ledger after 1, FREEZE provider after 1, DISPUTE provider after 1
        PAYOUT_UNAUTHORISED: FREEZE provider
        CHARGEBACK_UNBOOKED: BOOK ledger, REPRESENT provider
        CHARGEBACK_REVERSAL_UNBOOKED: BOOK ledger
        CHARGEBACK_FEE_UNBOOKED: BOOK ledger
        ADJUSTMENT_UNEXPLAINED: QUERY people
        RESERVE_MOVEMENT: BOOK ledger
        ORPHAN_EVENT: QUERY provider, REVIEW people after 1
        KEY_MISSING: REVIEW people
        AMBIGUOUS_MATCH: REVIEW people
        PERIOD_MISMATCH: ADJUST ledger
    ",
    );
}

#[test]
fn a_status_that_differs_is_queried_before_it_is_booked_or_taken_back() {
    check(
        "
        STATUS_PROVIDER_SUCCESS PAYMENT: QUERY provider, BOOK ledger after 1, FULFIL ledger after 2
        STATUS_PROVIDER_SUCCESS REFUND: QUERY provider, BOOK ledger after 1
        STATUS_PROVIDER_SUCCESS PAYOUT: QUERY provider, BOOK ledger after 1
        LATE_SUCCESS_AFTER_CLOSE: QUERY provider, REFUND provider after 1, BOOK ledger after 1
        STATUS_LEDGER_SUCCESS: QUERY provider, REVERSE ledger after 1, ADJUST ledger after 1
        REVERSAL_UNBOOKED: REVERSE ledger
        REVERSAL_UNCONFIRMED PAYMENT: QUERY provider, REFUND provider after 1
        REVERSAL_UNCONFIRMED PAYOUT: QUERY provider, RECALL people after 1
        REVERSAL_UNCONFIRMED REFUND: QUERY provider, RECALL people after 1
        REVERSAL_UNCONFIRMED CHARGEBACK: QUERY provider, REVIEW people after 1
        REFUND_NOT_EXECUTED: QUERY provider, REFUND provider after 1
        REFUND_FAILED: QUERY provider, REPAY people after 1
        REFUND_STUCK: QUERY provider
        PAYOUT_FAILED: QUERY provider, REPAY provider after 1
        PAYOUT_RETURNED: QUERY provider, BOOK ledger after 1, REPAY provider after 2
        PAYOUT_STUCK: QUERY provider
        OVER_REFUND: QUERY provider, RECALL people after 1
        DOUBLE_DIP: DISPUTE provider
    ",
    );
}

#[test]
fn doubles_are_returned_to_whoever_they_belong_to() {
    check(
        "
        DUPLICATE_PAYMENT: QUERY provider, REFUND provider after 1
        DUPLICATE_REFUND: QUERY provider, RECALL people after 1
        DUPLICATE_PAYOUT: FREEZE provider, QUERY provider, RECALL people after 2
        DUPLICATE_LEDGER_ENTRY: REVERSE ledger
        DUPLICATE_BOTH PAYMENT: QUERY provider, REVIEW people after 1, REFUND provider after 2
        DUPLICATE_BOTH PAYOUT: QUERY provider, REVIEW people after 1, RECALL people after 2
        DUPLICATE_SETTLEMENT: REVIEW people, DISPUTE provider after 1
        SUSPECTED_DUPLICATE: REVIEW people
        BENEFICIARY_MISMATCH: FREEZE provider, QUERY provider, RECALL people after 2
        MERCHANT_MISMATCH: ADJUST ledger
    ",
    );
}

#[test]
fn an_amount_is_returned_demanded_or_adjusted_by_whose_money_it_is() {
    check(
        "
        AMOUNT_OVER PAYMENT SURPLUS: QUERY provider, REFUND provider after 1, ADJUST ledger after 1
        AMOUNT_OVER REFUND SHORTAGE: QUERY provider, RECALL people after 1
        AMOUNT_OVER PAYOUT SHORTAGE: QUERY provider, RECALL people after 1
        AMOUNT_OVER PAYOUT NONE: QUERY provider, RECALL people after 1
        AMOUNT_OVER CHARGEBACK SHORTAGE: QUERY provider, ADJUST ledger after 1, DISPUTE provider after 1
        AMOUNT_OVER CHARGEBACK_REVERSAL SURPLUS: QUERY provider, ADJUST ledger after 1
        AMOUNT_UNDER: ADJUST ledger
        DIRECTION_MISMATCH: REVIEW people, ADJUST ledger after 1
        CURRENCY_MISMATCH: REVIEW people
        PARTIAL_CAPTURE: ADJUST ledger
        DISCOUNT_ATTRIBUTION: ADJUST ledger
        ROUNDING_VARIANCE: WRITE_OFF ledger
        FX_ROUNDING: WRITE_OFF ledger
        FX_RATE_ERROR: DISPUTE provider, ADJUST ledger after 1
        FX_LEG_UNPAIRED: QUERY people
        FEE_OVERCHARGED: DISPUTE provider
        FEE_UNDERCHARGED: ADJUST ledger
        FEE_UNEXPECTED: QUERY people
        FEE_MISSING: QUERY people
        FEE_REFUND_MISMATCH: DISPUTE provider
        FEE_CURRENCY_MISMATCH: REVIEW people
        NET_ARITHMETIC: DISPUTE provider
        NET_ROUNDING: WRITE_OFF ledger
        TAX_VARIANCE: DISPUTE provider
    ",
    );
}

#[test]
fn settlement_is_claimed_from_the_provider() {
    check(
        "
        SETTLEMENT_MISSING: QUERY people, DISPUTE provider after 1
        SETTLEMENT_SHORT: DISPUTE provider
        SETTLEMENT_OVER: DISPUTE provider
        SETTLEMENT_ROUNDING: WRITE_OFF ledger
        SETTLEMENT_UNALLOCATED: REVIEW people
        BATCH_COMPOSITION: DISPUTE provider
        NEGATIVE_CARRY: BOOK ledger
        BALANCE_BREAK: RELOAD job, DISPUTE provider after 1
    ",
    );
}

#[test]
fn every_code_but_states_has_steps() {
    let without = [Code::StatementDuplicate, Code::OutOfScopeRow, Code::LateMatched];
    for (code, steps) in everything() {
        let is_state = code.base_severity() == Severity::Info || without.contains(&code);
        assert_eq!(steps.is_empty(), is_state, "{code}");
    }
}

#[test]
fn every_step_depends_on_an_earlier_one_and_says_what_to_do() {
    for (code, steps) in everything() {
        for (at, step) in steps.iter().enumerate() {
            assert!(step.after.is_none_or(|after| usize::from(after) < at), "{code} {at}");
            let texts = [step.precondition_en, step.text_en, step.precondition_zh, step.text_zh];
            assert!(texts.iter().all(|text| text.trim() == *text && !text.contains("  ")), "{code} {at}");
            let is_chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
            assert!(texts[..2].iter().all(|text| text.ends_with(['.', '?']) && text.len() > 20), "{code} {at}");
            assert!(texts[2..].iter().all(|text| text.ends_with(['。', '？']) && is_chinese(text)), "{code} {at}");
        }
    }
}

#[test]
fn no_money_moves_without_a_query_before_it() {
    for (code, steps) in everything() {
        for step in steps.iter().filter(|step| step.verb.moves_money()) {
            let before = std::iter::successors(step.after, |&at| steps[usize::from(at)].after);
            let verbs: Vec<Verb> = before.map(|at| steps[usize::from(at)].verb).collect();
            assert!(verbs.contains(&Verb::Query), "{code} {}", step.verb);
            assert!(step.text_en.contains("at most the limit") && step.text_zh.contains("不超过限额"), "{code}");
        }
    }
}

/// Steps after one step are alternatives or belong together; one precondition for two would hide which.
#[test]
fn steps_after_one_step_are_told_apart_by_their_preconditions() {
    for (code, steps) in everything() {
        for (at, step) in steps.iter().enumerate() {
            let other = |other: &&Step| other.after == step.after && step.after.is_some();
            let same = steps[..at].iter().filter(other).find(|other| other.precondition_en == step.precondition_en);
            assert_eq!(same, None, "{code}");
        }
    }
}

#[test]
fn a_refund_keeps_its_number_and_an_unknown_payout_gets_no_other() {
    for (code, steps) in everything() {
        for step in steps.iter().filter(|step| step.verb == Verb::Refund) {
            assert!(step.text_en.contains("same refund number"), "{code}");
            assert!(step.text_zh.contains("同一退款单号"), "{code}");
        }
    }
    let payouts = [
        (Code::DuplicatePayout, CashEffect::Shortage),
        (Code::MissingAtProvider, CashEffect::Surplus),
        (Code::StatusLedgerSuccess, CashEffect::Surplus),
        (Code::StatusProviderSuccess, CashEffect::Shortage),
        (Code::ReversalUnconfirmed, CashEffect::Shortage),
        (Code::BeneficiaryMismatch, CashEffect::None),
        (Code::DuplicateBoth, CashEffect::None),
        (Code::PayoutFailed, CashEffect::Surplus),
        (Code::PayoutReturned, CashEffect::Surplus),
        (Code::PayoutStuck, CashEffect::Surplus),
    ];
    for (code, cash) in payouts {
        let steps = steps(code, Kind::Payout, cash);
        assert!(steps.iter().any(|step| step.text_en.contains("new number")), "{code}");
        assert!(steps.iter().any(|step| step.text_zh.contains("新单号")), "{code}");
    }
}

#[test]
fn verbs_that_change_the_books_are_done_in_the_ledger() {
    for (code, steps) in everything() {
        for step in steps {
            let is_booking = matches!(step.verb, Verb::Book | Verb::Reverse | Verb::Adjust | Verb::WriteOff);
            let of_job = matches!(step.verb, Verb::Reload | Verb::Config);
            assert_eq!(step.at == Place::Job, of_job, "{code} {}", step.verb);
            assert!(!is_booking || step.at == Place::Ledger, "{code} {}", step.verb);
        }
    }
}

#[test]
fn verbs_have_the_words_of_the_taxonomy() {
    let words: Vec<&str> = Verb::ALL.iter().map(|verb| verb.word()).collect();
    assert_eq!(
        words.join(" "),
        "WAIT QUERY BOOK FULFIL REFUND REVERSE ADJUST WRITE_OFF DISPUTE REPRESENT RECALL FREEZE REPAY ACCEPT REJECT \
         REVIEW RELOAD CONFIG"
    );
    let moving: Vec<&str> = Verb::ALL.iter().filter(|verb| verb.moves_money()).map(|verb| verb.word()).collect();
    assert_eq!(moving, ["REFUND", "RECALL", "REPAY"]);
    assert!(Verb::ALL.iter().all(|verb| !verb.label_en().is_empty() && !verb.label_zh().is_empty()));
}

#[test]
fn the_worse_the_sooner() {
    let hours: Vec<u32> = Severity::ALL.iter().map(|&severity| sla_hours(severity)).collect();
    assert_eq!(hours, [24, 72, 120, 168, 168]);
}
