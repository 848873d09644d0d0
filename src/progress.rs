//! What a run is doing, and where its time went.
//!
//! Stages come one after the other; within a stage any thread may say how much it has done. On a
//! terminal a line shows stage, rows, bytes and the time left, elsewhere each stage that took its time is
//! one line when it ends, and whoever asked for neither hears nothing. Nothing that is computed depends on it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::memory;

/// Who is told of it while it happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shown {
    /// Nobody.
    Nowhere,
    /// A terminal: one line that changes.
    Terminal,
    /// A log: one line when a stage ends that took its time.
    Log,
}

/// What a stage took.
#[derive(Clone, Debug)]
pub struct Spent {
    /// The stage.
    pub stage: &'static str,
    /// Its wall time.
    pub wall: Duration,
    /// Time of all processors together; zero where the system does not say.
    pub processors: Duration,
    /// Rows that went through it.
    pub rows: u64,
    /// Bytes that were read for it.
    pub bytes: u64,
    /// The most memory that the process had had when it ended; zero where the system does not say.
    pub peak_bytes: u64,
}

/// A log has a line for a stage that took so long; ten lines of nothing would hide what else it says.
const WORTH_A_LINE: Duration = Duration::from_millis(500);

/// Follows the stages of a run.
#[derive(Debug)]
pub struct Progress {
    shown: Shown,
    log: fn(&str),
    bar: ProgressBar,
    rows: AtomicU64,
    bytes: AtomicU64,
    stages: Mutex<Stages>,
}

#[derive(Debug, Default)]
struct Stages {
    current: Option<Begun>,
    done: Vec<Spent>,
}

#[derive(Debug)]
struct Begun {
    stage: &'static str,
    at: Instant,
    processors: Duration,
}

impl Default for Progress {
    fn default() -> Self {
        Self::new(Shown::Nowhere, |_| ())
    }
}

impl Progress {
    /// Begins; `log` writes a line for [`Shown::Log`].
    #[must_use]
    pub fn new(shown: Shown, log: fn(&str)) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        if shown == Shown::Terminal {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        let (rows, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { shown, log, bar, rows, bytes, stages: Mutex::default() }
    }

    /// The stage before is over, this one begins; `rows` says how many are to come, where that is known.
    pub fn stage(&self, stage: &'static str, rows: Option<u64>) {
        let mut stages = self.stages.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.end(&mut stages);
        stages.current = Some(Begun { stage, at: Instant::now(), processors: processor_time() });
        if self.shown == Shown::Terminal {
            let template = match rows {
                Some(_) => "{prefix:10} {wide_bar} {human_pos} of {human_len} rows  {msg}  {eta} left",
                None => "{prefix:10} {spinner} {msg}",
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
            self.bar.set_prefix(stage);
            self.bar.set_length(rows.unwrap_or(0));
            self.bar.set_position(0);
            self.bar.set_message("");
            self.bar.reset_eta();
            self.bar.tick();
        }
    }

    /// So much more is done; any thread may say so.
    pub fn did(&self, rows: u64, bytes: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        let all = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if self.shown == Shown::Terminal {
            self.bar.inc(rows);
            if bytes > 0 {
                self.bar.set_message(HumanBytes(all).to_string());
            }
        }
    }

    /// The last stage is over; gives what each took.
    pub fn finish(&self) -> Vec<Spent> {
        let mut stages = self.stages.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.end(&mut stages);
        if self.shown == Shown::Terminal {
            self.bar.finish_and_clear();
        }
        std::mem::take(&mut stages.done)
    }

    fn end(&self, stages: &mut Stages) {
        let Some(begun) = stages.current.take() else { return };
        let spent = Spent {
            stage: begun.stage,
            wall: begun.at.elapsed(),
            processors: processor_time().saturating_sub(begun.processors),
            rows: self.rows.swap(0, Ordering::Relaxed),
            bytes: self.bytes.swap(0, Ordering::Relaxed),
            peak_bytes: memory::peak(),
        };
        if self.shown == Shown::Log && spent.wall >= WORTH_A_LINE {
            (self.log)(&spent.line());
        }
        // A stage may come in turns.
        match stages.done.iter_mut().find(|before| before.stage == spent.stage) {
            Some(before) => before.add(&spent),
            None => stages.done.push(spent),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown == Shown::Terminal {
            self.bar.finish_and_clear();
        }
    }
}

impl Spent {
    fn add(&mut self, more: &Self) {
        self.wall += more.wall;
        self.processors += more.processors;
        self.rows += more.rows;
        self.bytes += more.bytes;
        self.peak_bytes = self.peak_bytes.max(more.peak_bytes);
    }

    /// In one line, for a log.
    #[must_use]
    pub fn line(&self) -> String {
        let mut parts = vec![format!("{} {:.2} s", self.stage, self.wall.as_secs_f64())];
        if self.rows > 0 {
            parts.push(format!("{} rows", HumanCount(self.rows)));
        }
        if self.bytes > 0 {
            parts.push(HumanBytes(self.bytes).to_string());
        }
        parts.join(", ")
    }
}

/// What all stages took, as a table for people.
#[must_use]
pub fn profile(spent: &[Spent]) -> String {
    let mut text = format!(
        "{:10} {:>8} {:>8} {:>6} {:>14} {:>11} {:>11}\n",
        "stage", "wall s", "cpu s", "share", "rows", "read", "peak"
    );
    let all: f64 = spent.iter().map(|one| one.wall.as_secs_f64()).sum();
    let bytes = |bytes: u64| if bytes == 0 { String::new() } else { HumanBytes(bytes).to_string() };
    let rows = |rows: u64| if rows == 0 { String::new() } else { HumanCount(rows).to_string() };
    for one in spent {
        let (wall, processors) = (one.wall.as_secs_f64(), one.processors.as_secs_f64());
        let share = if all > 0.0 { wall * 100.0 / all } else { 0.0 };
        text += &format!(
            "{:10} {wall:>8.2} {processors:>8.2} {share:>4.0} % {:>14} {:>11} {:>11}\n",
            one.stage,
            rows(one.rows),
            bytes(one.bytes),
            bytes(one.peak_bytes)
        );
    }
    let processors: f64 = spent.iter().map(|one| one.processors.as_secs_f64()).sum();
    text += &format!("{:10} {all:>8.2} {processors:>8.2}\n", "all");
    text
}

/// Ticks of a second in the kernel's files.
const TICKS: u64 = 100;

/// Processor time of the process so far.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the process may hold blanks; it ends with the last parenthesis.
    let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1_000 / TICKS)
}
