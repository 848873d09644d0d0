//! The command line: data on stdout, everything else on stderr.

mod check;
mod compare;
mod console;
mod explain;
mod formats;
mod ready;
mod run;
mod schema;
mod show;
mod sniff;
mod verify;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::error::Error;
use crate::memory::{Memory, Size};
use crate::store::Store;

/// Exit code of a success.
const DONE: u8 = 0;
/// Exit code of inputs that could not be read as a whole.
const INPUTS_INVALID: u8 = 21;

#[derive(Debug, Parser)]
#[command(
    name = "tieout",
    version,
    about = "Reconciles payment providers' statements with the company's own ledgers",
    long_about = "Reconciles what payment providers say happened with the company's own ledgers: every difference \
                  is found, named, and explained, and nothing is published unless every record and every cent is \
                  accounted for.",
    after_help = "Exit codes: 0 done, nothing needs a person · 2 usage or job file · 10 published, differences need people · \
                  20 inputs not there yet · 21 inputs invalid, see findings · 22 inputs changed while read · 30 another run \
                  won · 40 store unavailable · 41 access refused · 42 commit unknown · 50 a limit was reached · 70 a proof failed · \
                  75 not ready yet · 99 nothing to do on this date, with --skip-empty",
    max_term_width = 110
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Reconcile a job on a business date and publish the result
    Run(run::Arguments),
    /// Say whether the inputs of a date are there and can be read: exit code 75 when not yet
    Ready(ready::Arguments),
    /// Check job files without running them: every mistake with its line and a suggestion
    Check(check::Arguments),
    /// Recognise statement files by their content and say what they hold and whether their totals tie
    Sniff(sniff::Arguments),
    /// Compare two files by key, without a job: a first look, with the same engine
    Compare(compare::Arguments),
    /// List the formats that can be read
    Formats(formats::Arguments),
    /// Show what a date published: the first page, or differences by code, tier, source and condition
    Show(show::Arguments),
    /// Check what a date published: checksums, totals, that its tables agree, and the days it stands on
    Verify(verify::Arguments),
    /// Tell everything known about one order, payment or difference: from raw line to action
    Explain(explain::Arguments),
    /// Describe the published tables: columns, types and meanings
    Schema(schema::Arguments),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

/// Runs the program; gives its exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(e) => {
            console::clap(&e);
            return u8::try_from(e.exit_code()).unwrap_or(2);
        }
    };
    match arguments.command.run() {
        Ok(code) => code,
        Err(e) => {
            console::error(&e);
            e.exit_code()
        }
    }
}

impl Command {
    fn run(self) -> Result<u8, Error> {
        match self {
            Self::Run(arguments) => arguments.run(),
            Self::Ready(arguments) => arguments.run(),
            Self::Show(arguments) => arguments.run(),
            Self::Explain(arguments) => arguments.run(),
            Self::Schema(arguments) => arguments.run(),
            Self::Verify(arguments) => arguments.run(),
            Self::Check(arguments) => arguments.run(),
            Self::Sniff(arguments) => arguments.run(),
            Self::Compare(arguments) => arguments.run(),
            Self::Formats(arguments) => arguments.run(),
            Self::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Arguments::command(), "tieout", &mut script);
                console::out(&String::from_utf8_lossy(&script));
                Ok(DONE)
            }
        }
    }
}

/// How much a command may use.
#[derive(Clone, Debug, clap::Args)]
struct Limits {
    /// How much memory may be used, such as 4GiB; by default three quarters of what the machine or its control group
    /// allows. The result does not depend on it
    #[arg(long, value_name = "SIZE")]
    memory_limit: Option<Size>,
    /// A folder on a local disk for what does not fit; by default the system's folder for temporary files
    #[arg(long, value_name = "DIR")]
    spill_dir: Option<PathBuf>,
    /// How many threads to use; the result does not depend on it
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

impl Limits {
    /// Applies to all that runs from here on; gives what memory there is.
    fn apply(&self) -> Result<Memory, Error> {
        use_threads(self.threads)?;
        let machine = Memory::of_machine();
        let limit = self.memory_limit.map_or(machine.limit, |size| size.0);
        Ok(Memory::of(limit, self.spill_dir.clone().unwrap_or(machine.spill_dir)))
    }
}

/// Sets the number of threads for everything that runs in parallel.
fn use_threads(threads: Option<usize>) -> Result<(), Error> {
    let Some(threads) = threads else { return Ok(()) };
    if threads == 0 {
        return Err(Error::usage("--threads 0: at least one thread is needed", "leave it out to use all processors"));
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(|e| Error::usage(format!("--threads: {e}"), "leave it out"))
}

/// A date of the command line.
fn date_of(option: &str, text: &str) -> Result<jiff::civil::Date, Error> {
    jiff::civil::Date::strptime("%Y-%m-%d", text)
        .map_err(|_| Error::usage(format!("{option} {text}: not a date"), format!("write {option} 2026-11-20")))
}

fn store() -> Result<Store, Error> {
    Store::new(None)
}

fn in_this_folder(path: &std::path::Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}
