//! AVX-512 with VNNI: `vpdpbusd` multiplies 64 unsigned by signed bytes and adds groups of four into 16 sums. Codes are
//! stored unsigned (plus 128 or plus 8), which adds as much times `Σ query` to a sum; `loops!` subtracts it. Four rows
//! at a time share the loads of the query and the additions across a register.

use std::arch::x86_64::{
    __m256i, __m512i, _mm_add_epi32, _mm_storeu_si128, _mm256_add_epi32, _mm256_castsi256_si128,
    _mm256_extracti128_si256, _mm256_hadd_epi32, _mm512_and_si512, _mm512_castsi512_si256,
    _mm512_dpbusd_epi32, _mm512_extracti64x4_epi64, _mm512_loadu_si512, _mm512_reduce_add_epi32,
    _mm512_set1_epi8, _mm512_setzero_si512, _mm512_srli_epi16, _mm512_sub_epi32, _mm512_xor_si512,
};

use super::super::{Bf16, CodeRows, LINE, QUERY_PAD, exact_dot_of, loops, next_four, prefetch};

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn load<T>(line: &[T; LINE]) -> __m512i {
    const { assert!(size_of::<T>() == 1) };
    // SAFETY: `line` is 64 bytes long, and the load may be unaligned.
    unsafe { _mm512_loadu_si512(line.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn halves(sum: __m512i) -> __m256i {
    _mm256_add_epi32(
        _mm512_castsi512_si256(sum),
        _mm512_extracti64x4_epi64::<1>(sum),
    )
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn totals([first, second, third, fourth]: [__m512i; 4]) -> [i32; 4] {
    let left = _mm256_hadd_epi32(halves(first), halves(second));
    let right = _mm256_hadd_epi32(halves(third), halves(fourth));
    let both = _mm256_hadd_epi32(left, right);
    let four = _mm_add_epi32(
        _mm256_castsi256_si128(both),
        _mm256_extracti128_si256::<1>(both),
    );
    let mut totals = [0; 4];
    // SAFETY: `totals` is 16 bytes long, and the store may be unaligned.
    unsafe { _mm_storeu_si128(totals.as_mut_ptr().cast(), four) };
    totals
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn dot8(query: &[i8], row: &[u8]) -> i32 {
    let mut sum = _mm512_setzero_si512();
    for (query, line) in query
        .as_chunks::<LINE>()
        .0
        .iter()
        .zip(row.as_chunks::<LINE>().0)
    {
        sum = _mm512_dpbusd_epi32(sum, load(line), load(query));
    }
    _mm512_reduce_add_epi32(sum)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn four8(query: &[i8], [first, second, third, fourth]: [&[u8]; 4]) -> [i32; 4] {
    let mut sums = [_mm512_setzero_si512(); 4];
    let firsts = first
        .as_chunks::<LINE>()
        .0
        .iter()
        .zip(second.as_chunks::<LINE>().0);
    let thirds = third
        .as_chunks::<LINE>()
        .0
        .iter()
        .zip(fourth.as_chunks::<LINE>().0);
    for ((query, (first, second)), (third, fourth)) in
        query.as_chunks::<LINE>().0.iter().zip(firsts).zip(thirds)
    {
        let query = load(query);
        sums[0] = _mm512_dpbusd_epi32(sums[0], load(first), query);
        sums[1] = _mm512_dpbusd_epi32(sums[1], load(second), query);
        sums[2] = _mm512_dpbusd_epi32(sums[2], load(third), query);
        sums[3] = _mm512_dpbusd_epi32(sums[3], load(fourth), query);
    }
    totals(sums)
}

/// `sum` plus the products of one line of nibbles with 128 codes of the query.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn add_nibbles(sum: __m512i, line: &[u8; LINE], low: __m512i, high: __m512i) -> __m512i {
    let (mask, line) = (_mm512_set1_epi8(15), load(line));
    let sum = _mm512_dpbusd_epi32(sum, _mm512_and_si512(line, mask), low);
    let upper = _mm512_and_si512(_mm512_srli_epi16::<4>(line), mask);
    _mm512_dpbusd_epi32(sum, upper, high)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn dot4(query: &[i8], row: &[u8]) -> i32 {
    let mut sum = _mm512_setzero_si512();
    for (query, line) in query
        .as_chunks::<QUERY_PAD>()
        .0
        .iter()
        .zip(row.as_chunks::<LINE>().0)
    {
        let ([low, high], _) = query.as_chunks::<LINE>() else {
            continue;
        };
        sum = add_nibbles(sum, line, load(low), load(high));
    }
    _mm512_reduce_add_epi32(sum)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn four4(query: &[i8], [first, second, third, fourth]: [&[u8]; 4]) -> [i32; 4] {
    let mut sums = [_mm512_setzero_si512(); 4];
    let firsts = first
        .as_chunks::<LINE>()
        .0
        .iter()
        .zip(second.as_chunks::<LINE>().0);
    let thirds = third
        .as_chunks::<LINE>()
        .0
        .iter()
        .zip(fourth.as_chunks::<LINE>().0);
    for ((query, (first, second)), (third, fourth)) in query
        .as_chunks::<QUERY_PAD>()
        .0
        .iter()
        .zip(firsts)
        .zip(thirds)
    {
        let ([low, high], _) = query.as_chunks::<LINE>() else {
            continue;
        };
        let (low, high) = (load(low), load(high));
        sums[0] = add_nibbles(sums[0], first, low, high);
        sums[1] = add_nibbles(sums[1], second, low, high);
        sums[2] = add_nibbles(sums[2], third, low, high);
        sums[3] = add_nibbles(sums[3], fourth, low, high);
    }
    totals(sums)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(in crate::vector::kernels) fn row_dot8(left: &[u8], right: &[u8]) -> i32 {
    let offset = _mm512_set1_epi8(i8::MIN);
    let (mut sum, mut excess) = (_mm512_setzero_si512(), _mm512_setzero_si512());
    for (left, right) in left
        .as_chunks::<LINE>()
        .0
        .iter()
        .zip(right.as_chunks::<LINE>().0)
    {
        let right = _mm512_xor_si512(load(right), offset);
        sum = _mm512_dpbusd_epi32(sum, load(left), right);
        excess = _mm512_dpbusd_epi32(excess, offset, right);
    }
    _mm512_reduce_add_epi32(_mm512_sub_epi32(sum, excess))
}

fn excess8(query: &[i8]) -> i32 {
    128 * query.iter().map(|code| i32::from(*code)).sum::<i32>()
}

fn excess4(query: &[i8]) -> i32 {
    8 * query.iter().map(|code| i32::from(*code)).sum::<i32>()
}

loops!(#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]);
