//! Two processes on one database: who enrols at one is recognised at the other.

use scenario::{Server, Start};

use super::{another, portraits, wait_for};
use crate::database::on_postgres;
use crate::fixture::{Fixture, enrol_with, models, start};

#[test]
fn a_face_enrolled_at_one_process_is_found_by_the_other() {
    if !on_postgres() {
        return;
    }
    let fixture = Fixture::new();
    let folder = tempfile::tempdir().unwrap();
    let how = start(folder.path(), &models());
    std::fs::create_dir_all(&how.data).unwrap();
    for key in ["master.key", "staff.key"] {
        std::fs::copy(fixture.server.data().join(key), how.data.join(key)).unwrap();
    }
    let database = fixture.server.database().map(str::to_owned);
    let captures = fixture.server.data().join("captures").display().to_string();
    let second =
        Server::start(&Start { database, more: vec!["--captures".to_owned(), captures], ..how }).unwrap();
    let enrolled = || -> u64 {
        let health: serde_json::Value = second.client().get("/health").unwrap();
        health["enrolled"].as_u64().unwrap()
    };
    assert_eq!(enrolled(), 1);
    let (_, client) = another(&fixture, "+8613700010321");
    enrol_with(&client, portraits("P003"), true);
    wait_for("the second process hears of it", || enrolled() == 2);
    let _: api::Withdrawn = client.delete("/v1/me/consent").unwrap();
    wait_for("and of the withdrawal", || enrolled() == 1);
}
