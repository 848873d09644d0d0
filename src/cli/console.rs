//! The only place that writes to a terminal or a pipe.

use std::io::{self, IsTerminal as _, Write as _};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::error::{Complaint, Error};
use crate::progress::{Progress, Shown};

/// Writes data. A reader that has gone away is no error: it has what it wanted.
pub fn out(text: &str) {
    let mut stdout = io::stdout().lock();
    if stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_err() {
        // Nothing can be told to somebody who does not listen.
    }
}

/// Follows the stages of a run: on a terminal as they go, elsewhere as lines when they end, or not at all.
pub fn progress(quiet: bool) -> Progress {
    let shown = match (quiet, io::stderr().is_terminal()) {
        (true, _) => Shown::Nowhere,
        (false, true) => Shown::Terminal,
        (false, false) => Shown::Log,
    };
    Progress::new(shown, note)
}

/// Writes a note for people.
pub fn note(text: &str) {
    let mut stderr = io::stderr().lock();
    if writeln!(stderr, "{text}").is_err() {
        // As above.
    }
}

/// Shows everything that is wrong, each with its place and hint.
pub fn error(error: &Error) {
    for complaint in error.complaints() {
        note(&rendered(&complaint, io::stderr().is_terminal()));
    }
}

/// A complaint as text, with the line it is about.
#[must_use]
pub fn rendered(complaint: &Complaint, styled: bool) -> String {
    let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
    let title = Level::ERROR.primary_title(complaint.what.as_str());
    let mut group = match &complaint.excerpt {
        Some(excerpt) => {
            let end = excerpt.span.end.max(excerpt.span.start + 1).min(excerpt.text.len().max(1));
            let span = excerpt.span.start.min(excerpt.text.len())..end.min(excerpt.text.len());
            let snippet = Snippet::source(excerpt.text.as_str())
                .path(excerpt.file.as_str())
                .line_start(excerpt.line)
                .annotation(AnnotationKind::Primary.span(span));
            title.element(snippet)
        }
        None => Group::with_title(title),
    };
    if let Some(hint) = &complaint.hint {
        group = group.element(Level::HELP.with_name("hint").message(hint.as_str()));
    }
    renderer.render(&[group])
}

/// What clap has to say: help and version are data, mistakes are not.
pub fn clap(error: &clap::Error) {
    if error.print().is_err() {
        // As above.
    }
}
