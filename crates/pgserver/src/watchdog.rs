//! Stops a server and removes its folder when we are gone, however we went.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::account::Account;

/// `read` ends when nobody is left who could write to the pipe: only we can, and the kernel closes our end when
/// we end. Then the whole process group, which is the watchdog's own, is asked to stop at once.
const SCRIPT: &str = r#"
trap '' HUP INT QUIT TERM
read -r _
kill -QUIT 0
waited=0
while [ -e "$1/data/postmaster.pid" ] && [ "$waited" -lt 100 ]; do
    sleep 0.1
    waited=$((waited + 1))
done
rm -rf "$1" || { sleep 1; rm -rf "$1"; }
kill -KILL 0
"#;

pub(crate) struct Watchdog(Child);

impl Watchdog {
    pub(crate) fn start(folder: &Path, account: Account) -> Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "surety-postgres-watchdog"]).arg(folder);
        // Holding on to our output would keep whoever reads it waiting.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        command.current_dir("/").process_group(0);
        account.take_on(&mut command);
        Ok(Self(command.spawn().context("starting `sh` as a watchdog")?))
    }

    /// Lets `command` run under the watchdog's eyes. Ctrl-C at a terminal does not reach it any more.
    pub(crate) fn guard(&self, command: &mut Command) -> Result<()> {
        let group = i32::try_from(self.0.id()).context("a process id that is too large")?;
        command.process_group(group);
        Ok(())
    }
}

impl Drop for Watchdog {
    /// Lets it do its work now, and waits for that.
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().ok();
    }
}
