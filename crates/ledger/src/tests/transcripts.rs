//! One script per refusal and per rule, read as text.

use expect_test::{Expect, expect};

use super::*;

fn account(name: &str) -> Account {
    let found = ACCOUNTS.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("no such account: {name}")).1
}

/// `500` is in yuan, `500eur` in euros.
fn amount(word: &str) -> Amount {
    let (digits, currency) = match word.strip_suffix("eur") {
        Some(digits) => (digits, Currency::EUR),
        None => (word, Currency::CNY),
    };
    Amount::new(if digits == "max" { i64::MAX } else { digits.parse().unwrap() }, currency)
}

fn command(text: &str) -> Command {
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |word: &str| id(word.parse().unwrap());
    let moved = |id: &str, from: &str, to: &str, much: &str| {
        transfer(id.parse().unwrap(), account(from), account(to), amount(much))
    };
    match words[..] {
        [id, "move", from, to, much] => Command::Move(moved(id, from, to, much)),
        [id, "hold", from, to, much, "until", time] => {
            Command::Hold { transfer: moved(id, from, to, much), expires_at: second(time.parse().unwrap()) }
        }
        [id, "post", hold, much] => {
            Command::PostHold { id: number(id), hold: number(hold), amount: amount(much) }
        }
        [id, "void", hold] => Command::VoidHold { id: number(id), hold: number(hold) },
        [id, "expire", hold] => Command::ExpireHold { id: number(id), hold: number(hold) },
        _ => panic!("no such command: {text}"),
    }
}

fn show(outcome: &Outcome) -> String {
    let changes = match outcome {
        Outcome::AlreadyApplied => return "already applied".to_owned(),
        Outcome::Applied(changes) => changes,
    };
    let one = |(key, balance): (&BalanceKey, &Balance)| {
        let name = ACCOUNTS.iter().find(|(_, account)| *account == key.account).unwrap().0;
        let held = if balance.held_minor == 0 { String::new() } else { format!("-{}", balance.held_minor) };
        let euro = if key.currency == Currency::EUR { "eur" } else { "" };
        format!("{name} {}{held}{euro}", balance.posted_minor)
    };
    if changes.balances.is_empty() {
        return "no balance changes".to_owned();
    }
    changes.balances.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Runs a script: each line is a batch, its commands linked by `&`; `at 60` sets the clock. Shows the balances
/// that changed, posted-held, or the refusal, which must leave the books as they were.
fn check(script: &str, expected: &Expect) {
    let mut books = Books::default();
    let mut now = second(0);
    let mut transcript = String::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(time) = line.strip_prefix("at ") {
            now = second(time.parse().unwrap());
            transcript.push_str(&format!("{line}\n"));
            continue;
        }
        let commands: Vec<Command> = match line {
            "nothing" => Vec::new(),
            "too much" => (1000..=1100)
                .map(|n| Command::Move(transfer(n, account("external"), account("anna"), amount("1"))))
                .collect(),
            line => line.split('&').map(command).collect(),
        };
        let before = books.clone();
        let outcome = match books.apply(&commands, now) {
            Ok(outcome) => show(&outcome),
            Err(rejected) => {
                assert_eq!(before, books);
                format!("refused: {}", rejected.code())
            }
        };
        transcript.push_str(&format!("{line:<60} {outcome}\n"));
    }
    expected.assert_eq(&transcript);
}

#[test]
fn moves_and_every_reason_to_refuse_one() {
    check(
        "1 move external anna 500
         1 move external anna 500
         1 move external anna 501
         1 hold external anna 500 until 60
         2 move anna anna 1
         3 move anna shop 0
         4 move anna shop -1
         5 move anna shop 501
         6 move external anna max
         7 move anna shop 1eur
         8 move anna shop 500
         nothing
         too much",
        &expect![[r#"
            1 move external anna 500                                     anna 500, external -500
            1 move external anna 500                                     already applied
            1 move external anna 501                                     refused: transfer_id_reused
            1 hold external anna 500 until 60                            refused: transfer_id_reused
            2 move anna anna 1                                           refused: same_account
            3 move anna shop 0                                           refused: amount_not_positive
            4 move anna shop -1                                          refused: amount_not_positive
            5 move anna shop 501                                         refused: insufficient_funds
            6 move external anna max                                     refused: amount_out_of_range
            7 move anna shop 1eur                                        refused: insufficient_funds
            8 move anna shop 500                                         anna 0, shop 500
            nothing                                                      refused: batch_size
            too much                                                     refused: batch_size
        "#]],
    );
}

#[test]
fn a_hold_is_posted_in_part_or_whole() {
    check(
        "1 move external anna 500
         2 hold anna shop 300 until 60
         2 hold anna shop 300 until 60
         2 hold anna shop 300 until 61
         3 move anna shop 201
         4 hold anna cafe 201 until 60
         5 hold anna cafe 200 until 60
         6 post 2 301
         6 post 2 0
         6 post 2 -1
         6 post 2 1eur
         6 post 2 100
         6 post 2 100
         6 post 2 101
         7 post 2 100
         7 void 2
         8 post 5 200
         9 move anna fees 201
         9 move anna fees 200",
        &expect![[r#"
            1 move external anna 500                                     anna 500, external -500
            2 hold anna shop 300 until 60                                anna 500-300
            2 hold anna shop 300 until 60                                already applied
            2 hold anna shop 300 until 61                                refused: transfer_id_reused
            3 move anna shop 201                                         refused: insufficient_funds
            4 hold anna cafe 201 until 60                                refused: insufficient_funds
            5 hold anna cafe 200 until 60                                anna 500-500
            6 post 2 301                                                 refused: amount_above_hold
            6 post 2 0                                                   refused: amount_not_positive
            6 post 2 -1                                                  refused: amount_not_positive
            6 post 2 1eur                                                refused: amount_out_of_range
            6 post 2 100                                                 anna 400-200, shop 100
            6 post 2 100                                                 already applied
            6 post 2 101                                                 refused: transfer_id_reused
            7 post 2 100                                                 refused: hold_closed
            7 void 2                                                     refused: hold_closed
            8 post 5 200                                                 anna 200, cafe 200
            9 move anna fees 201                                         refused: insufficient_funds
            9 move anna fees 200                                         anna 0, fees 200
        "#]],
    );
}

#[test]
fn a_hold_is_given_back_once() {
    check(
        "1 move external anna 500
         2 hold anna shop 0 until 60
         2 hold anna anna 5 until 60
         2 hold anna shop 5 until 0
         2 hold anna shop 300 until 60
         3 void 9
         3 void 1
         3 void 2
         3 void 2
         4 void 2
         4 post 2 1
         4 expire 2
         5 hold anna shop 500 until 60
         6 void 5 & 7 post 5 1
         6 expire 5
         at 59
         6 expire 5
         at 60
         7 post 5 500
         8 move anna shop 1
         6 expire 5
         6 expire 5
         7 expire 5
         9 move anna shop 500
         10 hold shop anna 10 until 61
         at 62
         11 void 10",
        &expect![[r#"
            1 move external anna 500                                     anna 500, external -500
            2 hold anna shop 0 until 60                                  refused: amount_not_positive
            2 hold anna anna 5 until 60                                  refused: same_account
            2 hold anna shop 5 until 0                                   refused: hold_expiry_past
            2 hold anna shop 300 until 60                                anna 500-300
            3 void 9                                                     refused: hold_unknown
            3 void 1                                                     refused: hold_unknown
            3 void 2                                                     anna 500
            3 void 2                                                     already applied
            4 void 2                                                     refused: hold_closed
            4 post 2 1                                                   refused: hold_closed
            4 expire 2                                                   refused: hold_closed
            5 hold anna shop 500 until 60                                anna 500-500
            6 void 5 & 7 post 5 1                                        refused: hold_closed
            6 expire 5                                                   refused: hold_not_expired
            at 59
            6 expire 5                                                   refused: hold_not_expired
            at 60
            7 post 5 500                                                 refused: hold_expired
            8 move anna shop 1                                           refused: insufficient_funds
            6 expire 5                                                   anna 500
            6 expire 5                                                   already applied
            7 expire 5                                                   refused: hold_closed
            9 move anna shop 500                                         anna 0, shop 500
            10 hold shop anna 10 until 61                                shop 500-10
            at 62
            11 void 10                                                   shop 500
        "#]],
    );
}

#[test]
fn linked_commands_are_applied_all_or_none() {
    check(
        "1 move external anna 500
         2 move anna shop 400 & 3 move shop fees 4
         2 move anna shop 400 & 3 move shop fees 4
         3 move shop fees 4 & 2 move anna shop 400
         2 move anna shop 400 & 4 move shop fees 4
         2 move anna shop 400 & 4 move shop fees 397
         2 move anna shop 401 & 4 move shop fees 4
         5 move anna shop 50 & 5 move anna shop 50
         5 move anna shop 50 & 6 move anna shop 51
         6 move cafe anna 1 & 7 move external cafe 1
         8 hold anna shop 100 until 60 & 9 post 8 30
         10 hold anna shop 70 until 60 & 11 void 10
         12 hold anna shop 70 until 60 & 13 move anna shop 1
         14 hold anna shop 70 until 60 & 15 post 14 1 & 16 void 14
         17 post 17 1",
        &expect![[r#"
            1 move external anna 500                                     anna 500, external -500
            2 move anna shop 400 & 3 move shop fees 4                    anna 100, shop 396, fees 4
            2 move anna shop 400 & 3 move shop fees 4                    already applied
            3 move shop fees 4 & 2 move anna shop 400                    already applied
            2 move anna shop 400 & 4 move shop fees 4                    refused: batch_partly_applied
            2 move anna shop 400 & 4 move shop fees 397                  refused: batch_partly_applied
            2 move anna shop 401 & 4 move shop fees 4                    refused: transfer_id_reused
            5 move anna shop 50 & 5 move anna shop 50                    refused: transfer_id_repeated
            5 move anna shop 50 & 6 move anna shop 51                    refused: insufficient_funds
            6 move cafe anna 1 & 7 move external cafe 1                  refused: insufficient_funds
            8 hold anna shop 100 until 60 & 9 post 8 30                  anna 70, shop 426
            10 hold anna shop 70 until 60 & 11 void 10                   no balance changes
            12 hold anna shop 70 until 60 & 13 move anna shop 1          refused: insufficient_funds
            14 hold anna shop 70 until 60 & 15 post 14 1 & 16 void 14    refused: hold_closed
            17 post 17 1                                                 refused: hold_unknown
        "#]],
    );
}

#[test]
fn a_merchant_pays_back_what_it_owes_and_no_more() {
    check(
        "1 move shop-owes reserve 300
         2 move external shop 1000
         3 move shop shop-owes 301
         3 move shop shop-owes 200
         4 hold shop shop-owes 200 until 60
         5 post 4 200
         5 post 4 100
         6 move cafe-owes reserve 5
         7 move shop shop-settled 700",
        &expect![[r#"
            1 move shop-owes reserve 300                                 shop-owes -300, reserve 300
            2 move external shop 1000                                    shop 1000, external -1000
            3 move shop shop-owes 301                                    refused: above_ceiling
            3 move shop shop-owes 200                                    shop 800, shop-owes -100
            4 hold shop shop-owes 200 until 60                           shop 800-200
            5 post 4 200                                                 refused: above_ceiling
            5 post 4 100                                                 shop 700, shop-owes 0
            6 move cafe-owes reserve 5                                   cafe-owes -5, reserve 305
            7 move shop shop-settled 700                                 shop 0, shop-settled 700
        "#]],
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    check(
        "1 move external anna max
         2 move external ben 1
         3 move external ben 1
         4 hold external ben 1 until 60
         5 move ben external 1
         6 hold external ben 1 until 60
         7 hold external ben max until 60
         8 post 6 1
         9 hold anna external max until 60
         10 hold anna ben 1 until 60
         11 move ben anna 1
         12 move shop-owes reserve max
         13 move shop-owes fees 2",
        &expect![[r#"
            1 move external anna max                                     anna 9223372036854775807, external -9223372036854775807
            2 move external ben 1                                        ben 1, external -9223372036854775808
            3 move external ben 1                                        refused: amount_out_of_range
            4 hold external ben 1 until 60                               refused: amount_out_of_range
            5 move ben external 1                                        ben 0, external -9223372036854775807
            6 hold external ben 1 until 60                               external -9223372036854775807-1
            7 hold external ben max until 60                             refused: amount_out_of_range
            8 post 6 1                                                   ben 1, external -9223372036854775808
            9 hold anna external max until 60                            anna 9223372036854775807-9223372036854775807
            10 hold anna ben 1 until 60                                  refused: amount_out_of_range
            11 move ben anna 1                                           refused: amount_out_of_range
            12 move shop-owes reserve max                                shop-owes -9223372036854775807, reserve 9223372036854775807
            13 move shop-owes fees 2                                     refused: amount_out_of_range
        "#]],
    );
}
