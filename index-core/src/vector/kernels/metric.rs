//! The metric that usearch calls back. What it stores as a row's "vector" are the four bytes of the row's number, so
//! that the codes exist once, in our own layout.

use std::sync::Arc;

use super::{CodeRows, Set, row_dot8};
use crate::vector::section::{Line, Section};

type Metric = Box<dyn Fn(*const i8, *const i8) -> f32 + Send + Sync>;

/// One minus the inner product of two rows' codes. A number that is no row is as far as can be.
pub(crate) fn row_metric(
    codes: Arc<Section<Line>>,
    scales: Arc<Section<f32>>,
    stride: usize,
) -> Metric {
    let set = Set::best();
    Box::new(move |left, right| {
        // SAFETY: usearch was told that a vector has four 8-bit dimensions and passes only vectors it was given.
        let (left, right) = unsafe {
            (
                left.cast::<[u8; 4]>().read_unaligned(),
                right.cast::<[u8; 4]>().read_unaligned(),
            )
        };
        let (left, right) = (row_of(left), row_of(right));
        let scales: &[f32] = &scales;
        let (Some(left_scale), Some(right_scale)) = (scales.get(left), scales.get(right)) else {
            return f32::MAX;
        };
        let codes = CodeRows {
            bytes: bytemuck::cast_slice(&codes),
            stride,
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "a distance is a hint, scores are computed again"
        )]
        let dot = row_dot8(set, codes.row(left), codes.row(right)) as f32;
        1.0 - dot * left_scale * right_scale
    })
}

fn row_of(bytes: [u8; 4]) -> usize {
    u32::from_le_bytes(bytes) as usize
}
