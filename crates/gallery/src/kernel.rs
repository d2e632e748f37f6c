//! Sums of products of bytes, four rows at a time or sixteen against sixteen probes, with what the processor has.
//!
//! The only module of this crate with unsafe code, of three kinds: a vector load from an array of exactly its size, a
//! hint to fetch an address, and the call of a function that needs instructions whose presence [`Isa`] stands for. An `Isa` is only made by asking the
//! processor, so that having one is the proof. All kernels give the same integers; the tests hold that.
//!
//! No software prefetch in scans: it was measured to cost a third of their speed. Only rows that lie anywhere are fetched
//! ahead, which nearly halved what that takes.

use crate::code::Probe;

/// Rows are scanned in multiples of this.
pub(crate) const TILE: usize = 16;
/// Probes are taken so many at a time.
const HALF: usize = 8;
/// A code's length is a multiple of this: a cache line and the widest register.
pub(crate) const LINE: usize = 64;

/// The rows whose sums reached what was asked for, in rising order. Room for every row of a scan, and a register beyond,
/// so that a kernel writes whole registers without asking whether they fit.
pub(crate) struct Above {
    rows: Box<[u32]>,
    sums: Box<[i32]>,
    len: usize,
}

impl Above {
    /// For scans of at most `rows` rows.
    pub(crate) fn new(rows: usize) -> Self {
        let room = rows + TILE;
        Self { rows: vec![0; room].into_boxed_slice(), sums: vec![0; room].into_boxed_slice(), len: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// Row and sum of each.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, i32)> {
        self.rows[..self.len].iter().copied().zip(self.sums[..self.len].iter().copied())
    }

    fn push(&mut self, row: u32, sum: i32) {
        self.rows[self.len] = row;
        self.sums[self.len] = sum;
        self.len += 1;
    }
}

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

/// Appends each row of `codes` whose sum is `least` or more.
pub(crate) fn scan(isa: Isa, codes: &[u8], probe: &Probe, least: i32, out: &mut Above) {
    let stride = probe.codes.len();
    assert!(stride.is_multiple_of(LINE) && codes.len().is_multiple_of(stride * TILE), "whole tiles");
    match isa.0 {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this kind is only made where the processor has the instructions.
        Kind::Vnni => unsafe {
            match stride / LINE {
                2 => x86::scan::<2>(codes, probe, least, out),
                8 => x86::scan::<8>(codes, probe, least, out),
                _ => x86::scan::<0>(codes, probe, least, out),
            }
        },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kind::Avx2 => unsafe { x86::scan_avx2(codes, probe, least, out) },
        Kind::Plain => scan_plain(codes, probe, least, out),
    }
}

/// The sums of `count` rows that lie anywhere.
pub(crate) fn gather<'a>(
    isa: Isa,
    count: usize,
    row: impl Fn(usize) -> &'a [u8],
    probe: &Probe,
    out: &mut Vec<i32>,
) {
    match isa.0 {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this kind is only made where the processor has the instructions.
        Kind::Vnni => unsafe { x86::gather(count, row, probe, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kind::Avx2 => unsafe { x86::gather_avx2(count, row, probe, out) },
        Kind::Plain => out.extend((0..count).map(|n| sum(row(n), probe))),
    }
}

/// Says that these bytes will be read soon. A hint, for rows that lie anywhere.
pub(crate) fn fetch(isa: Isa, bytes: &[u8]) {
    match isa.0 {
        #[cfg(target_arch = "x86_64")]
        Kind::Vnni | Kind::Avx2 => bytes.chunks(LINE).for_each(x86::fetch),
        Kind::Plain => {}
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

    /// [`scan`] for each probe, with its own `least` and `out`.
    pub(crate) fn scan(&self, isa: Isa, codes: &[u8], least: &[i32], out: &mut [Above]) {
        let Some(first) = self.probes.first() else { return };
        let stride = first.codes.len();
        assert!(least.len() == self.probes.len() && out.len() == least.len(), "one for each probe");
        assert!(stride.is_multiple_of(LINE) && codes.len().is_multiple_of(stride * TILE), "whole tiles");
        match isa.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: this kind is only made where the processor has the instructions.
            Kind::Vnni => unsafe { x86::batch(self, codes, least, out) },
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => self.scan_each(isa, codes, least, out),
            Kind::Plain => self.scan_each(isa, codes, least, out),
        }
    }

    /// Each probe over few rows at a time, which stay in the nearest cache meanwhile.
    fn scan_each(&self, isa: Isa, codes: &[u8], least: &[i32], out: &mut [Above]) {
        let stride = self.probes.first().map_or(LINE, |probe| probe.codes.len());
        for (tile, rows) in (0_u32..).zip(codes.chunks_exact(stride * TILE)) {
            for ((probe, least), out) in self.probes.iter().zip(least).zip(&mut *out) {
                let before = out.len;
                scan(isa, rows, probe, *least, out);
                out.rows[before..out.len].iter_mut().for_each(|row| *row += tile * 16);
            }
        }
    }
}

#[inline(always)]
fn sum(row: &[u8], probe: &Probe) -> i32 {
    let products = row.iter().zip(probe.wide.iter()).map(|(r, p)| i32::from(*r) * i32::from(*p));
    products.sum::<i32>() + probe.bias
}

#[inline(always)]
fn scan_plain(codes: &[u8], probe: &Probe, least: i32, out: &mut Above) {
    for (row, code) in (0_u32..).zip(codes.chunks_exact(probe.codes.len())) {
        let sum = sum(code, probe);
        if sum >= least {
            out.push(row, sum);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86;
