//! Under whom PostgreSQL runs.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

/// The ids of `nobody` and its group on every Linux. `initdb` wants a user that has a name, and this one does.
const NOBODY: u32 = 65534;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    /// Whoever runs this process.
    Own,
    /// For a process that runs as root, which PostgreSQL refuses.
    Nobody,
}

impl Account {
    pub(crate) fn for_this_process() -> Self {
        if rustix::process::geteuid().is_root() { Self::Nobody } else { Self::Own }
    }

    /// Lets `command` run under this account, without any group of ours.
    pub(crate) fn take_on(self, command: &mut Command) {
        match self {
            Self::Own => {}
            Self::Nobody => {
                command.uid(NOBODY).gid(NOBODY);
            }
        }
    }

    pub(crate) fn give(self, folder: &Path) -> Result<()> {
        match self {
            Self::Own => Ok(()),
            Self::Nobody => chown(folder, Some(NOBODY), Some(NOBODY))
                .with_context(|| format!("giving {} to `nobody`", folder.display())),
        }
    }
}
