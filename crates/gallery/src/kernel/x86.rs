//! The kernels of `x86_64`: VNNI of AVX-512, and AVX2 by the compiler's own vectors.

use std::arch::x86_64::{
    __m128i, __m256i, __m512i, _MM_HINT_T0, _MM_HINT_T1, _mm_add_epi32, _mm_prefetch, _mm_set1_epi32,
    _mm256_add_epi32, _mm256_castsi256_si128, _mm256_extracti128_si256, _mm256_hadd_epi32, _mm512_add_epi32,
    _mm512_add_ps, _mm512_and_si512, _mm512_castsi512_si256, _mm512_cmpge_epi32_mask, _mm512_cvtepi32_ps,
    _mm512_cvttps_epi32, _mm512_dpbusd_epi32, _mm512_extracti64x4_epi64, _mm512_loadu_si512,
    _mm512_mask_cmpge_epi32_mask, _mm512_maskz_compress_epi32, _mm512_max_epi32, _mm512_max_ps,
    _mm512_min_ps, _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512,
    _mm512_shuffle_i32x4, _mm512_storeu_si512, _mm512_test_epi32_mask, _mm512_unpackhi_epi32,
    _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use super::{CHUNK, HALF, LINE, Panel, Spots, Stretch, TILE, TILES, gather_plain, scan_plain, set_spots};
use crate::block::Tag;
use crate::code::Probe;
use crate::sieve::{LAST_BAND, Sieved, Spot, Wanted};

/// How many rows ahead scattered rows are fetched.
const AHEAD: usize = 128;

#[target_feature(enable = "avx2")]
pub(super) fn scan_avx2(rows: Stretch<'_>, probes: &[&Probe], wanted: &[Wanted], out: &mut [Sieved]) {
    scan_plain(rows, probes, wanted, out);
}

#[target_feature(enable = "avx2")]
pub(super) fn gather_avx2(runs: &[&[u8]], probe: &Probe, out: &mut Vec<i32>) {
    gather_plain(runs, probe, out);
}

/// `LINES` is a row's length in cache lines, or 0 where it is only known at run time.
#[target_feature(enable = "avx512f,avx512vl,avx512vnni,popcnt")]
pub(super) fn scan<const LINES: usize>(rows: Stretch<'_>, probe: &Probe, wanted: &Wanted, out: &mut Sieved) {
    let p = probe.codes.as_chunks::<LINE>().0;
    let lines = if LINES == 0 { p.len() } else { LINES };
    let p = &p[..lines];
    let bias = _mm_set1_epi32(probe.bias);
    let (mut sums, mut spots) = ([[0; TILE]; TILES], Spots::default());
    for (first, codes, tags) in rows.chunks(lines * LINE) {
        let codes = codes.as_chunks::<LINE>().0;
        for (four, sums) in codes.chunks_exact(4 * lines).zip(sums.as_flattened_mut().as_chunks_mut().0) {
            let (a, rest) = four.split_at(lines);
            let (b, rest) = rest.split_at(lines);
            let (c, d) = rest.split_at(lines);
            *sums = unpack4(_mm_add_epi32(four_sums([a, b, c, d], p), bias));
        }
        set_spots(&mut spots, tags);
        let tiles = tags.len() / TILE;
        sieve_tiles(&sums[..tiles], &spots, first, wanted, out);
    }
}

/// [`Sieved::add`], sixteen rows at a time and without a branch that could be foretold wrongly, but for those who could be
/// among the best: they are few.
#[inline]
#[target_feature(enable = "avx512f,avx512vl,popcnt")]
fn sieve_tiles(sums: &[[i32; TILE]], spots: &Spots, first: u32, wanted: &Wanted, out: &mut Sieved) {
    let (counted, floor) = (_mm512_set1_epi32(wanted.counted), _mm512_set1_epi32(wanted.floor));
    let (widths, from) = (_mm512_set1_ps(wanted.ruler.widths), _mm512_set1_ps(wanted.ruler.from));
    let states = _mm512_set1_epi32((u32::from(wanted.states) << Spot::STATE_BIT).cast_signed());
    let (counter, last) = (_mm512_set1_epi32(Spot::COUNTER.cast_signed()), _mm512_set1_ps(LAST_BAND));
    let room = out.counters[out.counted..].first_chunk_mut::<{ CHUNK + TILE }>().expect("room for all rows");
    let (mut at, mut best) = (0, _mm512_set1_epi32(i32::MIN));
    for (sums, spots) in sums.iter().zip(spots) {
        let (sums, spots) = (load_sums(sums), load_spots(spots));
        let admitted = _mm512_test_epi32_mask(spots, states);
        // Not in one step: each is rounded, as everywhere.
        let band = _mm512_add_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sums), widths), from);
        let band = _mm512_min_ps(_mm512_max_ps(band, _mm512_setzero_ps()), last);
        let counters = _mm512_add_epi32(_mm512_and_si512(spots, counter), _mm512_cvttps_epi32(band));
        let reached = _mm512_mask_cmpge_epi32_mask(admitted, sums, counted);
        if let Some(room) = room[at..].first_chunk_mut() {
            store_counters(room, _mm512_maskz_compress_epi32(reached, counters));
        }
        at += reached.count_ones() as usize;
        best = _mm512_max_epi32(best, sums);
    }
    out.counted += at;
    if _mm512_cmpge_epi32_mask(best, floor) != 0 {
        keep(sums.as_flattened(), spots.as_flattened(), first, wanted, out);
    }
}

/// Writes down who could be among the best: where there is anybody, which is seldom.
#[inline(never)]
fn keep(sums: &[i32], spots: &[Spot], first: u32, wanted: &Wanted, out: &mut Sieved) {
    let high = (first..).zip(sums).zip(spots).filter(|((_, sum), _)| **sum >= wanted.floor);
    for ((row, sum), spot) in high {
        if spot.is_among(wanted.states) {
            (out.rows[out.high], out.sums[out.high]) = (row, *sum);
            out.high += 1;
        }
    }
}

/// Sums of any number; those beyond the last are of nobody.
#[target_feature(enable = "avx512f,avx512vl,popcnt")]
pub(super) fn sieve(sums: &[i32], tags: &[Tag], wanted: &Wanted, out: &mut Sieved) {
    let (mut all, mut spots) = ([[0; TILE]; TILES], Spots::default());
    for ((first, sums), tags) in (0_u32..).step_by(CHUNK).zip(sums.chunks(CHUNK)).zip(tags.chunks(CHUNK)) {
        set_spots(&mut spots, tags);
        all.as_flattened_mut()[..sums.len()].copy_from_slice(sums);
        sieve_tiles(&all[..sums.len().div_ceil(TILE)], &spots, first, wanted, out);
    }
}

/// Nothing tells the processor where the next run is: rows some way ahead are fetched.
#[target_feature(enable = "avx512f,avx512vl,avx512vnni,popcnt")]
pub(super) fn gather<const LINES: usize>(runs: &[&[u8]], probe: &Probe, out: &mut Vec<i32>) {
    let p = probe.codes.as_chunks::<LINE>().0;
    let lines = if LINES == 0 { p.len() } else { LINES };
    let p = &p[..lines];
    let bias = _mm_set1_epi32(probe.bias);
    let all = runs.iter().map(|run| run.len() / (lines * LINE)).sum();
    // Sums are written down four at a time, whoever they are of.
    out.resize(all + 4, 0);
    let mut ahead = runs.iter();
    let (mut at, mut fetched) = (0, 0);
    for run in runs {
        while fetched < at + AHEAD
            && let Some(next) = ahead.next()
        {
            next.as_chunks::<LINE>().0.iter().for_each(fetch_far);
            fetched += next.len() / (lines * LINE);
        }
        let mut rest = run.as_chunks::<LINE>().0;
        while !rest.is_empty() {
            let many = (rest.len() / lines).min(4);
            // The last one is computed again where fewer than four are left.
            let row = |n: usize| &rest[n.min(many - 1) * lines..][..lines];
            let sums = _mm_add_epi32(four_sums([row(0), row(1), row(2), row(3)], p), bias);
            out[at..at + 4].copy_from_slice(&unpack4(sums));
            at += many;
            rest = &rest[many * lines..];
        }
    }
    out.truncate(all);
}

/// Sums of four rows, without the bias.
#[inline]
#[target_feature(enable = "avx512f,avx512vl,avx512vnni,popcnt")]
fn four_sums(rows: [&[[u8; LINE]]; 4], probe: &[[i8; LINE]]) -> __m128i {
    let mut sums = [_mm512_setzero_si512(); 4];
    let [a, b, c, d] = rows;
    for ((((p, a), b), c), d) in probe.iter().zip(a).zip(b).zip(c).zip(d) {
        let p = load_signed(p);
        sums[0] = _mm512_dpbusd_epi32(sums[0], load(a), p);
        sums[1] = _mm512_dpbusd_epi32(sums[1], load(b), p);
        sums[2] = _mm512_dpbusd_epi32(sums[2], load(c), p);
        sums[3] = _mm512_dpbusd_epi32(sums[3], load(d), p);
    }
    let [a, b, c, d] = sums.map(|s| halves(s));
    let sums = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums))
}

#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn halves(sum: __m512i) -> __m256i {
    _mm256_add_epi32(_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64::<1>(sum))
}

/// Some tiles of rows against eight probes at a time: a row's four bytes stand in one lane, a probe's are sent to all lanes
/// and used for two tiles.
#[target_feature(enable = "avx512f,avx512vl,avx512vnni,popcnt")]
pub(super) fn batch(panel: &Panel<'_>, rows: Stretch<'_>, wanted: &[Wanted], out: &mut [Sieved]) {
    let stride = panel.probes[0].codes.len();
    let words = stride / 4;
    // By pair of tiles, then by word.
    let mut turned = vec![[_mm512_setzero_si512(); 2]; TILES / 2 * words];
    let mut spots = Spots::default();
    let mut sums = [[[0; TILE]; TILES]; HALF];
    for (first, codes, tags) in rows.chunks(stride) {
        set_spots(&mut spots, tags);
        let tiles = tags.len() / TILE;
        for (tile, codes) in codes.chunks_exact(stride * TILE).enumerate() {
            let pair = &mut turned[tile / 2 * words..][..words];
            turn(codes, stride / LINE, |k, word| pair[k][tile % 2] = word);
        }
        let next = codes_after(rows, first, stride);
        let part = next.len().div_ceil(panel.words.len() / (HALF * words));
        for (chunk, eight) in panel.words.chunks_exact(HALF * words).enumerate() {
            let from = chunk * HALF;
            // The codes of the next tiles come while these are compared.
            next.iter().skip(chunk * part).take(part).for_each(fetch_far);
            let mut bias = [0; HALF];
            for (bias, probe) in bias.iter_mut().zip(&panel.probes[from..]) {
                *bias = probe.bias;
            }
            for (pair, turned) in turned.chunks_exact(words).take(tiles.div_ceil(2)).enumerate() {
                for (sums, both) in sums.iter_mut().zip(both(turned, eight.as_chunks::<HALF>().0, &bias)) {
                    store(&mut sums[2 * pair], both[0]);
                    store(&mut sums[2 * pair + 1], both[1]);
                }
            }
            let asked = wanted[from..].iter().zip(&mut out[from..]);
            for (sums, (wanted, out)) in sums.iter().zip(asked) {
                sieve_tiles(&sums[..tiles], &spots, first, wanted, out);
            }
        }
    }
}

/// The lines of the chunk after the one that begins at `first`.
fn codes_after(rows: Stretch<'_>, first: u32, stride: usize) -> &[[u8; LINE]] {
    let from = (first as usize + CHUNK) * stride;
    let next = rows.codes.get(from..).unwrap_or(&[]);
    next[..next.len().min(CHUNK * stride)].as_chunks().0
}

#[inline]
#[target_feature(enable = "avx512f,avx512vl,avx512vnni,popcnt")]
fn both(rows: &[[__m512i; 2]], words: &[[i32; HALF]], bias: &[i32; HALF]) -> [[__m512i; 2]; HALF] {
    let mut sums = [[_mm512_setzero_si512(); 2]; HALF];
    for (sums, bias) in sums.iter_mut().zip(bias) {
        *sums = [_mm512_set1_epi32(*bias); 2];
    }
    for ([one, two], words) in rows.iter().zip(words) {
        for ([a, b], word) in sums.iter_mut().zip(words) {
            let word = _mm512_set1_epi32(*word);
            *a = _mm512_dpbusd_epi32(*a, *one, word);
            *b = _mm512_dpbusd_epi32(*b, *two, word);
        }
    }
    sums
}

/// Sixteen rows of `lines` cache lines, turned so that four bytes of each stand side by side.
#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn turn(rows: &[u8], lines: usize, mut put: impl FnMut(usize, __m512i)) {
    let (rows, _) = rows.as_chunks::<LINE>();
    for line in 0..lines {
        let mut r = [_mm512_setzero_si512(); TILE];
        for (n, register) in r.iter_mut().enumerate() {
            *register = load(&rows[n * lines + line]);
        }
        let mut s = [_mm512_setzero_si512(); TILE];
        for n in 0..TILE / 2 {
            s[2 * n] = _mm512_unpacklo_epi32(r[2 * n], r[2 * n + 1]);
            s[2 * n + 1] = _mm512_unpackhi_epi32(r[2 * n], r[2 * n + 1]);
        }
        // r[4n + c] now holds, in each quarter q, word 4q + c of rows 4n..4n + 4.
        for n in 0..TILE / 4 {
            r[4 * n] = _mm512_unpacklo_epi64(s[4 * n], s[4 * n + 2]);
            r[4 * n + 1] = _mm512_unpackhi_epi64(s[4 * n], s[4 * n + 2]);
            r[4 * n + 2] = _mm512_unpacklo_epi64(s[4 * n + 1], s[4 * n + 3]);
            r[4 * n + 3] = _mm512_unpackhi_epi64(s[4 * n + 1], s[4 * n + 3]);
        }
        for c in 0..4 {
            let even_low = _mm512_shuffle_i32x4::<0x88>(r[c], r[4 + c]);
            let odd_low = _mm512_shuffle_i32x4::<0xdd>(r[c], r[4 + c]);
            let even_high = _mm512_shuffle_i32x4::<0x88>(r[8 + c], r[12 + c]);
            let odd_high = _mm512_shuffle_i32x4::<0xdd>(r[8 + c], r[12 + c]);
            put(line * TILE + c, _mm512_shuffle_i32x4::<0x88>(even_low, even_high));
            put(line * TILE + 8 + c, _mm512_shuffle_i32x4::<0xdd>(even_low, even_high));
            put(line * TILE + 4 + c, _mm512_shuffle_i32x4::<0x88>(odd_low, odd_high));
            put(line * TILE + 12 + c, _mm512_shuffle_i32x4::<0xdd>(odd_low, odd_high));
        }
    }
}

/// Rows that lie anywhere have to be fetched ahead: nothing tells the processor where the next one is.
#[inline]
pub(super) fn fetch<T: ?Sized>(thing: &T) {
    // SAFETY: a hint; nothing is read.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(thing).cast()) };
}

/// The same, as far as the second cache: more can be under way there. Of rows of a bucket that saves a sixth of the time;
/// in scans of one query it nearly doubled it.
#[inline]
fn fetch_far(line: &[u8; LINE]) {
    // SAFETY: a hint; nothing is read.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) };
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(bytes: &[u8; LINE]) -> __m512i {
    // SAFETY: 64 bytes are there, and this load asks for no alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_signed(bytes: &[i8; LINE]) -> __m512i {
    // SAFETY: 64 bytes are there, and this load asks for no alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_sums(sums: &[i32; TILE]) -> __m512i {
    // SAFETY: 64 bytes are there, and this load asks for no alignment.
    unsafe { _mm512_loadu_si512(sums.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_spots(spots: &[Spot; TILE]) -> __m512i {
    // SAFETY: 64 bytes are there, and this load asks for no alignment.
    unsafe { _mm512_loadu_si512(spots.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(to: &mut [i32; TILE], sums: __m512i) {
    // SAFETY: 64 bytes are there, and this store asks for no alignment.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), sums) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store_counters(to: &mut [u32; TILE], counters: __m512i) {
    // SAFETY: 64 bytes are there, and this store asks for no alignment.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), counters) }
}

#[inline]
fn unpack4(sums: __m128i) -> [i32; 4] {
    // SAFETY: both are 16 bytes, and any bytes are integers.
    unsafe { std::mem::transmute(sums) }
}
