//! The second job of the sample: two CSV files of a card processor, everything declared in the job.
//!
//! The statement is what European back offices send: semicolons, decimal commas, windows-1252, a
//! credit-or-debit letter. The ledger is a plain export with cents and UTC times.

use super::books::{DATE, LAST, NEXT, Planted, WEEK_AGO};

/// One event on either side, in cents without sign.
#[derive(Clone)]
struct Event {
    number: String,
    order: String,
    kind: &'static str,
    status: &'static str,
    gross: i64,
    fee: i64,
    tax: i64,
    /// What the statement prints less what it should be.
    net_error: i64,
    is_in: bool,
    party: String,
    store: &'static str,
    /// Seconds after midnight in Berlin.
    second: i64,
    date: &'static str,
}

/// Both files and what is planted in them.
#[derive(Default)]
pub struct Acme {
    pub date: &'static str,
    statement: Vec<Event>,
    ledger: Vec<Event>,
    pub planted: Vec<Planted>,
    ends: std::collections::BTreeMap<(&'static str, &'static str), u64>,
    serial: i64,
    /// The processor's numbers begin here.
    transaction: usize,
}

/// 1.2 % and 25 cents.
fn fee_of(gross: i64) -> i64 {
    (gross * 12 + 500) / 1_000 + 25
}

/// The number under which a difference names an event: of a payment its order.
fn known_by(event: &Event) -> &str {
    if event.kind == "PAYMENT" { &event.order } else { &event.number }
}

impl Acme {
    /// Empty books; numbers go on from day to day.
    fn on(date: &'static str, day: i64) -> Self {
        let transaction = 700_000 + 1_000 * usize::try_from(day).unwrap();
        Self { date, serial: 100 * day, transaction, ..Self::default() }
    }

    fn event(&mut self, kind: &'static str, gross: i64, is_in: bool) -> Event {
        self.serial += 1;
        let number = format!("{}-{:04}", &kind[..2], self.serial);
        Event {
            order: format!("B-{:04}", self.serial),
            number,
            kind,
            status: "settled",
            gross,
            fee: if kind == "PAYMENT" { fee_of(gross) } else { 0 },
            tax: 0,
            net_error: 0,
            is_in,
            party: format!("DE4450010517{:010}", 5_407_324_000 + self.serial),
            store: "Köln",
            second: 7 * 3_600 + self.serial % 100 * 301,
            date: self.date,
        }
    }

    fn end(&mut self, book: &'static str, state: &'static str, count: u64) {
        *self.ends.entry((book, state)).or_default() += count;
    }

    fn both(&mut self, event: Event) {
        self.end("ledger", "MATCHED", 1);
        self.end("statement", "MATCHED", 1);
        self.statement.push(event.clone());
        self.ledger.push(event);
    }

    fn plant(&mut self, code: &str, number: &str, ledger: u64, statement: u64, story: &str) {
        self.end("ledger", "IN_DIFFERENCE", ledger);
        self.end("statement", "IN_DIFFERENCE", statement);
        self.note("difference", code, number, story);
    }

    fn note(&mut self, what: &'static str, code: &str, number: &str, story: &str) {
        let planted = Planted {
            date: self.date,
            job: "acme",
            what,
            code: code.to_owned(),
            number: number.to_owned(),
            story: story.to_owned(),
        };
        self.planted.push(planted);
    }

    /// An event on both sides that differs by what `change` does to the statement's.
    fn differing(&mut self, code: &str, event: Event, change: impl FnOnce(&mut Event), story: &str) {
        self.plant(code, known_by(&event), 1, 1, story);
        self.ledger.push(event.clone());
        let mut theirs = event;
        change(&mut theirs);
        self.statement.push(theirs);
    }

    fn only_theirs(&mut self, code: &str, event: Event, story: &str) {
        self.plant(code, known_by(&event), 0, 1, story);
        self.statement.push(event);
    }

    /// The statement, in windows-1252.
    pub fn statement(&self) -> Vec<u8> {
        let comma = |cents: i64| {
            let sign = if cents < 0 { "-" } else { "" };
            format!("{sign}{},{:02}", cents.abs() / 100, cents.abs() % 100)
        };
        let mut text = String::from(
            "Transaction;Reference;Order;Type;State;Gross;Fee;VAT;Net;Currency;CD;Booked;Counterparty;Store\r\n",
        );
        for (row, event) in self.statement.iter().enumerate() {
            let signed = if event.is_in { event.gross } else { -event.gross };
            let net = signed - event.fee - event.tax + event.net_error;
            text += &format!(
                "TX{:06};{};{};{};{};{};{};{};{};EUR;{};{};{};{}\r\n",
                self.transaction + row,
                event.number,
                event.order,
                event.kind,
                event.status,
                comma(event.gross),
                comma(event.fee),
                comma(event.tax),
                comma(net),
                if event.is_in { "C" } else { "D" },
                local(event),
                event.party,
                event.store
            );
        }
        let (bytes, _, unmappable) = encoding_rs::WINDOWS_1252.encode(&text);
        assert!(!unmappable);
        bytes.into_owned()
    }

    /// The ledger, in UTF-8.
    pub fn ledger(&self) -> Vec<u8> {
        let mut text = String::from("number,order,type,cents,vat_cents,state,booked_at,merchant,party,store\n");
        for event in &self.ledger {
            let kind = event.kind.to_lowercase();
            let state = if event.status == "settled" { "done" } else { event.status };
            let utc = instant(event);
            text += &format!(
                "{},{},{kind},{},{},{state},{},ACME-DE-01,{},{}\n",
                event.number, event.order, event.gross, event.tax, utc, event.party, event.store
            );
        }
        text.into_bytes()
    }

    /// What was planted, with the number of records by state.
    pub fn planted(&self) -> Vec<Planted> {
        let ends = self.ends.iter().filter(|(_, count)| **count > 0).map(|((book, state), count)| Planted {
            date: self.date,
            job: "acme",
            what: "records",
            code: format!("{book} {state}"),
            number: count.to_string(),
            story: "records of this book that end in this state".to_owned(),
        });
        self.planted.iter().cloned().chain(ends).collect()
    }
}

fn local(event: &Event) -> String {
    let second = event.second;
    format!("{} {:02}:{:02}:{:02}", event.date, second / 3_600, second / 60 % 60, second % 60)
}

fn instant(event: &Event) -> jiff::Timestamp {
    let local: jiff::civil::DateTime = local(event).parse().unwrap();
    local.in_tz("Europe/Berlin").unwrap().timestamp()
}

/// The first day: what a single night can show here and the shop cannot.
pub fn day() -> Acme {
    let mut acme = Acme::on(DATE, 0);
    quiet_business(&mut acme);
    let event = acme.event("PAYOUT", 120_000, false);
    acme.both(event);
    money_and_fees(&mut acme);
    payouts(&mut acme);
    disputes_and_reserves(&mut acme);
    acme
}

/// The day after: a chargeback is booked, and a payment comes too late for the processor's day.
pub fn second_day(first: &Acme) -> Acme {
    let mut acme = Acme::on(NEXT, 1);
    quiet_business(&mut acme);
    let chargeback = first.statement.iter().find(|one| one.kind == "CHARGEBACK").unwrap();
    acme.note("closed", "CHARGEBACK_UNBOOKED", &chargeback.number, "booked a day late, with its own time");
    acme.ledger.push(chargeback.clone());

    let mut event = acme.event("PAYMENT", 5_900, true);
    event.second = 24 * 3_600 - 2;
    acme.ledger.push(event);
    acme
}

/// The third day: the payment of two seconds before midnight.
pub fn third_day(second: &Acme) -> Acme {
    let mut acme = Acme::on(LAST, 2);
    quiet_business(&mut acme);
    let mut event = second.ledger.last().unwrap().clone();
    (event.date, event.second) = (LAST, 2);
    acme.note(
        "late",
        "LATE_MATCHED",
        &event.order,
        "booked before midnight in Berlin, in the statement of the next day",
    );
    acme.statement.push(event);
    acme
}

fn quiet_business(acme: &mut Acme) {
    for at in 0..24 {
        let event = acme.event("PAYMENT", 1_250 + at * 415, true);
        acme.both(event);
    }
    for at in 0..4 {
        let event = acme.event("REFUND", 900 + at * 100, false);
        acme.both(event);
    }
}

fn money_and_fees(acme: &mut Acme) {
    for _ in 0..2 {
        let event = acme.event("PAYMENT", 4_500, true);
        let fee = event.fee;
        acme.differing(
            "AMOUNT_SCALE",
            event,
            |theirs| (theirs.gross, theirs.fee) = (450_000, fee),
            "euros sent as cents",
        );
    }
    acme.note("finding", "AMOUNT_SCALE", "acme", "two amounts a hundred times too large");
    let event = acme.event("PAYMENT", 8_000, true);
    acme.differing("NET_ARITHMETIC", event, |theirs| theirs.net_error = -150, "gross less fee is not the printed net");
    let event = acme.event("PAYMENT", 8_100, true);
    acme.differing("NET_ROUNDING", event, |theirs| theirs.net_error = 1, "the printed net is a cent off");
    let mut event = acme.event("PAYMENT", 9_000, true);
    event.tax = 171;
    acme.differing("TAX_VARIANCE", event, |theirs| theirs.tax = 180, "another tax than the ledger expects");
    let event = acme.event("PAYMENT", 5_100, true);
    acme.differing("FIELD_MISMATCH", event, |theirs| theirs.store = "Mainz", "another shop than the ledger says");
    let event = acme.event("FEE", 2_990, false);
    acme.only_theirs("FEE_UNEXPECTED", event, "a monthly fee that nobody expects");
    let event = acme.event("AUTH", 7_500, true);
    acme.end("statement", "IGNORED(non_monetary)", 1);
    acme.statement.push(event);
    let event = acme.event("SETTLEMENT", 88_000, false);
    acme.end("statement", "IGNORED(second_edge)", 1);
    acme.statement.push(event);
    let event = acme.event("TRANSFER", 10_000, false);
    acme.end("statement", "IGNORED(not_booked)", 1);
    acme.statement.push(event);
    let mut event = acme.event("PAYMENT", 1, true);
    event.order = "TEST-1".to_owned();
    acme.end("statement", "IGNORED(filtered)", 1);
    acme.statement.push(event);
}

fn payouts(acme: &mut Acme) {
    let event = acme.event("PAYOUT", 61_000, false);
    acme.only_theirs("PAYOUT_UNAUTHORISED", event, "paid out, and nobody here ordered it");
    let event = acme.event("PAYOUT", 62_000, false);
    acme.differing("PAYOUT_FAILED", event, |theirs| theirs.status = "failed", "booked as paid, failed at the bank");
    let event = acme.event("PAYOUT_RETURN", 63_000, true);
    acme.only_theirs("PAYOUT_RETURNED", event, "a payout of another day came back");
    let mut event = acme.event("PAYOUT", 64_000, false);
    (event.status, event.date) = ("pending", WEEK_AGO);
    acme.plant("PAYOUT_STUCK", &event.number, 1, 0, "waiting for a week");
    acme.ledger.push(event);
    let event = acme.event("PAYOUT", 65_000, false);
    let mut again = event.clone();
    again.second += 40;
    acme.plant("DUPLICATE_PAYOUT", &event.number, 0, 1, "one payout executed twice");
    acme.both(event);
    acme.statement.push(again);
    let event = acme.event("PAYOUT", 66_000, false);
    let stranger = "FR1420041010050500013M02606".to_owned();
    acme.differing(
        "BENEFICIARY_MISMATCH",
        event,
        |theirs| theirs.party = stranger,
        "paid to another account than ordered",
    );
}

fn disputes_and_reserves(acme: &mut Acme) {
    let event = acme.event("CHARGEBACK", 3_300, false);
    acme.only_theirs("CHARGEBACK_UNBOOKED", event, "a payer took the money back");
    let event = acme.event("CHARGEBACK_REVERSAL", 3_400, true);
    acme.only_theirs("CHARGEBACK_REVERSAL_UNBOOKED", event, "a dispute that was won");

    let payment = acme.event("PAYMENT", 7_000, true);
    let mut refund = acme.event("REFUND", 7_000, false);
    let mut chargeback = acme.event("CHARGEBACK", 7_000, false);
    refund.order.clone_from(&payment.order);
    chargeback.order.clone_from(&payment.order);
    acme.both(payment);
    acme.both(refund);
    acme.plant("DOUBLE_DIP", &chargeback.number, 1, 1, "refunded and charged back: the payer has it twice");
    acme.statement.push(chargeback.clone());
    acme.ledger.push(chargeback);

    let hold = acme.event("RESERVE_HOLD", 20_000, false);
    acme.only_theirs("RESERVE_MOVEMENT", hold, "money set aside");
    let hold = acme.event("RESERVE_HOLD", 21_000, false);
    let mut release = hold.clone();
    (release.kind, release.is_in) = ("RESERVE_RELEASE", true);
    release.second += 60;
    acme.end("statement", "NETTED", 2);
    acme.statement.extend([hold, release]);
}
