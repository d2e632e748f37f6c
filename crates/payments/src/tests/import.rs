//! Files that others made, good and bad.

use proptest::prelude::*;

use super::*;

/// A merchant's own export.
fn own() -> Columns {
    Columns {
        number: "单号".to_owned(),
        refund_number: None,
        kind: Source::Always(EntryKind::Payment),
        amount: "金额".to_owned(),
        currency: Source::Always(Currency::CNY),
        state: Some("状态".to_owned()),
        totals: Some("总交易单数".to_owned()),
    }
}

fn read(text: &[u8], columns: &Columns) -> String {
    match parse_csv(text, columns) {
        Ok(entries) => entries
            .iter()
            .map(|Entry { number, kind, amount, state }| {
                format!("{} {number:?} {amount} {state:?}\n", kind.name())
            })
            .collect(),
        Err(error) => format!("{error}\n"),
    }
}

#[test]
fn our_own_bill_comes_back() {
    let day = super::bill::day();
    let mut wanted = day.entries();
    let mut got = parse_csv(day.csv().as_bytes(), &Columns::default()).unwrap();
    let key = |entry: &Entry| (entry.number.clone(), entry.kind);
    wanted.sort_by_key(key);
    got.sort_by_key(key);
    assert_eq!(got, wanted);
    let with_mark = format!("\u{feff}{}", day.csv());
    assert_eq!(parse_csv(with_mark.as_bytes(), &Columns::default()).unwrap().len(), day.lines.len());
}

#[test]
fn a_file_with_other_words() {
    let text = "\u{feff}状态,单号,备注, 金额 \r\n支付成功,`1001,\"a,\nb\",`12.30\r\n\r\n,' 1002,, 7 \r\n总交易单数\r\n2,x\r\n";
    expect![[r#"
        payment "1001" 12.30 CNY "支付成功"
        payment "' 1002" 7.00 CNY ""
    "#]]
    .assert_eq(&read(text.as_bytes(), &own()));
}

#[test]
fn a_bank_file_of_settlements() {
    let columns = Columns {
        number: "reference".to_owned(),
        refund_number: None,
        kind: Source::Column("type".to_owned()),
        amount: "value".to_owned(),
        currency: Source::Column("ccy".to_owned()),
        state: None,
        totals: None,
    };
    let text = "reference,type,value,ccy\nstl_1,settlement,0001.5,EUR\nstl_2, settlement ,1,BHD\n";
    expect![[r#"
        settlement "stl_1" 1.50 EUR ""
        settlement "stl_2" 1.000 BHD ""
    "#]]
    .assert_eq(&read(text.as_bytes(), &columns));
}

/// Files whose header is the matter.
const BAD_FILES: &[(&str, &str)] = &[
    ("empty", ""),
    ("only a mark", "\u{feff}"),
    ("only blank lines", "\n\r\n\n"),
    ("no header", "1001,12.30,ok\n"),
    ("no amount column", "单号,状态\n1,ok\n"),
    ("no state column", "单号,金额\n1,1\n"),
    ("column twice", "单号,金额,状态,金额\n1,1,ok,1\n"),
    ("semicolons", "单号;金额;状态\n1;1;ok\n"),
];

/// Rows below a good header.
const BAD_ROWS: &[(&str, &str)] = &[
    ("too few cells", "1,1.00,ok\n2,1.00\n"),
    ("too many cells", "1,1,000.00,ok\n"),
    ("no number", ",1.00,ok\n"),
    ("blank number", "\"  \",1.00,ok\n"),
    ("no amount", "1,,ok\n"),
    ("a minus", "1,-1.00,ok\n"),
    ("a guarded minus", "1,'-1.00,ok\n"),
    ("a plus", "1,+1.00,ok\n"),
    ("a separator", "1,\"1,000.00\",ok\n"),
    ("a gap", "1,1 000.00,ok\n"),
    ("a fraction of a fen", "1,1.000,ok\n"),
    ("not a number", "1,NaN,ok\n"),
    ("infinite", "1,inf,ok\n"),
    ("an exponent", "1,1e3,ok\n"),
    ("hexadecimal", "1,0x10,ok\n"),
    ("only a point", "1,.,ok\n"),
    ("nothing before the point", "1,.50,ok\n"),
    ("nothing after the point", "1,1.,ok\n"),
    ("two points", "1,1.0.0,ok\n"),
    ("a sign of a currency", "1,¥1.00,ok\n"),
    ("full-width digits", "1,１.００,ok\n"),
    ("Arabic digits", "1,١,ok\n"),
    ("too large", "1,92233720368547758.08,ok\n"),
    ("very many digits", "1,99999999999999999999999999999999999999999999,ok\n"),
    ("an open quotation mark", "1,1.00,\"ok\n2,1.00,ok\n"),
    ("an open quotation mark earlier", "1,\"1.00,ok\n2,1.00,ok\n"),
    ("an error after a line break", "1,1.00,\"o\nk\"\n2,x,ok\n"),
];

/// One line for each bad file: what was said about it.
#[test]
fn bad_files_name_line_and_column() {
    let below = |rows: &[u8]| ["单号,金额,状态\n".as_bytes(), rows].concat();
    let files = BAD_FILES.iter().map(|(name, text)| (*name, text.as_bytes().to_vec()));
    let rows = BAD_ROWS.iter().map(|(name, text)| (*name, below(text.as_bytes())));
    let files: Vec<(&str, Vec<u8>)> = files
        .chain(rows)
        .chain([
            ("GBK", below(b"1,1.00,\xB3\xC9\xB9\xA6\n")),
            ("GBK in the header", b"\xB5\xA5\xBA\xC5,a\n1,1\n".to_vec()),
            ("UTF-16", b"\xFF\xFE1\x00,\x00".to_vec()),
            ("a long number", below(format!("{},1.00,ok\n", "9x".repeat(200)).as_bytes())),
            ("zeros", below(&[0; 64])),
            ("every byte", (0..=255).collect()),
        ])
        .collect();
    let said: String = files.iter().map(|(name, text)| format!("{name}: {}", read(text, &own()))).collect();
    expect![[r#"
        empty: line 1, column "单号": the header has no such column; name the columns, and separate them by commas
        only a mark: line 1, column "单号": the header has no such column; name the columns, and separate them by commas
        only blank lines: line 1, column "单号": the header has no such column; name the columns, and separate them by commas
        no header: line 1, column "单号": the header has no such column; name the columns, and separate them by commas
        no amount column: line 1, column "金额": the header has no such column; name the columns, and separate them by commas
        no state column: line 1, column "状态": the header has no such column; name the columns, and separate them by commas
        column twice: line 1, column "金额": the header has this column more than once; rename one of them
        semicolons: line 1, column "单号": the header has no such column; name the columns, and separate them by commas
        too few cells: line 3, column "": the line has more or fewer cells than the header; quote cells that contain commas
        too many cells: line 2, column "": the line has more or fewer cells than the header; quote cells that contain commas
        no number: line 2, column "单号": the number is missing
        blank number: line 2, column "单号": the number is missing
        no amount: line 2, column "金额": write the amount as digits, a point and decimals, without sign and thousands separators
        a minus: line 2, column "金额": write the amount as digits, a point and decimals, without sign and thousands separators
        a guarded minus: line 2, column "金额": write the amount as digits, a point and decimals, without sign and thousands separators
        a plus: line 2, column "金额": write the amount as digits, a point and decimals, without sign and thousands separators
        a separator: line 2, column "金额": write the amount as digits, a point and decimals, without sign and thousands separators
        a gap: line 2, column "金额": write the amount as digits, a point and decimals, without sign and thousands separators
        a fraction of a fen: line 2, column "金额": the amount has more decimals than its currency
        not a number: line 2, column "金额": write the amount as digits, a point and decimals, without sign and thousands separators
        infinite: line 2, column "金额": write the amount as digits, a point and decimals, without sign and thousands separators
        an exponent: line 2, column "金额": write the amount as digits, a point and decimals, without sign and thousands separators
        hexadecimal: line 2, column "金额": write the amount as digits, a point and decimals, without sign and thousands separators
        only a point: line 2, column "金额": write the amount as digits, a point and decimals, without sign and thousands separators
        nothing before the point: line 2, column "金额": write the amount as digits, a point and decimals, without sign and thousands separators
        nothing after the point: line 2, column "金额": write the amount as digits, a point and decimals, without sign and thousands separators
        two points: line 2, column "金额": write the amount as digits, a point and decimals, without sign and thousands separators
        a sign of a currency: line 2, column "金额": write the amount as digits, a point and decimals, without sign and thousands separators
        full-width digits: line 2, column "金额": write the amount as digits, a point and decimals, without sign and thousands separators
        Arabic digits: line 2, column "金额": write the amount as digits, a point and decimals, without sign and thousands separators
        too large: line 2, column "金额": the amount is too large
        very many digits: line 2, column "金额": the amount is too large
        an open quotation mark: line 2, column "": a quotation mark is opened and not closed; close it, or write it twice inside a quoted cell
        an open quotation mark earlier: line 2, column "": the line has more or fewer cells than the header; quote cells that contain commas
        an error after a line break: line 4, column "金额": write the amount as digits, a point and decimals, without sign and thousands separators
        GBK: line 2, column "状态": the text is not UTF-8; save the file as UTF-8
        GBK in the header: line 1, column "": the text is not UTF-8; save the file as UTF-8
        UTF-16: line 1, column "": the text is not UTF-8; save the file as UTF-8
        a long number: line 2, column "单号": the text is too long
        zeros: line 2, column "": the line has more or fewer cells than the header; quote cells that contain commas
        every byte: line 1, column "单号": the header has no such column; name the columns, and separate them by commas
    "#]].assert_eq(&said);
}

#[test]
fn bad_kinds_and_currencies() {
    let head = "out_trade_no,out_refund_no,transaction_type,amount,currency\n";
    for (row, wanted) in [
        ("1,,Payment,1.00,CNY", Some(("transaction_type", Reason::UnknownKind))),
        ("1,,,1.00,CNY", Some(("transaction_type", Reason::UnknownKind))),
        ("1,,payment,1.00,RMB", Some(("currency", Reason::UnknownCurrency))),
        ("1,,payment,1.00,", Some(("currency", Reason::UnknownCurrency))),
        ("1,,payment,1.5,JPY", Some(("amount", Reason::TooManyDecimals))),
        (",2,refund,1.5,EUR", None),
    ] {
        let got = parse_csv(format!("{head}{row}").as_bytes(), &Columns::default()).map(|all| all.len());
        let wanted = wanted
            .map_or(Ok(1), |(column, reason)| Err(ParseError { line: 2, column: column.to_owned(), reason }));
        assert_eq!(got, wanted, "{row}");
    }
}

#[test]
fn too_many_lines() {
    let text = format!("单号,金额,状态\n{}", "1,1,\n".repeat(ENTRIES_MAX + 1));
    let error = parse_csv(text.as_bytes(), &own()).unwrap_err();
    assert_eq!((error.reason, error.line), (Reason::TooManyEntries, 1_000_002));
}

proptest! {
    #[test]
    fn nothing_panics(text in proptest::collection::vec(any::<u8>(), 0..200), rest in "[-0-9.,\"\n\r`'ax=]{0,80}") {
        drop(parse_csv(&text, &own()));
        drop(parse_csv(format!("单号,金额,状态\n{rest}").as_bytes(), &own()));
    }

    /// No amount is read that is not exactly what is written.
    #[test]
    fn amounts_are_exact(text in "[0-9]{1,20}(\\.[0-9]{0,3})?") {
        let row = format!("单号,金额,状态\n1,{text},\n");
        if let Ok(entries) = parse_csv(row.as_bytes(), &own()) {
            let shown = entries[0].amount.to_string();
            let (major, minor) = text.split_once('.').unwrap_or((&text, ""));
            let major = match major.trim_start_matches('0') { "" => "0", digits => digits };
            prop_assert_eq!(shown, format!("{major}.{minor:0<2} CNY"));
        }
    }
}
