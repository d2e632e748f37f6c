//! A calibration of the operator's own: its cohorts, what it decided, and the watch over it.

mod drift;
mod own_gallery;

use std::path::{Path, PathBuf};

use api::DecisionList;
use scenario::{Client, NewHolder, Server, Start};
use serde_json::{Value, json};

use crate::fixture::{enrol_face, holder, models, start, workspace};
use crate::money::Shop;

const LN_FMR_FLOOR: f64 = -27.631_021;

pub(crate) fn default_policy() -> String {
    std::fs::read_to_string(workspace().join("policy/default.toml")).unwrap()
}

fn shipped() -> Value {
    let path = workspace().join("policy/calibration/sface-lfw-dev-2.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A calibration file with this name, and whatever else is changed.
fn calibration(folder: &Path, id: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let mut text = shipped();
    text["provenance"]["id"] = id.into();
    change(&mut text);
    let path = folder.join(format!("{id}.json"));
    std::fs::write(&path, text.to_string()).unwrap();
    path
}

fn argument(calibration: &Path) -> Vec<String> {
    vec!["--calibration".to_owned(), calibration.to_str().unwrap().to_owned()]
}

/// Strangers who match `times` as often, as far as a file can say.
fn shifted(models: &Value, times: f64) -> Value {
    let mut models = models.clone();
    for model in models.as_array_mut().unwrap() {
        for knot in model["knots"].as_array_mut().unwrap() {
            for column in [2, 3] {
                let rate = (knot[column].as_f64().unwrap() + times.ln()).clamp(LN_FMR_FLOOR, 0.0);
                knot[column] = rate.into();
            }
            knot[1] = (knot[1].as_f64().unwrap() - times.ln()).min(20.7).into();
        }
    }
    models
}

/// Somebody else with a face of one's own. `P010` resembles the payer little: one stranger in five does more.
fn stranger(shop: &Shop, face: &str, number: u8) -> Client {
    let server = shop.server();
    let anybody = server.client();
    let who = holder(&format!("+86137000400{number:02}"));
    // Somebody of the payer's name who looks alike would be taken for the payer's second account.
    let who = NewHolder { name: "Zhao Min".to_owned(), ..who };
    let person = server.phones().register(&anybody, &who).unwrap();
    let client = anybody.with_key(&person.device_key);
    enrol_face(&client, true, face);
    client
}

fn decisions(shop: &Shop, attempt: &crate::fixture::Attempt) -> DecisionList {
    let path = format!("/v1/capture-sessions/{}/decisions", attempt.session.session_id);
    shop.staff.get(&format!("{path}?purpose=dispute")).unwrap()
}

/// A box around Hangzhou, where the payers of these tests live.
const NORTH: &str =
    "\n[[cohorts]]\nname = \"north\"\nsouth = 29.0\nnorth = 32.0\nwest = 119.0\neast = 121.0\n";
const ELSEWHERE: &str =
    "\n[[cohorts]]\nname = \"elsewhere\"\nsouth = -60.0\nnorth = 0.0\nwest = 119.0\neast = 121.0\n";

#[test]
fn a_policy_names_only_cohorts_that_the_calibration_has() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.toml");
    std::fs::write(&policy, default_policy() + NORTH).unwrap();
    let how = Start { policy: Some(policy), ..start(folder.path(), &models()) };
    let refused = |how: &Start| Server::start(how).err().map(|error| format!("{error:#}")).unwrap();
    let said = refused(&how);
    let wanted =
        "the policy names the cohort north, which calibration sface-lfw-dev-2 does not have (it has none)";
    assert!(said.contains(wanted) && said.contains("--calibration"), "{said}");
    // A name stands for one calibration, since decisions name it.
    let other = calibration(folder.path(), "sface-lfw-dev-2", |text| text["provenance"]["people"] = 9.into());
    let said = refused(&Start { more: argument(&other), policy: None, ..how });
    assert!(said.contains("another calibration called sface-lfw-dev-2 was used here before"), "{said}");
}

#[test]
fn a_payer_is_measured_by_the_cohort_of_the_home() {
    let folder = tempfile::tempdir().unwrap();
    let own = calibration(folder.path(), "own-1", |text| {
        let models = shifted(&text["models"], 4.0);
        text["cohorts"] =
            json!([{ "name": "elsewhere", "models": models }, { "name": "north", "models": models }]);
    });
    let mut shop = Shop::with_arguments(&(default_policy() + ELSEWHERE + NORTH), argument(&own));
    stranger(&shop, "P010", 1);
    let first = shop.attempt("first", 2_000);
    crate::fixture::pay(&shop.terminal, &first);
    let made = &decisions(&shop, &first).decisions[0];
    assert_eq!(made.calibration, "own-1");
    let candidates = made.recognition["input"]["candidates"].as_array().unwrap().clone();
    let cohorts: Vec<&Value> = candidates.iter().map(|candidate| &candidate["cohort"]).collect();
    // By name, so that "elsewhere" is 1 and "north" 2.
    assert_eq!(cohorts, [2, 2]);
    let north = made.recognition["certainty"]["terms"][0]["ln_lr"].as_f64().unwrap();

    // The same face under the policy without cohorts: four times as much, and nothing is written of a cohort.
    shop.policy(&default_policy());
    shop.restart();
    let second = shop.attempt("second", 2_100);
    crate::fixture::pay(&shop.terminal, &second);
    let made = &decisions(&shop, &second).decisions[0];
    assert!(made.recognition["input"]["candidates"][0].get("cohort").is_none());
    let everybody = made.recognition["certainty"]["terms"][0]["ln_lr"].as_f64().unwrap();
    assert!((everybody - north - 4.0_f64.ln()).abs() < 0.1, "{everybody} {north}");

    // Under the shipped calibration those decisions replay with the one that made them, which was kept.
    shop.restart_with(Vec::new());
    shop.verify();
}

/// What ended at the terminal moves the chance of nobody enrolled, and staff read why a decision was sure.
#[test]
fn a_terminals_history_is_its_prior_and_decisions_explain_themselves() {
    let mut shop = Shop::new();
    stranger(&shop, "P010", 1);
    let prior = |made: &api::Decision| made.recognition["input"]["prior_not_enrolled"].as_f64().unwrap();
    let first = shop.attempt("first", 2_000);
    let disputed = crate::fixture::pay(&shop.terminal, &first);
    assert!((prior(&decisions(&shop, &first).decisions[0]) - 0.05).abs() < 1e-12);
    shop.pay("second", 2_001);
    shop.pay("third", 2_002);
    let words = json!({ "words": "not me", "freeze": false });
    let _: Value = shop.payer.post(&format!("/v1/me/payments/{disputed}/not-me"), &words).unwrap();
    // What was counted holds for a minute; a start forgets it. A payment that is disputed speaks for nobody.
    shop.restart();
    let fourth = shop.attempt("fourth", 2_003);
    crate::fixture::pay(&shop.terminal, &fourth);
    let made = &decisions(&shop, &fourth).decisions[0];
    assert!((prior(made) - 10.0 / 202.0).abs() < 1e-12, "{}", prior(made));

    let told = made.explanation.as_ref().unwrap();
    assert!(told.en.starts_with("Sure to 1 in ") && told.en.ends_with("; 2 faces searched."), "{}", told.en);
    assert!(told.zh.starts_with("认错的可能为 ") && told.zh.ends_with("共比对 2 张人脸。"), "{}", told.zh);
    assert!(!told.en.contains("payer_") && !told.zh.contains("payer_"));
    shop.verify();
}
