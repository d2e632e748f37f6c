//! `surety reconcile`: our own bill agrees with itself, every kind of difference is found, and a file that cannot be
//! read is named by line and column.

use std::path::Path;
use std::process::Command;

use crate::money::bills::day_of;
use crate::money::{Shop, bills::download};

/// A shop's day of yesterday, with its bill.
struct Day {
    shop: Shop,
    date: String,
    bill: String,
}

impl Day {
    fn new() -> Self {
        let shop = Shop::new();
        let meal = shop.pay("meal-1", 10_000);
        shop.refund(meal, "r-1", 2_500).unwrap();
        shop.pay("20250117000000000042", 3_300);
        shop.reverse_number("20250117000000000042").unwrap();
        shop.pay("tea", 1_250);
        let date = day_of(shop.payment(meal).at, -1);
        shop.days_pass(1);
        let (bill, _) = download(&shop, &date);
        Self { shop, date, bill }
    }

    /// Exit status, and what was said, of `theirs` compared with our books.
    fn compare(&self, theirs: &[u8], more: &[&str]) -> (i32, String) {
        let file = self.shop.folder.path().join("theirs.csv");
        std::fs::write(&file, theirs).unwrap();
        self.compare_file(&file, &self.date, more)
    }

    fn compare_file(&self, file: &Path, date: &str, more: &[&str]) -> (i32, String) {
        let server = self.shop.server();
        let mut command = Command::new(env!("CARGO_BIN_EXE_surety"));
        command.env_remove("SURETY_DATABASE").arg("reconcile").arg("--data").arg(server.data());
        if let Some(url) = server.database() {
            command.args(["--database", url]);
        }
        command.args(["--merchant", &self.shop.merchant_id.to_string(), "--date", date, "--file"]).arg(file);
        let output = command.args(more).output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        assert!(!told.contains("panicked"), "{told}");
        (output.status.code().unwrap(), told)
    }
}

/// The count of a finding in the table.
#[track_caller]
fn count(told: &str, finding: &str) -> u32 {
    let line = told.lines().find(|line| line.split_whitespace().next() == Some(finding));
    let line = line.unwrap_or_else(|| panic!("no {finding} in:\n{told}"));
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

const SORTS: [&str; 5] = ["missing_here", "missing_there", "amount", "state", "duplicate_there"];

/// Exactly these findings, each once.
#[track_caller]
fn finds((status, told): &(i32, String), agreeing: u32, findings: &[&str]) {
    assert_eq!(*status, i32::from(!findings.is_empty()), "{told}");
    assert_eq!(count(told, "agreeing"), agreeing, "{told}");
    for sort in SORTS {
        assert_eq!(count(told, sort), u32::from(findings.contains(&sort)), "{sort}:\n{told}");
    }
}

#[test]
fn a_bill_agrees_with_itself_and_each_difference_is_found() {
    let day = Day::new();
    let bill = &day.bill;
    // The server runs meanwhile.
    finds(&day.compare(bill.as_bytes(), &[]), 5, &[]);
    finds(&day.compare(format!("\u{feff}{}", bill.replace('\n', "\r\n")).as_bytes(), &[]), 5, &[]);

    let without = |number: &str| -> String {
        bill.lines().filter(|line| !line.contains(number)).map(|line| format!("{line}\n")).collect()
    };
    let tea = bill.lines().find(|line| line.contains(",tea,")).unwrap();
    let told = day.compare(without(",tea,").as_bytes(), &[]);
    finds(&told, 4, &["missing_there"]);
    assert!(told.1.contains("payment tea") && told.1.contains("12.50"), "{}", told.1);
    let renamed = format!("{tea}\n{}\n", tea.replace(",tea,", ",coffee,"));
    let told = day.compare(bill.replace(&format!("{tea}\n"), &renamed).as_bytes(), &[]);
    finds(&told, 5, &["missing_here"]);
    assert!(told.1.contains("payment coffee"), "{}", told.1);
    finds(&day.compare(bill.replace(",12.50,", ",12.05,").as_bytes(), &[]), 4, &["amount"]);
    let twice = bill.replace(&format!("{tea}\n"), &format!("{tea}\n{tea}\n"));
    finds(&day.compare(twice.as_bytes(), &[]), 5, &["duplicate_there"]);
    day.shop.verify();
}

#[test]
fn a_shops_own_columns_and_the_findings_as_a_file() {
    let day = Day::new();
    let theirs = "order no,total,refund no,what\nmeal-1,100.00,,payment\nmeal-1,25,r-1,refund\n\
                  20250117000000000042,33.00,,payment\n20250117000000000042,33.00,,reversal\ntea,12.49,,payment\n";
    let out = day.shop.folder.path().join("out.csv");
    let columns = [
        "--number-column",
        "order no",
        "--refund-number-column",
        "refund no",
        "--amount-column",
        "total",
        "--kind-column",
        "what",
        "--currency",
        "CNY",
        "--csv",
        out.to_str().unwrap(),
    ];
    finds(&day.compare(theirs.as_bytes(), &columns), 4, &["amount"]);
    let written = std::fs::read_to_string(&out).unwrap();
    assert!(written.contains("amount,1,payment,tea,CNY,12.50,,CNY,12.49,"), "{written}");
    // Their file is not what the findings are written over.
    let theirs_csv = day.shop.folder.path().join("theirs.csv");
    let (status, told) = day.compare(day.bill.as_bytes(), &["--csv", theirs_csv.to_str().unwrap()]);
    assert!(status == 2 && told.contains("--csv"), "{status}: {told}");
    assert_eq!(std::fs::read_to_string(&theirs_csv).unwrap(), day.bill);
}

#[test]
fn the_bank_is_asked_about_what_was_settled() {
    let day = Day::new();
    let done = day.shop.settle();
    let settlement = &done[0];
    let id = settlement.settlement_id;
    let mut day = day;
    day.date.clone_from(&settlement.date);
    let columns = ["--against", "bank", "--number-column", "reference", "--currency", "CNY"];
    let theirs = |amount: &str| format!("reference,amount,status\n{id},{amount},complete\n");
    finds(&day.compare(theirs("87.50").as_bytes(), &columns), 1, &[]);
    finds(&day.compare(theirs("87.05").as_bytes(), &columns), 0, &["amount"]);
    let with_state = [&columns[..], &["--state-column", "status"]].concat();
    finds(&day.compare(theirs("87.50").as_bytes(), &with_state), 1, &[]);
    // Something went back before the money left: the bank paid less than was settled.
    let tea = day.shop.order("tea").payment_id.unwrap();
    day.shop.refund(tea, "r-2", 250).unwrap();
    day.shop.pay_out(id, 900).unwrap();
    finds(&day.compare(theirs("85.00").as_bytes(), &columns), 1, &[]);
    finds(&day.compare(theirs("85.00").as_bytes(), &with_state), 0, &["state"]);
    finds(&day.compare(b"reference,amount\n", &columns), 0, &["missing_there"]);
    day.shop.verify();
}

#[test]
fn what_cannot_be_read_is_named_by_line_and_column() {
    let day = Day::new();
    let bill = &day.bill;
    // 「午餐」, as GB18030 writes it.
    let gb =
        [bill.lines().next().unwrap().as_bytes(), b"\n\xce\xe7\xb2\xcd", &b",".repeat(13), b"\n"].concat();
    let cases: [(&str, Vec<u8>, &[&str]); 9] = [
        ("GB18030", gb, &["line 2", "UTF-8"]),
        ("UTF-16", bill.encode_utf16().flat_map(u16::to_le_bytes).collect(), &["line 1"]),
        ("an amount", bill.replace(",12.50,", ",twelve,").into_bytes(), &["line 6", "\"amount\"", "digits"]),
        ("decimals", bill.replace(",12.50,", ",12.505,").into_bytes(), &["line 6", "\"amount\"", "decimals"]),
        ("a kind", bill.replacen(",refund,", ",gift,", 1).into_bytes(), &["line 3", "\"transaction_type\""]),
        ("a cell too few", bill.replacen(",CNY,", ",", 1).into_bytes(), &["line 2", "cells"]),
        ("another header", bill.replacen("amount", "sum", 1).into_bytes(), &["line 1", "\"amount\""]),
        ("nothing", Vec::new(), &["line 1", "header"]),
        ("an open quotation", bill.replacen("noodles", "\"noodles", 1).into_bytes(), &["line 2"]),
    ];
    for (what, theirs, said) in cases {
        let (status, told) = day.compare(&theirs, &[]);
        assert_eq!(status, 2, "{what}: {told}");
        assert!(told.contains("theirs.csv"), "{what}: {told}");
        for word in said {
            assert!(told.contains(word), "{what}: no {word} in {told}");
        }
    }
    let file = day.shop.folder.path().join("theirs.csv");
    std::fs::write(&file, bill).unwrap();
    let tomorrow = day_of(day.shop.payment(day.shop.order("tea").payment_id.unwrap()).at, 2);
    for (date, said) in [(tomorrow.as_str(), "is over"), ("2025-02-30", "YYYY-MM-DD"), ("x", "YYYY-MM-DD")] {
        let (status, told) = day.compare_file(&file, date, &[]);
        assert!(status == 2 && told.contains(said), "{date}: {status} {told}");
    }
    let (status, told) = day.compare_file(&file.with_file_name("nowhere.csv"), &day.date, &[]);
    assert!(status == 2 && told.contains("nowhere.csv"), "{status}: {told}");
    let nobody = ["--merchant", "mer_0192f0c1aaaa7aaaaaaaaaaaaaaaaaaa"];
    let (status, told) = day.compare_other(&file, &nobody);
    assert!(status == 2 && told.contains("merchant"), "{status}: {told}");
    for wrong in [["--kind", "gift"], ["--currency", "YUAN"], ["--against", "tax office"]] {
        assert_eq!(day.compare_file(&file, &day.date, &wrong).0, 2, "{wrong:?}");
    }
}

impl Day {
    /// With another merchant than the day's.
    fn compare_other(&self, file: &Path, merchant: &[&str; 2]) -> (i32, String) {
        let server = self.shop.server();
        let mut command = Command::new(env!("CARGO_BIN_EXE_surety"));
        command.env_remove("SURETY_DATABASE").arg("reconcile").arg("--data").arg(server.data());
        if let Some(url) = server.database() {
            command.args(["--database", url]);
        }
        let output =
            command.args(merchant).args(["--date", &self.date, "--file"]).arg(file).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }
}

#[test]
fn the_help_says_what_it_needs() {
    let output = Command::new(env!("CARGO_BIN_EXE_surety")).args(["reconcile", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for word in
        ["Exit status", "Examples", "--number-column", "--against", "bank", "May run while the server runs"]
    {
        assert!(help.contains(word), "no {word} in:\n{help}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 120), "{help}");
}
