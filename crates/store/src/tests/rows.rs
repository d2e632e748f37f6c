//! What was written is read back equal: people, devices, orders, records.

use serde_json::json;
use types::{CaptureId, ConsentId, Digest, EnrolmentId, PasskeyId, PayerId, SignedDuration};

use super::fixture::*;
use super::{Database, on_both, read, write};
use crate::{
    EnrolmentRow, EnrolmentState, FaceState, GalleryJobRow, LookAlikeKind, LookAlikeRow, MerchantRow,
    OrderRow, OrderState, PartRow, PartSource, PayerRow, SessionRow, TemplateRow, Waiting,
};

on_both!(
    merchants_and_terminals,
    payers_and_their_pins,
    consents_and_enrolments,
    templates_and_look_alikes,
    parts_and_jobs,
    messages_traces_and_questions,
    orders_and_numbers,
    sessions_captures_and_decisions,
    events_accesses_policies_and_the_installation,
);

fn merchants_and_terminals(database: &Database) {
    let store = database.open();
    let later = MerchantRow { created_at: at(1), ..merchant(3) };
    write(&store, |tx| {
        tx.insert_merchant(&later)?;
        people(tx)?;
        Ok(())
    })
    .unwrap();
    let changed =
        MerchantRow { settle_after_days: 0, fee_bps: 0, webhook: merchant(1).webhook, ..merchant(2) };
    let bare = MerchantRow { webhook: None, ..merchant(1) };
    read(&store, |tx| {
        assert_eq!(tx.merchants()?, [merchant(1), merchant(2), later.clone()], "oldest first, then by id");
        assert_eq!(tx.merchant(merchant_id(2))?, Some(merchant(2)));
        assert_eq!(tx.merchant(merchant_id(9))?, None);
        assert_eq!(tx.terminal(terminal_id(4))?, Some(terminal(4, 1, "北京")));
        assert_eq!(tx.terminal(terminal_id(9))?, None);
        Ok(())
    });
    write(&store, |tx| {
        tx.update_merchant(&changed)?;
        tx.update_merchant(&bare)
    })
    .unwrap();
    read(&store, |tx| {
        assert_eq!(tx.merchants()?, [bare.clone(), changed.clone(), later.clone()]);
        Ok(())
    });
}

fn payers_and_their_pins(database: &Database) {
    let store = database.open();
    let twin = PayerRow { id: payer_id(9), ..payer(1) };
    write(&store, |tx| {
        assert!(tx.insert_payer(&payer(1))? && tx.insert_payer(&payer(2))?);
        assert!(!tx.insert_payer(&twin)?, "the phone number is taken");
        assert_eq!(tx.payer(payer_id(1))?, Some(payer(1)), "within the transaction");
        Ok(())
    })
    .unwrap();
    read(&store, |tx| {
        assert_eq!(tx.payer(payer_id(1))?, Some(payer(1)));
        assert_eq!(tx.payer(payer_id(2))?, Some(payer(2)));
        assert_eq!(tx.payer(payer_id(9))?, None);
        assert_eq!(tx.payer_count()?, 2);
        Ok(())
    });
    let locked = PayerRow {
        face: FaceState::Frozen,
        pin_failures: 5,
        pin_locked_until: Some(at(300)),
        pin_locks: 2,
        pin_hash: Some("$argon2id$v=19$y".to_owned()),
        pin_recovered_at: Some(at(200)),
        ..payer(1)
    };
    let open = PayerRow { face: FaceState::Frozen, ..payer(1) };
    for expected in [locked, open] {
        write(&store, |tx| {
            tx.set_face(payer_id(1), expected.face)?;
            tx.update_pin(&expected)
        })
        .unwrap();
        assert_eq!(read(&store, |tx| tx.payer(payer_id(1))), Some(expected));
    }
    assert_eq!(read(&store, |tx| tx.payer(payer_id(2))), Some(payer(2)), "nobody else changed");
}

fn consents_and_enrolments(database: &Database) {
    let store = database.open();
    let ended = EnrolmentRow {
        state: EnrolmentState::Confirmed,
        failures: 3,
        template_sealed: None,
        ..enrolment(1, 1, 1)
    };
    let newer = crate::ConsentRow { given_at: at(33), ..consent(2, 1) };
    write(&store, |tx| {
        people(tx)?;
        tx.insert_consent(&consent(1, 1))?;
        tx.insert_consent(&newer)?;
        tx.insert_consent(&consent(3, 2))?;
        for n in [1, 2] {
            tx.insert_enrolment(&enrolment(n, 1, 1))?;
        }
        tx.insert_enrolment(&enrolment(3, 2, 3))?;
        assert_eq!(tx.enrolment(EnrolmentId::from_bits(1))?, Some(enrolment(1, 1, 1)));
        tx.update_enrolment(&ended)
    })
    .unwrap();
    read(&store, |tx| {
        assert_eq!(tx.consent(payer_id(1))?, Some(newer.clone()), "the newest in force");
        assert_eq!(tx.enrolment(EnrolmentId::from_bits(1))?, Some(ended.clone()));
        assert_eq!(tx.enrolment(EnrolmentId::from_bits(9))?, None);
        Ok(())
    });
    write(&store, |tx| {
        assert_eq!(
            tx.discard_enrolments(Waiting::Of(payer_id(1)))?,
            [EnrolmentId::from_bits(2)],
            "only what waits"
        );
        assert_eq!(tx.withdraw_consents(payer_id(1), at(40))?, 2);
        assert_eq!(tx.withdraw_consents(payer_id(1), at(41))?, 0);
        Ok(())
    })
    .unwrap();
    let failed = EnrolmentRow { state: EnrolmentState::Failed, template_sealed: None, ..enrolment(2, 1, 1) };
    read(&store, |tx| {
        assert_eq!(tx.consent(payer_id(1))?, None);
        assert_eq!(
            tx.consent(payer_id(2))?,
            Some(crate::ConsentRow { id: ConsentId::from_bits(3), ..consent(3, 2) })
        );
        assert_eq!(tx.enrolment(EnrolmentId::from_bits(1))?, Some(ended.clone()));
        assert_eq!(tx.enrolment(EnrolmentId::from_bits(2))?, Some(failed.clone()));
        assert_eq!(tx.enrolment(EnrolmentId::from_bits(3))?, Some(enrolment(3, 2, 3)));
        Ok(())
    });
    write(&store, |tx| {
        let expires = enrolment(3, 2, 3).expires_at;
        let before = expires - SignedDuration::from_micros(1);
        assert_eq!(tx.discard_enrolments(Waiting::ExpiredBy(before))?, []);
        assert_eq!(tx.discard_enrolments(Waiting::ExpiredBy(expires))?, [EnrolmentId::from_bits(3)]);
        Ok(())
    })
    .unwrap();
}

fn template(n: u8, sealed: Vec<u8>, pictures: u32, made_at: i64) -> TemplateRow {
    let owner = payer(n);
    TemplateRow {
        payer: owner.id,
        template_sealed: sealed,
        pictures,
        model: Digest([n; 32]),
        created_at: at(made_at),
        face_key: None,
        contact_sealed: owner.contact_sealed,
        contact_key: None,
        face: owner.face,
        home_city: owner.home_city,
        home: owner.home,
    }
}

fn templates_and_look_alikes(database: &Database) {
    let store = database.open();
    let (first, second) = (Digest([1; 32]), Digest([2; 32]));
    let alike = |one, other, score, kind, time| LookAlikeRow {
        payer: payer_id(one),
        other: payer_id(other),
        score,
        kind,
        found_at: at(time),
    };
    let (two, same) = (LookAlikeKind::LookAlike, LookAlikeKind::SamePerson);
    write(&store, |tx| {
        people(tx)?;
        tx.put_template(payer_id(2), b"two", (2, second), at(5))?;
        tx.put_template(payer_id(1), b"old", (9, first), at(5))?;
        tx.put_template(payer_id(1), &bytes(), (1, first), at(6))?;
        tx.put_look_alike(&alike(1, 2, 0.25, two, 7))?;
        tx.put_look_alike(&alike(2, 1, 0.75, same, 8))?;
        tx.put_look_alike(&alike(2, 3, 0.5, two, 9))
    })
    .unwrap();
    read(&store, |tx| {
        assert_eq!(tx.templates(first)?, [template(1, bytes(), 1, 6)]);
        assert_eq!(tx.templates(second)?, [template(2, b"two".to_vec(), 2, 5)]);
        assert_eq!(tx.templates_since(first, at(7))?, []);
        assert_eq!(tx.templates_since(first, at(6))?.len(), 1);
        assert_eq!(tx.template(payer_id(1), second)?, None);
        assert_eq!(tx.faces_without(first)?, 1);
        assert_eq!(tx.next_faces_without(first, ("", 5))?, [payer_id(2)]);
        assert_eq!(tx.next_faces_without(first, (&payer_id(2).to_string(), 5))?, []);
        assert_eq!(tx.templates_after(first, (&payer_id(1).to_string(), 5))?, []);
        for n in 1..=3 {
            assert!(tx.has_look_alike(payer_id(n))?);
        }
        assert_eq!(
            tx.look_alikes_of(payer_id(1))?,
            [alike(1, 2, 0.75, same, 7)],
            "known since the first time"
        );
        assert_eq!(tx.look_alikes(same, 9)?, [alike(1, 2, 0.75, same, 7)], "each pair once");
        assert_eq!(tx.look_alikes(two, 9)?, [alike(2, 3, 0.5, two, 9)]);
        Ok(())
    });
    write(&store, |tx| {
        tx.delete_look_alike(payer_id(3), payer_id(2))?;
        assert!(!tx.has_look_alike(payer_id(3))? && tx.has_look_alike(payer_id(2))?);
        tx.put_template(payer_id(1), b"next", (1, second), at(7))?;
        assert_eq!(
            (tx.face_count()?, tx.templates_sealed(payer_id(1))?.len()),
            (2, 2),
            "one face, two models"
        );
        assert_eq!(tx.delete_other_models(second)?, 1);
        assert_eq!(tx.delete_templates(payer_id(1))?, 1);
        assert_eq!(tx.delete_templates(payer_id(1))?, 0);
        Ok(())
    })
    .unwrap();
    read(&store, |tx| {
        assert_eq!(tx.templates(second)?, [template(2, b"two".to_vec(), 2, 5)]);
        for n in 1..=3 {
            assert!(!tx.has_look_alike(payer_id(n))?);
        }
        Ok(())
    });
}

fn parts_and_jobs(database: &Database) {
    let store = database.open();
    let source = PartSource::Enrolment(EnrolmentId::from_bits(7));
    let part = |source, position, weight| PartRow {
        payer: payer_id(1),
        source,
        position,
        model: Digest([1; 32]),
        weight,
        template_sealed: bytes(),
        created_at: at(3),
    };
    let capture = PartSource::Capture(CaptureId::from_bits(9));
    let job = GalleryJobRow {
        name: WORDS.to_owned(),
        purpose: WORDS.to_owned(),
        reached: String::new(),
        done: 1,
        left_out: 2,
        wanted: 3,
        started_at: at(4),
        finished_at: None,
    };
    write(&store, |tx| {
        people(tx)?;
        for row in [part(source, 0, 1.0), part(source, 1, 0.5), part(capture, 0, 0.25), part(source, 1, 0.75)]
        {
            tx.put_part(&row)?;
        }
        assert_eq!(tx.gallery_job(WORDS)?, None);
        tx.put_gallery_job(&job)?;
        tx.put_gallery_job(&GalleryJobRow { finished_at: Some(at(5)), ..job.clone() })?;
        assert_eq!(tx.keep_calibration("one", "first", at(1))?, "first");
        assert_eq!(tx.keep_calibration("one", "second", at(2))?, "first", "a name stands for one text");
        Ok(())
    })
    .unwrap();
    read(&store, |tx| {
        assert_eq!(
            tx.parts(payer_id(1))?,
            [part(capture, 0, 0.25), part(source, 0, 1.0), part(source, 1, 0.75)]
        );
        assert_eq!(tx.parts(payer_id(2))?, []);
        assert!(tx.has_parts_from(source)? && tx.has_parts_from(capture)?);
        assert_eq!(tx.gallery_jobs()?, [GalleryJobRow { finished_at: Some(at(5)), ..job.clone() }]);
        assert_eq!(tx.calibrations()?, ["first"]);
        Ok(())
    });
    write(&store, |tx| {
        assert_eq!(tx.delete_parts_from(source)?, 2);
        assert!(!tx.has_parts_from(source)?);
        tx.delete_templates(payer_id(1))?;
        assert_eq!(tx.parts(payer_id(1))?, []);
        Ok(())
    })
    .unwrap();
}

fn messages_traces_and_questions(database: &Database) {
    let store = database.open();
    write(&store, |tx| {
        people(tx)?;
        for (n, payer) in [(3, 1), (1, 1), (2, 2)] {
            tx.insert_message(&message(n, payer))?;
        }
        tx.insert_message(&crate::MessageRow { reference: "else".to_owned(), ..message(4, 1) })?;
        for (payer, second, n) in [(1, 10, 0.1), (1, 20, 0.2), (2, 20, 0.4), (2, 20, 0.3), (3, 5, 0.5)] {
            tx.insert_trace(payer_id(payer), trace(second, n))?;
        }
        for n in [1, 2] {
            paid(tx, n, 1)?;
            tx.insert_confirmation(&confirmation(n, 1), at(12))?;
        }
        let asked = confirmation(1, 1);
        assert_eq!(tx.confirmation(asked.id)?, Some(asked.clone()));
        tx.answer_confirmation(asked.id, true, Some(PasskeyId::from_bits(7)))?;
        tx.answer_confirmation(confirmation(2, 1).id, false, None)
    })
    .unwrap();
    read(&store, |tx| {
        let ids =
            |rows: Vec<crate::MessageRow>| rows.into_iter().map(|row| row.id.to_bits()).collect::<Vec<_>>();
        assert_eq!(tx.messages(payer_id(1), 2)?.last(), Some(&message(1, 1)));
        assert_eq!(ids(tx.messages(payer_id(1), 9)?), [4, 1, 3], "newest first");
        assert_eq!(tx.messages_about(WORDS)?, [message(3, 1), message(1, 1), message(2, 2)], "oldest first");
        assert_eq!(tx.nearest_trace(payer_id(1), at(14))?, Some(trace(10, 0.1)));
        assert_eq!(tx.nearest_trace(payer_id(1), at(16))?, Some(trace(20, 0.2)));
        assert_eq!(tx.nearest_trace(payer_id(9), at(16))?, None);
        let seen: Vec<_> = [(1, trace(20, 0.2)), (2, trace(20, 0.3)), (3, trace(5, 0.5))]
            .map(|(n, trace)| (payer_id(n), trace))
            .to_vec();
        assert_eq!(tx.recent_traces(at(5), at(20), 9)?, seen);
        assert_eq!(tx.recent_traces(at(5), at(20), 1)?, seen[..1]);
        assert_eq!(tx.recent_traces(at(6), at(19), 9)?, [(payer_id(1), trace(10, 0.1))]);
        let passkey = Some(PasskeyId::from_bits(7));
        let yes = crate::ConfirmationRow { answer: Some(true), passkey, ..confirmation(1, 1) };
        let no = crate::ConfirmationRow { answer: Some(false), ..confirmation(2, 1) };
        assert_eq!(tx.confirmation(yes.id)?, Some(yes.clone()));
        assert_eq!(tx.confirmation_of(no.session)?, Some(no.clone()));
        assert_eq!(tx.confirmation_of(session_id(9))?, None);
        assert_eq!(tx.deliveries(None, None, 9)?, [], "there is no push gateway");
        Ok(())
    });
    let pushing = database.open().pushing();
    write(&pushing, |tx| tx.insert_message(&message(5, 3))).unwrap();
    read(&store, |tx| {
        assert_eq!(tx.deliveries(None, None, 9)?, [crate::DeliveryRow::push(&message(5, 3))]);
        Ok(())
    });
}

fn orders_and_numbers(database: &Database) {
    let store = database.open();
    write(&store, |tx| {
        people(tx)?;
        assert!(tx.insert_order(&order(1))? && tx.insert_order(&order(2))?);
        assert!(!tx.insert_order(&OrderRow { id: order_id(9), ..order(1) })?, "the number is taken");
        assert_eq!(tx.order(order_id(1))?, Some(order(1)));
        assert!(tx.reverse_number(merchant_id(1), WORDS, at(3))?);
        assert!(!tx.reverse_number(merchant_id(1), WORDS, at(4))?);
        assert!(tx.is_number_reversed(merchant_id(1), WORDS)?);
        tx.set_order_state(order_id(2), OrderState::Paid)
    })
    .unwrap();
    read(&store, |tx| {
        let number = |n: u128| order(n).out_trade_no;
        let paid = OrderRow { state: OrderState::Paid, ..order(2) };
        assert_eq!(tx.order_by_number(merchant_id(1), &number(1))?, Some(order(1)));
        assert_eq!(tx.order_by_number(merchant_id(1), &number(2))?, Some(paid));
        assert_eq!(tx.order_by_number(merchant_id(2), &number(2))?, None);
        assert_eq!(tx.order(order_id(9))?, None);
        assert!(!tx.is_number_reversed(merchant_id(2), WORDS)?);
        Ok(())
    });
    write(&store, |tx| tx.set_order_state(order_id(2), OrderState::Reversed)).unwrap();
    let found = read(&store, |tx| tx.order(order_id(2)));
    assert_eq!(found, Some(OrderRow { state: OrderState::Reversed, ..order(2) }));
}

fn sessions_captures_and_decisions(database: &Database) {
    let store = database.open();
    let moved = SessionRow {
        state: json!({ "stage": "waiting", "words": [WORDS] }),
        digits_attempts: u32::MAX,
        ..session(1)
    };
    write(&store, |tx| {
        people(tx)?;
        for n in [1, 2] {
            assert!(tx.insert_order(&order(n))?);
            tx.insert_session(&session(n))?;
        }
        assert_eq!(tx.session(session_id(1))?, Some(session(1)));
        tx.insert_capture(&capture(1))?;
        for (session, seq) in [(2, 0), (1, 1), (1, 0)] {
            tx.insert_decision(&decision(session, seq))?;
        }
        tx.update_session(&moved)
    })
    .unwrap();
    read(&store, |tx| {
        assert_eq!(tx.session(session_id(1))?, Some(moved.clone()));
        assert_eq!(tx.session(session_id(2))?, Some(session(2)));
        assert_eq!(tx.session(session_id(9))?, None);
        assert_eq!(tx.capture(session_id(1))?, Some(capture(1)));
        assert_eq!(tx.capture(session_id(2))?, None);
        assert_eq!(tx.decisions(session_id(1))?, [decision(1, 0), decision(1, 1)]);
        assert_eq!((tx.decision_count(session_id(1))?, tx.decision_count(session_id(9))?), (2, 0));
        assert_eq!(tx.all_decisions()?, [decision(1, 0), decision(1, 1), decision(2, 0)]);
        let stage =
            tx.first("SELECT stage FROM sessions WHERE digits_attempts > 0", &[], |row| row.string("stage"))?;
        assert_eq!(stage.as_deref(), Some("waiting"));
        Ok(())
    });
}

fn events_accesses_policies_and_the_installation(database: &Database) {
    let store = database.open();
    write(&store, |tx| {
        for n in [2, 1, 3] {
            tx.insert_event(&event(n))?;
            tx.insert_access(&access(n, n % 2))?;
        }
        tx.keep_policy(Digest([1; 32]), WORDS, at(0))?;
        tx.keep_policy(Digest([1; 32]), "other", at(0))?;
        tx.keep_installation("master", &bytes())?;
        tx.keep_installation("master", b"other")
    })
    .unwrap();
    read(&store, |tx| {
        assert_eq!(tx.events(WORDS)?, [event(2), event(1), event(3)], "as they were written");
        assert_eq!(tx.events("else")?, []);
        assert_eq!(tx.accesses(PayerId::from_bits(1))?, [access(1, 1), access(3, 1)]);
        assert_eq!(tx.policy(Digest([1; 32]))?.as_deref(), Some(WORDS));
        assert_eq!(tx.policy(Digest([2; 32]))?, None);
        assert_eq!(tx.installation("master")?, Some(bytes()));
        assert_eq!(tx.installation("else")?, None);
        Ok(())
    });
}
