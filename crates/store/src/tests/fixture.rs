//! One of everything.

use disputes::{Dispute, Facts, FiledBy, Filing, assess};
use ledger::{Account, Command, Purpose, Transfer};
use payments::{Captured, Payment, State, Terms};
use serde_json::json;
use types::{
    Amount, CaptureId, ConfirmationId, ConsentId, Currency, DeliveryId, Digest, DisputeId, EnrolmentId,
    EventId, GeoPoint, KeyId, MerchantId, MerchantRole, MessageId, OrderId, PayerId, PaymentId, Place,
    RefundId, Right, SessionId, SettlementId, SignedDuration, StaffRole, TerminalId, Tier, Timestamp,
    TransferId, UserId,
};

use crate::{
    AccessRow, BillLineKind, BillLineRow, CaptureContent, CaptureRow, ConfirmationRow, ConsentRow,
    CredentialKind, CredentialRow, DecisionRow, DeliveryRow, DeliveryState, DisputeRow, EnrolmentRow,
    EnrolmentState, EventRow, EvidenceRow, FaceState, Language, MerchantRow, MessageRow, OrderRow,
    OrderState, PayerRow, PaymentRow, Post, RefundRow, Scope, SessionRow, SettlementRow, SettlementState,
    TerminalRow, TerminalState, TraceRow, Tx, UserRow, UserState, WebhookRow,
};

/// A moment, with microseconds.
pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_microsecond(1_736_679_000_123_456).unwrap() + SignedDuration::from_secs(second)
}

pub(super) fn yuan(minor: i64) -> Amount {
    Amount::new(minor, Currency::CNY)
}

/// What no byte of may be changed on the way: every byte there is.
pub(super) fn bytes() -> Vec<u8> {
    (0..=255).collect()
}

/// Text that a collation, an encoding or an escape could change.
pub(super) const WORDS: &str = "早餐 “x” 'y' \\ ? ?1 $1 %s é \u{1f642}\n";

pub(super) fn merchant_id(n: u128) -> MerchantId {
    MerchantId::from_bits(n)
}

pub(super) fn terminal_id(n: u128) -> TerminalId {
    TerminalId::from_bits(n)
}

pub(super) fn payer_id(n: u128) -> PayerId {
    PayerId::from_bits(n)
}

pub(super) fn order_id(n: u128) -> OrderId {
    OrderId::from_bits(n)
}

pub(super) fn session_id(n: u128) -> SessionId {
    SessionId::from_bits(n)
}

pub(super) fn payment_id(n: u128) -> PaymentId {
    PaymentId::from_bits(n)
}

pub(super) fn transfer_id(n: u128) -> TransferId {
    TransferId::from_bits(n)
}

pub(super) fn point(n: f64) -> GeoPoint {
    GeoPoint::new(30.123_456_789_012_345 + n, 120.0).unwrap()
}

pub(super) fn merchant(n: u128) -> MerchantRow {
    let webhook = (n % 2 == 1).then(|| WebhookRow {
        url: "https://shop.example/hook?x=1".to_owned(),
        secret_sealed: bytes(),
        key: None,
    });
    MerchantRow {
        id: merchant_id(n),
        name: format!("{WORDS}{n}"),
        city: "杭州".to_owned(),
        settle_after_days: 90,
        fee_bps: 10_000,
        webhook,
        created_at: at(0),
    }
}

pub(super) fn terminal(n: u128, merchant: u128, city: &str) -> TerminalRow {
    TerminalRow {
        id: terminal_id(n),
        merchant: merchant_id(merchant),
        label: WORDS.to_owned(),
        place: Place { city: city.to_owned(), address: WORDS.to_owned(), point: point(0.5) },
        state: if n.is_multiple_of(2) { TerminalState::Suspended } else { TerminalState::Active },
        reason: WORDS.to_owned(),
        serial: n.is_multiple_of(2).then(|| format!("{WORDS}{n}")),
        created_at: at(-100_000),
    }
}

pub(super) fn key(n: u128, scope: Scope) -> CredentialRow {
    CredentialRow {
        id: KeyId::from_bits(n),
        kind: CredentialKind::Bearer,
        scope,
        subject: format!("{WORDS}{n}"),
        public_key: None,
        rights: Right::Orders | Right::Money,
        label: WORDS.to_owned(),
        created_at: at(n.try_into().unwrap()),
        expires_at: None,
        seen_at: None,
        revoked_at: None,
    }
}

pub(super) fn user(n: u128) -> UserRow {
    let staff = Post::Staff(StaffRole::Auditor | StaffRole::Approver);
    UserRow {
        id: UserId::from_bits(n),
        post: if n == 1 { staff } else { Post::Merchant(merchant_id(1), MerchantRole::Cashier) },
        login: format!("{WORDS}{n}"),
        name: WORDS.to_owned(),
        state: UserState::Active,
        created_at: at(1),
        created_by: WORDS.to_owned(),
    }
}

pub(super) fn payer(n: u8) -> PayerRow {
    let whole = n.is_multiple_of(2);
    PayerRow {
        id: payer_id(u128::from(n)),
        contact_sealed: bytes(),
        phone_index: [n; 32],
        pin_hash: whole.then(|| "$argon2id$v=19$x".to_owned()),
        pin_failures: 0,
        pin_locked_until: None,
        pin_locks: 0,
        pin_recovered_at: None,
        tier: if whole { Tier::Verified } else { Tier::Basic },
        language: if whole { Language::En } else { Language::Zh },
        home_city: WORDS.to_owned(),
        home: point(f64::from(n)),
        face: if whole { FaceState::Enabled } else { FaceState::None },
        created_at: at(2),
        contact_key: None,
        closed_at: None,
    }
}

pub(super) fn consent(n: u128, payer: u128) -> ConsentRow {
    ConsentRow {
        id: ConsentId::from_bits(n),
        payer: payer_id(payer),
        version: "2026-01".to_owned(),
        given_at: at(3),
        withdrawn_at: None,
    }
}

pub(super) fn enrolment(n: u128, payer: u128, consent: u128) -> EnrolmentRow {
    EnrolmentRow {
        id: EnrolmentId::from_bits(n),
        payer: payer_id(payer),
        consent: ConsentId::from_bits(consent),
        state: EnrolmentState::Waiting,
        code_hash: [9; 32],
        failures: 2,
        template_sealed: Some(bytes()),
        pictures: 3,
        model: Digest([7; 32]),
        created_at: at(4),
        expires_at: at(5),
    }
}

pub(super) fn message(n: u128, payer: u128) -> MessageRow {
    MessageRow {
        id: MessageId::from_bits(n),
        payer: payer_id(payer),
        at: at(6),
        kind: "debited".to_owned(),
        args: json!({ "shop": WORDS, "amount": { "minor": i64::MAX }, "score": 0.1, "none": null }),
        reference: WORDS.to_owned(),
    }
}

pub(super) fn trace(second: i64, n: f64) -> TraceRow {
    TraceRow { at: at(second), point: point(n) }
}

pub(super) fn order(n: u128) -> OrderRow {
    OrderRow {
        id: order_id(n),
        merchant: merchant_id(1),
        terminal: terminal_id(1),
        out_trade_no: format!("{WORDS}{n}"),
        amount: yuan(10_000),
        description: WORDS.to_owned(),
        state: OrderState::Open,
        created_at: at(7),
        expires_at: at(900),
        capture_later: n.is_multiple_of(2),
    }
}

pub(super) fn session(n: u128) -> SessionRow {
    SessionRow {
        id: session_id(n),
        order: order_id(n),
        terminal: terminal_id(1),
        nonce_hash: Digest([5; 32]),
        state: json!({ "stage": "opened", "words": WORDS }),
        digits_attempts: 0,
        opened_at: at(8),
        expires_at: at(68),
        challenge: (n == 1).then(|| json!({ "steps": [], "words": WORDS })),
    }
}

pub(super) fn capture(n: u128) -> CaptureRow {
    CaptureRow {
        id: CaptureId::from_bits(n),
        session: session_id(n),
        at: at(9),
        frames: json!([{ "digest": "00", "sharpness": 0.123_456_789_012_345_68 }]),
        payer: None,
        content: CaptureContent::Kept { probe_sealed: bytes(), key: None },
        model: Digest([7; 32]),
    }
}

pub(super) fn decision(session: u128, seq: u32) -> DecisionRow {
    DecisionRow {
        session: session_id(session),
        seq,
        at: at(10),
        policy: Digest([3; 32]),
        calibration: "sface-lfw-dev".to_owned(),
        recognition: json!({ "p": 1e-300, "searched": u64::MAX }),
        case: json!({ "tier": 1 }),
        verdict: json!(["approve", WORDS]),
    }
}

pub(super) fn confirmation(n: u128, payer: u128) -> ConfirmationRow {
    ConfirmationRow {
        id: ConfirmationId::from_bits(n),
        payer: payer_id(payer),
        session: session_id(n),
        answer: None,
        passkey: None,
    }
}

/// Where a payment can stand.
pub(super) fn states() -> [State; 7] {
    let captured = || Captured {
        amount: yuan(9_000),
        transfer: transfer_id(77),
        at: at(20),
        refunded: yuan(1_000),
        recovered: yuan(8_000),
    };
    [
        State::Authorised { expires_at: at(30) },
        State::Captured { captured: captured() },
        State::Settled { captured: captured(), settlement: SettlementId::from_bits(1), settled_at: at(40) },
        State::Voided { at: at(50) },
        State::Expired { at: at(60) },
        State::Reversed { at: at(70), captured: None },
        State::Reversed { at: at(80), captured: Some(yuan(9_000)) },
    ]
}

/// The `n`th payment, of the `n`th order and session, just authorised.
pub(super) fn payment(n: u128, payer: u128) -> PaymentRow {
    PaymentRow {
        payment: Payment {
            terms: Terms {
                id: payment_id(n),
                order: order_id(n),
                merchant: merchant_id(1),
                payer: payer_id(payer),
                authorised: yuan(10_000),
                at: at(11),
                fee_bps: 38,
                hold: transfer_id(1_000 + n),
            },
            state: State::Authorised { expires_at: at(30) },
        },
        session: session_id(n),
        terminal: terminal_id(1),
        held: false,
        strong: n.is_multiple_of(2),
        recognised: json!({ "how": "face", "p": 0.3 }),
    }
}

pub(super) fn refund(n: u128, payment: u128) -> RefundRow {
    RefundRow {
        id: RefundId::from_bits(n),
        payment: payment_id(payment),
        merchant: merchant_id(1),
        out_refund_no: format!("{WORDS}{n}"),
        amount: yuan(500),
        reason: WORDS.to_owned(),
        at: at(21),
    }
}

pub(super) fn bill_line(kind: BillLineKind, second: i64, payment: u128) -> BillLineRow {
    BillLineRow {
        merchant: merchant_id(1),
        at: at(second),
        kind,
        payment: payment_id(payment),
        refund: None,
        amount: yuan(9_000),
        fee_minor: -34,
    }
}

pub(super) fn settlement(n: u128, date: &str) -> SettlementRow {
    SettlementRow {
        id: SettlementId::from_bits(n),
        merchant: merchant_id(1),
        date: date.to_owned(),
        currency: Currency::CNY,
        state: SettlementState::Running,
        payments: 0,
        net_minor: 0,
        fee_minor: 0,
        repaid_minor: 0,
        settled_minor: 0,
        started_at: at(90),
    }
}

pub(super) fn delivery(n: u128, recipient: &str) -> DeliveryRow {
    DeliveryRow {
        id: DeliveryId::from_bits(n),
        recipient: recipient.to_owned(),
        kind: "payment.captured".to_owned(),
        body: json!({ "type": WORDS, "n": 0.1 }),
        state: DeliveryState::Waiting,
        attempts: 0,
        last_error: None,
        created_at: at(22),
        done_at: None,
        text: None,
    }
}

pub(super) fn dispute(n: u128, payment: u128) -> DisputeRow {
    let filing = Filing {
        id: DisputeId::from_bits(n),
        payment: payment_id(payment),
        payer: payer_id(1),
        merchant: merchant_id(1),
        amount: yuan(9_000),
        by: FiledBy::Payer,
        words: WORDS.to_owned(),
        at: at(100),
    };
    DisputeRow { dispute: Dispute::file(filing), terminal: terminal_id(1), version: 1 }
}

pub(super) fn evidence(dispute: u128, seq: u32) -> EvidenceRow {
    let facts = Facts {
        own_device: None,
        capture_preserved: true,
        capture_erased_at: None,
        face_erased_at: None,
        strong_factor: false,
        digits_narrowed_search: false,
        digits_attempts: 1,
        searched: u64::MAX,
        p_wrong_then: types::Probability::new(1e-300),
        p_wrong_now: None,
        liveness: Some(0.1),
        better_match: None,
        travel: None,
        visits_to_city: 3,
        minutes_to_report: 12.345_678_901_234_567,
        terminal_disputes: 0,
        merchant_stance: None,
        phone: None,
        certainty_then: None,
        certainty_now: None,
    };
    let assessment = assess(&facts);
    EvidenceRow { dispute: DisputeId::from_bits(dispute), seq, at: at(101), facts, assessment }
}

pub(super) fn event(n: u128) -> EventRow {
    EventRow {
        id: EventId::from_bits(n),
        subject: WORDS.to_owned(),
        at: at(23),
        actor: "surety".to_owned(),
        body: json!({ "event": "captured", "n": n.to_string() }),
    }
}

pub(super) fn access(n: u128, payer: u128) -> AccessRow {
    AccessRow {
        id: EventId::from_bits(n),
        at: at(24),
        actor: WORDS.to_owned(),
        subject: "dis_1".to_owned(),
        payer: payer_id(payer),
        purpose: WORDS.to_owned(),
    }
}

pub(super) fn transfer(n: u128, from: Account, to: Account, minor: i64) -> Transfer {
    Transfer { id: transfer_id(n), from, to, amount: yuan(minor), purpose: Purpose::TopUp }
}

pub(super) fn top_up(n: u128, payer: u128, minor: i64) -> Command {
    Command::Move(transfer(n, Account::External, Account::Payer(payer_id(payer)), minor))
}

/// Two merchants, three terminals in two cities, three payers.
pub(super) fn people(tx: &Tx<'_>) -> anyhow::Result<()> {
    for n in [1, 2] {
        tx.insert_merchant(&merchant(n))?;
    }
    for (n, merchant, city) in [(1, 1, "杭州"), (2, 1, "杭州"), (3, 2, "杭州"), (4, 1, "北京")] {
        tx.insert_terminal(&terminal(n, merchant, city))?;
    }
    for n in [1, 2, 3] {
        assert!(tx.insert_payer(&payer(n))?);
    }
    tx.keep_policy(Digest([3; 32]), WORDS, at(0))
}

/// The `n`th order with its session and an authorised payment by a payer.
pub(super) fn paid(tx: &Tx<'_>, n: u128, payer: u128) -> anyhow::Result<PaymentRow> {
    assert!(tx.insert_order(&order(n))?);
    tx.insert_session(&session(n))?;
    let row = payment(n, payer);
    tx.insert_payment(&row)?;
    Ok(row)
}
