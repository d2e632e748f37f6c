//! What each feature contributed to a score: SHAP values, exact, by the paths of the trees (Lundberg, Erion and Lee 2018,
//! Algorithm 2). The rows that came by in training stand for what is expected when a feature is not known.

use crate::forest::{Forest, Node};

/// A feature on the way from the root.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// None for the root itself.
    feature: Option<u16>,
    /// Share of the training rows that went this way where the feature is left out.
    left_out: f64,
    /// 1 if the row itself goes this way, else 0.
    taken: f64,
    /// Of all subsets of so many features, which share leads here.
    share: f64,
}

impl Forest {
    /// The log-odds before anything is known of a row, and what each of its features adds to that. Together they are
    /// [`Forest::log_odds`], up to rounding. Takes some hundred times as long as the score.
    ///
    /// # Panics
    /// When the row has another number of values than [`Forest::features`].
    #[must_use]
    pub fn contributions(&self, row: &[f32]) -> (f64, Vec<f64>) {
        assert_eq!(row.len(), self.features, "a row of the forest's features");
        let (mut expected, mut by_feature) = (self.base, vec![0.0; self.features]);
        for tree in &self.trees {
            expected += mean(tree, 0);
            let root = Step { feature: None, left_out: 1.0, taken: 1.0, share: 0.0 };
            descend(tree, row, (0, Vec::new(), root), &mut by_feature);
        }
        (expected, by_feature)
    }
}

/// What a subtree says on average over the rows that came by.
fn mean(tree: &[Node], at: usize) -> f64 {
    let node = &tree[at];
    if node.left == 0 {
        return f64::from(node.value);
    }
    let left = node.left as usize;
    let [low, high] = [left, left + 1].map(|child| (mean(tree, child), f64::from(tree[child].cover)));
    (low.0 * low.1 + high.0 * high.1) / (low.1 + high.1)
}

fn descend(tree: &[Node], row: &[f32], (at, path, step): (usize, Vec<Step>, Step), out: &mut [f64]) {
    let path = extend(path, step);
    let node = &tree[at];
    if node.left == 0 {
        for (place, step) in path.iter().enumerate().skip(1) {
            let weight: f64 = unwind(&path, place).iter().map(|step| step.share).sum();
            if let Some(feature) = step.feature {
                out[usize::from(feature)] += weight * (step.taken - step.left_out) * f64::from(node.value);
            }
        }
        return;
    }
    let (left, cover) = (node.left as usize, f64::from(node.cover));
    let (hot, cold) =
        if node.is_left(row[usize::from(node.feature)]) { (left, left + 1) } else { (left + 1, left) };
    // A feature that was met before on the way counts once, with what it left of the rows then.
    let before = path.iter().position(|step| step.feature == Some(node.feature));
    let (path, left_out, taken) = match before {
        Some(place) => (unwind(&path, place), path[place].left_out, path[place].taken),
        None => (path, 1.0, 1.0),
    };
    let step = |child: usize, taken: f64| Step {
        feature: Some(node.feature),
        left_out: left_out * f64::from(tree[child].cover) / cover,
        taken,
        share: 0.0,
    };
    descend(tree, row, (cold, path.clone(), step(cold, 0.0)), out);
    descend(tree, row, (hot, path, step(hot, taken)), out);
}

/// The path with one step more: of the subsets of each size, the share that leads here.
fn extend(mut path: Vec<Step>, step: Step) -> Vec<Step> {
    let before = path.len();
    path.push(Step { share: if before == 0 { 1.0 } else { 0.0 }, ..step });
    let all = (before + 1) as f64;
    for at in (0..before).rev() {
        let share = path[at].share;
        path[at + 1].share += step.taken * share * (at + 1) as f64 / all;
        path[at].share = step.left_out * share * (before - at) as f64 / all;
    }
    path
}

/// The path as if a step had never been taken.
fn unwind(path: &[Step], place: usize) -> Vec<Step> {
    let last = path.len() - 1;
    let (Step { left_out, taken, .. }, all) = (path[place], path.len() as f64);
    let mut next = path[last].share;
    let mut short = path.to_vec();
    for at in (0..last).rev() {
        if taken == 0.0 {
            short[at].share = short[at].share * all / (left_out * (last - at) as f64);
        } else {
            let share = short[at].share;
            short[at].share = next * all / ((at + 1) as f64 * taken);
            next = share - short[at].share * left_out * (last - at) as f64 / all;
        }
    }
    for at in place..last {
        let Step { feature, left_out, taken, share: _ } = path[at + 1];
        short[at] = Step { feature, left_out, taken, ..short[at] };
    }
    short.pop();
    short
}
