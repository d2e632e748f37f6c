//! The kernels of `x86_64`: VNNI of AVX-512, and AVX2 by the compiler's own vectors.

use std::arch::x86_64::{
    __m128i, __m256i, __m512i, _MM_HINT_T0, _mm_add_epi32, _mm_prefetch, _mm_set1_epi32, _mm_setzero_si128,
    _mm256_add_epi32, _mm256_castsi128_si256, _mm256_castsi256_si128, _mm256_extracti128_si256,
    _mm256_hadd_epi32, _mm256_inserti128_si256, _mm512_add_epi32, _mm512_castsi256_si512,
    _mm512_castsi512_si256, _mm512_cmpge_epi32_mask, _mm512_dpbusd_epi32, _mm512_extracti64x4_epi64,
    _mm512_inserti64x4, _mm512_loadu_si512, _mm512_maskz_compress_epi32, _mm512_set_epi32, _mm512_set1_epi32,
    _mm512_setzero_si512, _mm512_shuffle_i32x4, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use super::{Above, HALF, LINE, Panel, TILE, scan_plain, sum};
use crate::code::Probe;

/// How many rows ahead scattered rows are fetched.
const AHEAD: usize = 32;

#[target_feature(enable = "avx2")]
pub(super) fn scan_avx2(codes: &[u8], probe: &Probe, least: i32, out: &mut Above) {
    scan_plain(codes, probe, least, out);
}

#[target_feature(enable = "avx2")]
pub(super) fn gather_avx2<'a>(
    count: usize,
    row: impl Fn(usize) -> &'a [u8],
    probe: &Probe,
    out: &mut Vec<i32>,
) {
    out.extend((0..count).map(|n| sum(row(n), probe)));
}

/// `LINES` is a row's length in cache lines, or 0 where it is only known at run time.
#[target_feature(enable = "avx512f,avx512vl,avx512vnni")]
pub(super) fn scan<const LINES: usize>(codes: &[u8], probe: &Probe, least: i32, out: &mut Above) {
    let (p, _) = probe.codes.as_chunks::<LINE>();
    let lines = if LINES == 0 { p.len() } else { LINES };
    let p = &p[..lines];
    let (rows, _) = codes.as_chunks::<LINE>();
    let (bias, least) = (_mm512_set1_epi32(probe.bias), _mm512_set1_epi32(least));
    for (tile, rows) in (0_u32..).zip(rows.chunks_exact(TILE * lines)) {
        let mut fours = [_mm_setzero_si128(); 4];
        for (four, sums) in rows.chunks_exact(4 * lines).zip(&mut fours) {
            let (a, rest) = four.split_at(lines);
            let (b, rest) = rest.split_at(lines);
            let (c, d) = rest.split_at(lines);
            *sums = four_sums([a, b, c, d], p);
        }
        let [a, b, c, d] = fours;
        let low = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(a), b);
        let high = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(c), d);
        let sums = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high);
        keep(out, tile, _mm512_add_epi32(sums, bias), least);
    }
}

/// Writes down the lanes of a tile that reach `least`, without a branch that could be foretold wrongly.
#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn keep(out: &mut Above, tile: u32, sums: __m512i, least: __m512i) {
    let reached = _mm512_cmpge_epi32_mask(sums, least);
    let lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    let rows = _mm512_add_epi32(lanes, _mm512_set1_epi32((tile * 16).cast_signed()));
    let at = out.len..out.len + TILE;
    if let (Some(rows_out), Some(sums_out)) =
        (out.rows[at.clone()].first_chunk_mut::<TILE>(), out.sums[at].first_chunk_mut::<TILE>())
    {
        *rows_out = unpack16(_mm512_maskz_compress_epi32(reached, rows)).map(i32::cast_unsigned);
        *sums_out = unpack16(_mm512_maskz_compress_epi32(reached, sums));
    }
    out.len += reached.count_ones() as usize;
}

#[target_feature(enable = "avx512f,avx512vl,avx512vnni")]
pub(super) fn gather<'a>(count: usize, row: impl Fn(usize) -> &'a [u8], probe: &Probe, out: &mut Vec<i32>) {
    let (p, _) = probe.codes.as_chunks::<LINE>();
    let bias = _mm_set1_epi32(probe.bias);
    for at in (0..count).step_by(4) {
        for next in (at + AHEAD..count).take(4) {
            row(next).as_chunks::<LINE>().0.iter().for_each(|line| fetch(line));
        }
        // The last ones are computed again where fewer than four are left.
        let four = [at, at + 1, at + 2, at + 3].map(|n| row(n.min(count - 1)).as_chunks::<LINE>().0);
        let sums = unpack4(_mm_add_epi32(four_sums(four, p), bias));
        out.extend(&sums[..(count - at).min(4)]);
    }
}

/// Sums of four rows, without the bias.
#[inline]
#[target_feature(enable = "avx512f,avx512vl,avx512vnni")]
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

/// Thirty-two rows against eight probes at a time: a row's four bytes stand in one lane, a probe's are sent to all lanes
/// and used for both tiles.
#[target_feature(enable = "avx512f,avx512vl,avx512vnni")]
pub(super) fn batch(panel: &Panel<'_>, codes: &[u8], least: &[i32], out: &mut [Above]) {
    let stride = panel.probes[0].codes.len();
    let mut turned = vec![[_mm512_setzero_si512(); 2]; stride / 4];
    for (pair, rows) in (0_u32..).zip(codes.chunks(2 * stride * TILE)) {
        let tiles = rows.chunks_exact(stride * TILE).len();
        for (tile, rows) in rows.chunks_exact(stride * TILE).enumerate() {
            turn(rows, stride / LINE, |k, word| turned[k][tile] = word);
        }
        for (chunk, words) in panel.words.chunks_exact(HALF * stride / 4).enumerate() {
            let sums = both(&turned, words.as_chunks::<HALF>().0);
            for (lane, sums) in sums.into_iter().enumerate() {
                let at = chunk * HALF + lane;
                let Some(probe) = panel.probes.get(at) else { break };
                for (tile, sum) in (0_u32..).zip(sums).take(tiles) {
                    let sum = _mm512_add_epi32(sum, _mm512_set1_epi32(probe.bias));
                    keep(&mut out[at], pair * 2 + tile, sum, _mm512_set1_epi32(least[at]));
                }
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512vl,avx512vnni")]
fn both(rows: &[[__m512i; 2]], words: &[[i32; HALF]]) -> [[__m512i; 2]; HALF] {
    let mut sums = [[_mm512_setzero_si512(); 2]; HALF];
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
pub(super) fn fetch(line: &[u8]) {
    // SAFETY: a hint; nothing is read.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
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
fn unpack4(sums: __m128i) -> [i32; 4] {
    // SAFETY: both are 16 bytes, and any bytes are integers.
    unsafe { std::mem::transmute(sums) }
}

#[inline]
fn unpack16(sums: __m512i) -> [i32; TILE] {
    // SAFETY: both are 64 bytes, and any bytes are integers.
    unsafe { std::mem::transmute(sums) }
}
