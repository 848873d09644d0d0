//! `tieout sniff`

use std::path::PathBuf;

use super::{DONE, console, in_this_folder, store, use_threads};
use crate::error::{Complaint, Error};
use crate::report::terminal::grouped;
use crate::sniff::{Sniffed, records, sniff};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Files as they came from the provider: plain, gzip or zip
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// One JSON object per file on a line
    #[arg(long, conflicts_with = "records")]
    json: bool,
    /// Print the records as JSON Lines, in the order of the file
    #[arg(long)]
    records: bool,
    /// How many threads to use; the result does not depend on it
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

impl Arguments {
    pub fn run(self) -> Result<u8, Error> {
        use_threads(self.threads)?;
        let store = store()?;
        let mut failed = None;
        for file in &self.files {
            let shown = file.display().to_string();
            let outcome = if self.records {
                records(&store, &in_this_folder(file), &mut |line| console::out(line))
            } else {
                sniff(&store, &in_this_folder(file), &shown).map(|sniffed| {
                    console::out(&if self.json { sniffed.json_line() } else { page(&sniffed) });
                })
            };
            if let Err(e) = outcome {
                // The other files are still worth looking at.
                console::error(&e);
                failed = Some(e);
            }
        }
        match failed {
            None => Ok(DONE),
            Some(_) if self.files.len() == 1 => Ok(failed.map_or(DONE, |e| e.exit_code())),
            Some(e) => Err(Error::InvalidInput(
                Complaint::new("not every file could be read").hint(format!("the last of them: {e}")),
            )),
        }
    }
}

fn page(sniffed: &Sniffed) -> String {
    let mut text = format!("{}\n  {}", sniffed.file, sniffed.format.as_deref().unwrap_or("not recognised"));
    if !sniffed.encoding.is_empty() {
        text += &format!(", {}", sniffed.encoding);
    }
    text += &format!(", {} records", grouped(i128::from(sniffed.records), 0));
    if sniffed.rejects > 0 {
        text += &format!(", {} rows could not be read", grouped(i128::from(sniffed.rejects), 0));
    }
    if let Some(account) = &sniffed.account {
        text += &format!("\n  account {account}");
    }
    if let Some((first, last)) = &sniffed.period {
        text += &if first == last { format!("\n  of {first}") } else { format!("\n  of {first} to {last}") };
    }
    if !sniffed.columns.is_empty() {
        text += &format!("\n  columns {}", sniffed.columns.join(", "));
    }
    for total in &sniffed.totals {
        let money = |minor: i64| grouped(i128::from(minor), total.exponent);
        text += &format!(
            "\n  {:20} {:9} {:>10}  {} {:>18}  fee {:>14}  net {:>18}",
            total.kind,
            total.status,
            grouped(i128::from(total.count), 0),
            total.currency,
            money(total.amount_minor),
            money(total.fee_minor),
            money(total.net_minor)
        );
    }
    for control in &sniffed.controls {
        let verdict = if control.ties {
            "ties".to_owned()
        } else {
            format!("DOES NOT TIE: the rows come to {}", control.computed)
        };
        text += &format!("\n  {}: {}  {verdict}", control.name, control.declared);
    }
    for finding in &sniffed.findings {
        let line = finding.line.map_or(String::new(), |line| format!(" line {line}"));
        text += &format!("\n  {} {}{line}: {}", finding.severity, finding.code, finding.message);
        if !finding.hint.is_empty() {
            text += &format!("\n      hint: {}", finding.hint);
        }
    }
    text + "\n"
}
