//! AVX2. `maddubs` adds two products in 16 bits with saturation; 128 · 127 · 2 = 32,512 fits, so the magnitudes of one
//! side are multiplied with the other side carrying both signs.

use std::arch::x86_64::{
    __m256i, _mm_add_epi32, _mm_cvtsi128_si32, _mm_shuffle_epi32, _mm256_abs_epi8,
    _mm256_add_epi32, _mm256_and_si256, _mm256_castsi256_si128, _mm256_extracti128_si256,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi8,
    _mm256_set1_epi16, _mm256_setzero_si256, _mm256_sign_epi8, _mm256_srli_epi16, _mm256_sub_epi8,
    _mm256_xor_si256,
};

use super::super::{Bf16, CodeRows, LINE, QUERY_PAD, exact_dot_of, loops, next_four, prefetch};

const HALF: usize = LINE / 2;

#[inline]
#[target_feature(enable = "avx2")]
fn load<T>(half: &[T; HALF]) -> __m256i {
    const { assert!(size_of::<T>() == 1) };
    // SAFETY: `half` is 32 bytes long, and the load may be unaligned.
    unsafe { _mm256_loadu_si256(half.as_ptr().cast()) }
}

/// `sum` plus the products of signed bytes; `right` must not hold −128.
#[inline]
#[target_feature(enable = "avx2")]
fn add_products(sum: __m256i, left: __m256i, right: __m256i) -> __m256i {
    let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(left), _mm256_sign_epi8(right, left));
    _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn total(sum: __m256i) -> i32 {
    let four = _mm_add_epi32(
        _mm256_castsi256_si128(sum),
        _mm256_extracti128_si256::<1>(sum),
    );
    let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b00_00_11_10>(four));
    _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<1>(two)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn dot8(query: &[i8], row: &[u8]) -> i32 {
    let offset = _mm256_set1_epi8(i8::MIN);
    let mut sum = _mm256_setzero_si256();
    for (query, half) in query
        .as_chunks::<HALF>()
        .0
        .iter()
        .zip(row.as_chunks::<HALF>().0)
    {
        sum = add_products(sum, _mm256_xor_si256(load(half), offset), load(query));
    }
    total(sum)
}

#[inline]
#[target_feature(enable = "avx2")]
fn dot4(query: &[i8], row: &[u8]) -> i32 {
    let (mask, eight) = (_mm256_set1_epi8(15), _mm256_set1_epi8(8));
    let mut sum = _mm256_setzero_si256();
    for (query, line) in query
        .as_chunks::<QUERY_PAD>()
        .0
        .iter()
        .zip(row.as_chunks::<LINE>().0)
    {
        let ([low0, low1, high0, high1], _) = query.as_chunks::<HALF>() else {
            continue;
        };
        let ([line0, line1], _) = line.as_chunks::<HALF>() else {
            continue;
        };
        for (half, low, high) in [(line0, low0, high0), (line1, low1, high1)] {
            let half = load(half);
            let lower = _mm256_sub_epi8(_mm256_and_si256(half, mask), eight);
            let upper = _mm256_and_si256(_mm256_srli_epi16::<4>(half), mask);
            sum = add_products(sum, lower, load(low));
            sum = add_products(sum, _mm256_sub_epi8(upper, eight), load(high));
        }
    }
    total(sum)
}

#[target_feature(enable = "avx2")]
pub(in crate::vector::kernels) fn row_dot8(left: &[u8], right: &[u8]) -> i32 {
    let offset = _mm256_set1_epi8(i8::MIN);
    let mut sum = _mm256_setzero_si256();
    for (left, right) in left
        .as_chunks::<HALF>()
        .0
        .iter()
        .zip(right.as_chunks::<HALF>().0)
    {
        let (left, right) = (load(left), load(right));
        sum = add_products(
            sum,
            _mm256_xor_si256(left, offset),
            _mm256_xor_si256(right, offset),
        );
    }
    total(sum)
}

#[inline]
#[target_feature(enable = "avx2")]
fn four8(query: &[i8], [first, second, third, fourth]: [&[u8]; 4]) -> [i32; 4] {
    [
        dot8(query, first),
        dot8(query, second),
        dot8(query, third),
        dot8(query, fourth),
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
fn four4(query: &[i8], [first, second, third, fourth]: [&[u8]; 4]) -> [i32; 4] {
    [
        dot4(query, first),
        dot4(query, second),
        dot4(query, third),
        dot4(query, fourth),
    ]
}

/// Codes are made signed before they are multiplied.
fn excess8(_query: &[i8]) -> i32 {
    0
}

fn excess4(_query: &[i8]) -> i32 {
    0
}

loops!(#[target_feature(enable = "avx2")]);
