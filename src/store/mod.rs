//! The one door to files and buckets.
//!
//! Every byte that enters or leaves passes here, local or remote, under one policy: what is read is
//! pinned (size, tag, SHA-256) and read from one version only; what is written is written whole or
//! not at all; a name that must not exist yet is created by one conditional request.
//!
//! ```text
//!  s3:// gs:// az:// ── HEAD, ranged GETs with If-Match ──▶ spool file ──▶ Body
//!  file:// or a path ── opened in place, checked again at the end ─────▶ Body
//! ```

mod body;
mod place;
mod spill;
mod spool;

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, WriteMultipart,
};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use tokio::runtime::Runtime;

pub use body::{Body, BodyReader};
pub use place::Place;
pub use spill::Spill;
pub use spool::Spool;

use crate::error::{Complaint, Error};

/// One request reads at most this much, so that no request outlives its time limit.
const RANGE: u64 = 16 << 20;
/// Above this size an object is written in parts.
const ONE_PUT: usize = 32 << 20;
/// Bytes of a part: the largest object of most stores has ten thousand.
const PART: usize = 8 << 20;
/// An address that a listing may not exceed: beyond it a pattern is taken to be a mistake.
const FOUND_MAX: usize = 100_000;

/// Access to all stores that a run touches.
#[derive(Debug)]
pub struct Store {
    runtime: Runtime,
    remotes: Mutex<HashMap<String, Arc<dyn ObjectStore>>>,
    scratch: PathBuf,
}

/// A file that was found, as it was when it was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Where it is.
    pub place: Place,
    /// What it is called: the last part of its place, with as many before it as tell it from what was found beside it.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its version as the store tells it: an entity tag, or for local files size and time.
    pub tag: String,
}

/// A file that was opened for reading, pinned to one version.
#[derive(Clone, Debug)]
pub struct Pinned {
    /// What was found.
    pub found: Found,
    /// Its bytes.
    pub body: Body,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// What became of a conditional creation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Created {
    /// It is there now, and we wrote it.
    Ours,
    /// Somebody else's is there.
    Theirs(Bytes),
}

impl Store {
    /// Opens the door. Spooled copies go to `scratch`, by default the system's temporary folder.
    pub fn new(scratch: Option<&Path>) -> Result<Self, Error> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(|e| {
                Error::Limit(Complaint::new(format!("could not start the threads that talk to stores: {e}")))
            })?;
        let scratch = scratch.map_or_else(std::env::temp_dir, Path::to_path_buf);
        Ok(Self { runtime, remotes: Mutex::new(HashMap::new()), scratch })
    }

    /// Where temporary copies go.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// All files that a pattern names, sorted by address. `*` and `?` match within one name.
    pub fn find(&self, pattern: &Place) -> Result<Vec<Found>, Error> {
        let mut found = match pattern {
            Place::Local(path) => find_local(path)?,
            Place::Remote { key, .. } => self.find_remote(pattern, key)?,
        };
        found.sort_by(|a, b| a.place.cmp(&b.place));
        if found.len() > FOUND_MAX {
            return Err(Error::Limit(Complaint::new(format!("{pattern} names more than {FOUND_MAX} files"))));
        }
        name_apart(&mut found);
        Ok(found)
    }

    /// Opens one version of a file and hashes it.
    pub fn pin(&self, found: &Found) -> Result<Pinned, Error> {
        match found.place.path() {
            Some(path) => {
                let body = open_local(found, path)?;
                let sha256 = hash(&body).map_err(|e| unavailable("reading", &found.place, &e))?;
                Ok(Pinned { found: found.clone(), body, sha256 })
            }
            None => self.runtime.block_on(self.spool(found)),
        }
    }

    /// Opens one version of a file without hashing it, for looking at files outside a run.
    pub fn open(&self, found: &Found) -> Result<Body, Error> {
        match found.place.path() {
            Some(path) => open_local(found, path),
            None => Ok(self.pin(found)?.body),
        }
    }

    /// Makes sure that a file opened in place is still what it was.
    pub fn still_the_same(&self, pinned: &Pinned) -> Result<(), Error> {
        let Some(path) = pinned.found.place.path() else { return Ok(()) };
        let now = fs::metadata(path).map_or_else(|e| e.to_string(), |metadata| local_tag(&metadata));
        if now == pinned.found.tag {
            return Ok(());
        }
        Err(Error::Changed {
            uri: pinned.found.place.to_string(),
            detail: format!("{} became {now}", pinned.found.tag),
        })
    }

    /// The whole of a small file, or `None` when there is none.
    pub fn read(&self, place: &Place) -> Result<Option<Bytes>, Error> {
        let (store, key) = self.remote(place)?;
        let reading = async { store.get(&key).await?.bytes().await };
        match self.runtime.block_on(reading) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(store_error("reading", place, &e)),
        }
    }

    /// The names of the files directly inside a folder, sorted.
    pub fn names_in(&self, folder: &Place) -> Result<Vec<String>, Error> {
        let (store, key) = self.remote(folder)?;
        let listing = async { store.list_with_delimiter(Some(&key)).await };
        let found = self.runtime.block_on(listing).map_err(|e| store_error("listing", folder, &e))?;
        let mut names: Vec<String> =
            found.objects.iter().filter_map(|object| object.location.filename().map(str::to_owned)).collect();
        names.sort();
        Ok(names)
    }

    /// A file that may be large: left where it is or spooled, unless it is small.
    pub fn read_body(&self, place: &Place) -> Result<Option<Body>, Error> {
        if let Some(path) = place.path() {
            let body = match File::open(path).and_then(|file| Body::file(file, None)) {
                Ok(body) => body,
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(e) => return Err(disk_error("reading", place, &e)),
            };
            if body.len() > ONE_PUT as u64 {
                return Ok(Some(body));
            }
            return body.whole().map(|bytes| Some(bytes.into())).map_err(|e| disk_error("reading", place, &e));
        }
        let (store, key) = self.remote(place)?;
        let reading = async {
            let answer = store.get(&key).await?;
            let size = answer.meta.size;
            Ok(if size > ONE_PUT as u64 { Err(answer.meta) } else { Ok(answer.bytes().await?) })
        };
        match self.runtime.block_on(reading) {
            Ok(Ok(bytes)) => Ok(Some(bytes.into())),
            Ok(Err(large)) => {
                let tag = large.version.or(large.e_tag).unwrap_or_default();
                let found = Found { place: place.clone(), name: place.name(), size: large.size, tag };
                self.runtime.block_on(self.spool(&found)).map(|pinned| Some(pinned.body))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(store_error("reading", place, &e)),
        }
    }

    /// Writes a file whole, replacing what is there.
    pub fn write(&self, place: &Place, body: &Body) -> Result<(), Error> {
        let (store, key) = self.remote(place)?;
        let part = |at: u64, most: usize| body.read(at, most as u64).map_err(|e| disk_error("writing", place, &e));
        if body.len() <= ONE_PUT as u64 {
            let payload = PutPayload::from_bytes(part(0, ONE_PUT)?);
            let put = self.runtime.block_on(store.put(&key, payload));
            return put.map(|_| ()).map_err(|e| store_error("writing", place, &e));
        }
        let failed = |e: object_store::Error| store_error("writing", place, &e);
        let writing = async {
            let upload = store.put_multipart(&key).await.map_err(failed)?;
            let mut upload = WriteMultipart::new_with_chunk_size(upload, PART);
            let mut at = 0;
            while at < body.len() {
                upload.wait_for_capacity(2).await.map_err(failed)?;
                let bytes = part(at, PART)?;
                at += bytes.len() as u64;
                upload.put(bytes);
            }
            upload.finish().await.map(|_| ()).map_err(failed)
        };
        self.runtime.block_on(writing)
    }

    /// Keeps a file of this machine where it is, under its name; `false` where it has to be written.
    pub fn keep(&self, place: &Place, body: &Body) -> Result<bool, Error> {
        let Some(path) = place.path() else { return Ok(false) };
        let kept = || {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            body.kept_as(path, true)
        };
        kept().map_err(|e| disk_error("writing", place, &e))
    }

    /// What of a file is not as it was written, in words; nothing when it is all there.
    pub fn differs(&self, place: &Place, body: &Body) -> Result<Option<String>, Error> {
        let (store, key) = self.remote(place)?;
        let failed = |e: object_store::Error| store_error("reading back", place, &e);
        let mut at = 0;
        loop {
            // An empty range is no range.
            let range = (!body.is_empty()).then(|| GetRange::Bounded(at..(at + RANGE).min(body.len())));
            let reading = async {
                let answer = store.get_opts(&key, GetOptions { range, ..GetOptions::default() }).await?;
                let size = answer.meta.size;
                Ok((size, answer.bytes().await?))
            };
            let (size, kept) = match self.runtime.block_on(reading) {
                Ok(answer) => answer,
                Err(object_store::Error::NotFound { .. }) => return Ok(Some("it is gone".to_owned())),
                Err(e) => return Err(failed(e)),
            };
            if size != body.len() {
                return Ok(Some(format!("{} bytes were written and {size} came back", body.len())));
            }
            let written = body.read(at, kept.len() as u64).map_err(|e| disk_error("reading back", place, &e))?;
            if kept != written || (kept.is_empty() && at < body.len()) {
                return Ok(Some(format!("other bytes than were written came back after byte {at}")));
            }
            at += kept.len() as u64;
            if at >= body.len() {
                return Ok(None);
            }
        }
    }

    /// Creates a file that must not exist yet, in one request that one writer wins.
    ///
    /// An answer that leaves open what happened is settled by reading back: a lost reply after our
    /// own write must not look like a lost race, nor a refusal without a winner like a winner.
    pub fn create(&self, place: &Place, bytes: &Bytes) -> Result<Created, Error> {
        let (store, key) = self.remote(place)?;
        let mut last = String::new();
        for attempt in 0..5_u64 {
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            let payload = PutPayload::from_bytes(bytes.clone());
            match self.runtime.block_on(store.put_opts(&key, payload, options)) {
                Ok(_) => return Ok(Created::Ours),
                Err(
                    e @ (object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }),
                ) => {
                    return Err(store_error("creating", place, &e));
                }
                Err(e) => last = e.to_string(),
            }
            match self.read(place) {
                Ok(Some(there)) if there == *bytes => return Ok(Created::Ours),
                Ok(Some(there)) => return Ok(Created::Theirs(there)),
                // Nothing is there: the request did not arrive, or was refused for no reason that lasts.
                Ok(None) => std::thread::sleep(std::time::Duration::from_millis(100 << attempt)),
                Err(e) => {
                    return Err(Error::UnknownOutcome { uri: place.to_string(), cause: format!("{last}; then {e}") });
                }
            }
        }
        Err(Error::Unavailable { action: "creating", uri: place.to_string(), cause: last })
    }

    /// A temporary file on the local disk.
    pub fn scratch_file(&self) -> Result<NamedTempFile, Error> {
        tempfile::Builder::new().prefix("tieout-").tempfile_in(&self.scratch).map_err(|e| {
            let what = format!("could not make a temporary file in {}: {e}", self.scratch.display());
            Error::Limit(Complaint::new(what).hint("set TMPDIR to a folder with room"))
        })
    }

    fn find_remote(&self, pattern: &Place, key: &str) -> Result<Vec<Found>, Error> {
        let (store, _) = self.remote(pattern)?;
        let wrong = |e: String| Error::usage(format!("{pattern}: {e}"), "write a key of the bucket");
        let prefix = Key::parse(pattern.listed_folder()).map_err(|e| wrong(e.to_string()))?;
        let glob = place::pattern(key).map_err(wrong)?;
        let listing = async { store.list(Some(&prefix)).try_collect::<Vec<_>>().await };
        let objects = match self.runtime.block_on(listing) {
            Ok(objects) => objects,
            Err(object_store::Error::NotFound { .. }) => Vec::new(),
            Err(e) => return Err(store_error("listing", pattern, &e)),
        };
        let fits = |object: &object_store::ObjectMeta| glob.matches_with(object.location.as_ref(), place::MATCHING);
        let found = objects.into_iter().filter(fits).map(|object| {
            let place = pattern.with_key(object.location.as_ref());
            let tag = object.version.or(object.e_tag).unwrap_or_else(|| object.last_modified.to_rfc3339());
            Found { name: place.name(), place, size: object.size, tag }
        });
        Ok(found.collect())
    }

    /// Downloads one version in ranges, hashing while it comes.
    async fn spool(&self, found: &Found) -> Result<Pinned, Error> {
        let (store, key) = self.remote(&found.place)?;
        let failed = |e: &object_store::Error| match e {
            object_store::Error::Precondition { .. } => {
                Error::Changed { uri: found.place.to_string(), detail: "it was replaced".to_owned() }
            }
            e => store_error("reading", &found.place, e),
        };
        let head = store.head(&key).await.map_err(|e| failed(&e))?;
        if head.size != found.size {
            let detail = format!("{} bytes became {}", found.size, head.size);
            return Err(Error::Changed { uri: found.place.to_string(), detail });
        }
        let ranges = (0..head.size.div_ceil(RANGE)).map(|at| at * RANGE..((at + 1) * RANGE).min(head.size));
        let mut parts = stream::iter(ranges.map(|range| {
            let options = GetOptions {
                if_match: head.e_tag.clone(),
                version: head.version.clone(),
                range: Some(GetRange::Bounded(range)),
                ..GetOptions::default()
            };
            async { store.get_opts(&key, options).await?.bytes().await }
        }))
        .buffered(4);
        let mut file = self.scratch_file()?;
        let mut hasher = Sha256::new();
        let mut size = 0;
        while let Some(part) = parts.next().await {
            let part = part.map_err(|e| failed(&e))?;
            hasher.update(&part);
            size += part.len() as u64;
            file.write_all(&part).map_err(|e| disk_error("spooling", &found.place, &e))?;
        }
        if size != head.size {
            let detail = format!("{size} of {} bytes arrived", head.size);
            return Err(Error::Changed { uri: found.place.to_string(), detail });
        }
        let (file, path) = file.into_parts();
        let body = Body::file(file, Some(path)).map_err(|e| unavailable("reading", &found.place, &e))?;
        Ok(Pinned { found: found.clone(), body, sha256: hex(&hasher.finalize()) })
    }

    /// The store of a place and the key within it.
    fn remote(&self, place: &Place) -> Result<(Arc<dyn ObjectStore>, Key), Error> {
        let key = Key::parse(place.key())
            .map_err(|e| Error::usage(format!("{place}: {e}"), "a key has no empty parts and no `..`"))?;
        let root = place.root();
        let mut remotes = self.remotes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(store) = remotes.get(root) {
            return Ok((Arc::clone(store), key));
        }
        let store: Arc<dyn ObjectStore> = if place.path().is_some() {
            Arc::new(LocalFileSystem::new().with_fsync(true))
        } else {
            Arc::from(connect(place)?)
        };
        remotes.insert(root.to_owned(), Arc::clone(&store));
        Ok((store, key))
    }
}

/// Builds a client from the URL and the usual environment variables.
fn connect(place: &Place) -> Result<Box<dyn ObjectStore>, Error> {
    // Idempotent: a second call finds the provider installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = url::Url::parse(place.root())
        .map_err(|e| Error::usage(format!("{place}: {e}"), "places are paths, file://, s3://, gs:// or az:// URLs"))?;
    let mut options: Vec<(String, String)> =
        std::env::vars().map(|(key, value)| (key.to_ascii_lowercase(), value)).collect();
    let plain_http = options.iter().any(|(key, value)| {
        matches!(key.as_str(), "aws_endpoint" | "aws_endpoint_url" | "aws_endpoint_url_s3" | "azure_storage_endpoint")
            && value.starts_with("http://")
    });
    if plain_http {
        // Whoever names an http:// endpoint means it: a test server, or a gateway on this machine.
        options.push(("allow_http".to_owned(), "true".to_owned()));
    }
    match object_store::parse_url_opts(&url, options) {
        Ok((store, _)) => Ok(store),
        Err(e) => Err(Error::usage(
            format!("{place}: {e}"),
            "places are paths, file://, s3://, gs:// or az:// URLs; credentials come from the environment",
        )),
    }
}

fn find_local(pattern: &Path) -> Result<Vec<Found>, Error> {
    let text = pattern.to_string_lossy();
    if !text.contains(['*', '?']) {
        return Ok(found_local(pattern).into_iter().collect());
    }
    let paths = glob::glob_with(&place::literal_brackets(&text), place::MATCHING)
        .map_err(|e| Error::usage(format!("{text}: {e}"), "`*` and `?` stand for parts of one name"))?;
    let mut found = Vec::new();
    for path in paths {
        let path = path.map_err(|e| disk_error("listing", &Place::Local(e.path().to_path_buf()), e.error()))?;
        found.extend(found_local(&path));
    }
    Ok(found)
}

fn found_local(path: &Path) -> Option<Found> {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let place = Place::Local(path.to_path_buf());
    Some(Found { name: place.name(), place, size: metadata.len(), tag: local_tag(&metadata) })
}

/// Gives files of one name that were found together names that tell them apart: with the folder, or as many as it takes.
fn name_apart(found: &mut [Found]) {
    for parts in 2.. {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        found.iter().for_each(|one| *counts.entry(one.name.clone()).or_default() += 1);
        let mut longer = false;
        for one in found.iter_mut().filter(|one| counts[&one.name] > 1) {
            let key = one.place.key();
            let all: Vec<&str> = key.split('/').collect();
            if let Some(from) = all.len().checked_sub(parts) {
                one.name = all[from..].join("/");
                longer = true;
            }
        }
        if !longer {
            return;
        }
    }
}

fn local_tag(metadata: &fs::Metadata) -> String {
    use std::os::unix::fs::MetadataExt as _;
    format!("{} bytes of {}.{:09}", metadata.len(), metadata.mtime(), metadata.mtime_nsec())
}

fn open_local(found: &Found, path: &Path) -> Result<Body, Error> {
    let file = File::open(path).map_err(|e| disk_error("opening", &found.place, &e))?;
    let body = Body::file(file, None).map_err(|e| unavailable("reading", &found.place, &e))?;
    if body.len() == found.size {
        return Ok(body);
    }
    let detail = format!("{} bytes became {}", found.size, body.len());
    Err(Error::Changed { uri: found.place.to_string(), detail })
}

/// SHA-256 of a file, in hexadecimal.
pub fn hash(body: &Body) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut reader = body.reader(0);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..count]);
    }
}

/// The whole of a small text file of this machine, such as a job file.
pub fn read_text(path: &Path) -> io::Result<String> {
    fs::read_to_string(path)
}

/// SHA-256 of bytes, in hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes in lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let mut text = String::with_capacity(bytes.len() * 2);
    for &byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
    text
}

fn unavailable(action: &'static str, place: &Place, cause: &dyn std::error::Error) -> Error {
    Error::Unavailable { action, uri: place.to_string(), cause: cause.to_string() }
}

/// An error of the local file system: full, refused or broken.
pub(crate) fn disk_error(action: &'static str, place: &Place, e: &io::Error) -> Error {
    match e.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            let what = format!("{action} {place}: no room left: {e}");
            Error::Limit(Complaint::new(what).hint("free some, or set TMPDIR to a larger disk"))
        }
        io::ErrorKind::PermissionDenied => Error::Refused { action, uri: place.to_string(), cause: e.to_string() },
        _ => unavailable(action, place, e),
    }
}

fn store_error(action: &'static str, place: &Place, e: &object_store::Error) -> Error {
    let full = root_cause(e);
    match e {
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            Error::Refused { action, uri: place.to_string(), cause: full }
        }
        _ if full.contains("No space left") => {
            Error::Limit(Complaint::new(format!("{action} {place}: no room left: {full}")))
        }
        _ if full.contains("Permission denied") => Error::Refused { action, uri: place.to_string(), cause: full },
        _ => Error::Unavailable { action, uri: place.to_string(), cause: full },
    }
}

/// The message with the causes behind it that it does not already contain.
fn root_cause(e: &dyn std::error::Error) -> String {
    let mut text = e.to_string();
    let mut source = e.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = cause.source();
    }
    text
}
