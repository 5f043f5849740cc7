//! Every processor.

use super::{Bf16, CodeRows, LINE, QUERY_PAD, exact_dot_of, loops, next_four, prefetch};

#[inline]
fn dot8(query: &[i8], row: &[u8]) -> i32 {
    query
        .iter()
        .zip(row)
        .map(|(query, code)| i32::from(*query) * (i32::from(*code) - 128))
        .sum()
}

#[inline]
fn dot4(query: &[i8], row: &[u8]) -> i32 {
    let (queries, _) = query.as_chunks::<QUERY_PAD>();
    let (lines, _) = row.as_chunks::<LINE>();
    let mut sum = 0;
    for (query, line) in queries.iter().zip(lines) {
        let (low, high) = query.split_at(LINE);
        for ((byte, low), high) in line.iter().zip(low).zip(high) {
            sum += i32::from(*low) * (i32::from(byte & 15) - 8);
            sum += i32::from(*high) * (i32::from(byte >> 4) - 8);
        }
    }
    sum
}

pub(in crate::vector::kernels) fn row_dot8(left: &[u8], right: &[u8]) -> i32 {
    left.iter()
        .zip(right)
        .map(|(left, right)| (i32::from(*left) - 128) * (i32::from(*right) - 128))
        .sum()
}

#[inline]
fn four8(query: &[i8], [first, second, third, fourth]: [&[u8]; 4]) -> [i32; 4] {
    [
        dot8(query, first),
        dot8(query, second),
        dot8(query, third),
        dot8(query, fourth),
    ]
}

#[inline]
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

loops!();
