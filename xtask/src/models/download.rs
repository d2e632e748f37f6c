//! One file over HTTP, resumed where an earlier attempt stopped.
//!
//! Bytes gather in `<name>.part`, which outlives an interrupted run. The part becomes the file only when it is
//! right; a part that turns out wrong is thrown away, or every later attempt would build on it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use ureq::http::{Response, StatusCode};

use super::pin::{Pin, beside};

const ATTEMPTS_MAX: u32 = 3;

pub(crate) fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .user_agent("surety-xtask")
        .timeout_resolve(Some(Duration::from_secs(15)))
        .timeout_connect(Some(Duration::from_secs(15)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        .timeout_per_read(Some(Duration::from_secs(60)))
        .build()
        .new_agent()
}

enum Failure {
    /// Worth another attempt: the connection was lost, or the part on disk was of no use.
    Interrupted(Error),
    /// Asking again would get the same answer.
    Final(Error),
}

pub(crate) fn download(agent: &ureq::Agent, address: &str, pin: &Pin, dest: &Path) -> Result<()> {
    let part = beside(dest, "part");
    let mut interrupted = None;
    for _ in 0..ATTEMPTS_MAX {
        match attempt(agent, address, pin, &part) {
            Ok(()) => return fs::rename(&part, dest).with_context(|| format!("writing {}", dest.display())),
            Err(Failure::Interrupted(error)) => interrupted = Some(error),
            Err(Failure::Final(error)) => return Err(error),
        }
    }
    let error = interrupted.unwrap_or_else(|| anyhow!("no attempt was made"));
    Err(error.context(format!("gave up after {ATTEMPTS_MAX} attempts; running again resumes the download")))
}

/// Leaves the whole, verified file in `part`, or says why not.
fn attempt(agent: &ureq::Agent, address: &str, pin: &Pin, part: &Path) -> Result<(), Failure> {
    let mut have = fs::metadata(part).map_or(0, |found| found.len());
    if have == pin.bytes && pin.verify(part).is_ok() {
        return Ok(());
    }
    if have >= pin.bytes {
        discard(part).map_err(Failure::Final)?;
        have = 0;
    }
    let resumed = receive(agent, address, have, pin, part)?;
    match pin.verify(part) {
        Ok(()) => Ok(()),
        Err(error) => {
            discard(part).map_err(Failure::Final)?;
            // What was on disk before may be the part that is wrong: one more attempt, from nothing.
            Err(if resumed { Failure::Interrupted(error) } else { Failure::Final(error) })
        }
    }
}

/// Receives the bytes after the first `have`, and returns whether they were added to what was there.
fn receive(agent: &ureq::Agent, address: &str, have: u64, pin: &Pin, part: &Path) -> Result<bool, Failure> {
    let mut request = agent.get(address);
    if have > 0 {
        request = request.header("Range", format!("bytes={have}-"));
    }
    let response = request.call().map_err(|error| Failure::Final(error.into()))?;
    let resumed = match answer(&response, have) {
        Answer::Rest => true,
        Answer::Whole => false,
        Answer::OtherBytes(said) => {
            discard(part).map_err(Failure::Final)?;
            return Err(Failure::Interrupted(anyhow!(said)));
        }
        // The part stays: another day the server may be better disposed.
        Answer::Refused(said) => return Err(Failure::Final(anyhow!(said))),
    };
    let start = if resumed { have } else { 0 };

    let mut file = open(part, resumed).map_err(Failure::Final)?;
    let bar = progress(pin.bytes, start);
    let limit = pin.bytes - start + 1;
    let body = bar.wrap_read(io::Read::take(response.into_body().into_reader(), limit));
    let received = receive_body(body, &mut file);
    bar.finish_and_clear();
    let received = received.map_err(|error| Failure::Interrupted(error.into()))?;
    if start + received < pin.bytes {
        let so_far = start + received;
        let error = anyhow!("the connection ended after {so_far} of {} bytes", pin.bytes);
        return Err(Failure::Interrupted(error));
    }
    Ok(resumed)
}

enum Answer {
    /// What is missing from our part.
    Rest,
    /// The whole file, whether or not we asked for less.
    Whole,
    /// Neither: our part cannot be continued.
    OtherBytes(String),
    Refused(String),
}

fn answer(response: &Response<ureq::Body>, have: u64) -> Answer {
    let range = response.headers().get("content-range").and_then(|value| value.to_str().ok());
    match response.status() {
        StatusCode::OK => Answer::Whole,
        StatusCode::PARTIAL_CONTENT if range.is_some_and(|r| r.starts_with(&format!("bytes {have}-"))) => {
            Answer::Rest
        }
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
            let sent = range.unwrap_or("no range");
            Answer::OtherBytes(format!("asked for the bytes from {have} on, the server answered {sent}"))
        }
        status => Answer::Refused(format!("the server answered {status}")),
    }
}

fn receive_body(mut body: impl io::Read, file: &mut File) -> io::Result<u64> {
    let received = io::copy(&mut body, file)?;
    file.sync_all()?;
    Ok(received)
}

fn open(part: &Path, append: bool) -> Result<File> {
    let mut options = OpenOptions::new();
    if append {
        options.append(true)
    } else {
        options.write(true).truncate(true)
    };
    options.create(true).open(part).with_context(|| format!("writing {}", part.display()))
}

fn discard(part: &Path) -> Result<()> {
    match fs::remove_file(part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", part.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Drawn only where somebody can see it.
fn progress(bytes: u64, position: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "  [{bar:32}] {bytes} of {total_bytes}, {binary_bytes_per_sec}, {eta} left",
    )
    .expect("the template is a constant, and drawn by a test")
    .progress_chars("=> ");
    let bar = ProgressBar::new(bytes).with_style(style);
    bar.set_position(position);
    bar
}
