//! How well scores tell yes from no.

/// What an order of scores is worth. Equal scores share their rank.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranking {
    /// The chance that a yes scores more than a no (area under the ROC curve; Mann and Whitney 1947), ties counting half.
    pub auc_roc: f64,
    /// The mean precision at each yes (average precision), equal scores taken together.
    pub average_precision: f64,
}

impl Ranking {
    /// Of scores with their labels; `None` unless both labels occur. A NaN score ranks lowest.
    #[must_use]
    pub fn of(scored: &[(f64, bool)]) -> Option<Self> {
        let yes = scored.iter().filter(|(_, label)| *label).count() as f64;
        let no = scored.len() as f64 - yes;
        if yes == 0.0 || no == 0.0 {
            return None;
        }
        let mut order: Vec<(f64, bool)> = scored
            .iter()
            // Adding 0 makes one zero of both.
            .map(|(score, label)| (if score.is_nan() { f64::NEG_INFINITY } else { *score + 0.0 }, *label))
            .collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut seen, mut found, mut area, mut precision) = (0.0, 0.0, 0.0, 0.0);
        for ties in order.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
            let hits = ties.iter().filter(|(_, label)| *label).count() as f64;
            let misses = ties.len() as f64 - hits;
            area += misses * (found + hits / 2.0);
            (seen, found) = (seen + hits + misses, found + hits);
            precision += hits * found / seen;
        }
        Some(Self { auc_roc: area / (yes * no), average_precision: precision / yes })
    }
}

/// The mean negative logarithm of the probability given to what happened, in nats, from log-odds.
#[must_use]
pub fn log_loss(log_odds: &[f64], labels: &[bool]) -> f64 {
    let loss = |(odds, label): (&f64, &bool)| {
        let against = if *label { -odds } else { *odds };
        // ln(1 + e^x) without overflow.
        against.max(0.0) + (-against.abs()).exp().ln_1p()
    };
    log_odds.iter().zip(labels).map(loss).sum::<f64>() / (labels.len().max(1)) as f64
}
