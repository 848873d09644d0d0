//! Where something is: a path on this machine or a URL of an object store.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern};

/// An absolute place. Secrets never stand in one: credentials come from the environment.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Place {
    /// A file or folder of this machine.
    Local(PathBuf),
    /// An object or a prefix of a bucket.
    Remote {
        /// `s3://bucket`.
        root: String,
        /// What follows, without a leading slash.
        key: String,
    },
}

const SCHEMES: [&str; 8] = ["s3", "s3a", "gs", "az", "azure", "adl", "abfs", "abfss"];

impl Place {
    /// Reads a place as a user wrote it; a relative path is taken from `base`.
    ///
    /// ```
    /// use tieout::store::Place;
    /// use std::path::Path;
    /// let place = Place::parse("s3://bills/2026/x.csv", Path::new("/jobs")).unwrap();
    /// assert_eq!(place.to_string(), "s3://bills/2026/x.csv");
    /// let place = Place::parse("../in/x.csv", Path::new("/etc/jobs")).unwrap();
    /// assert_eq!(place.to_string(), "/etc/in/x.csv");
    /// ```
    pub fn parse(text: &str, base: &Path) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self::Local(clean(&base.join(text))));
        };
        if scheme == "file" {
            return Ok(Self::Local(clean(&Path::new("/").join(rest.trim_start_matches('/')))));
        }
        if !SCHEMES.contains(&scheme) {
            return Err(format!("no store has the scheme `{scheme}://`"));
        }
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(format!("`{text}` names no bucket"));
        }
        if bucket.contains('@') && !scheme.starts_with("abfs") {
            return Err("credentials do not belong into a place; set them in the environment".to_owned());
        }
        Ok(Self::Remote { root: format!("{scheme}://{bucket}"), key: key.trim_matches('/').to_owned() })
    }

    /// The path, if it is on this machine.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Local(path) => Some(path),
            Self::Remote { .. } => None,
        }
    }

    /// What identifies the store.
    #[must_use]
    pub fn root(&self) -> &str {
        match self {
            Self::Local(_) => "file://",
            Self::Remote { root, .. } => root,
        }
    }

    /// What identifies the file within its store.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Local(path) => path.to_string_lossy().trim_start_matches('/').to_owned(),
            Self::Remote { key, .. } => key.clone(),
        }
    }

    /// The last part.
    #[must_use]
    pub fn name(&self) -> String {
        let key = self.key();
        key.rsplit('/').next().unwrap_or_default().to_owned()
    }

    /// A place below this one.
    #[must_use]
    pub fn join(&self, below: &str) -> Self {
        match self {
            Self::Local(path) => Self::Local(path.join(below)),
            Self::Remote { root, key } => {
                let key = format!("{key}/{below}");
                Self::Remote { root: root.clone(), key: key.trim_start_matches('/').to_owned() }
            }
        }
    }

    /// The same store, another key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        match self {
            Self::Local(_) => Self::Local(Path::new("/").join(key)),
            Self::Remote { root, .. } => Self::Remote { root: root.clone(), key: key.to_owned() },
        }
    }

    /// Whether it names several files.
    #[must_use]
    pub fn is_pattern(&self) -> bool {
        self.key().contains(['*', '?'])
    }

    /// The folder that must be listed for a pattern.
    #[must_use]
    pub fn listed_folder(&self) -> String {
        let key = self.key();
        let wild = key.find(['*', '?']).unwrap_or(key.len());
        key[..wild].rfind('/').map_or("", |slash| &key[..slash]).to_owned()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => path.display().fmt(f),
            Self::Remote { root, key } => write!(f, "{root}/{key}"),
        }
    }
}

/// Resolves `.` and `..` by name, without asking the file system.
fn clean(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut clean, part| {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => clean.push(part),
        }
        clean
    })
}

/// How patterns match: `*` and `?` stay within one name, everything else is itself.
pub(super) const MATCHING: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };

/// A pattern in which brackets, which providers do put into names, are brackets.
pub(super) fn literal_brackets(pattern: &str) -> String {
    pattern.replace('[', "[[]")
}

/// The pattern of whole keys.
pub(super) fn pattern(key: &str) -> Result<Pattern, String> {
    Pattern::new(&literal_brackets(key)).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_stay_within_a_folder() {
        for (glob, text, fits) in [
            ("a/*.csv", "a/b.csv", true),
            ("a/*.csv", "a/b/c.csv", false),
            ("*_业务明细?.csv", "2088_业务明细1.csv", true),
            ("账单[1]*.csv", "账单[1] (2).csv", true),
            ("账单[1]*.csv", "账单1 (2).csv", false),
            ("a?c", "a/c", false),
            ("plain", "plainer", false),
        ] {
            assert_eq!(pattern(glob).unwrap().matches_with(text, MATCHING), fits, "{glob} {text}");
        }
    }

    #[test]
    fn places_are_absolute_and_carry_no_secret() {
        let base = Path::new("/srv/jobs");
        let parse = |text: &str| Place::parse(text, base).map(|place| place.to_string());
        assert_eq!(parse("in/x.csv").as_deref(), Ok("/srv/jobs/in/x.csv"));
        assert_eq!(parse("../in/./x.csv").as_deref(), Ok("/srv/in/x.csv"));
        assert_eq!(parse("file:///tmp/对账 单#1.csv").as_deref(), Ok("/tmp/对账 单#1.csv"));
        assert_eq!(parse("gs://b/k/").as_deref(), Ok("gs://b/k"));
        assert!(parse("s3://key:secret@bucket/x").is_err());
        assert!(parse("ftp://host/x").is_err());
        assert!(parse("s3:///x").is_err());
    }

    #[test]
    fn a_pattern_is_listed_from_its_last_fixed_folder() {
        let place = Place::parse("s3://b/in/dt=2026-11-20/*.csv", Path::new("/")).unwrap();
        assert_eq!(place.listed_folder(), "in/dt=2026-11-20");
        assert!(place.is_pattern());
    }
}
