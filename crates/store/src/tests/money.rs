//! What was written is read back equal: payments and what follows from them.

use disputes::{Command, Compensation};
use ledger::{Account, Transfer};
use payments::{Payment, State};
use serde_json::json;
use types::{Currency, DeliveryId, DisputeId, RefundId, SettlementId, TransferId};

use super::fixture::*;
use super::{Database, on_both, read, write};
use crate::{
    BillLineKind, BillLineRow, BilledOrder, DeliveryRow, DeliveryState, DisputeRow, DuePayment, EventRow,
    MessageRow, PaymentRow, SettlementRow, SettlementState,
};

on_both!(
    payments_in_every_state,
    what_payments_say_about_habits,
    refunds_and_bills,
    settlements_and_what_they_leave_out,
    the_outbox_in_order,
    leases_of_recipients,
    whose_turn_it_is,
    disputes_and_evidence,
);

/// The states of a capture need a transfer of their own each, and a settlement.
fn with_state(n: u128, state: State) -> PaymentRow {
    let row = payment(n, 1);
    let mut payment = Payment { state, ..row.payment };
    if let State::Captured { captured } | State::Settled { captured, settlement: _, settled_at: _ } =
        &mut payment.state
    {
        captured.transfer = TransferId::from_bits(2_000 + n);
    }
    PaymentRow { payment, held: true, ..row }
}

fn payments_in_every_state(database: &Database) {
    let store = database.open();
    let rows: Vec<PaymentRow> = (1..).zip(states()).map(|(n, state)| with_state(n, state)).collect();
    write(&store, |tx| {
        people(tx)?;
        tx.open_settlement(&settlement(1, "2026-11-23"))?;
        for (n, row) in (1..).zip(&rows) {
            paid(tx, n, 1)?;
            if matches!(row.payment.state, State::Reversed { at: _, captured: Some(_) }) {
                tx.update_payment(&with_state(n, states()[1].clone()))?;
            }
            assert!(tx.payment(payment_id(n))?.is_some());
            tx.update_payment(row)?;
        }
        Ok(())
    })
    .unwrap();
    read(&store, |tx| {
        assert_eq!(tx.payments()?, rows, "by time, then by id");
        for row in &rows {
            assert_eq!(tx.payment(row.payment.terms.id)?.as_ref(), Some(row));
            assert_eq!(tx.payment_of_order(row.payment.terms.order)?.as_ref(), Some(row));
        }
        assert_eq!(tx.payment(payment_id(99))?, None);
        assert_eq!(tx.payment_of_order(order_id(99))?, None);
        let all: Vec<_> = rows.iter().map(|row| row.payment.terms.id).collect();
        assert_eq!(tx.payments_untold()?, all, "nobody has a message");
        let newest: Vec<PaymentRow> = rows.iter().rev().take(3).cloned().collect();
        assert_eq!(tx.payments_of_payer(payer_id(1), 3)?, newest);
        assert_eq!(tx.payments_of_payer(payer_id(2), 3)?, []);
        assert_eq!(tx.overdue_payments(at(30), 9)?, [payment_id(1)]);
        assert_eq!(tx.overdue_payments(at(29), 9)?, []);
        Ok(())
    });
    let told = MessageRow { reference: payment_id(2).to_string(), ..message(1, 1) };
    write(&store, |tx| tx.insert_message(&told)).unwrap();
    let untold = read(&store, |tx| tx.payments_untold());
    assert_eq!(untold.len(), 6);
    assert!(!untold.contains(&payment_id(2)));
    // One that is written in a later state at once.
    let settled = PaymentRow { session: session_id(8), ..with_state(8, states()[2].clone()) };
    write(&store, |tx| {
        assert!(tx.insert_order(&order(8))?);
        tx.insert_session(&session(8))?;
        tx.insert_payment(&settled)
    })
    .unwrap();
    assert_eq!(read(&store, |tx| tx.payment(payment_id(8))), Some(settled));
}

fn what_payments_say_about_habits(database: &Database) {
    let store = database.open();
    write(&store, |tx| {
        people(tx)?;
        // Payer, terminal, merchant, when, captured for 90.00 instead of 100.00?
        for (n, payer, terminal, merchant, second, captured) in [
            (1, 1, 1, 1, 100, true),
            (2, 1, 1, 1, 200, false),
            (3, 1, 2, 1, 300, false),
            (4, 2, 3, 2, 300, false),
            (5, 2, 2, 1, 300, true),
            (6, 3, 3, 2, 300, false),
            (7, 1, 4, 1, 400, false),
            (8, 1, 1, 1, 500, false),
        ] {
            let row = paid(tx, n, payer)?;
            let mut state = row.payment.state;
            if captured {
                state = with_state(n, states()[1].clone()).payment.state;
            }
            tx.update_payment(&PaymentRow { payment: Payment { state, ..row.payment }, ..row })?;
            tx.execute(
                "UPDATE payments SET terminal_id = ?2, merchant_id = ?3, at = ?4 WHERE id = ?1",
                &[
                    crate::value::text(payment_id(n)),
                    crate::value::text(terminal_id(terminal)),
                    crate::value::text(merchant_id(merchant)),
                    at(second).into(),
                ],
            )?;
        }
        let voided = PaymentRow {
            payment: Payment { state: State::Voided { at: at(501) }, ..payment(8, 1).payment },
            ..payment(8, 1)
        };
        tx.update_payment(&voided)
    })
    .unwrap();
    let here = terminal(1, 1, "杭州");
    read(&store, |tx| {
        // 1 is weak, captured for 9000 and refunded by 1000, 2 is strong, 3 weak, 7 weak, 8 voided.
        assert_eq!(tx.spent_since(payer_id(1), Currency::CNY, at(100))?, (38_000, 28_000));
        assert_eq!(tx.spent_since(payer_id(1), Currency::CNY, at(101))?, (30_000, 20_000));
        assert_eq!(tx.spent_since(payer_id(1), Currency::EUR, at(0))?, (0, 0));
        let same = |minor, since| tx.last_same_payment(payer_id(1), merchant_id(1), yuan(minor), at(since));
        assert_eq!(same(10_000, 0)?, Some(at(400)), "a voided one does not count");
        assert_eq!(same(10_000, 401)?, None);
        assert_eq!(same(9_999, 0)?, None);
        assert_eq!(tx.visits_to_city(payer_id(1), &here, at(100), at(400))?, 3);
        assert_eq!(tx.visits_to_city(payer_id(1), &here, at(101), at(300))?, 1);
        let regulars = [(payer_id(1), [2, 1, 0]), (payer_id(2), [0, 1, 1])];
        assert_eq!(tx.regulars(&here, at(100), at(500), 9)?, regulars);
        assert_eq!(tx.regulars(&here, at(100), at(500), 1)?, regulars[..1]);
        assert_eq!(tx.regulars(&here, at(100), at(100), 9)?, []);
        let last = |except, second| tx.last_payment_place(payer_id(1), payment_id(except), at(second));
        assert_eq!(last(7, 400)?, Some((at(300), point(0.5))));
        assert_eq!(last(9, 110)?, Some((at(100), point(0.5))));
        assert_eq!(tx.last_payment_place(payer_id(9), payment_id(1), at(0))?, None);
        Ok(())
    });
    write(&store, |tx| tx.insert_dispute(&dispute(1, 1))).unwrap();
    read(&store, |tx| {
        assert_eq!(tx.visits_to_city(payer_id(1), &here, at(100), at(400))?, 2, "a disputed one is left out");
        assert_eq!(tx.regulars(&here, at(100), at(500), 1)?, [(payer_id(1), [1, 1, 0])]);
        assert_eq!(
            tx.last_payment_place(payer_id(1), payment_id(9), at(0))?.map(|found| found.0),
            Some(at(200))
        );
        Ok(())
    });
}

fn refunds_and_bills(database: &Database) {
    let store = database.open();
    let back = BillLineRow {
        refund: Some(RefundId::from_bits(1)),
        fee_minor: i64::MIN,
        ..bill_line(BillLineKind::Refund, 21, 1)
    };
    let kinds = [BillLineKind::Payment, BillLineKind::Reversal, BillLineKind::Recovery];
    let mut lines: Vec<BillLineRow> = kinds.into_iter().map(|kind| bill_line(kind, 20, 2)).collect();
    lines.push(back.clone());
    write(&store, |tx| {
        people(tx)?;
        for n in [1, 2] {
            paid(tx, n, 1)?;
        }
        for (n, payment) in [(2, 1), (1, 1), (3, 2)] {
            tx.insert_refund(&refund(n, payment))?;
        }
        lines.iter().try_for_each(|line| tx.insert_bill_line(line))
    })
    .unwrap();
    read(&store, |tx| {
        assert_eq!(tx.refunds_of(payment_id(1))?, [refund(1, 1), refund(2, 1)]);
        assert_eq!(tx.refunds()?, [refund(1, 1), refund(2, 1), refund(3, 2)]);
        let number = refund(3, 2).out_refund_no;
        assert_eq!(tx.refund_by_number(merchant_id(1), &number)?, Some(refund(3, 2)));
        assert_eq!(tx.refund_by_number(merchant_id(2), &number)?, None);
        assert_eq!(tx.all_bill_lines()?, lines);
        let billed = |n: u128, refund: Option<String>| BilledOrder {
            order: order_id(n),
            terminal: terminal_id(1),
            out_trade_no: order(n).out_trade_no,
            out_refund_no: refund,
            description: WORDS.to_owned(),
        };
        let whole = tx.bill_lines(merchant_id(1), at(20), at(22))?;
        assert_eq!(whole.iter().map(|(line, _)| line.clone()).collect::<Vec<_>>(), lines);
        assert_eq!(whole[0].1, billed(2, None));
        assert_eq!(tx.bill_lines(merchant_id(1), at(20), at(21))?.len(), 3);
        let number = Some(refund(1, 1).out_refund_no);
        assert_eq!(tx.bill_lines(merchant_id(1), at(21), at(22))?, [(back.clone(), billed(1, number))]);
        assert_eq!(tx.bill_lines(merchant_id(2), at(20), at(22))?, []);
        Ok(())
    });
}

fn top_up_of(minor: i64) -> Transfer {
    transfer(5, Account::External, Account::Payer(payer_id(1)), minor)
}

fn settlements_and_what_they_leave_out(database: &Database) {
    let store = database.open();
    let sums = SettlementRow {
        payments: 3,
        net_minor: i64::MAX,
        fee_minor: 2,
        repaid_minor: 3,
        settled_minor: i64::MIN,
        ..settlement(1, "2026-11-23")
    };
    let complete = SettlementRow { state: SettlementState::Complete { at: at(95) }, ..sums.clone() };
    let transfer = TransferId::from_bits(5);
    let paid_out = SettlementRow { state: SettlementState::PaidOut { at: at(95), transfer }, ..sums.clone() };
    write(&store, |tx| {
        people(tx)?;
        let first = settlement(1, "2026-11-23");
        assert_eq!(tx.open_settlement(&first)?, first);
        let again = SettlementRow { id: SettlementId::from_bits(9), started_at: at(99), ..first.clone() };
        assert_eq!(tx.open_settlement(&again)?, first, "the one of that day");
        tx.open_settlement(&settlement(2, "2026-11-24"))?;
        tx.open_settlement(&SettlementRow { currency: Currency::EUR, ..settlement(3, "2026-11-23") })?;
        for (n, payer) in [(1, 1), (2, 1), (3, 1), (4, 1)] {
            paid(tx, n, payer)?;
            if n < 4 {
                let row = with_state(n, states()[1].clone());
                tx.update_payment(&PaymentRow { held: n == 2, ..row })?;
            }
        }
        tx.insert_dispute(&dispute(1, 3))?;
        tx.leave_out(first.id, payment_id(2), "held")?;
        tx.leave_out(first.id, payment_id(1), WORDS)?;
        tx.leave_out(first.id, payment_id(2), "disputed")
    })
    .unwrap();
    read(&store, |tx| {
        let due =
            |n, held, disputed| DuePayment { id: payment_id(n), currency: Currency::CNY, held, disputed };
        let all = [due(1, false, false), due(2, true, false), due(3, false, true)];
        assert_eq!(tx.due_payments(merchant_id(1), at(21), None, 9)?, all);
        assert_eq!(tx.due_payments(merchant_id(1), at(20), None, 9)?, []);
        assert_eq!(tx.due_payments(merchant_id(1), at(21), Some(payment_id(1)), 1)?, all[1..2]);
        assert_eq!(tx.due_payments(merchant_id(2), at(21), None, 9)?, []);
        let left: Vec<_> = [(1, WORDS), (2, "disputed")]
            .map(|(n, reason)| (payment_id(n), yuan(0), reason.to_owned()))
            .to_vec();
        assert_eq!(tx.left_out(SettlementId::from_bits(1))?, left);
        assert_eq!(tx.left_out(SettlementId::from_bits(2))?, []);
        Ok(())
    });
    let euro = SettlementRow { currency: Currency::EUR, ..settlement(3, "2026-11-23") };
    for (now, running) in [(sums, true), (complete, false), (paid_out.clone(), false)] {
        write(&store, |tx| tx.update_settlement(&now)).unwrap();
        read(&store, |tx| {
            assert_eq!(tx.settlement(now.id)?, Some(now.clone()));
            let later = settlement(2, "2026-11-24");
            assert_eq!(tx.settlements()?, [now.clone(), euro.clone(), later.clone()]);
            assert_eq!(tx.settlements_of(merchant_id(1), 2)?, [later.clone(), now.clone()]);
            assert_eq!(tx.settlements_of(merchant_id(2), 2)?, []);
            assert_eq!(tx.running_settlements()?.contains(&now), running);
            assert_eq!(tx.running_settlements()?.len(), 2 + usize::from(running));
            Ok(())
        });
    }
    assert_eq!(read(&store, |tx| tx.settlement(SettlementId::from_bits(9))), None);
    settlements_of_one_day(&store, &paid_out, &euro);
}

fn settlements_of_one_day(store: &crate::Store, paid_out: &SettlementRow, euro: &SettlementRow) {
    for left in [None, Some(70)] {
        if let Some(minor) = left {
            write(store, |tx| Ok(tx.post(&top_up_of(minor), at(96))?)).unwrap();
        }
        let on = read(store, |tx| tx.settlements_on(merchant_id(1), "2026-11-23"));
        assert_eq!(on, [(paid_out.clone(), left), (euro.clone(), None)], "by currency");
    }
    assert_eq!(read(store, |tx| tx.settlements_on(merchant_id(2), "2026-11-23")), []);
}

fn the_outbox_in_order(database: &Database) {
    let store = database.open();
    write(&store, |tx| {
        for (n, recipient) in [(3, "merchant:a"), (1, "merchant:B"), (2, "merchant:a"), (4, "merchant:ä")] {
            tx.insert_delivery(&delivery(n, recipient))?;
        }
        for (n, body) in [(3, json!({ "delivery": delivery(9, "").id })), (1, json!({ "Delivery": "dlv_1" }))]
        {
            tx.insert_event(&EventRow { body, ..event(n) })?;
        }
        let body = json!({ "a": WORDS, "delivery": delivery(2, "").id, "z": 1 });
        tx.insert_event(&EventRow { body, ..event(2) })
    })
    .unwrap();
    let taken = DeliveryRow {
        state: DeliveryState::Delivered,
        attempts: 2,
        done_at: Some(at(30)),
        ..delivery(3, "merchant:a")
    };
    let dead = DeliveryRow {
        state: DeliveryState::Dead,
        attempts: 9,
        last_error: Some(WORDS.to_owned()),
        done_at: Some(at(31)),
        ..delivery(4, "merchant:ä")
    };
    read(&store, |tx| {
        let waiting = [delivery(3, "merchant:a"), delivery(2, "merchant:a")];
        assert_eq!(tx.delivery_ids()?, [1, 2, 3, 4].map(DeliveryId::from_bits));
        assert_eq!(tx.announced_deliveries()?, [9, 2].map(DeliveryId::from_bits));
        assert_eq!(tx.waiting_deliveries("merchant:a", 9)?, waiting);
        assert_eq!(tx.waiting_deliveries("merchant:a", 1)?, waiting[..1]);
        assert_eq!(tx.due_recipients("", at(0), 9)?, ["merchant:B", "merchant:a", "merchant:ä"]);
        Ok(())
    });
    write(&store, |tx| {
        assert_eq!(tx.delivery(taken.id)?, Some(delivery(3, "merchant:a")));
        tx.update_delivery(&taken)?;
        tx.update_delivery(&dead)
    })
    .unwrap();
    read(&store, |tx| {
        assert_eq!(tx.delivery(taken.id)?, Some(taken.clone()));
        assert_eq!(tx.delivery(DeliveryId::from_bits(9))?, None);
        assert_eq!(tx.waiting_deliveries("merchant:a", 9)?, [delivery(2, "merchant:a")]);
        assert_eq!(tx.deliveries(Some(DeliveryState::Dead), None, 9)?, std::slice::from_ref(&dead));
        assert_eq!(tx.deliveries(None, Some("merchant:a"), 9)?, [taken.clone(), delivery(2, "merchant:a")]);
        assert_eq!(tx.deliveries(Some(DeliveryState::Waiting), Some("merchant:a"), 9)?.len(), 1);
        assert_eq!(tx.deliveries(None, None, 2)?, [taken.clone(), delivery(1, "merchant:B")]);
        assert_eq!(tx.due_recipients("", at(0), 9)?, ["merchant:B", "merchant:a"], "the dead are not due");
        Ok(())
    });
}

fn leases_of_recipients(database: &Database) {
    let store = database.open();
    let lease = |recipient: &str, now, until| {
        write(&store, |tx| tx.lease_recipient(recipient, at(now), at(until))).unwrap()
    };
    let due = |now| read(&store, |tx| tx.due_recipients("", at(now), 9));
    write(&store, |tx| {
        for (n, recipient) in [(1, "a"), (2, "b"), (3, "c")] {
            tx.insert_delivery(&delivery(n, recipient))?;
        }
        Ok(())
    })
    .unwrap();
    assert!(lease("b", 0, 60));
    assert!(!lease("b", 59, 90), "somebody else has it");
    assert_eq!(due(59), ["a", "c"]);
    assert_eq!(due(60), ["a", "b", "c"], "the lease is over");
    assert!(lease("a", 0, 60));
    write(&store, |tx| tx.release_recipient("a", at(50))).unwrap();
    assert_eq!(due(49), ["c"]);
    assert!(!lease("a", 49, 90), "its time has not come");
    assert_eq!(due(60), ["b", "c", "a"], "the longest due first");
    assert!(lease("a", 50, 90));
    assert!(lease("b", 60, 90));
    assert_eq!(read(&store, |tx| tx.due_recipients("", at(90), 1)).len(), 1);
}

fn whose_turn_it_is(database: &Database) {
    let store = database.open();
    let due = |prefix: &str, now| read(&store, |tx| tx.due_recipients(prefix, at(now), 9));
    assert_eq!(read(&store, |tx| tx.backlog()), (0, None));
    assert_eq!(due("merchant:", 0), [""; 0]);
    write(&store, |tx| {
        for (n, recipient) in
            [(1, "merchant:b"), (2, "payer:a"), (3, "merchant:a"), (4, "merchant:b"), (5, "shop")]
        {
            tx.insert_delivery(&DeliveryRow {
                created_at: at(20 - i64::try_from(n)?),
                ..delivery(n, recipient)
            })?;
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(due("merchant:", 0), ["merchant:a", "merchant:b"]);
    assert_eq!(due("payer:", 0), ["payer:a"]);
    assert_eq!((due("merchant:c", 0), due("q", 0), due("shops", 0)), (vec![], vec![], vec![]));
    // The oldest is the first in line somewhere; b's second is not.
    assert_eq!(read(&store, |tx| tx.backlog()), (5, Some(at(15))));

    write(&store, |tx| {
        assert_eq!(tx.leased_until("merchant:a")?, None);
        assert!(tx.lease_recipient("merchant:a", at(0), at(60))?);
        assert_eq!(tx.leased_until("merchant:a")?, Some(at(60)));
        tx.keep_recipient("merchant:a", at(90))?;
        assert_eq!(tx.leased_until("merchant:a")?, Some(at(90)));
        tx.hurry_recipient("merchant:a", at(5))?;
        assert_eq!(tx.leased_until("merchant:a")?, Some(at(90)), "whoever has it keeps it");
        tx.release_recipient("merchant:a", at(500))?;
        tx.hurry_recipient("merchant:b", at(5))
    })
    .unwrap();
    assert_eq!(due("merchant:", 89), ["merchant:b"]);
    write(&store, |tx| tx.hurry_recipient("merchant:a", at(70))).unwrap();
    assert_eq!((due("merchant:a", 69), due("merchant:a", 70)), (vec![], vec!["merchant:a".to_owned()]));
}

fn disputes_and_evidence(database: &Database) {
    let store = database.open();
    let later = {
        let mut row = dispute(1, 2);
        row.dispute.filing.at = at(102);
        row
    };
    write(&store, |tx| {
        people(tx)?;
        for n in [1, 2, 3] {
            paid(tx, n, 1)?;
        }
        tx.insert_dispute(&later)?;
        tx.insert_dispute(&dispute(3, 3))?;
        tx.insert_dispute(&dispute(2, 1))?;
        for seq in [1, 0] {
            tx.insert_evidence(&evidence(2, seq))?;
        }
        tx.insert_evidence(&evidence(3, 0))
    })
    .unwrap();
    let id = DisputeId::from_bits;
    let next = write(&store, |tx| {
        let DisputeRow { mut dispute, terminal, version } = tx.dispute(id(2))?.unwrap();
        for command in [
            Command::RecordEvidence,
            Command::SettleCompensation {
                authorisation_proven: false,
                automatic_limit: yuan(1),
                transfer: transfer_id(1),
                by: None,
            },
        ] {
            let event = dispute.decide(command)?.unwrap();
            dispute.apply(&event, at(103));
        }
        let next = DisputeRow { dispute, terminal, version: version + 1 };
        tx.update_dispute(&next)?;
        Ok(next)
    })
    .unwrap();
    assert!(matches!(
        next.dispute.compensation,
        Compensation::AwaitingApproval { amount: _, since: _, by: _ }
    ));
    read(&store, |tx| {
        assert_eq!(tx.dispute(id(2))?, Some(next.clone()));
        assert_eq!(tx.dispute(id(9))?, None);
        assert_eq!(tx.dispute_of_payment(payment_id(2))?, Some(later.clone()));
        assert_eq!(tx.dispute_of_payment(payment_id(9))?, None);
        assert_eq!(tx.disputes()?, [next.clone(), dispute(3, 3), later.clone()], "oldest first, then by id");
        assert_eq!(tx.other_disputes_at(terminal_id(1), id(2))?, 2);
        assert_eq!(tx.other_disputes_at(terminal_id(1), id(9))?, 3);
        assert_eq!(tx.other_disputes_at(terminal_id(2), id(2))?, 0);
        assert_eq!(tx.evidence(id(2))?, [evidence(2, 0), evidence(2, 1)]);
        assert_eq!(tx.evidence(id(1))?, []);
        Ok(())
    });
}
