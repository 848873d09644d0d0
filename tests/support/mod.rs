//! What several tests need: folders to work in, jobs to run, published tables to read back.

pub mod bills;
pub mod zip;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rayon::prelude::*;

/// A row of a published table, by column.
pub type Row = BTreeMap<String, String>;

/// A path of the project.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Whether expected files are to be written again.
pub fn updating() -> bool {
    std::env::var_os("UPDATE").is_some_and(|value| value == "1")
}

/// Holds each story of a folder, one folder each, against its `told.txt`; `tell` tells it anew.
pub fn stories(folder: &str, least: usize, tell: fn(&Path) -> String) {
    let folders: Vec<_> = std::fs::read_dir(project(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    let wrong: Vec<String> = folders
        .par_iter()
        .filter_map(|folder| {
            let (path, told) = (folder.join("told.txt"), tell(folder));
            if updating() {
                std::fs::write(&path, &told).unwrap();
            }
            let expected = std::fs::read_to_string(&path).unwrap_or_default();
            (expected != told).then(|| format!("{}\n--- expected\n{expected}\n--- told\n{told}", folder.display()))
        })
        .collect();
    assert!(folders.len() > least, "the stories are where they belong");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The program, with nothing of the user's environment that could change what it does.
pub fn tieout() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tieout"));
    command.env_remove("AWS_ENDPOINT_URL").env("NO_COLOR", "1").env("COLUMNS", "100");
    command
}

/// Runs the program and gives what it printed. A program that does not come to an end is killed.
pub fn output(arguments: &[&str]) -> Output {
    let mut child =
        tieout().args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id().to_string();
    let (done, ended) = std::sync::mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        if ended.recv_timeout(Duration::from_mins(1)) == Err(RecvTimeoutError::Timeout) {
            Command::new("kill").args(["-9", &pid]).status().unwrap();
        }
    });
    let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let errors = std::thread::spawn(move || read(stderr));
    let stdout = read(stdout);
    let output = Output { status: child.wait().unwrap(), stdout, stderr: errors.join().unwrap() };
    drop(done);
    guard.join().unwrap();
    output
}

fn read(mut from: impl std::io::Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Standard output as text.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Standard error as text.
pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Runs a job; gives its exit code, and fails with what it said when that is no run at all.
pub fn run_job(job: &Path, date: &str) -> i32 {
    let output = output(&["run", job.to_str().unwrap(), "--date", date]);
    let code = output.status.code().unwrap();
    assert!([0, 10, 21].contains(&code), "exit {code}\n{}{}", stdout(&output), stderr(&output));
    code
}

/// A folder of its own, gone after the test.
pub struct Workspace {
    folder: tempfile::TempDir,
}

impl Workspace {
    /// An empty folder.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// The same in memory where that can be: nearly all of a small run is waiting for a disk.
    pub fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        Self { folder: folder.unwrap() }
    }

    /// The project's jobs and sample data in a folder of their own.
    pub fn of_project() -> Self {
        let workspace = Self::new();
        for part in ["jobs", "sample_data"] {
            copy(&project(part), &workspace.path(part));
        }
        workspace
    }

    /// A path below the folder.
    pub fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// Writes a file.
    pub fn write(&self, below: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The job file of a job of the project.
    pub fn job(&self, name: &str) -> PathBuf {
        self.path(&format!("jobs/{name}.toml"))
    }

    /// What is current of a job that wrote to `out`.
    pub fn published(&self, job: &str, date: &str) -> Published {
        Published::current(&self.path("out"), job, date).expect("the job has published this date")
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (source, target) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if source.is_dir() {
            copy(&source, &target);
        } else {
            std::fs::copy(&source, &target).unwrap();
        }
    }
}

/// A published run, found by following the last commit.
pub struct Published {
    pub folder: PathBuf,
}

impl Published {
    /// The run that is current, if any was committed.
    pub fn current(out: &Path, job: &str, date: &str) -> Option<Self> {
        let dated = out.join(job).join(format!("dt={date}"));
        let commits = std::fs::read_dir(dated.join("_commits")).ok()?;
        let last = commits.map(|entry| entry.unwrap().path()).max()?;
        let commit: serde_json::Value = serde_json::from_slice(&std::fs::read(last).unwrap()).unwrap();
        let manifest = dated.join(commit["manifest"].as_str().unwrap());
        Some(Self { folder: manifest.parent().unwrap().to_owned() })
    }

    /// A table as its machine CSV says it.
    pub fn table(&self, name: &str) -> Vec<Row> {
        let mut reader = csv::Reader::from_path(self.folder.join(format!("{name}.csv"))).unwrap();
        let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let row = |record: csv::StringRecord| header.iter().cloned().zip(record.iter().map(str::to_owned)).collect();
        reader.records().map(|record| row(record.unwrap())).collect()
    }

    /// The columns of a table, as its Parquet file has them, and its CSV where there is one.
    pub fn columns(&self, name: &str) -> Vec<String> {
        let file = std::fs::File::open(self.folder.join(format!("{name}.parquet"))).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let columns: Vec<String> = reader.schema().fields().iter().map(|field| field.name().clone()).collect();
        if let Ok(mut reader) = csv::Reader::from_path(self.folder.join(format!("{name}.csv"))) {
            assert!(reader.headers().unwrap().iter().eq(columns.iter().map(String::as_str)), "{name}");
        }
        columns
    }

    /// The first page.
    pub fn summary(&self) -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(self.folder.join("summary.json")).unwrap()).unwrap()
    }

    /// Every file of the run with its bytes.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = std::fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap());
        entries.map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())).collect()
    }
}
