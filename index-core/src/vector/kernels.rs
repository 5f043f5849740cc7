//! Inner products of codes. The instruction set is detected once; every variant gives the same integers, because integers
//! do not round, and `exact_dot` adds in one fixed order, so answers do not depend on the processor.
//!
//! Layout that all variants rely on: a row of 8-bit codes is padded to 64 bytes, a row of 4-bit codes holds blocks of 64
//! bytes for 128 dimensions (low nibble of byte `j`: dimension `j`, high nibble: `64 + j`), and query codes are padded
//! with zeros to 128, so that padding of a row multiplies with zero. This is the only place with unsafe code.
#![expect(
    unsafe_code,
    reason = "vector instructions and the metric called back from the graph builder"
)]

use std::sync::OnceLock;

use super::bf16::Bf16;

mod metric;
mod plain;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use metric::row_metric;

/// Zero of the unsigned 8-bit codes.
pub(crate) const ZERO8: u8 = 128;
/// Zero of the 4-bit codes.
pub(crate) const ZERO4: u8 = 8;
pub(crate) const LINE: usize = 64;
/// Dimensions in one line of 4-bit codes, and the multiple that query codes are padded to.
pub(crate) const QUERY_PAD: usize = 128;

/// Rows ahead of the one being multiplied that a scan asks for from memory.
pub(crate) const AHEAD: usize = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Set {
    Plain,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
}

impl Set {
    /// Every set that this machine can run, the best last.
    pub(crate) fn all() -> Vec<Self> {
        let mut sets = vec![Self::Plain];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                sets.push(Self::Avx2);
            }
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vnni")
            {
                sets.push(Self::Avx512Vnni);
            }
        }
        sets
    }

    pub(crate) fn best() -> Self {
        static BEST: OnceLock<Set> = OnceLock::new();
        *BEST.get_or_init(|| Self::all().pop().unwrap_or(Self::Plain))
    }
}

/// Rows of codes, each `stride` bytes long; `stride` is a multiple of `LINE`.
#[derive(Clone, Copy)]
pub(crate) struct CodeRows<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) stride: usize,
}

impl<'a> CodeRows<'a> {
    #[inline]
    pub(crate) fn row(self, row: usize) -> &'a [u8] {
        &self.bytes[row * self.stride..(row + 1) * self.stride]
    }
}

macro_rules! dispatch {
    ($set:expr, $name:ident$(::<$ahead:ident>)?($($argument:expr),*)) => {
        match $set {
            Set::Plain => plain::$name$(::<$ahead>)?($($argument),*),
            // SAFETY: `Set` is only made by `Set::all`, after the processor said that it has these instructions.
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => unsafe { x86::avx2::$name$(::<$ahead>)?($($argument),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Set::Avx512Vnni => unsafe { x86::vnni::$name$(::<$ahead>)?($($argument),*) },
        }
    };
}

/// `Σ query · (code − 128)` of each of `rows`; asks for the row `AHEAD` places further from memory, unless that is zero.
#[inline]
pub(crate) fn dots8<const AHEAD: usize>(
    set: Set,
    query: &[i8],
    codes: CodeRows<'_>,
    rows: impl Iterator<Item = usize> + Clone,
    dots: &mut [i32],
) {
    dispatch!(set, dots8::<AHEAD>(query, codes, rows, dots));
}

/// `Σ query · (nibble − 8)` of each of `rows`, as `dots8`.
#[inline]
pub(crate) fn dots4<const AHEAD: usize>(
    set: Set,
    query: &[i8],
    codes: CodeRows<'_>,
    rows: impl Iterator<Item = usize> + Clone,
    dots: &mut [i32],
) {
    dispatch!(set, dots4::<AHEAD>(query, codes, rows, dots));
}

/// `Σ (left − 128) · (right − 128)`.
#[inline]
pub(crate) fn row_dot8(set: Set, left: &[u8], right: &[u8]) -> i32 {
    dispatch!(set, row_dot8(left, right))
}

/// In f64 with a fixed order of summation (eight interleaved lanes): the same bits on every processor.
#[inline]
#[must_use]
pub fn exact_dot(left: &[f32], right: &[f32]) -> f64 {
    dispatch!(Set::best(), exact_dot(left, right))
}

/// As `exact_dot` with the numbers that the right side stands for.
///
/// Not by the processor's own product of such numbers (`vdpbf16ps`): it rounds the query too, sums in f32, and takes the
/// smallest numbers for zeros.
#[inline]
pub(crate) fn exact_dot_bf16(left: &[f32], right: &[Bf16]) -> f64 {
    dispatch!(Set::best(), exact_dot_bf16(left, right))
}

/// Asks for `bytes` from memory without waiting.
#[inline]
pub(crate) fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let start = values.as_ptr().cast::<i8>();
        for at in (0..size_of_val(values)).step_by(LINE) {
            // SAFETY: the address lies inside of `values`, and a prefetch reads nothing.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.add(at)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

/// The loops around one row's product, compiled once per instruction set. There are as many rows as dots.
macro_rules! loops {
    ($(#[$feature:meta])*) => {
        $(#[$feature])*
        #[inline]
        pub(in crate::vector::kernels) fn dots8<const AHEAD: usize>(
            query: &[i8],
            codes: CodeRows<'_>,
            mut rows: impl Iterator<Item = usize> + Clone,
            dots: &mut [i32],
        ) {
            let query = &query[..query.len().min(codes.stride)];
            let excess = excess8(query);
            let mut ahead = rows.clone().skip(AHEAD);
            let (fours, rest) = dots.as_chunks_mut::<4>();
            for four in fours {
                if AHEAD > 0 {
                    ahead.by_ref().take(4).for_each(|next| prefetch(codes.row(next)));
                }
                let Some(rows) = next_four(&mut rows) else {
                    return;
                };
                *four = four8(query, rows.map(|row| codes.row(row)));
                for dot in four {
                    *dot -= excess;
                }
            }
            for (dot, row) in rest.iter_mut().zip(rows) {
                *dot = dot8(query, codes.row(row)) - excess;
            }
        }

        $(#[$feature])*
        #[inline]
        pub(in crate::vector::kernels) fn dots4<const AHEAD: usize>(
            query: &[i8],
            codes: CodeRows<'_>,
            mut rows: impl Iterator<Item = usize> + Clone,
            dots: &mut [i32],
        ) {
            let query = &query[..query.len().min(2 * codes.stride)];
            let excess = excess4(query);
            let mut ahead = rows.clone().skip(AHEAD);
            let (fours, rest) = dots.as_chunks_mut::<4>();
            for four in fours {
                if AHEAD > 0 {
                    ahead.by_ref().take(4).for_each(|next| prefetch(codes.row(next)));
                }
                let Some(rows) = next_four(&mut rows) else {
                    return;
                };
                *four = four4(query, rows.map(|row| codes.row(row)));
                for dot in four {
                    *dot -= excess;
                }
            }
            for (dot, row) in rest.iter_mut().zip(rows) {
                *dot = dot4(query, codes.row(row)) - excess;
            }
        }

        $(#[$feature])*
        pub(in crate::vector::kernels) fn exact_dot(left: &[f32], right: &[f32]) -> f64 {
            exact_dot_of(left, right, |value| value)
        }

        $(#[$feature])*
        pub(in crate::vector::kernels) fn exact_dot_bf16(left: &[f32], right: &[Bf16]) -> f64 {
            exact_dot_of(left, right, Bf16::widen)
        }
    };
}
use loops;

#[inline]
fn next_four(rows: &mut impl Iterator<Item = usize>) -> Option<[usize; 4]> {
    Some([rows.next()?, rows.next()?, rows.next()?, rows.next()?])
}

/// Products of two f32 are exact in f64, so it is the order of the sums alone that decides. Always inline: alone it would
/// be compiled for the least of all processors.
#[inline(always)]
fn exact_dot_of<T: Copy>(left: &[f32], right: &[T], widen: impl Fn(T) -> f32) -> f64 {
    const LANES: usize = 8;
    let mut lanes = [0_f64; LANES];
    let (left, left_rest) = left.as_chunks::<LANES>();
    let (right, right_rest) = right.as_chunks::<LANES>();
    for (left, right) in left.iter().zip(right) {
        for lane in 0..LANES {
            lanes[lane] += f64::from(left[lane]) * f64::from(widen(right[lane]));
        }
    }
    for (lane, (left, right)) in left_rest.iter().zip(right_rest).enumerate() {
        lanes[lane] += f64::from(*left) * f64::from(widen(*right));
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive4(query: &[i8], row: &[u8]) -> i32 {
        (0..row.len() * 2)
            .map(|dimension| {
                let byte = row[dimension / QUERY_PAD * LINE + dimension % LINE];
                let nibble = if dimension % QUERY_PAD < LINE {
                    byte & 15
                } else {
                    byte >> 4
                };
                i32::from(query[dimension]) * (i32::from(nibble) - i32::from(ZERO4))
            })
            .sum()
    }

    proptest! {
        #[test]
        fn every_instruction_set_gives_the_same_integers(
            lines in 1_usize..5,
            query in proptest::collection::vec(-127_i8..=127, 8 * LINE),
            bytes in proptest::collection::vec(any::<u8>(), 5 * 4 * LINE),
            rows in proptest::collection::vec(0_usize..5, 0..30),
        ) {
            let stride = lines * LINE;
            let codes = CodeRows { bytes: &bytes, stride };
            for set in Set::all() {
                let mut dots = vec![0; rows.len()];
                dots8::<AHEAD>(set, &query, codes, rows.iter().copied(), &mut dots);
                for (dot, row) in dots.iter().zip(&rows) {
                    let expected: i32 = codes.row(*row).iter().zip(&query)
                        .map(|(code, query)| (i32::from(*code) - 128) * i32::from(*query)).sum();
                    prop_assert_eq!(*dot, expected, "8 bits, {:?}", set);
                }
                dots4::<AHEAD>(set, &query, codes, rows.iter().copied(), &mut dots);
                for (dot, row) in dots.iter().zip(&rows) {
                    prop_assert_eq!(*dot, naive4(&query, codes.row(*row)), "4 bits, {:?}", set);
                }
                let (left, right) = (codes.row(0), codes.row(4));
                let tame: Vec<u8> = right.iter().map(|code| (*code).max(1)).collect();
                let expected: i32 = left.iter().zip(&tame)
                    .map(|(left, right)| (i32::from(*left) - 128) * (i32::from(*right) - 128)).sum();
                prop_assert_eq!(row_dot8(set, left, &tame), expected, "rows, {:?}", set);
            }
        }

        #[test]
        fn exact_products_have_the_same_bits_everywhere(
            pairs in proptest::collection::vec((-1_f32..1.0, -1_f32..1.0), 0..100),
        ) {
            let (left, right): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let expected = plain::exact_dot(&left, &right).to_bits();
            for set in Set::all() {
                prop_assert_eq!(dispatch!(set, exact_dot(&left, &right)).to_bits(), expected);
            }
            let rounded: Vec<Bf16> = right.iter().map(|value| Bf16::round(*value)).collect();
            let widened: Vec<f32> = rounded.iter().map(|value| value.widen()).collect();
            let expected = plain::exact_dot(&left, &widened).to_bits();
            for set in Set::all() {
                prop_assert_eq!(dispatch!(set, exact_dot_bf16(&left, &rounded)).to_bits(), expected, "bf16, {:?}", set);
            }
        }
    }
}
