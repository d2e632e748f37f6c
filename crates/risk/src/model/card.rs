//! A model's card, from its provenance alone.

use std::fmt::{Result, Write};

use super::{Band, Growth, Period, Provenance, Worth};
use crate::features::{CATALOGUE, CATALOGUE_VERSION, index_of};

/// Uses that are wrong, in Chinese and English.
const NOT_FOR: [[&str; 2]; 5] = [
    [
        "不得用于判断付款人是谁：身份只由人脸确定度与其他因素决定。",
        "To tell who a payer is: that is the certainty's, and the factors'.",
    ],
    [
        "不得作为拒绝、冻结或拒赔的唯一理由；受影响的人有权得到说明并要求人工复核。",
        "As the only reason to refuse, to freeze, or not to compensate; whoever is affected may ask why, and for a person.",
    ],
    [
        "不得用于信用、价格、保险、就业或任何与付款是否错误无关的评价。",
        "For credit, prices, insurance, employment, or anything but whether a payment is wrong.",
    ],
    [
        "不得未经影子运行和回测就用于另一地区、人群或商户类型。",
        "In another region, crowd or trade before it ran in the shadow there and was measured.",
    ],
    [
        "不得在标签延迟、特征版本或欺诈方式改变后继续使用而不重新评估。",
        "On without being measured again after delays of outcomes, features or ways of fraud changed.",
    ],
];

pub(super) fn card(provenance: &Provenance) -> String {
    let mut page = String::new();
    write(&mut page, provenance).expect("a text takes all that is written");
    page
}

fn write(page: &mut String, provenance: &Provenance) -> Result {
    let Provenance {
        made_on,
        command,
        data,
        delay_days,
        learned,
        validation,
        held_out,
        growth,
        trees,
        worth,
        important,
    } = provenance;
    writeln!(page, "# Model card: how likely a payment is wrong · 模型卡：付款出错的概率\n")?;
    writeln!(page, "## Where it comes from · 来源\n")?;
    writeln!(page, "- **Made on · 生成日期**: {made_on}, `{command}`")?;
    writeln!(page, "- **Payments · 数据**: {data}")?;
    writeln!(
        page,
        "- **Features · 特征**: version {CATALOGUE_VERSION}, {} features (`surety features`)",
        CATALOGUE.len()
    )?;
    writeln!(page, "- **Outcomes known after · 标签延迟**: {delay_days} days")?;
    growing(page, growth, trees)?;
    writeln!(
        page,
        "\n| days · 时段 (UTC) | from · 起 | until · 止 | payments · 笔数 | wrong · 错误 |\n|---|---|---|---|---|"
    )?;
    for (name, of) in
        [("learned from · 训练", learned), ("validation · 验证", validation), ("held out · 留出", held_out)]
    {
        let Period { from, until, payments, wrong } = of;
        writeln!(page, "| {name} | {} | {} | {payments} | {wrong} |", moment(*from), moment(*until))?;
    }
    measured(page, worth)?;
    writeln!(page, "\n## The ten most important features · 最重要的十个特征\n")?;
    writeln!(
        page,
        "Mean contribution to the log-odds, either way, over as many wrong as right held-out payments.\n"
    )?;
    writeln!(page, "| feature · 特征 | meaning | 含义 | log-odds · 对数几率 |\n|---|---|---|---|")?;
    for (name, mean) in important {
        let [zh, en] = index_of(name).map_or(["", ""], |place| CATALOGUE[place].meaning);
        writeln!(page, "| `{name}` | {en} | {zh} | {mean:.3} |")?;
    }
    writeln!(page, "\n## What it must not be used for · 不得用于\n")?;
    for [zh, en] in NOT_FOR {
        writeln!(page, "- {en}\n  {zh}")?;
    }
    Ok(())
}

fn growing(page: &mut String, growth: &Growth, trees: &[usize]) -> Result {
    let Growth { seeds, trees: most, depth, learning_rate, cover_min, row_share, column_share, patience } =
        growth;
    writeln!(
        page,
        "- **Grown · 训练设置**: {seeds} forests of at most {most} trees (grown: {trees:?}), depth {depth}, learning rate \
         {learning_rate}, leaf weight at least {cover_min}, {row_share} of the rows and {column_share} of the columns for \
         each tree, patience {patience}"
    )
}

fn measured(page: &mut String, worth: &Worth) -> Result {
    let Worth { auc_roc, average_precision, log_loss, log_loss_of_nothing, bands } = worth;
    writeln!(page, "\n## What it is worth on held-out days · 留出日期上的效果\n")?;
    writeln!(page, "- **AUC ROC**: {auc_roc:.4}")?;
    writeln!(page, "- **Average precision · 平均精确率**: {average_precision:.4}")?;
    writeln!(
        page,
        "- **Log-loss · 对数损失**: {log_loss:.5} (without any feature · 不用任何特征: {log_loss_of_nothing:.5})"
    )?;
    writeln!(page, "\n## Calibration on held-out days · 留出日期上的校准\n")?;
    writeln!(
        page,
        "| probability · 概率 | payments · 笔数 | said · 预测 | happened · 实际 |\n|---|---|---|---|"
    )?;
    for band in bands {
        let Band { from, until, payments, wrong, said } = band;
        let (said, happened) = match payments {
            0 => ("–".to_owned(), "–".to_owned()),
            _ => (format!("{said:.4}"), format!("{:.4}", *wrong as f64 / *payments as f64)),
        };
        writeln!(page, "| {from} to {until} | {payments} | {said} | {happened} |")?;
    }
    Ok(())
}

/// A second since 1970 as a day and time, in UTC.
fn moment(second: i64) -> String {
    types::Timestamp::from_second(second).map_or_else(|_| second.to_string(), |at| at.to_string())
}
