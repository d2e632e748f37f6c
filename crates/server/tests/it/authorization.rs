//! Who may call what: every operation, as everybody. An operation without a line here fails the test, and so does a line
//! without an operation.

use std::collections::BTreeMap;

use api::{Invited, NewMerchantUser, NewOwner};
use scenario::{Client, Member, RawCall, Reply};
use types::{MerchantRole, StaffRole};

use crate::database::Dump;
use crate::fixture::Fixture;
use crate::operations::{self, Operation, unknown};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Administrator,
    RiskAnalyst,
    Investigator,
    Approver,
    MerchantCare,
    Auditor,
    Owner,
    Cashier,
    Finance,
    /// A merchant's key with every right.
    Key,
    Terminal,
    Payer,
}
use Who::{
    Administrator, Approver, Auditor, Cashier, Finance, Investigator, Key, MerchantCare, Owner, Payer,
    RiskAnalyst, Terminal,
};

const ALL: [Who; 12] = [
    Administrator,
    RiskAnalyst,
    Investigator,
    Approver,
    MerchantCare,
    Auditor,
    Owner,
    Cashier,
    Finance,
    Key,
    Terminal,
    Payer,
];

const CARE: &[Who] = &[MerchantCare];
const MONEY: &[Who] = &[Approver];
const CASES: &[Who] = &[Investigator];
const READ_CASES: &[Who] = &[RiskAnalyst, Investigator, Approver, Auditor];
const SEE_FACES: &[Who] = &[Investigator, Approver];
const PEOPLE: &[Who] = &[Administrator];
const READ_PEOPLE: &[Who] = &[Administrator, Auditor];
/// Users of the operator, first owners, the own merchant's users: each by those who look after them.
const KEEPERS: &[Who] = &[Administrator, MerchantCare, Owner, Key];
const TERMINALS: &[Who] = &[MerchantCare, Owner, Key];
const READ_TERMINALS: &[Who] = &[RiskAnalyst, Investigator, Approver, MerchantCare, Auditor, Owner, Key];
const EVERY_USER: &[Who] =
    &[Administrator, RiskAnalyst, Investigator, Approver, MerchantCare, Auditor, Owner, Cashier, Finance];
const EVERY_STAFF: &[Who] = &[Administrator, RiskAnalyst, Investigator, Approver, MerchantCare, Auditor];
const MANAGE: &[Who] = &[Owner, Key];
const ORDERS: &[Who] = &[Owner, Cashier, Key];
const TAKEN_BACK: &[Who] = &[Owner, Cashier, Key, Terminal];
const PAYMENTS: &[Who] = &[Owner, Cashier, Finance, Key];
const BOOKS: &[Who] = &[Owner, Finance, Key];
const TILL: &[Who] = &[Terminal];
const HOLDER: &[Who] = &[Payer];
/// Without a key; with one it is the same.
const PUBLIC: &[Who] = &[];

/// By method and path; the payer's own are all below `/v1/me`.
const TABLE: &[(&str, &[Who])] = &[
    ("GET /health", PUBLIC),
    ("GET /metrics", PUBLIC),
    ("GET /v1/consent-text", PUBLIC),
    ("GET /v1/consent-texts/{}", PUBLIC),
    ("GET /v1/processing-register", PUBLIC),
    ("POST /v1/phone-codes", PUBLIC),
    ("POST /v1/payers", PUBLIC),
    ("POST /v1/logins/payer", PUBLIC),
    ("POST /v1/logins/payer-recovery", PUBLIC),
    ("POST /v1/pin-recoveries", PUBLIC),
    ("POST /v1/terminal-activations", PUBLIC),
    ("POST /v1/invitations/accept", PUBLIC),
    ("POST /v1/invitations/confirm", PUBLIC),
    ("POST /v1/logins", PUBLIC),
    ("POST /v1/logins/passkey/challenge", PUBLIC),
    ("POST /v1/logins/passkey", PUBLIC),
    ("GET /v1/oidc/start", PUBLIC),
    ("GET /v1/oidc/callback?state=x", PUBLIC),
    ("POST /v1/oidc/code", PUBLIC),
    ("POST /v1/merchants", CARE),
    ("PUT /v1/merchants/{}/terms", CARE),
    ("PUT /v1/merchants/{}/webhook", CARE),
    ("POST /v1/merchants/{}/owners", CARE),
    ("POST /v1/merchants/{}/keys", CARE),
    ("POST /v1/settlement-runs", CARE),
    ("GET /v1/deliveries?state=dead", CARE),
    ("POST /v1/deliveries/{}/resend", CARE),
    ("POST /v1/merchants/{}/terminals", TERMINALS),
    ("GET /v1/merchants/{}/terminals", READ_TERMINALS),
    (
        "GET /v1/terminals/{}",
        &[RiskAnalyst, Investigator, Approver, MerchantCare, Auditor, Owner, Key, Terminal],
    ),
    ("POST /v1/terminals/{}/onboarding-codes", TERMINALS),
    ("POST /v1/terminals/{}/relocations", TERMINALS),
    ("POST /v1/terminals/{}/suspend", &[RiskAnalyst, MerchantCare, Owner, Key]),
    ("POST /v1/terminals/{}/resume", &[RiskAnalyst, MerchantCare]),
    ("POST /v1/terminals/{}/revoke", &[RiskAnalyst, MerchantCare]),
    ("GET /v1/alerts", &[RiskAnalyst, MerchantCare]),
    ("POST /v1/relocations/{}/approve", MONEY),
    ("POST /v1/relocations/{}/reject", MONEY),
    ("POST /v1/reserve/fundings", MONEY),
    ("GET /v1/reserve", &[Investigator, Approver, MerchantCare, Auditor]),
    ("POST /v1/payers/{}/top-ups", MONEY),
    ("POST /v1/payers/{}/identity", &[RiskAnalyst, Investigator]),
    ("POST /v1/settlements/{}/payout", MONEY),
    ("POST /v1/disputes/{}/compensation", MONEY),
    ("GET /v1/disputes", READ_CASES),
    ("GET /v1/disputes/{}?purpose=dispute", READ_CASES),
    ("GET /v1/disputes/{}/evidence?purpose=dispute", READ_CASES),
    ("GET /v1/capture-sessions/{}/decisions?purpose=dispute", READ_CASES),
    ("GET /v1/capture-sessions/{}/picture?frame=0&purpose=dispute", SEE_FACES),
    ("POST /v1/disputes/{}/gather", CASES),
    ("POST /v1/disputes/{}/finding", CASES),
    ("POST /v1/disputes/{}/recovery", CASES),
    ("POST /v1/disputes/{}/close", CASES),
    ("GET /v1/gallery", &[Administrator, RiskAnalyst, Auditor]),
    ("GET /v1/duplicate-accounts?purpose=security", READ_CASES),
    ("GET /v1/accesses", &[Auditor]),
    ("POST /v1/users", PEOPLE),
    ("GET /v1/users", READ_PEOPLE),
    ("PUT /v1/users/{}/roles", PEOPLE),
    ("POST /v1/users/{}/reset", KEEPERS),
    ("POST /v1/users/{}/disable", KEEPERS),
    ("POST /v1/users/{}/enable", KEEPERS),
    ("GET /v1/break-glass", READ_PEOPLE),
    ("POST /v1/break-glass", EVERY_STAFF),
    // And whoever it is about; the id here is nobody's.
    ("POST /v1/break-glass/{}/end", PEOPLE),
    ("GET /v1/logins", EVERY_USER),
    ("DELETE /v1/logins", EVERY_USER),
    ("GET /v1/login", EVERY_USER),
    ("DELETE /v1/login", EVERY_USER),
    ("PUT /v1/login/password", EVERY_USER),
    ("POST /v1/login/passkeys/registrations", EVERY_USER),
    ("POST /v1/login/passkeys", EVERY_USER),
    ("GET /v1/login/passkeys", EVERY_USER),
    ("DELETE /v1/login/passkeys/{}", EVERY_USER),
    ("POST /v1/merchant/users", MANAGE),
    ("GET /v1/merchant/users", MANAGE),
    ("PUT /v1/merchant/users/{}/role", MANAGE),
    ("POST /v1/merchant/keys", MANAGE),
    ("GET /v1/merchant/keys", MANAGE),
    ("POST /v1/merchant/keys/{}/rotate", MANAGE),
    ("DELETE /v1/merchant/keys/{}", MANAGE),
    ("GET /v1/merchant/deliveries?state=dead", MANAGE),
    ("POST /v1/orders", ORDERS),
    ("GET /v1/orders?out_trade_no=paid", ORDERS),
    ("POST /v1/reversals", ORDERS),
    ("GET /v1/orders/{}", TAKEN_BACK),
    ("GET /v1/orders/{}/code", TAKEN_BACK),
    ("POST /v1/orders/{}/reverse", TAKEN_BACK),
    ("GET /v1/payments/{}", PAYMENTS),
    ("POST /v1/payments/{}/capture", PAYMENTS),
    ("POST /v1/payments/{}/void", PAYMENTS),
    ("POST /v1/payments/{}/refunds", BOOKS),
    ("GET /v1/merchant/balances", BOOKS),
    ("GET /v1/merchant/settlements", BOOKS),
    ("GET /v1/merchant/bill?date=2025-01-02", BOOKS),
    ("GET /v1/merchant/bill.csv?date=2025-01-02", BOOKS),
    ("POST /v1/disputes/{}/statement", BOOKS),
    ("GET /v1/order-codes/{}", HOLDER),
    ("POST /v1/capture-sessions", TILL),
    ("POST /v1/capture-sessions/{}/capture", TILL),
    ("POST /v1/capture-sessions/{}/step-up", TILL),
    ("GET /v1/capture-sessions/{}", TILL),
];

/// Who may call it.
fn allowed(operation: &Operation) -> &'static [Who] {
    let name = operation.name();
    if operation.path == "/v1/me" || operation.path.starts_with("/v1/me/") {
        assert!(!TABLE.iter().any(|(line, _)| *line == name), "{name} is the holder's");
        return HOLDER;
    }
    let line = TABLE.iter().find(|(line, _)| *line == name);
    let (_, who) = line.unwrap_or_else(|| panic!("{name} has no line in the table of who may call what"));
    who
}

/// One of everybody.
fn everybody(fixture: &Fixture) -> BTreeMap<Who, Client> {
    let staff = |login: &str, role: StaffRole| scenario::staff(&fixture.admin, login, role.into()).unwrap();
    let join = |invited: &Invited| {
        Member::join(&fixture.anybody, invited).unwrap().log_in(&fixture.anybody).unwrap()
    };
    let new = NewOwner { login: "owner".to_owned(), name: "Owner".to_owned() };
    let path = format!("/v1/merchants/{}/owners", fixture.merchant_id);
    let owner = join(&fixture.staff.post(&path, &new).unwrap());
    let works = |login: &str, role: MerchantRole| {
        let new = NewMerchantUser { login: login.to_owned(), name: login.to_owned(), role };
        join(&owner.post("/v1/merchant/users", &new).unwrap())
    };
    BTreeMap::from([
        (Administrator, fixture.admin.clone()),
        (RiskAnalyst, staff("risk", StaffRole::RiskAnalyst)),
        (Investigator, staff("investigator", StaffRole::Investigator)),
        (Approver, staff("approver", StaffRole::Approver)),
        (MerchantCare, staff("care", StaffRole::MerchantCare)),
        (Auditor, staff("auditor", StaffRole::Auditor)),
        (Cashier, works("cashier", MerchantRole::Cashier)),
        (Finance, works("finance", MerchantRole::Finance)),
        (Owner, owner),
        (Key, fixture.merchant.clone()),
        (Terminal, fixture.terminal.clone()),
        (Payer, fixture.payer.clone()),
    ])
}

/// Calls it with ids of nobody, so that what is allowed changes little: who may is decided before what is looked up.
fn call(client: &Client, operation: &Operation) -> Reply {
    let path = operation.path_with(unknown);
    let body = operation.body.as_ref().map(|body| serde_json::to_vec(body).unwrap()).unwrap_or_default();
    let content_type = Some("application/json").filter(|_| !body.is_empty());
    client.send(RawCall { method: operation.method, path: &path, content_type, body: &body }).unwrap()
}

/// Was it refused because of who asked?
fn turned_away(reply: &Reply) -> bool {
    let codes = ["key_missing", "key_unknown", "wrong_role", "role_missing", "right_missing"];
    reply.problem().is_some_and(|problem| codes.contains(&problem.code.as_str()))
}

/// These end the very login they are called with.
fn ends_the_login(operation: &Operation) -> bool {
    operation.method == "DELETE" && ["/v1/login", "/v1/logins", "/v1/me/login"].contains(&operation.path)
}

#[test]
fn every_operation_is_open_to_whom_it_is_meant_for_and_to_nobody_else() {
    let fixture = Fixture::new();
    let everybody = everybody(&fixture);
    let mut operations = operations::all(&fixture);
    for (line, _) in TABLE {
        assert!(operations.iter().any(|found| found.name() == *line), "there is no operation {line}");
    }
    operations.sort_by_key(ends_the_login);
    // When a key was last shown is kept, also of whoever is then turned away.
    let kept = || Dump::of(&fixture.server).but("credentials");
    let before = kept();
    let mut turned = 0;
    for operation in operations.iter().filter(|operation| !allowed(operation).is_empty()) {
        assert_eq!(call(&fixture.anybody, operation).status, 401, "{} as nobody", operation.name());
        for who in ALL.into_iter().filter(|who| !allowed(operation).contains(who)) {
            let reply = call(&everybody[&who], operation);
            assert!(turned_away(&reply), "{} as {who:?}: {}", operation.name(), reply.body);
            turned += 1;
        }
    }
    before.assert_same(&kept(), "whoever was turned away");
    let mut let_in = 0;
    for operation in &operations {
        let as_nobody = [&fixture.anybody];
        let clients: Vec<&Client> = match allowed(operation) {
            [] => as_nobody.to_vec(),
            // Whoever has ended the login in one way cannot end it in the other.
            who if operation.path == "/v1/login" && ends_the_login(operation) => {
                who.iter().step_by(2).map(|who| &everybody[who]).collect()
            }
            who if operation.path == "/v1/logins" && ends_the_login(operation) => {
                who.iter().skip(1).step_by(2).map(|who| &everybody[who]).collect()
            }
            who => who.iter().map(|who| &everybody[who]).collect(),
        };
        for client in clients {
            let reply = call(client, operation);
            assert!(!turned_away(&reply) && reply.status < 500, "{}: {}", operation.name(), reply.body);
            let_in += 1;
        }
    }
    println!("{turned} calls turned away, {let_in} let in, {} operations", operations.len());
}
