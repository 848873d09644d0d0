//! A company that trades for some weeks, and what goes wrong with its two books on the way.
//!
//! Takes a seed, gives the rows of each day's ledger extract and statement. Two accounts at one provider count their
//! orders alike, so numbers repeat across accounts. Rows arrive on time, late, twice, corrected, or never; the same seed
//! gives the same weeks.
//!
//! What is not played, because the specification leaves open what should come of it:
//!
//! - a reversal that arrives before its payment, of a payment paid twice, of part of an amount, or of a refunded order;
//! - a ledger that books twice while the provider pays twice, other than pair by pair and of equal amounts;
//! - several ledger records of one event that are none of them a success; a refund or payout that is PENDING first and a
//!   SUCCESS later; a refund or payout that is CLOSED;
//! - statuses of the provider other than SUCCESS, and FAILED where the ledger has a success;
//! - refunds beyond what was paid while one of the books lacks a record of the order;
//! - two refunds of equal amount on one order; refund numbers that differ between the books (the job uses K1 only);
//! - amounts off by a power of ten; other parties, fees, currencies, chargebacks; anything settled by policy;
//! - events whose order neither book ever had; statements that are missing, restated or blocked.

use super::calendar::{DAY, date, is_business_day};

/// One side of the reconciliation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Book {
    Ledger,
    Statement,
}

/// What moved the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Payment,
    Refund,
    Payout,
    Reversal,
}

/// How far it got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    Success,
    Pending,
    Failed,
    Closed,
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub book: Book,
    pub account: usize,
    pub kind: Kind,
    pub number: String,
    pub order: String,
    /// The provider's number; the ledger has none.
    pub id: String,
    pub amount: i64,
    pub status: Status,
    /// Seconds since 1970, on the clock of the company.
    pub time: i64,
    /// The day whose file has it, and the line there.
    pub file: i64,
    pub line: usize,
}

/// What the files of one day say.
pub struct Night {
    pub day: i64,
    pub rows: Vec<Row>,
}

/// A generator of numbers that needs nothing but a seed (splitmix64).
pub struct Random(u64);

/// What should have been booked by both.
#[derive(Clone)]
struct Event {
    account: usize,
    kind: Kind,
    number: String,
    order: String,
    amount: i64,
    day: i64,
    second: i64,
}

/// The company while its weeks are made up.
struct Company {
    random: Random,
    first: i64,
    /// Days on which nobody writes anything; what would arrive then arrives later.
    silent: Vec<bool>,
    nights: Vec<Vec<Row>>,
    ids: u64,
    /// Orders, refunds and payouts of each account so far.
    numbers: [[u64; 3]; 2],
    /// Payments that may be refunded, on time on both sides and nothing wrong, and how often they were.
    refundable: Vec<(Event, usize)>,
}

type Story = fn(&mut Company, &Event);

/// What may become of an event of any kind, and how often out of the sum.
const STORIES: [(u64, Story); 14] = [
    (150, Company::lives_well),
    (10, Company::is_lost),
    (14, Company::comes_late),
    (4, Company::comes_late_twice),
    (12, Company::is_paid_twice),
    (8, Company::is_paid_twice_on_one_day),
    (8, Company::is_booked_twice),
    (4, Company::is_booked_twice_on_one_day),
    (6, Company::is_done_twice),
    (8, Company::is_copied_by_the_provider),
    (8, Company::is_exported_again),
    (14, Company::has_another_amount),
    (14, Company::succeeds_later),
    (4, Company::fails_at_the_provider),
];

/// What may become of a payment only.
const PAYMENT_STORIES: [(u64, Story); 2] = [(14, Company::is_reversed), (6, Company::is_refunded_too_often)];

/// The weeks of a company: `days` days from `first` on, both counted since 1970.
pub fn weeks(seed: u64, first: i64, days: usize) -> Vec<Night> {
    let mut random = Random::new(seed);
    let silent = (0..days).map(|_| random.chance(4)).collect();
    let nights = vec![Vec::new(); days];
    let mut company = Company { random, first, silent, nights, ids: 0, numbers: [[0; 3]; 2], refundable: Vec::new() };
    for index in 0..days {
        if !company.silent[index] {
            company.trade(first + i64::try_from(index).expect("some weeks"));
        }
    }
    company.finished()
}

/// The same rows as if all had been in the files of the last day.
pub fn in_one_night(nights: Vec<Night>) -> Night {
    let day =
        nights.iter().filter(|night| !night.rows.is_empty()).map(|night| night.day).max().expect("a day of trade");
    let mut rows: Vec<Row> = nights.into_iter().flat_map(|night| night.rows).collect();
    for row in &mut rows {
        row.file = day;
    }
    number_lines(&mut rows);
    Night { day, rows }
}

impl Company {
    fn trade(&mut self, day: i64) {
        for account in 0..2 {
            let anchor = self.payment(account, day);
            self.lives_well(&anchor);
            let events = if is_business_day(day) { self.random.within(4, 24) } else { self.random.within(0, 6) };
            for _ in 0..events {
                match self.random.within(0, 99) {
                    0..=69 => self.pay(account, day),
                    70..=84 => self.refund(account, day),
                    _ => self.pay_out(account, day),
                }
            }
        }
    }

    fn pay(&mut self, account: usize, day: i64) {
        let payment = self.payment(account, day);
        let story = self.random.story(&[&STORIES[..], &PAYMENT_STORIES[..]].concat());
        story(self, &payment);
    }

    fn refund(&mut self, account: usize, day: i64) {
        let open = |(paid, refunds): &(Event, usize)| paid.account == account && paid.day >= day - 20 && *refunds < 2;
        let open: Vec<usize> = (0..self.refundable.len()).filter(|at| open(&self.refundable[*at])).collect();
        let Some(at) = self.random.pick(&open) else { return };
        let (paid, refunds) = self.refundable[at].clone();
        self.refundable[at].1 += 1;
        // Unequal, and so small that copies of both do not exceed the payment.
        let percent = if refunds == 0 { self.random.within(1, 9) } else { self.random.within(11, 15) };
        // A refund may have its order's number: the kind keeps them apart.
        let own = refunds > 0 || self.random.chance(90);
        let number = if own { self.number(1, account, "RF") } else { paid.number.clone() };
        let (amount, second) = (paid.amount * percent / 100, self.random.within(40_000, 80_000));
        let story = self.random.story(&STORIES);
        story(self, &Event { kind: Kind::Refund, number, amount, day, second, ..paid });
    }

    fn pay_out(&mut self, account: usize, day: i64) {
        let number = self.number(2, account, "PO");
        let amount = self.random.within(500, 90_000);
        let second = self.random.within(10_000, 80_000);
        let story = self.random.story(&STORIES);
        story(self, &Event { account, kind: Kind::Payout, number, order: String::new(), amount, day, second });
    }

    fn payment(&mut self, account: usize, day: i64) -> Event {
        let number = self.number(0, account, "SO");
        let amount = if self.random.chance(3) { 0 } else { self.random.within(500, 50_000) };
        let second = self.random.within(10, 80_000);
        Event { account, kind: Kind::Payment, order: number.clone(), number, amount, day, second }
    }

    fn lives_well(&mut self, event: &Event) {
        self.both(event);
        if event.kind == Kind::Payment && event.amount >= 5_000 {
            self.refundable.push((event.clone(), 0));
        }
    }

    fn is_lost(&mut self, event: &Event) {
        let book = self.either_book();
        self.write(event.row(book), event.day);
    }

    fn comes_late(&mut self, event: &Event) {
        let late = self.either_book();
        let other = if late == Book::Ledger { Book::Statement } else { Book::Ledger };
        self.write(event.row(other), event.day);
        self.write_late(event.row(late), event.day);
    }

    fn comes_late_twice(&mut self, event: &Event) {
        self.write_late(event.row(Book::Ledger), event.day);
        self.write_late(event.row(Book::Statement), event.day);
    }

    fn is_paid_twice(&mut self, event: &Event) {
        self.write(event.row(Book::Statement), event.day);
        self.book_perhaps(event);
        for _ in 0..if self.random.chance(15) { 2 } else { 1 } {
            let day = event.day + self.random.within(0, 4);
            let mut again = event.row(Book::Statement).at(day, self.random.within(10, 86_000));
            again.amount += if self.random.chance(30) { self.random.within(1, 40) } else { 0 };
            self.write(again, day);
        }
    }

    /// The second time is in a later bill, of the same day and amount: only the provider's number says that it is no
    /// copy of the first, which may stand beside it once more.
    fn is_paid_twice_on_one_day(&mut self, event: &Event) {
        let first = self.write(event.row(Book::Statement), event.day);
        self.book_perhaps(event);
        let day = event.day + self.random.within(1, 4);
        let again = event.row(Book::Statement).at(event.day, self.random.within(10, 86_000));
        self.write(again, day);
        if self.random.chance(40) {
            let day = day + self.random.within(0, 1);
            self.write_again(first, day);
        }
    }

    /// The second time is in a later extract, of the same day and amount: a ledger has no number that tells it from an
    /// export of the first, so that is what it counts as.
    fn is_booked_twice_on_one_day(&mut self, event: &Event) {
        self.write(event.row(Book::Ledger), event.day);
        if self.random.chance(25) {
            self.write_late(event.row(Book::Statement), event.day);
        } else {
            self.write(event.row(Book::Statement), event.day);
        }
        let again = event.row(Book::Ledger).at(event.day, self.random.within(10, 86_000));
        let day = event.day + self.random.within(1, 4);
        self.write(again, day);
    }

    fn is_booked_twice(&mut self, event: &Event) {
        self.write(event.row(Book::Ledger), event.day);
        if self.random.chance(25) {
            self.write_late(event.row(Book::Statement), event.day);
        } else {
            self.write(event.row(Book::Statement), event.day);
        }
        let day = event.day + self.random.within(0, 2);
        let mut again = event.row(Book::Ledger).at(day, event.second + self.random.within(120, 3_000));
        again.amount += if self.random.chance(30) { self.random.within(1, 40) } else { 0 };
        self.write(again, day);
    }

    fn is_done_twice(&mut self, event: &Event) {
        self.both(event);
        let second = event.second + 3_600;
        let again = Event { second, day: event.day + self.random.within(0, 2), ..event.clone() };
        let day = again.day + self.random.within(1, 3);
        match self.random.within(0, 2) {
            0 => self.both(&again),
            1 => drop((self.write(again.row(Book::Ledger), again.day), self.write(again.row(Book::Statement), day))),
            _ => drop((self.write(again.row(Book::Ledger), day), self.write(again.row(Book::Statement), again.day))),
        }
    }

    fn is_copied_by_the_provider(&mut self, event: &Event) {
        let row = event.row(Book::Statement);
        let row = self.write(row, event.day);
        self.book_perhaps(event);
        let day = event.day + self.random.within(0, 4);
        self.write_again(row, day);
    }

    fn is_exported_again(&mut self, event: &Event) {
        let row = self.write(event.row(Book::Ledger), event.day);
        match self.random.within(0, 9) {
            0 => {}
            1..=3 => self.write_late(event.row(Book::Statement), event.day),
            _ => drop(self.write(event.row(Book::Statement), event.day)),
        }
        let day = event.day + self.random.within(0, 3);
        self.write_again(row, day);
    }

    fn has_another_amount(&mut self, event: &Event) {
        let gap = if self.random.chance(40) { 1 } else { self.random.within(1, 40) };
        let sign = if self.random.chance(50) && event.amount >= gap { -1 } else { 1 };
        let mut paid = event.row(Book::Statement);
        paid.amount += sign * gap;
        let corrected = self.random.chance(30).then(|| {
            let day = event.day + self.random.within(1, 4);
            let mut row = event.row(Book::Ledger).at(day, event.second);
            row.amount = paid.amount;
            (row, day)
        });
        self.write(paid, event.day);
        self.book_perhaps(event);
        if let Some((row, day)) = corrected {
            self.write(row, day);
        }
    }

    fn succeeds_later(&mut self, event: &Event) {
        let payment = event.kind == Kind::Payment;
        let statuses: &[Status] = if payment {
            &[Status::Pending, Status::Failed, Status::Closed]
        } else {
            &[Status::Pending, Status::Failed]
        };
        let status = self.random.pick(statuses).expect("there are some");
        self.write(Row { status, ..event.row(Book::Ledger) }, event.day);
        match self.random.within(0, 9) {
            0..=1 => {}
            2..=5 => self.write_late(event.row(Book::Statement), event.day),
            _ => drop(self.write(event.row(Book::Statement), event.day)),
        }
        if self.random.chance(70) && (payment || status == Status::Failed) {
            self.write_late(event.row(Book::Ledger), event.day);
        }
    }

    fn fails_at_the_provider(&mut self, event: &Event) {
        self.write(Row { status: Status::Failed, ..event.row(Book::Statement) }, event.day);
        self.book_perhaps(event);
        if self.random.chance(50) {
            let day = event.day + self.random.within(0, 3);
            self.write(event.row(Book::Statement).at(day, event.second + 1_000), day);
        }
    }

    fn is_reversed(&mut self, event: &Event) {
        let paid = self.write(event.row(Book::Statement), event.day);
        let day = event.day + self.random.within(0, 2);
        let undone = Row { kind: Kind::Reversal, ..paid };
        self.write_again(undone.at(day, event.second + 2_000), day);
        match self.random.within(0, 9) {
            0 => {}
            1 => drop(self.write(Row { status: Status::Closed, ..event.row(Book::Ledger) }, event.day)),
            2 => self.write_late(event.row(Book::Ledger), event.day),
            3..=5 => drop(self.write(event.row(Book::Ledger), event.day)),
            _ => {
                self.write(event.row(Book::Ledger), event.day);
                let day = event.day + self.random.within(0, 4);
                let booked = Row { kind: Kind::Reversal, ..event.row(Book::Ledger) };
                self.write(booked.at(day, event.second + 2_100), day);
            }
        }
    }

    fn is_refunded_too_often(&mut self, event: &Event) {
        let event = Event { amount: event.amount.max(1_000), ..event.clone() };
        self.both(&event);
        let mut refund = Event { kind: Kind::Refund, ..event.clone() };
        for percent in [60, 62, 15] {
            refund.number = self.number(1, event.account, "RF");
            refund.amount = event.amount * percent / 100;
            refund.day += self.random.within(0, 3);
            refund.second += self.random.within(100, 1_000);
            self.both(&refund);
        }
    }

    fn both(&mut self, event: &Event) {
        self.write(event.row(Book::Ledger), event.day);
        self.write(event.row(Book::Statement), event.day);
    }

    /// The ledger's record: mostly on time, sometimes late, sometimes never.
    fn book_perhaps(&mut self, event: &Event) {
        match self.random.within(0, 9) {
            0 => {}
            1..=2 => self.write_late(event.row(Book::Ledger), event.day),
            _ => drop(self.write(event.row(Book::Ledger), event.day)),
        }
    }

    /// One to four days late: exported late with its own time, or booked late.
    fn write_late(&mut self, row: Row, day: i64) {
        let day = day + self.random.within(1, 4);
        let row = if self.random.chance(50) { row.at(day, self.random.within(10, 80_000)) } else { row };
        self.write(row, day);
    }

    fn write(&mut self, mut row: Row, day: i64) -> Row {
        if row.book == Book::Statement {
            self.ids += 1;
            row.id = format!("T{:06}", self.ids);
        }
        self.write_again(row, day)
    }

    fn write_again(&mut self, row: Row, day: i64) -> Row {
        let mut at = usize::try_from(day - self.first).expect("not before the first day");
        while self.silent.get(at) == Some(&true) {
            at += 1;
        }
        if let Some(night) = self.nights.get_mut(at) {
            night.push(row.clone());
        }
        row
    }

    fn either_book(&mut self) -> Book {
        if self.random.chance(50) { Book::Ledger } else { Book::Statement }
    }

    /// The accounts count alike: every number exists in both.
    fn number(&mut self, of: usize, account: usize, prefix: &str) -> String {
        self.numbers[account][of] += 1;
        format!("{prefix}{:05}", self.numbers[account][of])
    }

    fn finished(self) -> Vec<Night> {
        let Self { mut random, first, nights, .. } = self;
        (first..)
            .zip(nights)
            .map(|(day, mut rows)| {
                random.shuffle(&mut rows);
                rows.iter_mut().for_each(|row| row.file = day);
                number_lines(&mut rows);
                Night { day, rows }
            })
            .collect()
    }
}

impl Event {
    /// As it should stand in a book. The books' clocks differ by up to a minute.
    fn row(&self, book: Book) -> Row {
        let skew = if book == Book::Ledger { self.amount % 60 } else { 0 };
        Row {
            book,
            account: self.account,
            kind: self.kind,
            number: self.number.clone(),
            order: self.order.clone(),
            id: String::new(),
            amount: self.amount,
            status: Status::Success,
            time: self.day * DAY + self.second + skew,
            file: 0,
            line: 0,
        }
    }
}

impl Row {
    /// The business day.
    pub fn day(&self) -> i64 {
        self.time.div_euclid(DAY)
    }

    fn at(self, day: i64, second: i64) -> Self {
        Self { time: day * DAY + second, ..self }
    }

    /// The line as its file has it, without where it is.
    pub fn text(&self) -> String {
        let time = self.time.rem_euclid(DAY);
        let clock = format!("{:02}:{:02}:{:02}", time / 3_600, time / 60 % 60, time % 60);
        let numbers = match self.book {
            Book::Ledger => format!("{},{}", self.number, self.order),
            Book::Statement => format!("{},{},{}", self.number, self.order, self.id),
        };
        let (kind, status) = (self.kind.word(), self.status.word());
        let account = ACCOUNTS[self.account];
        format!("{numbers},{kind},{},{status},{account},{} {clock}", self.amount, date(self.day()))
    }

    /// File and line, as reports name them.
    pub fn place(&self) -> String {
        format!("{}:{}", self.book.file(self.file), self.line)
    }
}

/// The accounts by number.
pub const ACCOUNTS: [&str; 2] = ["M1", "M2"];

impl Book {
    /// The name of the file of a day.
    pub fn file(self, day: i64) -> String {
        match self {
            Self::Ledger => format!("ledger-{}.csv", date(day)),
            Self::Statement => format!("psp-{}.csv", date(day)),
        }
    }

    /// The first line of its files.
    pub fn header(self) -> &'static str {
        match self {
            Self::Ledger => "no,order,kind,amount,status,account,at",
            Self::Statement => "no,order,id,kind,amount,status,account,at",
        }
    }

    /// As tables call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Statement => "statement",
        }
    }
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Payment => "PAYMENT",
            Self::Refund => "REFUND",
            Self::Payout => "PAYOUT",
            Self::Reversal => "REVERSAL",
        }
    }
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Pending => "PENDING",
            Self::Failed => "FAILED",
            Self::Closed => "CLOSED",
        }
    }
}

impl Random {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number between the two, both included.
    pub fn within(&mut self, least: i64, most: i64) -> i64 {
        let width = u64::try_from(most - least + 1).expect("least is not above most");
        least + i64::try_from(self.next() % width).expect("below the width")
    }

    /// Whether something of this percentage happens.
    pub fn chance(&mut self, percent: i64) -> bool {
        self.within(1, 100) <= percent
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let last = i64::try_from(from.len()).expect("few") - 1;
        (last >= 0).then(|| from[usize::try_from(self.within(0, last)).expect("an index")])
    }

    fn story(&mut self, stories: &[(u64, Story)]) -> Story {
        let sum = stories.iter().map(|(weight, _)| weight).sum::<u64>();
        let mut left = self.next() % sum;
        for (weight, story) in stories {
            if left < *weight {
                return *story;
            }
            left -= weight;
        }
        unreachable!("the weights sum up")
    }

    fn shuffle<T>(&mut self, rows: &mut [T]) {
        for at in (1..rows.len()).rev() {
            let other = self.within(0, i64::try_from(at).expect("few"));
            rows.swap(at, usize::try_from(other).expect("an index"));
        }
    }
}

fn number_lines(rows: &mut [Row]) {
    for book in [Book::Ledger, Book::Statement] {
        for (line, row) in (2..).zip(rows.iter_mut().filter(|row| row.book == book)) {
            row.line = line;
        }
    }
}
