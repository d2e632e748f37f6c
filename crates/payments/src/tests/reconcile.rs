//! Two books side by side.

use proptest::prelude::*;

use super::*;

/// One entry a line: kind, number, amount in minor units, state if any.
fn book(text: &str) -> Vec<Entry> {
    let entry = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [kind, number, minor, ref state @ ..] = words[..] else { panic!("{line}") };
        let (minor, currency) = match minor.strip_suffix("eur") {
            Some(minor) => (minor, Currency::EUR),
            None => (minor, Currency::CNY),
        };
        Entry {
            number: number.to_owned(),
            kind: EntryKind::ALL.into_iter().find(|known| known.name() == kind).unwrap(),
            amount: Amount::new(minor.parse().unwrap(), currency),
            state: state.join(" "),
        }
    };
    text.split(';').map(str::trim).filter(|line| !line.is_empty()).map(entry).collect()
}

fn check(ours: &str, theirs: &str, expected: &Expect) {
    expected.assert_eq(&reconcile(&book(ours), &book(theirs)).table());
}

#[test]
fn each_sort_of_difference() {
    check(
        "payment b 100 settled; payment a 10664; payment c 100; payment e 5 settled; refund e 5; payment g 1",
        "payment c 101; payment a 10664 settled; payment d 7; payment e 5 reversed; refund e 5; refund e 5;
         payment g 1eur; payment h 8; payment h 8",
        &expect![[r#"
            finding          count  first: ours       theirs             kind and number
            agreeing         2
            missing_here     2      none              0.07 CNY           payment d
            missing_there    1      1.00 CNY settled  none               payment b
            amount           2      1.00 CNY          1.01 CNY           payment c
            state            1      0.05 CNY settled  0.05 CNY reversed  payment e
            duplicate_there  2      none              0.05 CNY           refund e

            currency  our count  our amount  their count  their amount  difference
            CNY       6          108.75      8            108.03        0.72
            EUR       0          0.00        1            0.01          -0.01
        "#]],
    );
}

#[test]
fn agreement_and_emptiness() {
    check(
        "",
        "",
        &expect![[r#"
        finding          count  first: ours  theirs  kind and number
        agreeing         0
        missing_here     0
        missing_there    0
        amount           0
        state            0
        duplicate_there  0

        currency  our count  our amount  their count  their amount  difference
    "#]],
    );
    check(
        "payment a 1 x; settlement a 1",
        "settlement a 1; payment a 1 x",
        &expect![[r#"
        finding          count  first: ours  theirs  kind and number
        agreeing         2
        missing_here     0
        missing_there    0
        amount           0
        state            0
        duplicate_there  0

        currency  our count  our amount  their count  their amount  difference
        CNY       2          0.02        2            0.02          0.00
    "#]],
    );
    assert!(reconcile(&book("payment a 1"), &book("payment a 1 paid")).agrees());
    assert!(!reconcile(&book("payment a 1"), &book("refund a 1")).agrees());
}

#[test]
fn numbers_that_stand_more_than_once() {
    check(
        "recovery a 1; recovery a 2",
        "recovery a 2; recovery a 1",
        &expect![[r#"
        finding          count  first: ours  theirs  kind and number
        agreeing         2
        missing_here     0
        missing_there    0
        amount           0
        state            0
        duplicate_there  0

        currency  our count  our amount  their count  their amount  difference
        CNY       2          0.03        2            0.03          0.00
    "#]],
    );
    check(
        "recovery a 1; recovery a 2",
        "recovery a 2",
        &expect![[r#"
        finding          count  first: ours  theirs  kind and number
        agreeing         1
        missing_here     0
        missing_there    1      0.01 CNY     none    recovery a
        amount           0
        state            0
        duplicate_there  0

        currency  our count  our amount  their count  their amount  difference
        CNY       2          0.03        1            0.02          0.01
    "#]],
    );
    check(
        "payment a 1",
        "payment a 2; payment a 1; payment a 1",
        &expect![[r#"
        finding          count  first: ours  theirs    kind and number
        agreeing         1
        missing_here     0
        missing_there    0
        amount           0
        state            0
        duplicate_there  2      none         0.01 CNY  payment a

        currency  our count  our amount  their count  their amount  difference
        CNY       1          0.01        3            0.04          -0.03
    "#]],
    );
    check(
        "payment a 1; payment a 1",
        "payment a 3",
        &expect![[r#"
        finding          count  first: ours  theirs    kind and number
        agreeing         0
        missing_here     0
        missing_there    1      0.01 CNY     none      payment a
        amount           1      0.01 CNY     0.03 CNY  payment a
        state            0
        duplicate_there  0

        currency  our count  our amount  their count  their amount  difference
        CNY       2          0.02        1            0.03          -0.01
    "#]],
    );
}

#[test]
fn a_report_as_csv_and_foreign_text_in_it() {
    let ours = book("payment a 10664 settled; settlement stl_1 900");
    let mut theirs = book("payment a 10665 =1+1; refund x 1; settlement stl_1 900");
    theirs[1].number = "=cmd|'/c calc'!A1\u{1b}[2J".to_owned();
    let report = reconcile(&ours, &theirs);
    expect![[r#"
        finding,count,first_kind,first_number,our_currency,our_amount,our_state,their_currency,their_amount,their_state
        agreeing,1,,,,,,,,
        missing_here,1,refund,'=cmd|'/c calc'!A1[2J,,,,CNY,0.01,
        missing_there,0,,,,,,,,
        amount,1,payment,a,CNY,106.64,settled,CNY,106.65,'=1+1
        state,1,payment,a,CNY,106.64,settled,CNY,106.65,'=1+1
        duplicate_there,0,,,,,,,,
        totals_currency,our_count,our_amount,their_count,their_amount,difference
        CNY,2,115.64,3,115.66,-0.02
    "#]].assert_eq(&report.csv());
    expect![[r#"
        finding          count  first: ours         theirs           kind and number
        agreeing         1
        missing_here     1      none                0.01 CNY         refund =cmd|'/c calc'!A1�[2J
        missing_there    0
        amount           1      106.64 CNY settled  106.65 CNY =1+1  payment a
        state            1      106.64 CNY settled  106.65 CNY =1+1  payment a
        duplicate_there  0

        currency  our count  our amount  their count  their amount  difference
        CNY       2          115.64      3            115.66        -0.02
    "#]]
    .assert_eq(&report.table());
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
}

#[test]
fn claims_beyond_64_bits_are_added_up() {
    let much = |number: &str| Entry {
        number: number.to_owned(),
        kind: EntryKind::Payment,
        amount: yuan(i64::MAX),
        state: String::new(),
    };
    let report = reconcile(&[], &[much("a"), much("b")]);
    assert_eq!(report.totals[0].their_minor, 2 * i128::from(i64::MAX));
    assert!(report.csv().contains("184467440737095516.14,-184467440737095516.14"), "{}", report.csv());
}

#[test]
fn a_bill_agrees_with_itself() {
    let day = super::bill::day();
    let report = reconcile(&day.entries(), &parse_csv(day.csv().as_bytes(), &Columns::default()).unwrap());
    assert!(report.agrees(), "{report:?}");
    assert_eq!(report.agreeing, 7);
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let kind = prop_oneof![Just(EntryKind::Payment), Just(EntryKind::Refund)];
    let state = prop_oneof![3 => Just(""), 1 => Just("x"), 1 => Just("y")];
    let entry = ("[a-d]", kind, 1..4_i64, state).prop_map(|(number, kind, minor, state)| Entry {
        number,
        kind,
        amount: yuan(minor),
        state: state.to_owned(),
    });
    proptest::collection::vec(entry, 0..8)
}

proptest! {
    #[test]
    fn every_entry_is_accounted_for(ours in entries(), theirs in entries(), turn in 0..8_usize) {
        let report = reconcile(&ours, &theirs);
        let Report { agreeing, missing_here, missing_there, amount, state, duplicate_there, totals: _ } = &report;
        let number = |count: usize| u64::try_from(count).unwrap();
        let (mine, others) = (number(ours.len()), number(theirs.len()));
        let pairs = mine - missing_there.count;
        prop_assert_eq!(others, pairs + missing_here.count + duplicate_there.count);
        let differing = pairs - agreeing;
        prop_assert!(amount.count.max(state.count) <= differing && differing <= amount.count + state.count);
        prop_assert_eq!(report.agrees(), pairs == mine && pairs == others && differing == 0);
        for found in [missing_here, missing_there, duplicate_there, amount, state] {
            prop_assert_eq!(found.count == 0, found.first.is_none());
        }
        let mut mixed = theirs.clone();
        mixed.rotate_left(turn.min(theirs.len()));
        prop_assert_eq!(reconcile(&ours, &mixed), report.clone());
        prop_assert!(reconcile(&ours, &ours).agrees());
    }
}
