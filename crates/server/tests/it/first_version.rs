//! An installation as the first version left it: each sealed value carries its own key, and the key of the blind index
//! is derived from the master key. Made of one of today, with the first version's constructions written out again.

use std::fs;
use std::path::Path;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use evidence::{Generation, Keyring, MasterKey, WrappedKey};
use hkdf::Hkdf;
use rusqlite::Connection;
use sha2::Sha256;

/// Turns every sealed value of a stopped installation on SQLite into one of the first version.
pub(crate) fn put_back(data: &Path) {
    let old = Old::open(data);
    old.column("payers", "contact_sealed", ("contact_key", "contact_generation"), |id| {
        (format!("contact key {id}"), format!("contact {id}"))
    });
    old.column("merchants", "webhook_secret_sealed", ("webhook_key", "webhook_generation"), |id| {
        (format!("webhook key {id}"), format!("webhook {id}"))
    });
    old.faces();
    old.captures(&data.join("captures"));
    let index = MasterKey::new(old.master).first_index();
    let mark = index.blind_index("installation", "master key").to_vec();
    let changed =
        old.database.execute("UPDATE installation SET value = ?1 WHERE name = 'master_key'", [mark]);
    assert_eq!(changed.unwrap(), 1);
    // What the first version did not know.
    old.database
        .execute_batch(
            "UPDATE user_secrets SET totp_active = 0, totp_sealed = NULL, totp_key = NULL, totp_generation = NULL;
             UPDATE outbox SET text_sealed = NULL, text_key = NULL, text_generation = NULL;
             DELETE FROM phone_codes;",
        )
        .unwrap();
    old.database.execute("DELETE FROM installation WHERE name = 'index_key'", []).unwrap();
    old.database.execute("DELETE FROM master_generations", []).unwrap();
}

struct Old {
    master: [u8; 32],
    ring: Keyring,
    database: Connection,
}

/// Table, id, value, and the columns of the key.
type Sealed = (String, Option<Vec<u8>>, Option<Vec<u8>>, Option<String>);

impl Old {
    fn open(data: &Path) -> Self {
        let mut master = [0; 32];
        hex::decode_to_slice(fs::read_to_string(data.join("master.key")).unwrap().trim(), &mut master)
            .unwrap();
        let ring = Keyring::new(&[MasterKey::new(master)]).unwrap();
        let database = Connection::open(data.join("surety.db")).unwrap();
        database.execute_batch("PRAGMA foreign_keys = ON").unwrap();
        Self { master, ring, database }
    }

    fn rows(&self, sql: &str) -> Vec<Sealed> {
        let mut rows = self.database.prepare(sql).unwrap();
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        rows.query_map([], read).unwrap().map(Result::unwrap).collect()
    }

    fn open_value(&self, key: (&str, Vec<u8>, String), label: &str, sealed: &[u8]) -> Vec<u8> {
        let (key_label, bytes, generation) = key;
        let generation: Generation = generation.parse().unwrap();
        let key = self.ring.unwrapped(key_label, &WrappedKey { generation, bytes }).unwrap();
        key.open(label, sealed).unwrap().to_vec()
    }

    /// As version 1 sealed: a data key of its own, wrapped, before the body.
    fn seal(&self, label: &str, plain: &[u8]) -> Vec<u8> {
        let mut wrapping = [0; 32];
        let kdf = Hkdf::<Sha256>::new(None, &self.master);
        kdf.expand(b"surety wrapping v1", &mut wrapping).unwrap();
        let (key, key_nonce, nonce) = ([3; 32], [4; 24], [5; 24]);
        let seal = |key: &[u8; 32], nonce: [u8; 24], plain: &[u8]| {
            let payload = Payload { msg: plain, aad: label.as_bytes() };
            XChaCha20Poly1305::new(key.into()).encrypt(&XNonce::from(nonce), payload).unwrap()
        };
        let (wrapped, body) = (seal(&wrapping, key_nonce, &key), seal(&key, nonce, plain));
        [&[1][..], &key_nonce, &wrapped, &nonce, &body].concat()
    }

    fn column(
        &self,
        table: &str,
        value: &str,
        (key, generation): (&str, &str),
        labels: impl Fn(&str) -> (String, String),
    ) {
        let sql = format!("SELECT id, {value}, {key}, {generation} FROM {table}");
        for (name, sealed, wrapped, under) in self.rows(&sql) {
            let (Some(sealed), Some(wrapped), Some(under)) = (sealed, wrapped, under) else { continue };
            let (key_label, label) = labels(&name);
            let plain = self.open_value((&key_label, wrapped, under), &label, &sealed);
            let sql =
                format!("UPDATE {table} SET {value} = ?2, {key} = NULL, {generation} = NULL WHERE id = ?1");
            self.database.execute(&sql, (&name, self.seal(&label, &plain))).unwrap();
        }
    }

    fn faces(&self) {
        for (table, id) in [("templates", "payer_id"), ("enrolments", "id")] {
            let sql = format!(
                "SELECT t.payer_id, t.template_sealed, k.key_wrapped, k.generation
                 FROM {table} t JOIN face_keys k ON k.payer_id = t.payer_id WHERE t.template_sealed IS NOT NULL"
            );
            for (payer, sealed, wrapped, under) in self.rows(&sql) {
                let (sealed, key_label) = (sealed.unwrap(), format!("face key {payer}"));
                let label = format!("template {payer}");
                let plain = self.open_value((&key_label, wrapped.unwrap(), under.unwrap()), &label, &sealed);
                let sql = format!("UPDATE {table} SET template_sealed = ?2 WHERE template_sealed = ?1");
                assert_eq!(
                    self.database.execute(&sql, (&sealed, self.seal(&label, &plain))).unwrap(),
                    1,
                    "{id}"
                );
            }
        }
        self.database.execute("DELETE FROM template_parts", []).unwrap();
        self.database.execute("DELETE FROM face_keys", []).unwrap();
    }

    fn captures(&self, folder: &Path) {
        let keys = self.rows("SELECT id, NULL, key_wrapped, generation FROM captures");
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let (capture, index) = name.split_once('-').unwrap();
            if capture.starts_with("enr_") {
                // That version kept no pictures of an enrolment.
                fs::remove_file(&path).unwrap();
                continue;
            }
            let (_, _, wrapped, under) = keys.iter().find(|(id, ..)| id == capture).unwrap().clone();
            let key_label = format!("capture key {capture}");
            let label = format!("frame {capture} {index}");
            let key = (key_label.as_str(), wrapped.unwrap(), under.unwrap());
            let plain = self.open_value(key, &label, &fs::read(&path).unwrap());
            fs::write(&path, self.seal(&label, &plain)).unwrap();
        }
        let mut sessions = self.database.prepare("SELECT id, session_id FROM captures").unwrap();
        let sessions: Vec<(String, String)> = sessions
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        self.column("captures", "probe_sealed", ("key_wrapped", "generation"), |id| {
            let (_, session) = sessions.iter().find(|(capture, _)| capture == id).unwrap();
            (format!("capture key {id}"), format!("probe {session}"))
        });
    }
}
