//! The register of processing: which personal data there is, why, on what basis, who sees it, how long it is kept, how
//! it is protected and how it ends. One table in code, beside the code that holds the data; page, interface and
//! document are made from it.
//!
//! Invariant: every column of the database stands either in [`REGISTER`] or in [`NOT_PERSONAL`], and every file of the
//! data folder in the register. A test of the server holds both against what really is there, so that a new column
//! without a line here is noticed.

use std::fmt::Write as _;

mod not_personal;
mod table;

pub use not_personal::NOT_PERSONAL;
pub use table::REGISTER;

/// One kind of processing.
#[derive(Debug)]
pub struct Entry {
    /// A name that never changes, for programs.
    pub code: &'static str,
    /// Where the data lies.
    pub held: &'static [Held],
    /// In Chinese.
    pub zh: Words,
    /// In English.
    pub en: Words,
}

/// Where data lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// In columns of a table, separated by spaces.
    Columns(&'static str, &'static str),
    /// In files of the data folder whose names begin like this.
    Files(&'static str),
}

/// What is said of one kind of processing, in one language.
#[derive(Debug)]
pub struct Words {
    /// Which data, of whom.
    pub what: &'static str,
    /// For what purpose.
    pub why: &'static str,
    /// On what legal basis.
    pub basis: &'static str,
    /// Who sees it.
    pub seen_by: &'static str,
    /// How long it is kept.
    pub kept: &'static str,
    /// How it is protected meanwhile.
    pub protected: &'static str,
    /// What ends it, and how.
    pub ended: &'static str,
}

/// Columns that say nothing about a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPersonal {
    /// The table.
    pub table: &'static str,
    /// Its columns, separated by spaces.
    pub columns: &'static str,
    /// Why they are not personal.
    pub why: &'static str,
}

impl Words {
    /// What is said, in the order in which it is read.
    #[must_use]
    pub const fn parts(&self) -> [&'static str; 7] {
        [self.what, self.why, self.basis, self.seen_by, self.kept, self.protected, self.ended]
    }
}

const ZH: [&str; 7] = ["处理什么", "目的", "依据", "谁能看到", "保存多久", "如何保护", "如何终止"];
const EN: [&str; 7] =
    ["What", "Why", "Legal basis", "Who sees it", "How long", "How it is protected", "How it ends"];

/// The register as a Markdown page, in both languages: what `surety register` prints.
#[must_use]
pub fn register_page() -> String {
    let mut page = String::from(
        "# Register of processing · 个人信息处理登记表\n\n\
         Made from `crates/engine/src/processing/` by `cargo xtask codegen`; change it there.\n",
    );
    for entry in REGISTER {
        let _infallible = write!(page, "\n## {}\n\n", entry.code);
        for (heads, words) in [(EN, &entry.en), (ZH, &entry.zh)] {
            for (head, part) in heads.iter().zip(words.parts()) {
                let _infallible = writeln!(page, "- **{head}**: {part}");
            }
            page.push('\n');
        }
        page.push_str("Held in · 存放于:\n\n");
        for held in entry.held {
            let _infallible = match held {
                Held::Columns(table, columns) => writeln!(page, "- `{table}`: {columns}"),
                Held::Files(beginning) => writeln!(page, "- files `{beginning}*`"),
            };
        }
    }
    page.push_str("\n## Not personal · 非个人信息\n\n");
    for NotPersonal { table, columns, why } in NOT_PERSONAL {
        let _infallible = writeln!(page, "- `{table}`: {columns} ({why})");
    }
    page
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn everything_is_said_in_both_languages() {
        let mut codes = BTreeSet::new();
        for entry in REGISTER {
            assert!(codes.insert(entry.code), "{} stands twice", entry.code);
            assert!(!entry.held.is_empty(), "{} lies nowhere", entry.code);
            for (zh, en) in entry.zh.parts().into_iter().zip(entry.en.parts()) {
                assert!(!zh.is_ascii() && zh.ends_with('。'), "{}: {zh}", entry.code);
                assert!(en.is_ascii() && en.ends_with('.'), "{}: {en}", entry.code);
            }
        }
        assert!(NOT_PERSONAL.iter().all(|line| !line.why.is_empty()));
        let page = register_page();
        assert!(REGISTER.iter().all(|entry| page.contains(entry.zh.kept) && page.contains(entry.en.ended)));
    }
}
