//! Faces searched in PostgreSQL with pgvector, beside the same in memory: the same decisions, and whatever is revoked is
//! revoked at once, for every process. There is nothing of it on SQLite but refusals.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use api::{
    Capture, Check, CodePurpose, ConfirmEnrolment, Consent, ConsentText, DisputeView, EnrolmentView,
    MessageList, NewEnrolment, NewMerchant, NewMerchantReply, NewOrder, NewTerminal, NotMe, PayerView,
    SessionView, Stage, StepUp, Withdrawn,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use scenario::{Client, NewHolder, Phones, Server, Sms, Start, onboard};
use serde_json::{Value, json};
use tempfile::TempDir;
use types::{GeoPoint, PayerId, Place, TerminalId};

use crate::database::{Dump, columns, new_database, on_postgres, psql};
use crate::fixture::{
    PIN, attempt_at, fund, holder, home, models, new_order, samples, somebody, start, verify, workspace, yuan,
};

/// Above every tier without a strong factor, so that nobody is debited before the PIN.
const LARGE: i64 = 150_000;
const FRAMES: [&str; 2] = ["studio_posture", "amateur_selfie"];

fn policy(search: &str) -> String {
    let mut text = fs::read_to_string(workspace().join("policy/default.toml")).unwrap();
    let changes = [
        ("search = \"everybody\"", format!("search = \"{search}\"")),
        ("per_minute = 1\n", "per_minute = 5\n".to_owned()),
        (
            "phone = { per_minute = 2, burst = 10 }",
            "phone = { per_minute = 30000, burst = 30000 }".to_owned(),
        ),
        ("look_alike_fmr = 1e-6", "look_alike_from = 0.3".to_owned()),
        // What happened at the till meanwhile changes nothing.
        ("prior_weight = 200.0\nprior_not_enrolled_min = 0.02\n", String::new()),
        // What is compared here are identities; the pictures are photographs.
        ("refuse_below = 0.3", "refuse_below = 0.0".to_owned()),
    ];
    for (old, new) in changes {
        assert!(text.contains(old), "the default policy has no {old}");
        text = text.replace(old, &new);
    }
    text
}

fn pictures(who: &str, names: [&str; 2]) -> Vec<String> {
    let read = |name: &str| fs::read(samples().join(who).join(format!("{name}.jpg"))).unwrap();
    names.iter().map(|name| scenario::retaken(&STANDARD.encode(read(name)))).collect()
}

/// Somebody with a face.
struct Person {
    who: &'static str,
    id: PayerId,
    client: Client,
}

/// What one attempt came to.
struct Attempted {
    stage: Stage,
    session: String,
    recognition: Value,
    case: Value,
    verdict: Value,
}

impl Attempted {
    fn best(&self) -> &Value {
        &self.recognition["certainty"]["best"]["payer"]
    }

    fn searched(&self) -> u64 {
        self.recognition["certainty"]["searched"].as_u64().unwrap()
    }

    fn p_wrong(&self) -> f64 {
        self.recognition["certainty"]["p_wrong"].as_f64().unwrap()
    }

    #[track_caller]
    fn asks_for_the_pin_of(&self, person: &Person) {
        let asks = matches!(&self.stage, Stage::AwaitingCheck { ask: Check::Pin, repeated: false });
        assert!(asks && *self.best() == json!(person.id), "{}: {:?}", person.who, self.stage);
    }

    /// Found, and face payment is off: the terminal reads that nobody was recognised, the record says more.
    #[track_caller]
    fn is_off(&self) {
        self.is_refused("not_recognised");
        assert_eq!(self.verdict["refusal"], "not_enabled");
    }

    #[track_caller]
    fn is_refused(&self, why: &str) {
        assert!(matches!(&self.stage, Stage::Refused { code, detail: _ } if code == why), "{:?}", self.stage);
    }
}

/// A shop, whoever is enrolled, and servers on one database.
struct Town {
    // Dropped first, so that servers have stopped when their folder goes.
    servers: Vec<Server>,
    folder: TempDir,
    database: String,
    merchant: Client,
    terminal: Client,
    staff: Client,
    till: TerminalId,
    people: Vec<Person>,
    orders: u32,
}

/// Which of [`Town::servers`] searches where.
const MEMORY: usize = 0;
const VECTORS: usize = 1;

impl Town {
    /// One server that searches in memory, where everybody is enrolled.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for search in ["last_four", "last_four_and_region"] {
            fs::write(folder.path().join(search), policy(search)).unwrap();
        }
        fs::create_dir(folder.path().join("sms")).unwrap();
        let database = new_database().unwrap();
        let server =
            Server::start(&starting(folder.path(), &database, "one", ("last_four", "memory"))).unwrap();
        let anybody = server.client();
        let staff = somebody(&anybody.with_key(server.admin_key()), "li.na");
        let shop = NewMerchant { name: "Lantern Deli".to_owned(), city: "Hangzhou".to_owned() };
        let shop: NewMerchantReply = staff.post("/v1/merchants", &shop).unwrap();
        let till = NewTerminal { label: "till 1".to_owned(), place: home() };
        let till = onboard(&staff, shop.merchant_id, &till).unwrap();
        let (merchant, terminal) = (anybody.with_key(&shop.api_key), anybody.with_signature(till.key));
        let mut town = Self {
            servers: vec![server],
            folder,
            database,
            merchant,
            terminal,
            staff,
            till: till.terminal_id,
            people: Vec::new(),
            orders: 0,
        };
        let far = Place {
            city: "Urumqi".to_owned(),
            address: "1 Bazaar Street".to_owned(),
            point: GeoPoint::new(43.8, 87.6).unwrap(),
        };
        let people = [
            ("P001", "+8613700010311", home()),
            ("P003", "+8613700020311", home()),
            ("P005", "+8613700030311", far),
            ("P008", "+8613700010399", home()),
            ("P002", "+8613700050555", home()),
        ];
        people
            .into_iter()
            .for_each(|(who, phone, home)| town.enrol(MEMORY, who, NewHolder { home, ..holder(phone) }));
        town
    }

    fn start(&mut self, name: &str, how: (&str, &str)) {
        let start = starting(self.folder.path(), &self.database, name, how);
        fs::create_dir_all(&start.data).unwrap();
        for key in ["master.key", "staff.key"] {
            fs::copy(self.servers[MEMORY].data().join(key), start.data.join(key)).unwrap();
        }
        self.servers.push(Server::start(&start).unwrap());
    }

    fn restart(&mut self, at: usize, name: &str, how: (&str, &str)) {
        let start = starting(self.folder.path(), &self.database, name, how);
        self.servers[at].restart(&start).unwrap();
    }

    /// A client at one of the servers.
    fn at(&self, server: usize, client: &Client) -> Client {
        client.moved_to(&self.servers[server].client())
    }

    fn phones(&self) -> Phones {
        Phones::new(&self.folder.path().join("sms"))
    }

    fn person(&self, who: &str) -> &Person {
        self.people.iter().find(|person| person.who == who).unwrap()
    }

    fn enrol(&mut self, server: usize, who: &'static str, holder: NewHolder) {
        let anybody = self.servers[server].client();
        let registered = self.phones().register(&anybody, &holder).unwrap();
        let client = anybody.with_key(&registered.device_key);
        let text: ConsentText = client.get("/v1/consent-text").unwrap();
        let _: Value = client.post("/v1/me/consent", &Consent { version: text.version }).unwrap();
        let frames = pictures(who, ["studio_portrait", "amateur_posture"]);
        let enrolment: EnrolmentView = client.post("/v1/me/enrolments", &NewEnrolment { frames }).unwrap();
        let inbox: MessageList = client.get("/v1/me/messages").unwrap();
        let message = inbox.messages.into_iter().find(|message| message.kind == "enrolment_code").unwrap();
        let confirm = ConfirmEnrolment { code: message.value.unwrap(), pin: None, passkey: None };
        let path = format!("/v1/me/enrolments/{}/confirm", enrolment.enrolment_id);
        let _: EnrolmentView = client.post(&path, &confirm).unwrap();
        self.people.push(Person { who, id: registered.payer_id, client });
    }

    /// Somebody stands at the till and types four digits.
    fn stand(&mut self, server: usize, who: &str, digits: &str, minor: i64) -> Attempted {
        self.orders += 1;
        let order =
            NewOrder { amount: yuan(minor), ..new_order(self.till, &format!("order {}", self.orders)) };
        let terminal = self.at(server, &self.terminal);
        let attempt = attempt_at(&self.at(server, &self.merchant), &terminal, &order);
        let path = format!("/v1/capture-sessions/{}", attempt.session.session_id);
        let nonce = attempt.session.nonce;
        let (frames, report) = (pictures(who, FRAMES), scenario::plain_report());
        let capture = Capture { nonce: nonce.clone(), frames, report, challenge: None };
        let view: SessionView = terminal.post(&format!("{path}/capture"), &capture).unwrap();
        let first = matches!(view.state, Stage::AwaitingCheck { ask: Check::LastFour, repeated: false });
        assert!(first, "digits come first: {:?}", view.state);
        let step = StepUp { nonce: nonce.clone(), check: Check::LastFour, answer: Some(digits.to_owned()) };
        let mut view: SessionView = terminal.post(&format!("{path}/step-up"), &step).unwrap();
        if minor < LARGE && matches!(view.state, Stage::AwaitingCheck { ask: Check::Pin, repeated: _ }) {
            let step = StepUp { nonce, check: Check::Pin, answer: Some(PIN.to_owned()) };
            view = terminal.post(&format!("{path}/step-up"), &step).unwrap();
        }
        let session = attempt.session.session_id.to_string();
        let dump = Dump::of(&self.servers[server]);
        let rows = dump.table("decisions").iter().map(|row| serde_json::from_str::<Value>(row).unwrap());
        let last =
            rows.filter(|row| row["session_id"] == session).max_by_key(|row| row["seq"].as_u64()).unwrap();
        let read = |column: &str| serde_json::from_str(last[column].as_str().unwrap()).unwrap();
        Attempted {
            stage: view.state,
            session,
            recognition: read("recognition"),
            case: read("kase"),
            verdict: read("verdict"),
        }
    }

    /// The same at both servers: the same is decided for the same reasons.
    #[track_caller]
    fn stand_at_both(&mut self, who: &str, digits: &str) -> Attempted {
        let [memory, vectors] = [MEMORY, VECTORS].map(|server| self.stand(server, who, digits, LARGE));
        assert_eq!(memory.recognition, vectors.recognition, "{who} {digits}");
        assert_eq!(memory.verdict, vectors.verdict, "{who} {digits}");
        // The second till sees the same pictures again, and says so.
        let but_hints = |case: &Value| {
            let mut case = case.clone();
            case.as_object_mut().unwrap().remove("hints");
            case
        };
        assert_eq!(but_hints(&memory.case), but_hints(&vectors.case), "{who} {digits}");
        // What chose the search was no proof, and counted as none.
        let passed = json!([{ "check": "last_four", "as_filter": true }]);
        assert_eq!(vectors.case["passed"], passed);
        if let Some(p_wrong) = vectors.verdict["p_wrong"].as_f64() {
            assert_eq!(p_wrong.to_bits(), vectors.p_wrong().to_bits(), "{who} {digits}");
        }
        vectors
    }

    fn row_of(&self, who: &str) -> usize {
        let rows = Dump::of(&self.servers[VECTORS]);
        let id = self.person(who).id.to_string();
        rows.table("face_search").iter().filter(|row| row.contains(&id)).count()
    }
}

fn starting(folder: &Path, database: &str, name: &str, (search, gallery): (&str, &str)) -> Start {
    // Whichever process sends a text puts it where all look.
    let shared = |name: &str| folder.join(name).display().to_string();
    let more = ["--gallery", gallery, "--captures", &shared("captures"), "--sms-spool", &shared("sms")];
    Start {
        data: folder.join(name),
        database: Some(database.to_owned()),
        policy: Some(folder.join(search)),
        more: more.map(str::to_owned).to_vec(),
        sms: Sms::Nowhere,
        log: folder.join(format!("{name}.log")),
        ..start(folder, &models())
    }
}

#[test]
fn the_database_decides_as_memory_does_and_forgets_at_once() {
    if !on_postgres() {
        return;
    }
    let mut town = Town::new();
    // The second server makes the tables, and the rows of everybody who is enrolled.
    town.start("two", ("last_four", "postgresql"));
    every_column_is_accounted_for(&town);
    let three = the_same_decisions(&mut town);
    for (at, name, gallery) in [(MEMORY, "one", "memory"), (VECTORS, "two", "postgresql")] {
        town.restart(at, name, ("last_four_and_region", gallery));
    }
    the_same_decisions_by_region(&mut town, &three);
    for server in &town.servers {
        verify(server);
    }
    town.restart(VECTORS, "two", ("last_four", "postgresql"));
    town.start("three", ("last_four", "postgresql"));
    look_alikes_are_found(&mut town);
    a_debit_is_investigated(&mut town);
    what_is_revoked_is_gone_at_once(&mut town);
    verify(&town.servers[VECTORS]);
}

fn every_column_is_accounted_for(town: &Town) {
    let register: api::ProcessingRegister =
        town.servers[VECTORS].client().get("/v1/processing-register").unwrap();
    let held = register.entries.iter().flat_map(|entry| &entry.columns);
    let named: BTreeSet<(String, String)> = held
        .flat_map(|held| held.columns.iter().map(|column| (held.table.clone(), column.clone())))
        .filter(|(table, _)| table.starts_with("face_search"))
        .collect();
    let there = columns(&town.servers[VECTORS]).into_iter();
    assert_eq!(named, there.filter(|(table, _)| table.starts_with("face_search")).collect());
}

/// Owners and strangers, right and wrong digits; returns the owner's attempt among three.
fn the_same_decisions(town: &mut Town) -> Attempted {
    let owner = town.stand_at_both("P001", "0311");
    owner.asks_for_the_pin_of(town.person("P001"));
    assert_eq!((owner.searched(), &owner.recognition["among"]), (3, &json!("last_four")));
    for who in ["P003", "P005"] {
        town.stand_at_both(who, "0311").asks_for_the_pin_of(town.person(who));
    }
    town.stand_at_both("P008", "0399").asks_for_the_pin_of(town.person("P008"));
    // Nobody who is enrolled, somebody who is and typed another's digits, and digits that nobody has.
    for (who, digits, searched) in
        [("P007", "0311", 3), ("P007", "0399", 1), ("P008", "0311", 3), ("P001", "9999", 0)]
    {
        let stranger = town.stand_at_both(who, digits);
        stranger.is_refused("not_recognised");
        assert_eq!(stranger.searched(), searched);
    }
    owner
}

fn the_same_decisions_by_region(town: &mut Town, three: &Attempted) {
    let owner = town.stand_at_both("P001", "0311");
    owner.asks_for_the_pin_of(town.person("P001"));
    assert_eq!((owner.searched(), &owner.recognition["among"]), (2, &json!("last_four_and_region")));
    // The same score, and fewer who could be meant.
    let score = |attempted: &Attempted| attempted.recognition["certainty"]["terms"][0]["score"].clone();
    assert_eq!(score(&owner), score(three));
    assert!(owner.p_wrong() < three.p_wrong(), "{} {}", owner.p_wrong(), three.p_wrong());
    // At home in Urumqi, standing in Hangzhou.
    town.stand_at_both("P005", "0311").is_refused("not_recognised");
    town.stand_at_both("P007", "0311").is_refused("not_recognised");
}

/// An enrolment at the database compares with everybody, and the row is there at once.
fn look_alikes_are_found(town: &mut Town) {
    town.enrol(2, "P004", holder("+8613700060555"));
    let (one, other) = (town.person("P002").id, town.person("P004").id);
    let dump = Dump::of(&town.servers[VECTORS]);
    let rows: Vec<Value> =
        dump.table("look_alikes").iter().map(|row| serde_json::from_str(row).unwrap()).collect();
    let found = |a: PayerId, b: PayerId| {
        rows.iter().any(|row| row["payer_id"] == a.to_string() && row["other_id"] == b.to_string())
    };
    assert!(found(one, other) && found(other, one), "{rows:?}");
    let twin = town.stand(VECTORS, "P004", "0555", LARGE);
    assert_eq!((twin.searched(), &twin.recognition["look_alike"]), (2, &json!(true)));
}

fn a_debit_is_investigated(town: &mut Town) {
    let payer = town.person("P001").id;
    fund(&town.at(VECTORS, &town.staff), payer, 1_000_000, 50_000);
    let paid = town.stand(VECTORS, "P001", "0311", 2_000);
    let Stage::Approved { payment_id, payer_name: _ } = paid.stage else { panic!("{:?}", paid.stage) };
    let not_me = NotMe { words: "not me".to_owned(), freeze: false };
    let client = town.at(2, &town.person("P001").client);
    let dispute: DisputeView = client.post(&format!("/v1/me/payments/{payment_id}/not-me"), &not_me).unwrap();
    let path = format!("/v1/disputes/{}/evidence?purpose=dispute", dispute.dispute_id);
    let gathered: Value = town.at(VECTORS, &town.staff).get(&path).unwrap();
    let facts = &gathered[0]["facts"];
    assert_eq!((&facts["digits_narrowed_search"], &facts["searched"]), (&json!(true), &json!(3)));
    // Today everybody was compared, and nobody fits better.
    assert!(facts["p_wrong_now"].as_f64().unwrap() < 1e-3, "{facts}");
    assert_eq!(facts["better_match"], Value::Null);
}

fn what_is_revoked_is_gone_at_once(town: &mut Town) {
    let at = |town: &Town, server: usize, who: &str| town.at(server, &town.person(who).client);
    // Frozen here, asked there.
    let view: PayerView = at(town, 2, "P008").post("/v1/me/face/freeze", &json!({})).unwrap();
    assert_eq!(view.face, api::Face::Frozen);
    town.stand(VECTORS, "P008", "0399", LARGE).is_off();
    let _: PayerView =
        at(town, VECTORS, "P008").post("/v1/me/face/unfreeze", &json!({ "pin": PIN })).unwrap();
    town.stand(2, "P008", "0399", LARGE).asks_for_the_pin_of(town.person("P008"));

    // Another number: found by the new digits and not by the old ones, and off until the holder says so.
    let number = "+8613700070399".parse().unwrap();
    let code = town.phones().code(&town.servers[VECTORS].client(), &number, CodePurpose::Change).unwrap();
    let change = json!({ "challenge_id": code.challenge_id, "code": code.code, "pin": PIN });
    let _: PayerView = at(town, VECTORS, "P003").post("/v1/me/phone", &change).unwrap();
    let old = town.stand(2, "P003", "0311", LARGE);
    old.is_refused("not_recognised");
    assert_eq!(old.searched(), 2);
    let new = town.stand(2, "P003", "0399", LARGE);
    new.is_off();
    assert_eq!((new.searched(), new.best()), (2, &json!(town.person("P003").id)));

    // Withdrawn, with what terminals saw: the capture was the candidate's as soon as there was one.
    let seen = town.stand(VECTORS, "P001", "0311", LARGE);
    seen.asks_for_the_pin_of(town.person("P001"));
    assert_eq!(town.row_of("P001"), 1);
    let _: Withdrawn = at(town, 2, "P001").delete("/v1/me/consent").unwrap();
    assert_eq!(town.row_of("P001"), 0);
    let gone = town.stand(VECTORS, "P001", "0311", LARGE);
    gone.is_refused("not_recognised");
    assert_eq!(gone.searched(), 1);
    let captures = Dump::of(&town.servers[VECTORS]);
    let mut captures =
        captures.table("captures").iter().map(|row| serde_json::from_str::<Value>(row).unwrap());
    let capture = captures.find(|row| row["session_id"] == seen.session).unwrap();
    assert!(capture["tombstone_id"].is_string(), "the capture went with the face");

    // Closed.
    let _: Value = at(town, VECTORS, "P008").post("/v1/me/closing", &json!({ "pin": PIN })).unwrap();
    assert_eq!(town.row_of("P008"), 0);
    town.stand(2, "P008", "0399", LARGE).is_refused("not_recognised");
}

/// Nothing starts that could not find anybody; it says what to do instead.
#[test]
fn a_gallery_in_the_database_needs_what_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |database: Option<String>, policy: Option<PathBuf>| {
        let start = Start {
            database,
            policy,
            more: vec!["--gallery".to_owned(), "postgresql".to_owned()],
            ..start(folder.path(), &models())
        };
        let error = Server::start(&start).err().expect("it starts");
        format!("{error:#}")
    };
    let filter = folder.path().join("filter.toml");
    fs::write(&filter, policy("last_four")).unwrap();
    let told = refused(None, Some(filter.clone()));
    assert!(told.contains("needs a PostgreSQL database: name it with --database"), "{told}");
    if !on_postgres() {
        return;
    }
    let database = new_database().unwrap();
    let told = refused(Some(database.clone()), None);
    assert!(told.contains("the policy compares everybody: write search ="), "{told}");
    // Whoever may not switch pgvector on.
    psql(&database, "DROP ROLE IF EXISTS modest");
    psql(&database, "CREATE ROLE modest LOGIN");
    psql(&database, "GRANT ALL ON SCHEMA public TO modest");
    let modest = database.replacen("://surety", "://modest", 1);
    assert_ne!(modest, database);
    let told = refused(Some(modest), Some(filter));
    assert!(told.contains("let a superuser run CREATE EXTENSION vector in this database"), "{told}");
    psql(&database, "DROP OWNED BY modest");
}

/// In buckets larger than what is named one by one, and among everybody: the measurement holds every answer of the
/// database against the one of memory.
#[test]
fn large_buckets_give_the_same_answer() {
    if !on_postgres() {
        return;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_surety"));
    command.args(["bench", "growth", "--accounts", "1500", "--buckets", "20", "300", "--rounds", "1"]);
    command.arg("--models").arg(models()).arg("--root").arg(workspace());
    let output = command.output().unwrap();
    let told =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && told.contains("bucket of 300, pgvector"), "{told}");
}
