//! The life of a payment over HTTP: one shop, one payer with a face and money, and what becomes of each debit.

pub(crate) mod bills;
mod captures;
mod disputes;
mod limits;
mod races;
mod refunds;
mod reversals;
mod settlements;

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use api::{
    CaptureMode, CapturePayment, DisputeView, MerchantBalances, MerchantPaymentView, MessageList,
    NewMerchant, NewMerchantReply, NewOrder, NewRefund, NewTerminal, NotMe, OrderView, PayerView, Payout,
    RefundView, ReverseNumber, ReverseNumberReply, SettlementList, SettlementView, Stage, Terms,
};
use scenario::{CallError, Client, Device, Server, Start, onboard};
use tempfile::TempDir;
use types::{Amount, MerchantId, OrderId, PaymentId, SettlementId, TerminalId};

use crate::database::{Dump, tamper};
use crate::fixture::{
    Attempt, PHONE, attempt_at, enrol, fund, holder, home, models, new_order, pay, somebody, start, transfer,
    verify, workspace, yuan,
};

/// What the payer has at first.
pub(crate) const PURSE: i64 = 1_000_000;
/// What the reserve has at first.
pub(crate) const RESERVE: i64 = 1_000_000;

pub(crate) struct Shop {
    // Dropped first, so that the server has stopped when its folder goes.
    pub(crate) server: Option<Server>,
    start: Start,
    pub(crate) folder: TempDir,
    pub(crate) admin: Client,
    pub(crate) staff: Client,
    pub(crate) merchant: Client,
    pub(crate) terminal: Client,
    pub(crate) payer: Client,
    pub(crate) merchant_id: MerchantId,
    pub(crate) terminal_id: TerminalId,
    keys: [String; 3],
    pub(crate) till: Device,
}

impl Shop {
    pub(crate) fn new() -> Self {
        Self::under(None, RESERVE, Vec::new())
    }

    /// Under this policy, with further arguments of `surety serve`.
    pub(crate) fn with_arguments(policy: &str, more: Vec<String>) -> Self {
        Self::under(Some(policy), RESERVE, more)
    }

    /// Under the default policy with these changes, each an old and a new line.
    pub(crate) fn with_policy(changes: &[(&str, &str)]) -> Self {
        let mut text = std::fs::read_to_string(workspace().join("policy/default.toml")).unwrap();
        for (old, new) in changes {
            assert!(text.contains(old), "the default policy has no {old}");
            text = text.replace(old, new);
        }
        Self::under(Some(&text), RESERVE, Vec::new())
    }

    /// Under the default policy with so much in the reserve.
    pub(crate) fn with_reserve(fen: i64) -> Self {
        Self::under(None, fen, Vec::new())
    }

    fn under(policy: Option<&str>, reserve_fen: i64, more: Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let policy: Option<PathBuf> = policy.map(|text| {
            let path = folder.path().join("policy.toml");
            std::fs::write(&path, text).unwrap();
            path
        });
        let start = Start { policy, more, ..start(folder.path(), &models()) };
        let server = Server::start(&start).unwrap();
        let anybody = server.client();
        let admin = anybody.with_key(server.admin_key());
        let staff = somebody(&admin, "li.na");
        let (merchant_id, api_key, till) = open_shop(&staff, "Lantern Deli");
        let person = server.phones().register(&anybody, &holder(PHONE)).unwrap();
        let payer = anybody.with_key(&person.device_key);
        fund(&staff, person.payer_id, reserve_fen, PURSE);
        enrol(&payer, true);
        let keys = [staff.key().unwrap().to_owned(), api_key, person.device_key];
        let [_, api_key, _] = &keys;
        Self {
            merchant: anybody.with_key(api_key),
            terminal: anybody.with_signature(till.key.clone()),
            server: Some(server),
            start,
            folder,
            admin,
            staff,
            payer,
            merchant_id,
            terminal_id: till.terminal_id,
            keys,
            till,
        }
    }

    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    /// From the next start on.
    pub(crate) fn policy(&mut self, text: &str) {
        let path = self.folder.path().join("policy.toml");
        std::fs::write(&path, text).unwrap();
        self.start.policy = Some(path);
    }

    /// Stops the server and starts it again with other arguments.
    pub(crate) fn restart_with(&mut self, more: Vec<String>) {
        self.start.more = more;
        self.restart();
    }

    /// Stops the server and starts it again.
    pub(crate) fn restart(&mut self) {
        drop(self.server.take());
        let server = Server::start(&self.start).unwrap();
        let clients = self.keys.each_ref().map(|key| server.client().with_key(key));
        [self.staff, self.merchant, self.payer] = clients;
        self.terminal = server.client().with_signature(self.till.key.clone());
        self.admin = server.client().with_key(server.admin_key());
        self.server = Some(server);
    }

    /// Another shop: its merchant's key and its terminal.
    pub(crate) fn another(&self, name: &str) -> (Client, TerminalId) {
        let (_, key, till) = open_shop(&self.staff, name);
        (self.staff.with_key(key), till.terminal_id)
    }

    // Paying.

    pub(crate) fn new_order(&self, number: &str, fen: i64, capture: CaptureMode) -> NewOrder {
        NewOrder { amount: yuan(fen), capture, ..new_order(self.terminal_id, number) }
    }

    pub(crate) fn attempt(&self, number: &str, fen: i64) -> Attempt {
        attempt_at(&self.merchant, &self.terminal, &self.new_order(number, fen, CaptureMode::Automatic))
    }

    /// Paid at once.
    pub(crate) fn pay(&self, number: &str, fen: i64) -> PaymentId {
        pay(&self.terminal, &self.attempt(number, fen))
    }

    /// Set aside for the merchant to take.
    pub(crate) fn authorise(&self, number: &str, fen: i64) -> PaymentId {
        let order = self.new_order(number, fen, CaptureMode::Manual);
        pay(&self.terminal, &attempt_at(&self.merchant, &self.terminal, &order))
    }

    // What the merchant does.

    pub(crate) fn payment(&self, id: PaymentId) -> MerchantPaymentView {
        self.merchant.get(&format!("/v1/payments/{id}")).unwrap()
    }

    pub(crate) fn capture(&self, id: PaymentId, fen: i64) -> Result<MerchantPaymentView, CallError> {
        let wanted = CapturePayment { amount: yuan(fen) };
        self.merchant.post(&format!("/v1/payments/{id}/capture"), &wanted)
    }

    pub(crate) fn void(&self, id: PaymentId) -> Result<MerchantPaymentView, CallError> {
        self.merchant.post_empty(&format!("/v1/payments/{id}/void"))
    }

    pub(crate) fn refund(&self, id: PaymentId, number: &str, fen: i64) -> Result<RefundView, CallError> {
        self.merchant.post(&format!("/v1/payments/{id}/refunds"), &new_refund(number, yuan(fen)))
    }

    pub(crate) fn order(&self, number: &str) -> OrderView {
        self.merchant.get(&format!("/v1/orders?out_trade_no={number}")).unwrap()
    }

    pub(crate) fn reverse(&self, order: OrderId) -> Result<OrderView, CallError> {
        self.merchant.post_empty(&format!("/v1/orders/{order}/reverse"))
    }

    pub(crate) fn reverse_number(&self, number: &str) -> Result<ReverseNumberReply, CallError> {
        self.merchant.post("/v1/reversals", &ReverseNumber { out_trade_no: number.to_owned() })
    }

    /// Pending, settled and owed, in fen.
    pub(crate) fn has(&self) -> [i64; 3] {
        let balances: MerchantBalances = self.merchant.get("/v1/merchant/balances").unwrap();
        [balances.pending, balances.settled, balances.owed].map(|amounts| fen(&amounts))
    }

    // What the payer does and sees.

    /// What the payer can spend, in fen.
    pub(crate) fn purse(&self) -> i64 {
        let me: PayerView = self.payer.get("/v1/me").unwrap();
        fen(&me.balances)
    }

    /// The newest message of a kind.
    pub(crate) fn told(&self, kind: &str) -> String {
        let inbox: MessageList = self.payer.get("/v1/me/messages").unwrap();
        let found = inbox.messages.into_iter().filter(|message| message.kind == kind);
        found.max_by_key(|message| message.at).unwrap_or_else(|| panic!("nobody told of {kind}")).text
    }

    pub(crate) fn not_me(&self, id: PaymentId) -> Result<DisputeView, CallError> {
        self.payer.post(&format!("/v1/me/payments/{id}/not-me"), &NotMe::default())
    }

    // What staff does.

    pub(crate) fn reserve(&self) -> i64 {
        let reserve: Vec<Amount> = self.staff.get("/v1/reserve").unwrap();
        fen(&reserve)
    }

    pub(crate) fn terms(&self, settle_after_days: u32, fee_bps: u32) {
        let path = format!("/v1/merchants/{}/terms", self.merchant_id);
        let () = put(&self.staff, &path, &Terms { settle_after_days, fee_bps });
    }

    /// Settles what is due; what was settled now.
    pub(crate) fn settle(&self) -> Vec<SettlementView> {
        let list: SettlementList = self.staff.post_empty("/v1/settlement-runs").unwrap();
        list.settlements
    }

    pub(crate) fn pay_out(&self, id: SettlementId, number: u128) -> Result<SettlementView, CallError> {
        let payout = Payout { transfer_id: transfer(number) };
        self.staff.post(&format!("/v1/settlements/{id}/payout"), &payout)
    }

    // What only time does.

    /// Everything that happened is so many days older. A day has one settlement, so theirs become other days.
    pub(crate) fn days_pass(&self, days: u64) {
        let micros = Duration::from_hours(24 * days).as_micros();
        let server = self.server();
        tamper(
            server,
            &format!("UPDATE payments SET at = at - {micros}, captured_at = captured_at - {micros}"),
        );
        tamper(server, &format!("UPDATE bill_lines SET at = at - {micros}"));
        // The terminal stood there then as well.
        tamper(server, &format!("UPDATE terminal_places SET from_at = from_at - {micros}"));
        // Each goes back by forty years and stays another day than the others.
        tamper(
            server,
            "UPDATE settlements SET date = CAST(CAST(substr(date, 1, 4) AS INTEGER) - 40 AS TEXT) || substr(date, 5)",
        );
    }

    /// The books are right.
    #[track_caller]
    pub(crate) fn verify(&self) {
        verify(self.server());
    }

    /// Nothing in the database changes by `work`.
    #[track_caller]
    pub(crate) fn unchanged<T>(&self, what: &str, work: impl FnOnce() -> T) -> T {
        let before = Dump::of(self.server());
        let done = work();
        before.assert_same(&Dump::of(self.server()), what);
        done
    }
}

fn open_shop(staff: &Client, name: &str) -> (MerchantId, String, Device) {
    let shop = NewMerchant { name: name.to_owned(), city: "Hangzhou".to_owned() };
    let shop: NewMerchantReply = staff.post("/v1/merchants", &shop).unwrap();
    let till = NewTerminal { label: "till 1".to_owned(), place: home() };
    let till = onboard(staff, shop.merchant_id, &till).unwrap();
    (shop.merchant_id, shop.api_key, till)
}

pub(crate) fn new_refund(number: &str, amount: Amount) -> NewRefund {
    NewRefund { out_refund_no: number.to_owned(), amount, reason: "cold soup".to_owned() }
}

/// The one amount of a list; nothing is zero.
fn fen(amounts: &[Amount]) -> i64 {
    match amounts {
        [] => 0,
        [amount] => amount.minor,
        several => panic!("one currency, not {several:?}"),
    }
}

pub(crate) fn put<T: serde::de::DeserializeOwned>(
    client: &Client,
    path: &str,
    body: &impl serde::Serialize,
) -> T {
    let body = serde_json::to_vec(body).unwrap();
    let call = scenario::RawCall { method: "PUT", path, content_type: Some("application/json"), body: &body };
    client.send(call).unwrap().read().unwrap()
}

/// Refused with this stable code.
#[track_caller]
pub(crate) fn refused<T>(result: Result<T, CallError>, code: &str) {
    let error = result.err().unwrap_or_else(|| panic!("went through; should be refused with {code}"));
    assert_eq!(error.code(), Some(code), "{error}");
}

/// Why an attempt ended without a debit.
#[track_caller]
pub(crate) fn refusal(stage: Stage) -> String {
    match stage {
        Stage::Refused { code, detail: _ } => code,
        other @ (Stage::AwaitingCapture
        | Stage::AwaitingCheck { ask: _, repeated: _ }
        | Stage::Approved { payment_id: _, payer_name: _ }
        | Stage::Expired) => panic!("not refused: {other:?}"),
    }
}

/// Does all of it at the same moment.
pub(crate) fn at_once<T: Send, W: Fn() -> T + Send>(works: Vec<W>) -> Vec<T> {
    let gate = std::sync::Barrier::new(works.len());
    thread::scope(|scope| {
        let running: Vec<_> = works
            .into_iter()
            .map(|work| {
                let gate = &gate;
                scope.spawn(move || {
                    gate.wait();
                    work()
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}
