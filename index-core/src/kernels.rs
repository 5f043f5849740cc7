//! Inner products. Each is plain Rust; `pulp` compiles it once per instruction set and picks at run time.

use pulp::Arch;

const LANES: usize = 8;

/// In f64 with a fixed order of summation (eight interleaved lanes): the same bits on every processor.
pub(crate) fn exact_dot(left: &[f32], right: &[f32]) -> f64 {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let mut lanes = [0_f64; LANES];
            let (left, left_rest) = left.as_chunks::<LANES>();
            let (right, right_rest) = right.as_chunks::<LANES>();
            for (left, right) in left.iter().zip(right) {
                for lane in 0..LANES {
                    lanes[lane] += f64::from(left[lane]) * f64::from(right[lane]);
                }
            }
            for (lane, (left, right)) in left_rest.iter().zip(right_rest).enumerate() {
                lanes[lane] += f64::from(*left) * f64::from(*right);
            }
            lanes.iter().sum()
        },
    )
}

/// Inner product of `query` with each row of `codes` that is listed; exact, because integers do not round.
/// Dimensions ≤ 2¹⁷ keep the sum within i32.
pub(crate) fn code_dots(query: &[i8], codes: &[i8], rows: &[u32], dots: &mut Vec<i32>) {
    let width = query.len();
    Arch::new().dispatch(
        #[inline(always)]
        || {
            dots.extend(rows.iter().map(|row| {
                let start = *row as usize * width;
                query
                    .iter()
                    .zip(&codes[start..start + width])
                    .map(|(a, b)| i32::from(*a) * i32::from(*b))
                    .sum::<i32>()
            }));
        },
    );
}
