//! Features against what was counted by hand.

#![expect(clippy::float_cmp, reason = "counts and small whole numbers, which floats hold exactly")]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const DAY: Seconds = 86_400;
/// 2026-01-05T00:00:00Z, a Monday.
const MONDAY: Seconds = 1_767_571_200;

fn spending(at: Seconds, amount: f64) -> Spending {
    Spending {
        at,
        utc_offset: 8 * 3_600,
        amount,
        terminal: 1,
        merchant: 2,
        city: 3,
        point: GeoPoint::new(23.1291, 113.2644).unwrap(),
        payer: 4,
    }
}

/// A value of a row by its feature's name.
fn named(row: &[f32], name: &str) -> f64 {
    f64::from(row[index_of(name).unwrap()])
}

fn row(payment: &Spending, payer: &PayerHistory, terminal: &TerminalHistory) -> BTreeMap<&'static str, f64> {
    let values = features(payment, None, payer, terminal);
    CATALOGUE.iter().map(|feature| (feature.name, named(&values, feature.name))).collect()
}

#[test]
fn names_are_there_once_and_can_be_used_in_rules() {
    for (at, feature) in CATALOGUE.iter().enumerate() {
        assert_eq!(index_of(feature.name), Some(at), "{}", feature.name);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(
            feature.name.starts_with(|c: char| c.is_ascii_lowercase()) && feature.name.chars().all(plain)
        );
        assert!(feature.meaning.iter().all(|words| !words.is_empty()));
    }
    assert_eq!(index_of("amounts"), None);
}

#[test]
fn a_first_payment_is_like_nothing_known() {
    let found = row(&spending(MONDAY, 500.0), &PayerHistory::default(), &TerminalHistory::default());
    assert!((found["amount"] - 500.0).abs() < 1e-6);
    // Eight in the morning in China, on a Monday.
    assert_eq!((found["local_hour"], found["is_night"], found["is_weekend"]), (8.0, 0.0, 0.0));
    assert_eq!((found["payer_count_30d"], found["payer_at_terminal"]), (0.0, 0.0));
    for unknown in ["home_km", "amount_z", "payer_since_last", "journey_speed", "terminal_wrong_share_30d"] {
        assert!(found[unknown].is_nan(), "{unknown} is {}", found[unknown]);
    }
}

#[test]
fn windows_hold_what_fell_into_them() {
    let mut payer = PayerHistory::default();
    for (ago, amount) in
        [(40 * DAY, 900.0), (20 * DAY, 100.0), (5 * DAY, 200.0), (7_200, 300.0), (600, 400.0)]
    {
        payer.observe(&spending(MONDAY - ago, amount));
    }
    let found = row(&spending(MONDAY, 1_000.0), &payer, &TerminalHistory::default());
    let counts =
        ["payer_count_1h", "payer_count_1d", "payer_count_7d", "payer_count_30d"].map(|name| found[name]);
    assert_eq!(counts, [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(
        (found["payer_mean_1d"], found["payer_mean_7d"], found["payer_mean_30d"]),
        (350.0, 300.0, 250.0)
    );
    assert_eq!((found["payer_sum_1d"], found["amount_to_mean"]), (700.0, 4.0));
    // 100, 200, 300, 400: the sample's deviation is the root of 50000 / 3.
    assert!((found["amount_z"] - 750.0 / (50_000.0_f64 / 3.0).sqrt()).abs() < 1e-4);
    assert_eq!((found["payer_since_last"], found["payer_known_days"]), (600.0, 40.0));
    assert_eq!(found["payer_at_terminal"], 5.0);
}

#[test]
fn out_of_habit_is_told_from_the_median() {
    let mut payer = PayerHistory::default();
    for ago in (1..=10).rev() {
        payer.observe(&spending(MONDAY - ago * DAY, 100.0));
    }
    assert!(payer.is_unusual(301.0) && !payer.is_unusual(300.0));
    payer.observe(&spending(MONDAY - 3_600, 900.0));
    let found = row(&spending(MONDAY, 100.0), &payer, &TerminalHistory::default());
    assert_eq!((found["payer_unusual_7d"], found["amount_to_median"]), (1.0, 1.0));
    assert!((found["payer_unusual_last"] - 1.0 / 24.0).abs() < 1e-6);
}

#[test]
fn a_journey_has_a_speed() {
    let mut payer = PayerHistory::default();
    payer.observe(&spending(MONDAY, 100.0));
    let shanghai = GeoPoint::new(31.2304, 121.4737).unwrap();
    let later = Spending { point: shanghai, ..spending(MONDAY + 1_800, 100.0) };
    let found = row(&later, &payer, &TerminalHistory::default());
    assert!((1_200.0..1_220.0).contains(&found["journey_km"]));
    assert!((found["journey_speed"] - 2.0 * found["journey_km"]).abs() < 1e-2);
    // Next door at the same second: no speed at all.
    let at_once = row(&spending(MONDAY, 100.0), &payer, &TerminalHistory::default());
    assert_eq!(at_once["journey_speed"], 0.0);
}

#[test]
fn a_terminal_remembers_what_was_wrong_there() {
    let mut terminal = TerminalHistory::default();
    for (ago, wrong) in [(9, false), (6, true), (5, false), (3, true), (2, true)] {
        terminal.observe(&spending(MONDAY - ago * DAY, 100.0), false);
        terminal.judge(MONDAY - ago * DAY, wrong, ago == 2);
    }
    terminal.decline(MONDAY - 60);
    let found = row(&spending(MONDAY, 100.0), &PayerHistory::default(), &terminal);
    assert_eq!((found["terminal_wrong_7d"], found["terminal_wrong_30d"]), (3.0, 3.0));
    assert_eq!(
        (found["terminal_wrong_share_7d"], found["terminal_wrong_share_30d"]),
        (0.75, f64::from(0.6_f32))
    );
    assert_eq!((found["terminal_wrong_in_habit_7d"], found["terminal_wrong_in_habit_1d"]), (2.0, 0.0));
    assert_eq!((found["terminal_wrong_streak"], found["terminal_streak_days"]), (2.0, 3.0));
    assert_eq!((found["terminal_since_wrong_days"], found["terminal_declined_1d"]), (2.0, 1.0));
}

/// An event that comes too late is not lost, and somebody can see that it was late.
#[test]
fn what_is_too_late_is_counted() {
    let mut replay = Replay::new(60);
    let mut taken = Vec::new();
    for (number, at) in [(1, MONDAY), (2, MONDAY + 100), (3, MONDAY + 30), (4, MONDAY + 40)] {
        let event = Event::Paid { number, payment: spending(at, 100.0), home: None };
        replay.tell(event, &mut |before| taken.push(before.number));
    }
    // 100 - 60 = 40: what happened at 40 may still have others beside it.
    assert_eq!((taken, replay.late()), (vec![1, 3], 1));
    let known = replay.features(&spending(MONDAY + 200, 100.0), None);
    assert_eq!(named(&known, "payer_count_1h"), 2.0);
}

#[test]
fn the_page_of_features_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/features.md");
    assert!(
        std::fs::read_to_string(path).is_ok_and(|committed| committed == features_page()),
        "docs/features.md is old: run `cargo xtask codegen` and commit what it wrote"
    );
}

proptest! {
    /// Late events, in whatever order, end in the same windows, as long as nothing was left out for its age.
    #[test]
    fn windows_do_not_depend_on_the_order(mut events in prop::collection::vec((0..29 * DAY, 1_u32..1_000), 1..60)) {
        let fill = |events: &[(Seconds, u32)]| {
            let mut windows = Windows::default();
            // Brought up to the last day first, so that every event falls into slots that are there.
            windows.add(MONDAY + 29 * DAY, 0.0);
            for (at, amount) in events {
                windows.add(MONDAY + at, f64::from(*amount));
            }
            [Span::Hour, Span::Day, Span::Week, Span::Fortnight, Span::Month]
                .map(|span| windows.total(span, MONDAY + 29 * DAY))
        };
        let before = fill(&events);
        events.reverse();
        prop_assert_eq!(before, fill(&events));
    }

    /// A month's window holds what a plain list holds, to the slot.
    #[test]
    fn windows_are_as_wide_as_they_say(events in prop::collection::vec(0..60 * DAY, 1..60)) {
        let mut sorted = events;
        sorted.sort_unstable();
        let mut windows = Windows::default();
        let now = MONDAY + 60 * DAY;
        sorted.iter().for_each(|at| windows.add(MONDAY + at, 1.0));
        for (span, width, slot) in
            [(Span::Hour, 3_600, 300), (Span::Day, DAY, 3_600), (Span::Week, 7 * DAY, DAY), (Span::Month, 30 * DAY, DAY)]
        {
            let within = |width: Seconds| sorted.iter().filter(|at| now - (MONDAY + *at) <= width).count();
            let count = windows.total(span, now).count as usize;
            prop_assert!(within(width - 1) <= count && count <= within(width + slot), "{:?}", span);
        }
    }

    /// Whoever tells of a payment sooner or later: as long as nobody is later than the lateness, the features are the same
    /// to the bit.
    #[test]
    fn a_shuffled_replay_gives_the_same_features(
        events in prop::collection::vec((0..40_000_i64, 0..4_u64, 0..3_u64, 1_u32..10_000, 0..=600_i64, 0..3_u8), 1..120),
    ) {
        let mut told = Vec::new();
        let mut at = MONDAY;
        for (number, (later, payer, place, amount, late, kind)) in (0_u64..).zip(events) {
            // Some at the same second, some seconds apart, some days.
            at += match later % 4 { 0 => 0, 1 => later % 60, 2 => later, _ => 8 * later };
            let payment = Spending { payer, terminal: place, merchant: place, city: place, ..spending(at, f64::from(amount)) };
            let event = match kind {
                0 => Event::Declined { number, terminal: place, at },
                _ => Event::Paid { number, payment, home: None },
            };
            told.push((at + late, event));
            if kind == 2 {
                let judged = Event::Judged { number, terminal: place, at: at + 9_000, wrong: amount % 2 == 0 };
                told.push((at + 9_000 + late, judged));
            }
        }
        let replay = |events: &[Event]| {
            let (mut replay, mut rows) = (Replay::new(600), Vec::new());
            let mut take = |before: Before<'_>| {
                let bits: Vec<u32> = before.features().into_iter().map(f32::to_bits).collect();
                rows.push((before.number, bits));
            };
            events.iter().for_each(|event| replay.tell(*event, &mut take));
            replay.catch_up(&mut take);
            assert_eq!(replay.late(), 0);
            rows
        };
        let mut in_order: Vec<Event> = told.iter().map(|(_, event)| *event).collect();
        in_order.sort_by_key(|event| match event {
            Event::Paid { number: _, payment, home: _ } => payment.at,
            Event::Declined { number: _, terminal: _, at } | Event::Judged { number: _, terminal: _, at, wrong: _ } => *at,
        });
        told.sort_by_key(|(at, _)| *at);
        let shuffled: Vec<Event> = told.into_iter().map(|(_, event)| event).collect();
        prop_assert_eq!(replay(&in_order), replay(&shuffled));
    }

    /// Histories are kept and read again between any two events: the features are the same to the bit.
    #[test]
    fn what_is_kept_gives_the_same_features(events in prop::collection::vec((0..90_000_i64, 1_u32..10_000, 0..5_u64), 1..80)) {
        let (mut live, mut kept) = (PayerHistory::default(), PayerHistory::default());
        let (mut till, mut at) = (TerminalHistory::default(), MONDAY);
        for (later, amount, place) in events {
            at += later;
            let payment = Spending { terminal: place, merchant: place, city: place, ..spending(at, f64::from(amount)) };
            let bits = |row: Vec<f32>| row.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            let online = bits(features(&payment, None, &live, &till));
            prop_assert_eq!(online, bits(features(&payment, None, &kept, &till)));
            till.observe(&payment, live.is_unusual(payment.amount));
            live.observe(&payment);
            kept.observe(&payment);
            kept = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
        }
    }
}
