//! The scan: every admitted row in `f32`, the few that matter again in `f64`.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use types::Score;

use crate::rows::{Group, Row, Rows};
use crate::{Filter, Hit, Query, Search, Unlisted};

/// Independent sums, so that the compiler uses whole vector registers.
const LANES: usize = 16;
/// Unlisted scores are counted in bands of this width above `BAND_FROM`; everything below is the first band.
const BAND_WIDTH: f32 = 0.02;
const BAND_FROM: f32 = 0.2;
/// The first band, and enough to reach beyond 1.
const BANDS: usize = 42;

pub(crate) fn run(rows: &Rows, query: &Query<'_>) -> Search {
    let probe = query.probe.values();
    // |computed - exact| <= n * epsilon * sum |x_i y_i| (Higham 2002, 3.1), and the sum is at most 1 for unit vectors;
    // doubled for the vectors' own rounding.
    let slack = rows.dimension() as f32 * f32::EPSILON * 2.0;
    let scored = scan(rows, probe, query.filter);
    let mut named = positions(rows, &scored, query);
    let hits = best(rows, probe, &scored, query.top, slack);
    named.retain(|(index, _)| !hits.iter().any(|(hit, _)| hit == index));
    let mut named: Vec<(u32, Score)> =
        named.iter().map(|(index, _)| (*index, exact(rows.coordinates(*index), probe))).collect();
    named.sort_by(|a, b| ranking(rows, a, b));

    let mut listed: Vec<u32> = hits.iter().chain(&named).map(|(index, _)| *index).collect();
    listed.sort_unstable();
    let tally = Tally::of(rows, &scored, &listed, slack);
    let searched_by_region = by_region(rows, &scored);
    let rest_best =
        tally.best.into_iter().chain(named.first().map(|(_, score)| score.value())).reduce(f64::max);
    Search {
        searched: scored.len() as u64,
        rest_best_score: rest_best.map(Score::new),
        hits: hits.iter().map(|(index, score)| hit(rows, *index, *score)).collect(),
        named: named.iter().map(|(index, score)| hit(rows, *index, *score)).collect(),
        unlisted: tally.unlisted(rows.groups()),
        searched_by_region,
    }
}

/// Index and `f32` score of every admitted row, by rising index.
fn scan(rows: &Rows, probe: &[f32], filter: Filter) -> Vec<(u32, f32)> {
    let admits = |row: &Row| filter.status.is_none_or(|status| status == row.status);
    if let Some(last_four) = filter.last_four {
        let mut bucket: Vec<u32> = rows.bucket(last_four).to_vec();
        bucket.sort_unstable();
        bucket.retain(|index| admits(rows.row(*index)));
        return bucket.into_iter().map(|index| (index, dot(rows.coordinates(index), probe))).collect();
    }
    let mut scored = Vec::with_capacity(rows.len());
    for (index, coordinates) in (0_u32..).zip(rows.scan()) {
        if admits(rows.row(index)) {
            scored.push((index, dot(coordinates, probe)));
        }
    }
    scored
}

/// Scalar product in `f32`.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_lanes, a_rest) = a.as_chunks::<LANES>();
    let (b_lanes, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for (x, y) in a_lanes.iter().zip(b_lanes) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + rest
}

/// Scalar product in `f64`: the same sum, in the same order, as [`types::Template::similarity`].
fn exact(a: &[f32], b: &[f32]) -> Score {
    Score::new(a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum())
}

/// The `top` best rows by `f64` score, best first.
fn best(rows: &Rows, probe: &[f32], scored: &[(u32, f32)], top: usize, slack: f32) -> Vec<(u32, Score)> {
    if top == 0 {
        return Vec::new();
    }
    let mut scores: Vec<f32> = scored.iter().map(|(_, score)| *score).collect();
    // A row outside the `f32` top can only belong in if it is within both roundings of the last one inside.
    let floor = if top < scores.len() {
        *scores.select_nth_unstable_by(top - 1, |a, b| b.total_cmp(a)).1 - 2.0 * slack
    } else {
        f32::NEG_INFINITY
    };
    let mut close: Vec<(u32, Score)> = scored
        .iter()
        .filter(|(_, score)| *score >= floor)
        .map(|(index, _)| (*index, exact(rows.coordinates(*index), probe)))
        .collect();
    close.sort_by(|a, b| ranking(rows, a, b));
    close.truncate(top);
    close
}

/// Higher scores first, then smaller payer ids.
fn ranking(rows: &Rows, a: &(u32, Score), b: &(u32, Score)) -> Ordering {
    b.1.value().total_cmp(&a.1.value()).then_with(|| rows.row(a.0).payer.cmp(&rows.row(b.0).payer))
}

/// The admitted ones among those asked for by name, each once.
fn positions(rows: &Rows, scored: &[(u32, f32)], query: &Query<'_>) -> Vec<(u32, f32)> {
    let mut wanted: Vec<u32> = query.named.iter().filter_map(|payer| rows.index_of(*payer)).collect();
    wanted.sort_unstable();
    wanted.dedup();
    wanted
        .iter()
        .filter_map(|index| scored.binary_search_by_key(index, |(i, _)| *i).ok())
        .map(|at| scored[at])
        .collect()
}

fn hit(rows: &Rows, index: u32, score: Score) -> Hit {
    let row = rows.row(index);
    let Group { region, pictures } = rows.groups()[row.group as usize].clone();
    Hit { payer: row.payer, score, pictures, status: row.status, region }
}

/// Unlisted rows counted by group and band.
struct Tally {
    counts: Vec<[u64; BANDS]>,
    /// An upper bound of the best unlisted score.
    best: Option<f64>,
}

impl Tally {
    /// `listed` is sorted.
    fn of(rows: &Rows, scored: &[(u32, f32)], listed: &[u32], slack: f32) -> Self {
        let mut counts = vec![[0; BANDS]; rows.groups().len()];
        let mut best: Option<f32> = None;
        let mut listed = listed.iter().copied().peekable();
        for (index, score) in scored {
            if listed.next_if_eq(index).is_some() {
                continue;
            }
            // Rounded upwards, so that a band's upper end holds for the exact score too.
            let score = *score + slack;
            counts[rows.row(*index).group as usize][band(score)] += 1;
            best = Some(best.map_or(score, |so_far| so_far.max(score)));
        }
        Self { counts, best: best.map(f64::from) }
    }

    fn unlisted(&self, groups: &[Group]) -> Vec<Unlisted> {
        let best = self.best.unwrap_or(-1.0);
        let mut bands = Vec::new();
        for (group, counts) in groups.iter().zip(&self.counts) {
            for (band, people) in counts.iter().enumerate().filter(|(_, people)| **people > 0) {
                let best_score = Score::new(upper_end(band).min(best));
                let Group { region, pictures } = group.clone();
                bands.push(Unlisted { region, pictures, best_score, people: *people });
            }
        }
        // Groups are numbered as they first appeared; the answer must not depend on that.
        bands.sort_by(|a, b| (&a.region, a.pictures).cmp(&(&b.region, b.pictures)));
        bands
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the bands first")]
fn band(score: f32) -> usize {
    let above = (score - BAND_FROM) / BAND_WIDTH;
    if above <= 0.0 { 0 } else { (above as usize + 1).min(BANDS - 1) }
}

fn upper_end(band: usize) -> f64 {
    // One part in 1e6 more, because `band` divides in `f32`.
    f64::from(BAND_FROM) + f64::from(BAND_WIDTH) * band as f64 + 1e-6
}

fn by_region(rows: &Rows, scored: &[(u32, f32)]) -> Vec<(Arc<str>, u64)> {
    let mut counts = vec![0_u64; rows.groups().len()];
    for (index, _) in scored {
        counts[rows.row(*index).group as usize] += 1;
    }
    let mut regions: BTreeMap<Arc<str>, u64> = BTreeMap::new();
    for (group, count) in rows.groups().iter().zip(counts).filter(|(_, count)| *count > 0) {
        *regions.entry(Arc::clone(&group.region)).or_default() += count;
    }
    regions.into_iter().collect()
}
