//! Sums of products of bytes, four rows at a time or thirty-two against eight probes, with what the processor has.
//!
//! The only module of this crate with unsafe code, of three kinds: a vector load from or store to an array of exactly its
//! size, a hint to fetch an address, and the call of a function that needs instructions whose presence [`Isa`] stands for.
//! An `Isa` is only made by asking the processor, so that having one is the proof. All kernels give the same integers and
//! sieve alike; the tests hold that.
//!
//! No software prefetch in scans: it was measured to cost a third of their speed, and twice their time as far as the second
//! cache only. Rows that lie anywhere are fetched ahead, and the rows that a batch turns next while it compares others.

use crate::block::Tag;
use crate::code::Probe;
use crate::sieve::{Sieved, Spot, Wanted};

/// Rows are scanned in multiples of this.
pub(crate) const TILE: usize = 16;
/// Tiles whose sums are computed before they are looked at: with a row of 128 bytes, turned, they fill half of the nearest
/// cache.
const TILES: usize = 8;
/// As many rows.
pub(crate) const CHUNK: usize = TILE * TILES;
/// Probes are taken so many at a time.
const HALF: usize = 8;
/// A code's length is a multiple of this: a cache line and the widest register.
pub(crate) const LINE: usize = 64;

/// The instructions there are. Private inside, so that only [`Isa::all`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Isa(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Vnni,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Plain,
}

impl Isa {
    /// What this processor has, the best first.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni")
                && is_x86_feature_detected!("popcnt")
            {
                all.push(Self(Kind::Vnni));
            }
            if is_x86_feature_detected!("avx2") {
                all.push(Self(Kind::Avx2));
            }
        }
        all.push(Self(Kind::Plain));
        all
    }

    pub(crate) fn best() -> Self {
        Self::all().first().copied().unwrap_or(Self(Kind::Plain))
    }
}

/// Rows one after the other: their codes and their tags.
#[derive(Clone, Copy)]
pub(crate) struct Stretch<'a> {
    pub(crate) codes: &'a [u8],
    pub(crate) tags: &'a [Tag],
}

impl Stretch<'_> {
    fn check(&self, stride: usize) {
        assert!(stride.is_multiple_of(LINE), "whole lines");
        assert!(self.tags.len().is_multiple_of(TILE), "whole tiles");
        assert_eq!(self.codes.len(), self.tags.len() * stride, "one tag for each row");
    }

    /// Some rows at a time, and the number of the first.
    fn chunks(&self, stride: usize) -> impl Iterator<Item = (u32, &[u8], &[Tag])> {
        let firsts = (0_u32..).step_by(CHUNK);
        let both = self.codes.chunks(CHUNK * stride).zip(self.tags.chunks(CHUNK));
        firsts.zip(both).map(|(first, (codes, tags))| (first, codes, tags))
    }
}

/// Compares all rows with the probe.
pub(crate) fn scan(isa: Isa, rows: Stretch<'_>, probe: &Probe, wanted: &Wanted, out: &mut Sieved) {
    let stride = probe.codes.len();
    rows.check(stride);
    match isa.0 {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this kind is only made where the processor has the instructions.
        Kind::Vnni => unsafe {
            match stride / LINE {
                2 => x86::scan::<2>(rows, probe, wanted, out),
                8 => x86::scan::<8>(rows, probe, wanted, out),
                _ => x86::scan::<0>(rows, probe, wanted, out),
            }
        },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kind::Avx2 => unsafe { x86::scan_avx2(rows, &[probe], &[*wanted], std::slice::from_mut(out)) },
        Kind::Plain => scan_plain(rows, &[probe], &[*wanted], std::slice::from_mut(out)),
    }
}

/// The sums of rows that lie anywhere: each of `runs` is some whole rows. What was in `out` is gone.
pub(crate) fn gather(isa: Isa, runs: &[&[u8]], probe: &Probe, out: &mut Vec<i32>) {
    match isa.0 {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this kind is only made where the processor has the instructions.
        Kind::Vnni => unsafe {
            match probe.codes.len() / LINE {
                2 => x86::gather::<2>(runs, probe, out),
                _ => x86::gather::<0>(runs, probe, out),
            }
        },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kind::Avx2 => unsafe { x86::gather_avx2(runs, probe, out) },
        Kind::Plain => gather_plain(runs, probe, out),
    }
}

/// Looks at rows whose sums are known.
pub(crate) fn sieve(isa: Isa, sums: &[i32], tags: &[Tag], wanted: &Wanted, out: &mut Sieved) {
    assert_eq!(sums.len(), tags.len(), "one tag for each row");
    match isa.0 {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this kind is only made where the processor has the instructions.
        Kind::Vnni => unsafe { x86::sieve(sums, tags, wanted, out) },
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2 => sieve_plain(sums, tags, wanted, out),
        Kind::Plain => sieve_plain(sums, tags, wanted, out),
    }
}

/// Says that these bytes will be read soon. A hint, for rows that lie anywhere.
pub(crate) fn fetch(isa: Isa, bytes: &[u8]) {
    match isa.0 {
        #[cfg(target_arch = "x86_64")]
        Kind::Vnni | Kind::Avx2 => bytes.chunks(LINE).for_each(x86::fetch),
        Kind::Plain => {
            let _: &[u8] = bytes;
        }
    }
}

/// The same of a small thing.
pub(crate) fn fetch_one<T>(isa: Isa, thing: &T) {
    match isa.0 {
        #[cfg(target_arch = "x86_64")]
        Kind::Vnni | Kind::Avx2 => x86::fetch(thing),
        Kind::Plain => {
            let _: &T = thing;
        }
    }
}

/// Probes side by side, so that one pass over the rows serves all of them.
pub(crate) struct Panel<'a> {
    probes: Vec<&'a Probe>,
    /// Four bytes of each of eight probes, the next four bytes of each, and so on; then the next eight probes.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(dead_code, reason = "only vectors of bytes need them turned")
    )]
    words: zeroize::Zeroizing<Vec<i32>>,
}

impl<'a> Panel<'a> {
    pub(crate) fn new(probes: Vec<&'a Probe>) -> Self {
        let stride = probes.first().map_or(0, |probe| probe.codes.len());
        let mut words =
            zeroize::Zeroizing::new(vec![0_i32; probes.len().next_multiple_of(HALF) * stride / 4]);
        for (at, probe) in probes.iter().enumerate() {
            let (chunk, lane) = (at / HALF * HALF * stride / 4, at % HALF);
            for (k, four) in probe.codes.as_chunks::<4>().0.iter().enumerate() {
                words[chunk + k * HALF + lane] = i32::from_le_bytes(four.map(i8::cast_unsigned));
            }
        }
        Self { probes, words }
    }

    /// [`scan`] for each probe, with its own `wanted` and `out`.
    pub(crate) fn scan(&self, isa: Isa, rows: Stretch<'_>, wanted: &[Wanted], out: &mut [Sieved]) {
        let Some(first) = self.probes.first() else { return };
        assert!(wanted.len() == self.probes.len() && out.len() == wanted.len(), "one for each probe");
        rows.check(first.codes.len());
        match isa.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: this kind is only made where the processor has the instructions.
            Kind::Vnni => unsafe { x86::batch(self, rows, wanted, out) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Kind::Avx2 => unsafe { x86::scan_avx2(rows, &self.probes, wanted, out) },
            Kind::Plain => scan_plain(rows, &self.probes, wanted, out),
        }
    }
}

#[inline(always)]
fn sum(row: &[u8], probe: &Probe) -> i32 {
    let products = row.iter().zip(probe.wide.iter()).map(|(r, p)| i32::from(*r) * i32::from(*p));
    products.sum::<i32>() + probe.bias
}

/// Each probe over few rows at a time, which stay in the nearest cache meanwhile.
#[inline(always)]
fn scan_plain(rows: Stretch<'_>, probes: &[&Probe], wanted: &[Wanted], out: &mut [Sieved]) {
    let stride = probes.first().map_or(LINE, |probe| probe.codes.len());
    let (mut sums, mut spots) = ([0; CHUNK], Spots::default());
    for (first, codes, tags) in rows.chunks(stride) {
        set_spots(&mut spots, tags);
        for ((probe, wanted), out) in probes.iter().zip(wanted).zip(&mut *out) {
            for (sum_out, code) in sums.iter_mut().zip(codes.chunks_exact(stride)) {
                *sum_out = sum(code, probe);
            }
            out.add(&sums[..tags.len()], spots.as_flattened(), first, wanted);
        }
    }
}

#[inline(always)]
fn gather_plain(runs: &[&[u8]], probe: &Probe, out: &mut Vec<i32>) {
    let rows = runs.iter().flat_map(|run| run.chunks_exact(probe.codes.len()));
    out.clear();
    out.extend(rows.map(|row| sum(row, probe)));
}

fn sieve_plain(sums: &[i32], tags: &[Tag], wanted: &Wanted, out: &mut Sieved) {
    let mut spots = Spots::default();
    for ((first, sums), tags) in (0_u32..).step_by(CHUNK).zip(sums.chunks(CHUNK)).zip(tags.chunks(CHUNK)) {
        set_spots(&mut spots, tags);
        out.add(sums, spots.as_flattened(), first, wanted);
    }
}

/// Where the rows of a chunk are counted.
type Spots = [[Spot; TILE]; TILES];

/// Spots beyond the tags are in no wanted state.
#[inline(always)]
fn set_spots(spots: &mut Spots, tags: &[Tag]) {
    let (of_rows, beyond) = spots.as_flattened_mut().split_at_mut(tags.len());
    for (spot, tag) in of_rows.iter_mut().zip(tags) {
        *spot = Spot::of(*tag);
    }
    beyond.fill(Spot::default());
}

#[cfg(target_arch = "x86_64")]
mod x86;
