//! A running server with one of everything: shop, terminal, payer with a face, a debit under dispute, an order that
//! can be paid, an attempt that waits for its capture, an enrolment that waits for its code.

use std::path::{Path, PathBuf};

use api::{
    Capture, Check, ConfirmEnrolment, Consent, ConsentText, DisputeView, EnrolmentView, Funding, Language,
    LoginView, MessageList, NewEnrolment, NewMerchant, NewMerchantReply, NewOrder, NewSession,
    NewSessionReply, NewTerminal, NotMe, OrderView, SessionView, Stage, StepUp,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use scenario::{CallError, Client, NewHolder, Server, Sms, Start, onboard};
use tempfile::TempDir;
use types::{
    Amount, Currency, Date, DisputeId, EnrolmentId, GeoPoint, MerchantId, OrderId, PayerId, PaymentId, Place,
    StaffRole, StaffRoles, TerminalId, TransferId, UserId,
};

use crate::database::{new_database, on_postgres};

pub(crate) const PHONE: &str = "+8613700010311";
pub(crate) const PIN: &str = "918204";
const FACE: &str = "P001";

pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

pub(crate) fn models() -> PathBuf {
    fetched("var/models", "face_recognition_sface_2021dec.onnx")
}

pub(crate) fn samples() -> PathBuf {
    fetched("var/samples", "P010/studio_portrait.jpg")
}

fn fetched(folder: &str, proof: &str) -> PathBuf {
    let folder = workspace().join(folder);
    assert!(folder.join(proof).is_file(), "{proof} is not in {}: run `cargo xtask models`", folder.display());
    folder
}

/// A photograph as the interface takes it.
pub(crate) fn picture(name: &str) -> String {
    picture_of(FACE, name)
}

/// A photograph of somebody else.
pub(crate) fn picture_of(face: &str, name: &str) -> String {
    STANDARD.encode(std::fs::read(samples().join(face).join(format!("{name}.jpg"))).unwrap())
}

pub(crate) fn yuan(fen: i64) -> Amount {
    Amount::new(fen, Currency::CNY)
}

pub(crate) fn transfer(number: u128) -> TransferId {
    TransferId::from_bits(number)
}

pub(crate) fn home() -> Place {
    let point = GeoPoint::new(30.2460, 120.1551).unwrap();
    Place { city: "Hangzhou".to_owned(), address: "5 West Lake Road".to_owned(), point }
}

pub(crate) struct Fixture {
    // Dropped first, so that the server has stopped when its folder goes.
    pub(crate) server: Server,
    _folder: TempDir,
    pub(crate) anybody: Client,
    /// Makes users, and can do nothing else.
    pub(crate) admin: Client,
    /// Every role but administrator.
    pub(crate) staff: Client,
    pub(crate) merchant: Client,
    pub(crate) terminal: Client,
    pub(crate) payer: Client,
    /// Who `staff` is.
    pub(crate) user_id: UserId,
    pub(crate) merchant_id: MerchantId,
    pub(crate) terminal_id: TerminalId,
    pub(crate) payer_id: PayerId,
    /// Waits for its code.
    pub(crate) enrolment_id: EnrolmentId,
    pub(crate) enrolment_code: String,
    /// Paid and under dispute.
    pub(crate) paid: Attempt,
    pub(crate) payment_id: PaymentId,
    pub(crate) dispute_id: DisputeId,
    /// Can be paid; its attempt waits for the capture.
    pub(crate) open: Attempt,
}

pub(crate) struct Attempt {
    pub(crate) order_id: OrderId,
    pub(crate) session: NewSessionReply,
}

/// What a test wants otherwise than usual.
pub(crate) struct Setup {
    /// Further arguments of `surety serve`.
    pub(crate) more: Vec<String>,
    pub(crate) models: PathBuf,
    /// The text of a policy instead of the default.
    pub(crate) policy: Option<String>,
    pub(crate) reserve_fen: i64,
    pub(crate) push_gateway: Option<String>,
    pub(crate) sms: Sms,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            models: models(),
            policy: None,
            reserve_fen: 1_000_000,
            push_gateway: None,
            more: Vec::new(),
            sms: Sms::Spool,
        }
    }
}

/// A server on any free port, with its data below `folder`, on the database that the tests run on.
pub(crate) fn start(folder: &Path, models: &Path) -> Start {
    start_on(folder, models, on_postgres().then(|| new_database().unwrap()))
}

fn start_on(folder: &Path, models: &Path, database: Option<String>) -> Start {
    Start {
        surety: env!("CARGO_BIN_EXE_surety").into(),
        data: folder.join("data"),
        database,
        models: models.to_owned(),
        policy: None,
        push_gateway: None,
        master_keys: None,
        sms: Sms::Spool,
        listen: "127.0.0.1:0".to_owned(),
        more: Vec::new(),
        log: folder.join("server.log"),
        // More than an operator logs, and even then nothing that is secret.
        log_filter: Some("debug"),
    }
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(&Setup::default())
    }

    pub(crate) fn with(setup: &Setup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let policy = setup.policy.as_ref().map(|text| {
            let path = folder.path().join("policy.toml");
            std::fs::write(&path, text).unwrap();
            path
        });
        let push_gateway = setup.push_gateway.clone();
        let server = Server::start(&Start {
            policy,
            push_gateway,
            more: setup.more.clone(),
            sms: setup.sms.clone(),
            ..start(folder.path(), &setup.models)
        })
        .unwrap();
        let anybody = server.client();
        let admin = anybody.with_key(server.admin_key());
        let staff = somebody(&admin, "li.na");

        let who: LoginView = staff.get("/v1/login").unwrap();
        let shop = NewMerchant { name: "Lantern Deli".to_owned(), city: "Hangzhou".to_owned() };
        let shop: NewMerchantReply = staff.post("/v1/merchants", &shop).unwrap();
        let till = NewTerminal { label: "till 1".to_owned(), place: home() };
        let till = onboard(&staff, shop.merchant_id, &till).unwrap();
        let person = server.phones().register(&anybody, &holder(PHONE)).unwrap();
        let (merchant, terminal) = (anybody.with_key(&shop.api_key), anybody.with_signature(till.key));
        let payer = anybody.with_key(&person.device_key);
        fund(&staff, person.payer_id, setup.reserve_fen, 50_000);

        enrol(&payer, true);
        let paid = attempt(&merchant, &terminal, till.terminal_id, "paid");
        let payment_id = pay(&terminal, &paid);
        let not_me = NotMe { words: "not me".to_owned(), freeze: false };
        let dispute: DisputeView =
            payer.post(&format!("/v1/me/payments/{payment_id}/not-me"), &not_me).unwrap();
        let (enrolment_id, enrolment_code) = enrol(&payer, false);
        let open = attempt_at(&merchant, &terminal, &open_order(till.terminal_id));
        Self {
            server,
            _folder: folder,
            anybody,
            admin,
            staff,
            merchant,
            terminal,
            payer,
            user_id: who.user_id,
            merchant_id: shop.merchant_id,
            terminal_id: till.terminal_id,
            payer_id: person.payer_id,
            enrolment_id,
            enrolment_code,
            paid,
            payment_id,
            dispute_id: dispute.dispute_id,
            open,
        }
    }

    /// Does something to the installation while its server is not running.
    pub(crate) fn stopped(&mut self, work: impl FnOnce(&Path, Option<&str>)) {
        self.server.pause().unwrap();
        work(self.server.data(), self.server.database());
        if self.server.data().join("master.key").exists() {
            self.restart(None).unwrap();
        }
    }

    /// The same installation after a stop and a start, with the master key from the environment if one is named.
    pub(crate) fn restart(&mut self, master_keys: Option<&str>) -> anyhow::Result<()> {
        let master_keys = master_keys.map(str::to_owned);
        self.restart_as(|how| Start { master_keys, ..how })
    }

    /// The same with another folder of models and further arguments.
    pub(crate) fn restart_with(&mut self, models: &Path, more: Vec<String>) -> anyhow::Result<()> {
        let models = models.to_owned();
        self.restart_as(|how| Start { models, more, ..how })
    }

    fn restart_as(&mut self, otherwise: impl FnOnce(Start) -> Start) -> anyhow::Result<()> {
        let folder = self.server.data().parent().unwrap().to_owned();
        let database = self.server.database().map(str::to_owned);
        self.server.restart(&otherwise(start_on(&folder, &models(), database)))?;
        let anybody = self.server.client();
        for client in [&mut self.staff, &mut self.merchant, &mut self.terminal, &mut self.payer] {
            *client = client.moved_to(&anybody);
        }
        self.anybody = anybody;
        Ok(())
    }

    /// The code of the order that can be paid.
    pub(crate) fn order_code(&self) -> String {
        let path = format!("/v1/orders/{}/code", self.open.order_id);
        let shown: api::OrderCodeView = self.merchant.get(&path).unwrap();
        shown.code
    }

    /// The books are right.
    pub(crate) fn verify(&self) {
        verify(&self.server);
    }

    /// The process is there and well.
    pub(crate) fn assert_alive(&self, after: &str) {
        let _: serde_json::Value =
            self.anybody.get("/health").unwrap_or_else(|e| panic!("after {after}: {e}"));
    }
}

/// Somebody of staff with every role but administrator.
pub(crate) fn somebody(admin: &Client, login: &str) -> Client {
    scenario::staff(admin, login, StaffRoles::all() - StaffRole::Administrator).unwrap()
}

/// The books are right, says `surety verify`.
#[track_caller]
pub(crate) fn verify(server: &Server) {
    let surety = Path::new(env!("CARGO_BIN_EXE_surety"));
    let told = scenario::verify(surety, server.data(), server.database()).unwrap();
    assert!(!told.contains("WRONG"), "{told}");
}

/// Somebody of age.
pub(crate) fn holder(phone: &str) -> NewHolder {
    NewHolder {
        name: "Wang Wei".to_owned(),
        phone: phone.parse().unwrap(),
        birth_date: Date::constant(1987, 6, 23),
        pin: PIN.to_owned(),
        language: Language::En,
        home: home(),
    }
}

pub(crate) fn fund(staff: &Client, payer: PayerId, reserve_fen: i64, payer_fen: i64) {
    let reserve = Funding { transfer_id: transfer(1), amount: yuan(reserve_fen) };
    let _: Amount = staff.post("/v1/reserve/fundings", &reserve).unwrap();
    let top_up = Funding { transfer_id: transfer(2), amount: yuan(payer_fen) };
    let _: Amount = staff.post(&format!("/v1/payers/{payer}/top-ups"), &top_up).unwrap();
}

pub(crate) fn enrol(payer: &Client, confirm: bool) -> (EnrolmentId, String) {
    enrol_face(payer, confirm, FACE)
}

/// Enrols another sample person's face.
pub(crate) fn enrol_face(payer: &Client, confirm: bool, face: &str) -> (EnrolmentId, String) {
    let frames = ["studio_portrait", "amateur_posture"].map(|name| picture_of(face, name)).to_vec();
    enrol_with(payer, frames, confirm)
}

pub(crate) fn enrol_with(payer: &Client, frames: Vec<String>, confirm: bool) -> (EnrolmentId, String) {
    let text: ConsentText = payer.get("/v1/consent-text").unwrap();
    let _: serde_json::Value = payer.post("/v1/me/consent", &Consent { version: text.version }).unwrap();
    let pictures = NewEnrolment { frames };
    let enrolment: EnrolmentView = payer.post("/v1/me/enrolments", &pictures).unwrap();
    let inbox: MessageList = payer.get("/v1/me/messages").unwrap();
    let message = inbox.messages.into_iter().find(|message| message.kind == "enrolment_code").unwrap();
    let code = message.value.unwrap();
    if confirm {
        let path = format!("/v1/me/enrolments/{}/confirm", enrolment.enrolment_id);
        let _: EnrolmentView =
            payer.post(&path, &ConfirmEnrolment { code: code.clone(), pin: None, passkey: None }).unwrap();
    }
    (enrolment.enrolment_id, code)
}

pub(crate) fn new_order(terminal_id: TerminalId, number: &str) -> NewOrder {
    NewOrder {
        out_trade_no: number.to_owned(),
        terminal_id,
        amount: yuan(2_000),
        description: "noodles".to_owned(),
        capture: api::CaptureMode::Automatic,
    }
}

/// Of another amount than was just paid, so that it does not look like the same purchase again.
pub(crate) fn open_order(terminal_id: TerminalId) -> NewOrder {
    NewOrder { amount: yuan(2_500), ..new_order(terminal_id, "open") }
}

pub(crate) fn attempt(
    merchant: &Client,
    terminal: &Client,
    terminal_id: TerminalId,
    number: &str,
) -> Attempt {
    attempt_at(merchant, terminal, &new_order(terminal_id, number))
}

/// An order, and an attempt to pay it.
pub(crate) fn attempt_at(merchant: &Client, terminal: &Client, order: &NewOrder) -> Attempt {
    let order: OrderView = merchant.post("/v1/orders", order).unwrap();
    let order_id = order.order_id;
    let session: NewSessionReply = terminal.post("/v1/capture-sessions", &NewSession { order_id }).unwrap();
    Attempt { order_id, session }
}

pub(crate) fn capture(attempt: &Attempt) -> Capture {
    let frames = ["studio_posture", "amateur_selfie"].map(|name| scenario::retaken(&picture(name))).to_vec();
    Capture {
        nonce: attempt.session.nonce.clone(),
        frames,
        report: scenario::plain_report(),
        challenge: None,
    }
}

/// The payer stands at the terminal, and answers what is asked until nothing is.
pub(crate) fn answer_all(terminal: &Client, attempt: &Attempt) -> Result<Stage, CallError> {
    let path = format!("/v1/capture-sessions/{}", attempt.session.session_id);
    let mut view: SessionView = terminal.post(&format!("{path}/capture"), &capture(attempt))?;
    while let Stage::AwaitingCheck { ask, repeated: _ } = view.state {
        let answer = match ask {
            Check::LastFour => &PHONE[PHONE.len() - 4..],
            Check::FullPhone => PHONE,
            Check::Pin => PIN,
            Check::OwnDevice => panic!("the PIN comes first, and is right"),
        };
        let step_up =
            StepUp { nonce: attempt.session.nonce.clone(), check: ask, answer: Some(answer.to_owned()) };
        view = terminal.post(&format!("{path}/step-up"), &step_up)?;
    }
    Ok(view.state)
}

pub(crate) fn pay(terminal: &Client, attempt: &Attempt) -> PaymentId {
    match answer_all(terminal, attempt).unwrap() {
        Stage::Approved { payment_id, payer_name: _ } => payment_id,
        other @ (Stage::AwaitingCapture
        | Stage::AwaitingCheck { ask: _, repeated: _ }
        | Stage::Refused { code: _, detail: _ }
        | Stage::Expired) => {
            panic!("not approved: {other:?}")
        }
    }
}
