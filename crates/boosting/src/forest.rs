//! What was learned: trees, each a list of nodes.

use serde::{Deserialize, Serialize};

/// Levels of splits, at most: more than anybody grows, and few enough to walk down by recursion.
pub(crate) const DEPTH_MAX: u8 = 30;

/// A node of a tree. Written as a list of its fields in their order, because there are tens of thousands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "RawNode", into = "RawNode")]
pub(crate) struct Node {
    /// The column looked at; in a leaf nothing is.
    pub(crate) feature: u16,
    /// Lower values go left.
    pub(crate) threshold: f32,
    /// Where a missing value goes.
    pub(crate) missing_left: bool,
    /// The left child; the right one is the next. 0 in a leaf: the root is nobody's child.
    pub(crate) left: u32,
    /// What a leaf adds to the log-odds.
    pub(crate) value: f32,
    /// The weight of the rows that came by in training: the sum of their second derivatives.
    pub(crate) cover: f32,
}

type RawNode = (u16, f32, bool, u32, f32, f32);

impl From<RawNode> for Node {
    fn from((feature, threshold, missing_left, left, value, cover): RawNode) -> Self {
        Self { feature, threshold, missing_left, left, value, cover }
    }
}

impl From<Node> for RawNode {
    fn from(Node { feature, threshold, missing_left, left, value, cover }: Node) -> Self {
        (feature, threshold, missing_left, left, value, cover)
    }
}

/// Trees whose sum is the log-odds of a yes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawForest", into = "RawForest")]
pub struct Forest {
    /// Log-odds before any tree.
    pub(crate) base: f64,
    pub(crate) features: usize,
    pub(crate) trees: Vec<Vec<Node>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawForest {
    base: f64,
    features: usize,
    trees: Vec<Vec<Node>>,
}

/// The file does not describe a forest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no forest: {0}")]
pub struct ForestError(&'static str);

impl Forest {
    /// How many numbers a row has.
    #[must_use]
    pub const fn features(&self) -> usize {
        self.features
    }

    /// How many trees.
    #[must_use]
    pub const fn trees(&self) -> usize {
        self.trees.len()
    }

    /// The log-odds of a yes. A NaN is a missing value.
    ///
    /// # Panics
    /// When the row has another number of values than [`Forest::features`].
    #[must_use]
    pub fn log_odds(&self, row: &[f32]) -> f64 {
        assert_eq!(row.len(), self.features, "a row of the forest's features");
        self.trees.iter().fold(self.base, |sum, tree| sum + f64::from(leaf(tree, row).value))
    }
}

/// The leaf a row ends in.
fn leaf<'a>(tree: &'a [Node], row: &[f32]) -> &'a Node {
    let mut node = &tree[0];
    while node.left != 0 {
        let right = u32::from(!node.is_left(row[usize::from(node.feature)]));
        node = &tree[(node.left + right) as usize];
    }
    node
}

impl Node {
    pub(crate) fn is_left(&self, value: f32) -> bool {
        if value.is_nan() { self.missing_left } else { value < self.threshold }
    }
}

impl From<Forest> for RawForest {
    fn from(forest: Forest) -> Self {
        let Forest { base, features, trees } = forest;
        Self { base, features, trees }
    }
}

/// Children come after their parents and each has one, so that every row ends in a leaf.
impl TryFrom<RawForest> for Forest {
    type Error = ForestError;

    fn try_from(raw: RawForest) -> Result<Self, ForestError> {
        let RawForest { base, features, trees } = raw;
        if !base.is_finite() {
            return Err(ForestError("the log-odds before any tree are no number"));
        }
        for tree in &trees {
            let mut next = 1;
            let mut depths = vec![0_u8; tree.len()];
            for (at, node) in tree.iter().enumerate() {
                if !node.value.is_finite() || !node.cover.is_finite() || !node.threshold.is_finite() {
                    return Err(ForestError("a node holds no number"));
                }
                if node.left == 0 {
                    continue;
                }
                let (left, feature) = (node.left as usize, usize::from(node.feature));
                if left != next || left <= at || left + 1 >= tree.len() || feature >= features {
                    return Err(ForestError("a node points nowhere"));
                }
                if depths[at] >= DEPTH_MAX {
                    return Err(ForestError("a tree is deeper than any that is grown"));
                }
                if tree[left].cover + tree[left + 1].cover <= 0.0 {
                    return Err(ForestError("a split without any weight"));
                }
                let below = depths[at] + 1;
                depths[left..left + 2].fill(below);
                next += 2;
            }
            if next != tree.len() {
                return Err(ForestError("a node is nobody's child"));
            }
        }
        Ok(Self { base, features, trees })
    }
}
