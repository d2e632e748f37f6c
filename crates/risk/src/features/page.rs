//! The catalogue as a page to read.

use std::fmt::Write as _;

use super::catalogue::{CATALOGUE, CATALOGUE_VERSION, Unit};

/// The features by name, with unit and meaning, as Markdown: `docs/features.md`.
#[must_use]
pub fn features_page() -> String {
    let mut page = format!(
        "# Features of a payment · 付款特征\n\n\
         Made from `crates/risk/src/features/catalogue.rs` by `cargo xtask codegen`; change it there. \
         Version {CATALOGUE_VERSION}, {} features.\n\n\
         Windows end at the payment and do not contain it. What is not known is missing, never 0.\n\n\
         时间窗截止于本笔付款，不含本笔。未知的值为缺失，绝不记为 0。\n\n\
         | name · 名称 | type · 类型 | unit · 单位 | meaning | 含义 |\n|---|---|---|---|---|\n",
        CATALOGUE.len()
    );
    for feature in &CATALOGUE {
        let ([zh, en], (kind, [unit_zh, unit_en])) = (feature.meaning, words(feature.unit));
        writeln!(page, "| `{}` | {kind} | {unit_en} · {unit_zh} | {en} | {zh} |", feature.name)
            .expect("a text takes all that is written");
    }
    page
}

/// What kind of number it is, and its unit in Chinese and English.
const fn words(unit: Unit) -> (&'static str, [&'static str; 2]) {
    match unit {
        Unit::Minor => ("number", ["最小货币单位", "minor units"]),
        Unit::Count => ("whole number", ["个", "count"]),
        Unit::Ratio => ("number", ["比值", "ratio"]),
        Unit::Deviations => ("number", ["标准差", "standard deviations"]),
        Unit::Hours => ("number", ["小时", "hours"]),
        Unit::Seconds => ("number", ["秒", "seconds"]),
        Unit::Days => ("number", ["天", "days"]),
        Unit::Kilometres => ("number", ["公里", "km"]),
        Unit::Speed => ("number", ["公里每小时", "km/h"]),
        Unit::Flag => ("yes or no", ["1 为是，0 为否", "1 or 0"]),
    }
}
