//! `vector = scale · codes + residual`. The scale is the one that makes the residual shortest, hence orthogonal to the
//! codes: the bounds of `scan` use that.

use super::kernels::{LINE, QUERY_PAD, ZERO4, ZERO8};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Quantised {
    pub(crate) scale: f32,
    /// Length of the residual, rounded up.
    pub(crate) residual: f32,
}

/// Shares of the largest magnitude at which 4-bit codes are cut off: a few clipped values cost less than coarse steps.
const CLIPS: [f32; 4] = [1.0, 0.85, 0.7, 0.55];

pub(crate) fn stride8(dimensions: usize) -> usize {
    dimensions.next_multiple_of(LINE)
}

pub(crate) fn stride4(dimensions: usize) -> usize {
    dimensions.next_multiple_of(QUERY_PAD) / 2
}

/// Signed codes within ±127.
pub(crate) fn codes8(vector: &[f32], codes: &mut [i8]) -> Quantised {
    round(vector, 127.0 / largest(vector), 127.0, codes);
    measure(vector, codes)
}

/// Signed codes within ±7.
fn codes4(vector: &[f32], codes: &mut [i8], trial: &mut [i8]) -> Quantised {
    let largest = largest(vector);
    let mut best: Option<Quantised> = None;
    for clip in CLIPS {
        round(vector, 7.0 / (largest * clip), 7.0, trial);
        let quantised = measure(vector, trial);
        if best.is_none_or(|best| quantised.residual < best.residual) {
            best = Some(quantised);
            codes.copy_from_slice(trial);
        }
    }
    best.unwrap_or(Quantised {
        scale: 0.0,
        residual: 1.0,
    })
}

/// Writes the stored form of both: a row of unsigned 8-bit codes and a row of nibbles.
pub(crate) fn encode(vector: &[f32], row8: &mut [u8], row4: &mut [u8]) -> (Quantised, Quantised) {
    let (mut codes, mut trial) = (vec![0_i8; vector.len()], vec![0_i8; vector.len()]);
    let eight = codes8(vector, &mut codes);
    row8.fill(ZERO8);
    for (byte, code) in row8.iter_mut().zip(&codes) {
        *byte = code.cast_unsigned() ^ ZERO8;
    }
    let four = codes4(vector, &mut codes, &mut trial);
    row4.fill(ZERO4 | ZERO4 << 4);
    for (block, line) in codes.chunks(QUERY_PAD).zip(row4.chunks_mut(LINE)) {
        for (at, code) in block.iter().enumerate() {
            let nibble = code.wrapping_add(8).cast_unsigned() & 15;
            let byte = &mut line[at % LINE];
            *byte = if at < LINE {
                *byte & 0xF0 | nibble
            } else {
                *byte & 0x0F | nibble << 4
            };
        }
    }
    (eight, four)
}

fn largest(vector: &[f32]) -> f32 {
    vector
        .iter()
        .fold(0_f32, |largest, value| largest.max(value.abs()))
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to ±127")]
fn round(vector: &[f32], factor: f32, limit: f32, codes: &mut [i8]) {
    // Adding and subtracting 1.5 · 2²³ rounds to the nearest integer without a call; any rounding would be right.
    const ROUND: f32 = 12_582_912.0;
    for (code, value) in codes.iter_mut().zip(vector) {
        let scaled = (value * factor).clamp(-limit, limit);
        *code = ((scaled + ROUND) - ROUND) as i8;
    }
}

fn measure(vector: &[f32], codes: &[i8]) -> Quantised {
    let (mut product, mut square) = (0_f64, 0_f64);
    for (value, code) in vector.iter().zip(codes) {
        product += f64::from(*value) * f64::from(*code);
        square += f64::from(*code) * f64::from(*code);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the residual is measured with the rounded scale"
    )]
    let scale = if square > 0.0 {
        (product / square) as f32
    } else {
        0.0
    };
    let left_out: f64 = vector
        .iter()
        .zip(codes)
        .map(|(value, code)| (f64::from(*value) - f64::from(*code) * f64::from(scale)).powi(2))
        .sum();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounded up in the same line"
    )]
    let residual = (left_out.sqrt() as f32).next_up();
    Quantised { scale, residual }
}
