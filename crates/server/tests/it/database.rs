//! Everything the database holds, to see whether a refused request changed anything.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

/// Every row of every table, as text, by table.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Dump(BTreeMap<String, Vec<String>>);

impl Dump {
    pub(crate) fn of(data: &Path) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let database = Connection::open_with_flags(data.join("surety.db"), flags).unwrap();
        let mut names = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").unwrap();
        let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert!(names.len() > 10, "the schema is there: {names:?}");
        Self(names.into_iter().map(|name| (name.clone(), rows(&database, &name))).collect())
    }

    /// The rows of one table.
    pub(crate) fn table(&self, name: &str) -> &[String] {
        &self.0[name]
    }

    /// Fails, naming the tables and rows that differ.
    pub(crate) fn assert_same(&self, after: &Self, what: &str) {
        let mut changes = String::new();
        for (table, rows) in &self.0 {
            let now = &after.0[table];
            for row in now.iter().filter(|row| !rows.contains(row)) {
                changes.push_str(&format!("+ {table}: {row}\n"));
            }
            for row in rows.iter().filter(|row| !now.contains(row)) {
                changes.push_str(&format!("- {table}: {row}\n"));
            }
        }
        assert!(changes.is_empty() && self == after, "{what} changed the database:\n{changes}");
    }
}

fn rows(database: &Connection, table: &str) -> Vec<String> {
    let mut all = database.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).unwrap();
    let columns = all.column_count();
    let text = |row: &rusqlite::Row<'_>| {
        let values: Result<Vec<Value>, _> = (0..columns).map(|column| row.get(column)).collect();
        values.map(|values| format!("{values:?}"))
    };
    all.query_map([], text).unwrap().map(Result::unwrap).collect()
}
