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
/// Up to 2¹⁷ dimensions the sum stays within i32.
pub(crate) fn code_dots(query: &[i8], codes: &[i8], rows: &[u32]) -> Vec<i32> {
    let mut dots = vec![0_i32; rows.len()];
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (dot, row) in dots.iter_mut().zip(rows) {
                let start = *row as usize * query.len();
                *dot = code_dot(query, &codes[start..start + query.len()]);
            }
        },
    );
    dots
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "compiled once per instruction set, inside of `dispatch`"
)]
fn code_dot(left: &[i8], right: &[i8]) -> i32 {
    let mut sum = 0_i32;
    for (left, right) in left.iter().zip(right) {
        sum += i32::from(*left) * i32::from(*right);
    }
    sum
}
