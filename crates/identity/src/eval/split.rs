//! Who calibrates and who tests.

/// Nobody is in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The calibration is made of them.
    Calibration,
    /// It is tested on them.
    Test,
}

impl Part {
    /// By a hash of the name (64-bit FNV-1a, its upper half folded in): the same in every run, on every machine and
    /// however the set grows. The lowest bit decides.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        if (hash ^ (hash >> 32)) & 1 == 0 { Self::Calibration } else { Self::Test }
    }
}
