//! The features by name: what rules may say, and what an explanation is about.

/// What a feature counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Minor units of the currency.
    Minor,
    /// How many.
    Count,
    /// A ratio or share.
    Ratio,
    /// Standard deviations.
    Deviations,
    /// Hours.
    Hours,
    /// Seconds.
    Seconds,
    /// Days.
    Days,
    /// Kilometres.
    Kilometres,
    /// Kilometres an hour.
    Speed,
    /// 1 for yes, 0 for no.
    Flag,
}

/// A feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Its name in rules. It never changes.
    pub name: &'static str,
    /// What it counts in.
    pub unit: Unit,
    /// What it means, in Chinese and English.
    pub meaning: [&'static str; 2],
}

const fn feature(name: &'static str, unit: Unit, zh: &'static str, en: &'static str) -> Feature {
    Feature { name, unit, meaning: [zh, en] }
}

/// Rises whenever a feature comes, goes, moves or comes to mean something else. A model belongs to one version.
pub const CATALOGUE_VERSION: u32 = 1;

/// All features, in the order of a row. Windows end at the payment and do not contain it.
pub const CATALOGUE: [Feature; 52] = [
    feature("amount", Unit::Minor, "金额", "The amount"),
    feature("local_hour", Unit::Hours, "当地时间", "The local time of day"),
    feature("is_night", Unit::Flag, "当地零点至六点", "Between midnight and six, local time"),
    feature("is_weekend", Unit::Flag, "当地周末", "Saturday or Sunday, local time"),
    feature("home_km", Unit::Kilometres, "终端离付款人住址的距离", "From the payer's home to the terminal"),
    feature("payer_count_1h", Unit::Count, "付款人一小时内的付款数", "The payer's payments within an hour"),
    feature("payer_count_1d", Unit::Count, "付款人一天内的付款数", "The payer's payments within a day"),
    feature("payer_count_7d", Unit::Count, "付款人七天内的付款数", "The payer's payments within 7 days"),
    feature("payer_count_30d", Unit::Count, "付款人三十天内的付款数", "The payer's payments within 30 days"),
    feature("payer_mean_1d", Unit::Minor, "付款人一天内的平均金额", "The payer's mean amount within a day"),
    feature("payer_mean_7d", Unit::Minor, "付款人七天内的平均金额", "The payer's mean amount within 7 days"),
    feature(
        "payer_mean_30d",
        Unit::Minor,
        "付款人三十天内的平均金额",
        "The payer's mean amount within 30 days",
    ),
    feature("payer_sum_1d", Unit::Minor, "付款人一天内的总额", "What the payer spent within a day"),
    feature(
        "amount_to_mean",
        Unit::Ratio,
        "金额与付款人三十天均值之比",
        "The amount over the payer's mean of 30 days",
    ),
    feature(
        "amount_z",
        Unit::Deviations,
        "金额偏离付款人三十天均值的标准差数",
        "The amount's distance from the payer's mean of 30 days, in deviations",
    ),
    feature(
        "amount_to_median",
        Unit::Ratio,
        "金额与付款人近期中位数之比",
        "The amount over the median of the payer's latest",
    ),
    feature(
        "amount_robust_z",
        Unit::Deviations,
        "金额偏离付款人近期中位数的稳健标准差数",
        "The amount's distance from the median of the payer's latest, by the median deviation",
    ),
    feature(
        "amount_to_most",
        Unit::Ratio,
        "金额与付款人近期最大金额之比",
        "The amount over the largest of the payer's latest",
    ),
    feature(
        "payer_unusual_7d",
        Unit::Count,
        "付款人七天内异常金额的笔数",
        "The payer's payments out of habit within 7 days",
    ),
    feature(
        "payer_unusual_14d",
        Unit::Count,
        "付款人十四天内异常金额的笔数",
        "The payer's payments out of habit within 14 days",
    ),
    feature(
        "payer_unusual_share_14d",
        Unit::Ratio,
        "异常金额在付款人十四天付款中的占比",
        "The share of payments out of habit among the payer's of 14 days",
    ),
    feature(
        "payer_unusual_from",
        Unit::Days,
        "付款人近期首笔异常金额以来的天数",
        "Since the first of the payer's payments out of habit lately",
    ),
    feature(
        "payer_unusual_last",
        Unit::Days,
        "付款人最近一笔异常金额以来的天数",
        "Since the latest of the payer's payments out of habit",
    ),
    feature(
        "payer_since_last",
        Unit::Seconds,
        "距付款人上一笔付款的时间",
        "Since the payer's payment before",
    ),
    feature("payer_known_days", Unit::Days, "付款人首次付款以来的天数", "Since the payer's first payment"),
    feature(
        "payer_at_terminal",
        Unit::Count,
        "付款人在该终端的付款数",
        "The payer's payments at this terminal before",
    ),
    feature(
        "payer_at_merchant",
        Unit::Count,
        "付款人在该商户的付款数",
        "The payer's payments at this merchant before",
    ),
    feature(
        "payer_in_city",
        Unit::Count,
        "付款人在该城市的付款数",
        "The payer's payments in this city before",
    ),
    feature(
        "payer_merchants_1d",
        Unit::Count,
        "付款人一天内的商户数",
        "Merchants the payer paid within a day",
    ),
    feature(
        "payer_hour_share",
        Unit::Ratio,
        "付款人在该小时付款的占比",
        "The share of the payer's payments made in this hour of the day",
    ),
    feature(
        "journey_km",
        Unit::Kilometres,
        "与付款人上一笔付款地点的距离",
        "From where the payer paid before",
    ),
    feature(
        "journey_speed",
        Unit::Speed,
        "由距上一笔付款的距离与时间推算的速度",
        "How fast one would have had to travel from where the payer paid before",
    ),
    feature(
        "terminal_count_1h",
        Unit::Count,
        "终端一小时内的付款数",
        "The terminal's payments within an hour",
    ),
    feature("terminal_count_1d", Unit::Count, "终端一天内的付款数", "The terminal's payments within a day"),
    feature("terminal_count_7d", Unit::Count, "终端七天内的付款数", "The terminal's payments within 7 days"),
    feature(
        "terminal_count_30d",
        Unit::Count,
        "终端三十天内的付款数",
        "The terminal's payments within 30 days",
    ),
    feature(
        "amount_to_terminal_mean",
        Unit::Ratio,
        "金额与终端三十天均值之比",
        "The amount over the terminal's mean of 30 days",
    ),
    feature(
        "terminal_unusual_7d",
        Unit::Count,
        "终端七天内异常金额的笔数",
        "The terminal's payments out of their payers' habits within 7 days",
    ),
    feature(
        "terminal_declined_1d",
        Unit::Count,
        "终端一天内被拒的次数",
        "Attempts declined at the terminal within a day",
    ),
    feature(
        "terminal_payers_1d",
        Unit::Count,
        "终端一天内的付款人数",
        "Payers at the terminal within a day, of the latest 64",
    ),
    feature(
        "terminal_wrong_1d",
        Unit::Count,
        "一天内得知的终端错误付款数",
        "Wrong payments at the terminal that became known within a day",
    ),
    feature(
        "terminal_wrong_7d",
        Unit::Count,
        "七天内得知的终端错误付款数",
        "Wrong payments at the terminal that became known within 7 days",
    ),
    feature(
        "terminal_wrong_30d",
        Unit::Count,
        "三十天内得知的终端错误付款数",
        "Wrong payments at the terminal that became known within 30 days",
    ),
    feature(
        "terminal_wrong_share_1d",
        Unit::Ratio,
        "终端一天内得知结果的付款中错误的占比",
        "The share of wrong ones among the terminal's payments judged within a day",
    ),
    feature(
        "terminal_wrong_share_7d",
        Unit::Ratio,
        "终端七天内得知结果的付款中错误的占比",
        "The share of wrong ones among the terminal's payments judged within 7 days",
    ),
    feature(
        "terminal_wrong_share_30d",
        Unit::Ratio,
        "终端三十天内得知结果的付款中错误的占比",
        "The share of wrong ones among the terminal's payments judged within 30 days",
    ),
    feature(
        "terminal_wrong_in_habit_1d",
        Unit::Count,
        "一天内得知的终端错误付款中金额合乎付款人习惯的笔数",
        "Wrong payments at the terminal known within a day whose amounts were within their payers' habits",
    ),
    feature(
        "terminal_wrong_in_habit_7d",
        Unit::Count,
        "七天内得知的终端错误付款中金额合乎付款人习惯的笔数",
        "Wrong payments at the terminal known within 7 days whose amounts were within their payers' habits",
    ),
    feature(
        "terminal_wrong_in_habit_30d",
        Unit::Count,
        "三十天内得知的终端错误付款中金额合乎付款人习惯的笔数",
        "Wrong payments at the terminal known within 30 days whose amounts were within their payers' habits",
    ),
    feature(
        "terminal_wrong_streak",
        Unit::Count,
        "终端连续被判错误的付款数",
        "Payments at the terminal in a row that were judged wrong",
    ),
    feature(
        "terminal_streak_days",
        Unit::Days,
        "终端连续错误付款中首笔被判以来的天数",
        "Since the first of the terminal's wrong payments in a row was judged",
    ),
    feature(
        "terminal_since_wrong_days",
        Unit::Days,
        "距终端上次被判错误的天数",
        "Since a payment at the terminal was last judged wrong",
    ),
];

/// Where a feature stands in a row; `None` for a name that no feature has.
#[must_use]
pub fn index_of(name: &str) -> Option<usize> {
    CATALOGUE.iter().position(|feature| feature.name == name)
}
