//! Made-up templates that are spread as faces' are, and the queries that go with them.
//!
//! A template is a direction all share, one of 4,096 others, and its own, in parts of 0.30, 0.35 and 0.89. Two strangers
//! then score 0.09 on average with a standard deviation of 0.09, about as the templates of a real embedder on press
//! photographs do (SFace on LFW: 0.09 and 0.10). That matters here: what lies far below the best costs a search nothing.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng as _, SeedableRng as _};
use types::Template;

/// As the default embedder has it.
pub(super) const DIMENSION: usize = 128;
const CLUSTERS: usize = 4_096;
const SHARED: f32 = 0.30;
const CLUSTER: f32 = 0.35;
const OWN: f32 = 0.89;
/// How far another picture of a person is from the first: it then scores 0.7 with it.
const SAME: f32 = 0.7;

type Vector = [f32; DIMENSION];

/// Templates one after the other, the same for the same seed.
pub(super) struct Crowd {
    random: Xoshiro256PlusPlus,
    shared: Vector,
    clusters: Vec<Vector>,
}

impl Crowd {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let shared = direction(&mut random);
        let clusters = (0..CLUSTERS).map(|_| direction(&mut random)).collect();
        Self { random, shared, clusters }
    }

    /// The next person.
    pub(super) fn person(&mut self) -> Template {
        let cluster = usize::try_from(self.random.next_u64() % CLUSTERS as u64).unwrap_or(0);
        let own = direction(&mut self.random);
        let parts = self.shared.iter().zip(&self.clusters[cluster]).zip(&own);
        template(parts.map(|((s, c), o)| SHARED * s + CLUSTER * c + OWN * o).collect())
    }

    /// Another picture of a person.
    pub(super) fn again(&mut self, person: &Template) -> Template {
        let other = direction(&mut self.random);
        let rest = (1.0 - SAME * SAME).sqrt();
        template(person.values().iter().zip(&other).map(|(p, o)| SAME * p + rest * o).collect())
    }
}

/// Sums of four uniform numbers, near enough to normal; length 1.
fn direction(random: &mut Xoshiro256PlusPlus) -> Vector {
    let mut made = [0.0_f32; DIMENSION];
    for value in &mut made {
        let bits = random.next_u64();
        let quarter = |at: u32| f32::from(u16::try_from(bits >> (16 * at) & 0xffff).unwrap_or(0));
        *value = quarter(0) + quarter(1) + quarter(2) + quarter(3) - 131_070.0;
    }
    let length = made.iter().map(|v| v * v).sum::<f32>().sqrt();
    made.map(|v| v / length)
}

fn template(values: Vec<f32>) -> Template {
    Template::normalised(values).expect("a sum of random directions is not zero")
}
