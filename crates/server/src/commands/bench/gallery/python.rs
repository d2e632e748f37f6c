//! The other side: a Python that holds FAISS and usearch, asked line by line, so that measurements can take turns.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

const SCRIPT: &str = include_str!("../../../../../../tools/bench/gallery.py");

/// What is compared with, as the script calls it and as people do.
pub(super) const OTHERS: [(&str, &str); 4] = [
    ("flat", "FAISS IndexFlatIP"),
    ("sq8", "FAISS SQ8"),
    ("sq8-direct", "FAISS SQ8-direct"),
    ("usearch", "usearch exact i8"),
];

#[derive(Deserialize)]
pub(super) struct Built {
    pub(super) build_s: f64,
    pub(super) bytes: f64,
}

pub(super) struct Python {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Python {
    /// Starts it and waits until all indexes are built; what each took, in the order of [`OTHERS`].
    pub(super) fn start(program: &Path, folder: &Path) -> Result<(Self, Vec<Built>)> {
        let script = folder.join("gallery.py");
        std::fs::write(&script, SCRIPT).context("writing the script")?;
        let mut child = Command::new(program)
            .arg(&script)
            .arg(folder)
            // Its memory asks for huge pages as ours does, and its libraries keep to one thread.
            .env("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")
            .env("OMP_NUM_THREADS", "1")
            .env("OPENBLAS_NUM_THREADS", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let to = child.stdin.take().context("its input is ours")?;
        let from = BufReader::new(child.stdout.take().context("its output is ours")?);
        let mut python = Self { child, to, from };
        let mut built: std::collections::BTreeMap<String, Built> = serde_json::from_str(&python.line()?)?;
        let built = OTHERS.iter().map(|(name, _)| built.remove(*name).context("an index is missing"));
        let built = built.collect::<Result<Vec<_>>>()?;
        Ok((python, built))
    }

    /// Asks for figures.
    pub(super) fn ask(&mut self, line: &str) -> Result<Vec<f64>> {
        writeln!(self.to, "{line}").context("asking Python")?;
        serde_json::from_str(&self.line()?).context("reading Python's figures")
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        let read = self.from.read_line(&mut line).context("listening to Python")?;
        ensure!(read > 0, "the Python side ended early; it needs faiss-cpu, usearch and numpy");
        Ok(line)
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
