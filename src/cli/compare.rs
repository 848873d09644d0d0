//! `tieout compare`

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{DONE, INPUTS_INVALID, Limits, console, in_this_folder, store};
use crate::compare::{Answer, Question, compare};
use crate::error::Error;
use crate::normalise::Unit;
use crate::progress::profile;
use crate::report::Written;
use crate::report::terminal::grouped;
use crate::store::{Body, Place};

/// Rows that could not be read and are shown one by one.
const REJECTS_SHOWN: usize = 5;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The company's own file: CSV, Parquet or JSON Lines
    ledger: String,
    /// The other side's file
    statement: String,
    /// Columns that identify a record, as NAME or LEFT=RIGHT
    #[arg(long, value_name = "COL,…", value_delimiter = ',', required = true)]
    key: Vec<String>,
    /// The amount, as NAME or LEFT=RIGHT; by default `amount_minor` or `amount`
    #[arg(long, value_name = "COL")]
    amount: Option<String>,
    /// What else is compared; by default fee, status, currency and account where both have them
    #[arg(long, value_name = "COL,…", value_delimiter = ',')]
    compare: Option<Vec<String>>,
    /// The currency of files without a column `currency`
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// The unit of whole-number amounts whose name does not end in _minor
    #[arg(long, value_name = "UNIT", value_parser = ["minor", "major"])]
    unit: Option<String>,
    /// Write the differences to this folder, as Parquet and CSV
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// End with one line of JSON
    #[arg(long)]
    json: bool,
    /// Show where time and memory went
    #[arg(long)]
    profile: bool,
    #[command(flatten)]
    limits: Limits,
}

impl Arguments {
    pub fn run(self) -> Result<u8, Error> {
        let mut memory = self.limits.apply()?;
        let folder = self.out.as_deref().map(in_this_folder);
        // Nothing is made before there is something to write: until then the folder may be one to come.
        let near = folder.iter().flat_map(|folder| folder.ancestors()).find(|folder| folder.is_dir());
        memory.results = near.map(Path::to_path_buf);
        let store = store()?;
        let question = Question {
            ledger: self.ledger,
            statement: self.statement,
            key: self.key,
            amount: self.amount,
            compare: self.compare,
            currency: self.currency,
            tables: folder.is_some(),
            unit: self.unit.map(|unit| if unit == "minor" { Unit::Minor } else { Unit::Major }),
        };
        let progress = console::progress(false);
        let mut answer = compare(&store, &question, memory, &progress)?;
        for finding in &answer.findings {
            console::note(&format!("{}: {}: {}", finding.file, finding.code, finding.message));
        }
        rejects(&answer);
        progress.stage("write", None);
        if let Some(folder) = folder {
            // Where that fails, writing says why.
            let _ = std::fs::create_dir_all(&folder);
            let rejects = &answer.rejects;
            let mut files: Vec<(String, Body)> = vec![
                (format!("{}.csv", rejects.spec.name), rejects.csv().into()),
                (rejects.spec.parquet_name(), rejects.parquet().into()),
            ];
            files.extend(answer.differences.take().into_iter().flat_map(Written::files));
            let write = |(name, body): (String, Body)| {
                let path = folder.join(&name);
                let stays = body.kept_as(&path, false).unwrap_or(false);
                if stays { Ok(()) } else { store.write(&Place::Local(path), &body) }
            };
            files.into_par_iter().try_for_each(write)?;
        }
        let spent = progress.finish();
        if self.profile {
            console::note(&profile(&spent));
        }
        if self.json {
            let line = serde_json::to_string(&answer).expect("counts can be written as JSON");
            console::out(&format!("{line}\n"));
        } else {
            console::out(&page(&answer));
        }
        let whole = answer.rejected == 0 && !answer.findings.iter().any(|finding| finding.blocks);
        Ok(if whole { DONE } else { INPUTS_INVALID })
    }
}

/// The first rows that could not be read, each with its place and the text itself.
fn rejects(answer: &Answer) {
    for row in answer.rejects.rows().take(REJECTS_SHOWN) {
        let cell = |name: &str| {
            let found = row.iter().find(|(column, _)| *column == name);
            found.and_then(|(_, text)| text.clone()).unwrap_or_default()
        };
        let (file, line, column) = (cell("file"), cell("line"), cell("column"));
        console::note(&format!("{file}:{line}: {column} `{}`: {} ({})", cell("text"), cell("message"), cell("hint")));
    }
    if answer.rejected > REJECTS_SHOWN as u64 {
        console::note(&format!("and {} more rows that could not be read", answer.rejected - REJECTS_SHOWN as u64));
    }
}

fn page(answer: &Answer) -> String {
    let count = |count: u64| grouped(i128::from(count), 0);
    let mut text = format!(
        "{}\nledger {}  statement {}  matched {}\n",
        answer.compared,
        count(answer.ledger_records),
        count(answer.statement_records),
        count(answer.matched)
    );
    if answer.rejected > 0 {
        text += &format!("{} rows could not be read: see the table rejects (--out)\n", count(answer.rejected));
    }
    for code in &answer.codes {
        let exposure = grouped(i128::from(code.exposure_minor), code.exponent);
        text += &format!(
            "  {:28} {:>10}  {:>18} {}  {}\n",
            code.code,
            count(code.count),
            exposure,
            code.currency,
            code.label
        );
    }
    if answer.codes.is_empty() {
        text += "no differences\n";
    }
    text
}
