//! A small city: as many shops as people, each person paying at the own shop, so that what should be in the books
//! follows from what one client alone was told.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use api::{
    BreakGlassView, ConfirmEnrolment, Consent, ConsentText, EnrolmentView, Funding, Language, MessageList,
    NewBreakGlass, NewEnrolment, NewMerchant, NewMerchantReply, NewTerminal, Terms, Webhook, WebhookReply,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use scenario::{Client, DeviceKey, NewHolder, Phones, RawCall, Reply, onboard};
use serde::Serialize;
use tempfile::TempDir;
use types::{
    Amount, Currency, Date, GeoPoint, MerchantId, PayerId, Place, StaffRole, StaffRoles, TerminalId,
    TransferId,
};

use crate::data::{Books, postgres};
use crate::process::{Server, Start, workspace};
use crate::receiver::Receiver;

pub(crate) const PIN: &str = "918204";
/// What every payer begins with, and the reserve a hundred times of it: nobody runs out of money.
pub(crate) const BEGINNING: i64 = 100_000_000;

pub(crate) fn yuan(fen: i64) -> Amount {
    Amount::new(fen, Currency::CNY)
}

/// One person, the shop this person buys at, and its till.
#[derive(Clone)]
pub(crate) struct Till {
    pub(crate) number: usize,
    pub(crate) payer_id: PayerId,
    pub(crate) payer_key: String,
    pub(crate) phone: String,
    pub(crate) merchant_id: MerchantId,
    pub(crate) merchant_key: String,
    pub(crate) terminal_id: TerminalId,
    pub(crate) terminal_key: DeviceKey,
    /// What the till's camera sees.
    pub(crate) frames: Arc<Vec<String>>,
}

pub(crate) struct City {
    pub(crate) start: Start,
    pub(crate) books: Books,
    pub(crate) tills: Vec<Till>,
    pub(crate) receiver: Receiver,
    pub(crate) folder: TempDir,
}

/// Which database a test is about.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Sqlite,
    /// A database of this name on the server that all tests share.
    Postgres(&'static str),
}

impl City {
    /// Builds it, and leaves the server running.
    pub(crate) fn build(kind: Kind, people: usize) -> (Self, Server) {
        let folder = tempfile::tempdir().unwrap();
        let start = Start::below(folder.path());
        match kind {
            Kind::Sqlite => {
                let books = Books::Sqlite(start.data.join("surety.db"));
                Self::build_on(folder, start, books, people)
            }
            Kind::Postgres(name) => {
                let server = postgres();
                let url = server.create_database(name).unwrap_or_else(|error| panic!("{error:#}"));
                let start = Start { database: Some(url), ..start };
                Self::build_on(folder, start, Books::Postgres(server, name.to_owned()), people)
            }
        }
    }

    pub(crate) fn build_on(folder: TempDir, mut start: Start, books: Books, people: usize) -> (Self, Server) {
        fs::write(folder.path().join("policy.toml"), policy()).unwrap();
        let receiver = Receiver::start();
        start.more.extend(["--push-gateway".to_owned(), receiver.url("push")]);
        let spool = folder.path().join("sms");
        fs::create_dir_all(&spool).unwrap();
        start.more.extend(["--sms-spool".to_owned(), spool.to_str().unwrap().to_owned()]);
        let phones = Phones::new(&spool);
        let server = start.start();
        let staff = server.access.staff();
        // The key of the first start is an administrator's. For an hour it is everybody's on duty.
        let roles = StaffRoles::all() - (StaffRole::Administrator | StaffRole::Auditor);
        let taken = NewBreakGlass { reason: "a city is being built".to_owned(), roles, minutes: 60 };
        let _: BreakGlassView = staff.post("/v1/break-glass", &taken).unwrap();
        let tills: Vec<Till> = thread::scope(|scope| {
            let build = |number| {
                let (staff, receiver, phones, anybody) = (&staff, &receiver, &phones, server.access.client());
                scope.spawn(move || build_till((&anybody, phones), staff, receiver, number))
            };
            let building: Vec<_> = (1..=people).map(build).collect();
            building.into_iter().map(|till| till.join().unwrap()).collect()
        });
        let reserve = Funding { transfer_id: TransferId::from_bits(1), amount: yuan(100 * BEGINNING) };
        let _: Amount = staff.post("/v1/reserve/fundings", &reserve).unwrap();
        // T+0, which no request can set: payments of today are settled today.
        books.run("UPDATE merchants SET settle_after_days = 0");
        let key = fs::read_to_string(start.data.join("push.key")).unwrap();
        receiver.trust("push", key.trim());
        (Self { start, books, tills, receiver, folder }, server)
    }

    /// A merchant has one settlement a day. Earlier ones become those of other days, so that there is another.
    pub(crate) fn let_a_day_pass(&self) {
        self.books.run("UPDATE settlements SET date = id WHERE state <> 'running' AND date <> id");
    }
}

/// The default policy without the limits that would end the load early.
pub(crate) fn policy() -> String {
    let mut text = fs::read_to_string(workspace().join("policy/default.toml")).unwrap();
    for (line, instead) in [
        ("repeat_seconds = 60", "repeat_seconds = 0".to_owned()),
        ("day_one_factor_minor = 100000", format!("day_one_factor_minor = {BEGINNING}")),
        ("day_max_minor = 500000", format!("day_max_minor = {BEGINNING}")),
        ("basic_day_max_minor = 100000", format!("basic_day_max_minor = {BEGINNING}")),
        ("session_seconds = 120", "session_seconds = 600".to_owned()),
        ("order_minutes = 15", "order_minutes = 600".to_owned()),
        ("p_wrong_max = 1e-6", "p_wrong_max = 1e-3".to_owned()),
        // A server that is killed keeps a recipient to itself for so long, and five seconds.
        ("timeout_seconds = 15", "timeout_seconds = 1".to_owned()),
        (
            "retry_seconds = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]",
            format!("retry_seconds = {:?}", [[0_u32; 4].as_slice(), &[1; 40]].concat()),
        ),
    ] {
        assert!(text.contains(line), "the default policy has no line {line}");
        text = text.replace(line, &instead);
    }
    text
}

fn build_till(
    (anybody, phones): (&Client, &Phones),
    staff: &Client,
    receiver: &Receiver,
    number: usize,
) -> Till {
    let place = Place {
        city: "Hangzhou".to_owned(),
        address: format!("{number} West Lake Road"),
        point: GeoPoint::new(30.2460, 120.1551).unwrap(),
    };
    let shop = NewMerchant { name: format!("Shop {number}"), city: "Hangzhou".to_owned() };
    let shop: NewMerchantReply = staff.post("/v1/merchants", &shop).unwrap();
    let till = NewTerminal { label: "till".to_owned(), place: place.clone() };
    let till = onboard(staff, shop.merchant_id, &till).unwrap();
    let path = format!("/v1/merchants/{}", shop.merchant_id);
    let terms = put(staff, &format!("{path}/terms"), &Terms { settle_after_days: 1, fee_bps: 60 });
    assert_eq!(terms.status, 204, "{}", terms.body);
    let hook = format!("shop-{number}");
    let secret = put(staff, &format!("{path}/webhook"), &Webhook { url: receiver.url(&hook) });
    receiver.trust(&hook, &secret.read::<WebhookReply>().unwrap().secret);

    let phone = format!("+86137000103{number:02}");
    let person = NewHolder {
        name: "Wang Wei".to_owned(),
        phone: phone.parse().unwrap(),
        birth_date: Date::constant(1987, 6, 23),
        pin: PIN.to_owned(),
        language: Language::En,
        home: place,
    };
    let person = phones.register(anybody, &person).unwrap();
    enrol(&anybody.with_key(&person.device_key), number);
    let top_up = Funding { transfer_id: TransferId::from_bits(10 + number as u128), amount: yuan(BEGINNING) };
    let _: Amount = staff.post(&format!("/v1/payers/{}/top-ups", person.payer_id), &top_up).unwrap();
    Till {
        number,
        payer_id: person.payer_id,
        payer_key: person.device_key,
        phone,
        merchant_id: shop.merchant_id,
        merchant_key: shop.api_key,
        terminal_id: till.terminal_id,
        terminal_key: till.key,
        frames: Arc::new(vec![picture(number, "studio_posture")]),
    }
}

fn enrol(payer: &Client, number: usize) {
    let text: ConsentText = payer.get("/v1/consent-text").unwrap();
    let _: serde_json::Value = payer.post("/v1/me/consent", &Consent { version: text.version }).unwrap();
    let frames = vec![picture(number, "studio_portrait"), picture(number, "amateur_posture")];
    let enrolment: EnrolmentView = payer.post("/v1/me/enrolments", &NewEnrolment { frames }).unwrap();
    let inbox: MessageList = payer.get("/v1/me/messages").unwrap();
    let message = inbox.messages.into_iter().find(|message| message.kind == "enrolment_code").unwrap();
    let confirm = ConfirmEnrolment { code: message.value.unwrap(), pin: None, passkey: None };
    let path = format!("/v1/me/enrolments/{}/confirm", enrolment.enrolment_id);
    let _: EnrolmentView = payer.post(&path, &confirm).unwrap();
}

pub(crate) fn put(client: &Client, path: &str, body: &impl Serialize) -> Reply {
    let body = serde_json::to_vec(body).unwrap();
    client.send(RawCall { method: "PUT", path, content_type: Some("application/json"), body: &body }).unwrap()
}

/// A photograph of one of the sample people, as the interface takes it.
fn picture(person: usize, name: &str) -> String {
    let path: PathBuf = workspace().join(format!("var/samples/P{person:03}/{name}.jpg"));
    let bytes = fs::read(&path);
    let bytes = bytes.unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask models`", path.display()));
    STANDARD.encode(bytes)
}
