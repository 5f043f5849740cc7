//! Exact search in two passes. Every vector is also kept as 8-bit codes (own scale per vector) together with the length
//! of what the codes leave out. The first pass reads codes only, a quarter of the memory, and bounds each row's true
//! score by Cauchy–Schwarz; the second computes the score of every row that the bounds could not exclude.

use crate::error::IndexError;
use crate::kernels::{code_dots, exact_dot};
use crate::rank::GRID_STEP;
use crate::row_set::RowSet;
use crate::vector_tier::{VectorTier, checked_norm};

/// How far a stored vector may be from length one.
const UNIT_TOLERANCE: f64 = 1e-3;

#[derive(Debug)]
pub struct FlatTier {
    dimensions: usize,
    vectors: Vec<f32>,
    codes: Vec<i8>,
    quantised: Vec<Quantised>,
}

/// `vector = scale · codes + residual`.
#[derive(Debug, Clone, Copy)]
struct Quantised {
    scale: f64,
    /// Length of the residual; infinite for a row without a vector.
    residual: f64,
}

impl FlatTier {
    #[must_use]
    pub fn new(dimensions: usize) -> Self {
        Self {
            dimensions,
            vectors: Vec::new(),
            codes: Vec::new(),
            quantised: Vec::new(),
        }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.quantised.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.quantised.is_empty()
    }

    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Appends the next row; `None` is a row that no query finds.
    ///
    /// # Errors
    /// `INDEX_INVALID` for a vector of the wrong dimension, that is not finite, or not of length one.
    pub fn push(&mut self, vector: Option<&[f32]>) -> Result<(), IndexError> {
        let Some(vector) = vector else {
            self.vectors
                .resize(self.vectors.len() + self.dimensions, 0.0);
            self.codes.resize(self.codes.len() + self.dimensions, 0);
            self.quantised.push(Quantised {
                scale: 0.0,
                residual: f64::INFINITY,
            });
            return Ok(());
        };
        let norm = checked_norm(vector, self.dimensions)?;
        if (norm - 1.0).abs() > UNIT_TOLERANCE {
            return Err(IndexError::invalid(format!(
                "a stored vector has length {norm}; normalise it to 1"
            )));
        }
        self.vectors.extend_from_slice(vector);
        self.quantised.push(quantise(vector, &mut self.codes));
        Ok(())
    }

    /// Keeps the rows whose flag is set, in order.
    pub(crate) fn retain(&mut self, flags: &[bool]) {
        let kept = |width: usize| {
            (0..)
                .zip(flags)
                .filter(|(_, keep)| **keep)
                .map(move |(row, _)| row * width)
        };
        self.vectors = kept(self.dimensions)
            .flat_map(|at: usize| &self.vectors[at..at + self.dimensions])
            .copied()
            .collect();
        self.codes = kept(self.dimensions)
            .flat_map(|at: usize| &self.codes[at..at + self.dimensions])
            .copied()
            .collect();
        self.quantised = kept(1).map(|at: usize| self.quantised[at]).collect();
    }

    /// Whether the row has a vector.
    #[must_use]
    pub fn has(&self, row: u32) -> bool {
        self.quantised
            .get(row as usize)
            .is_some_and(|quantised| quantised.residual.is_finite())
    }

    #[must_use]
    pub fn codes(&self, row: u32) -> &[i8] {
        let start = row as usize * self.dimensions;
        &self.codes[start..start + self.dimensions]
    }

    /// Empty for a row without a vector.
    #[must_use]
    pub fn vector(&self, row: u32) -> &[f32] {
        let start = row as usize * self.dimensions;
        if self.has(row) {
            &self.vectors[start..start + self.dimensions]
        } else {
            &[]
        }
    }

    /// Inner product with the stored vector, the same bits on every machine.
    #[must_use]
    pub fn score(&self, query: &[f32], row: u32) -> f64 {
        exact_dot(query, self.vector(row))
    }

    /// Codes of a vector under the quantisation of this tier.
    #[must_use]
    pub fn encode(vector: &[f32]) -> Vec<i8> {
        let mut codes = Vec::with_capacity(vector.len());
        quantise(vector, &mut codes);
        codes
    }

    /// Rows whose true score may be among the `k` best.
    fn survivors(&self, query: &[f32], norm: f64, k: usize, rows: &[u32]) -> Vec<u32> {
        let mut query_codes = Vec::with_capacity(self.dimensions);
        let query_quantised = quantise(query, &mut query_codes);
        let dots = code_dots(&query_codes, &self.codes, rows);
        // |⟨q,v⟩ − ⟨q̂,v̂⟩| ≤ |q − q̂|·|v̂| + |q|·|v − v̂|, and |v̂| ≤ |v| + |v − v̂|.
        let bounds: Vec<(f64, f64)> = rows
            .iter()
            .zip(&dots)
            .map(|(row, dot)| {
                let stored = self.quantised[*row as usize];
                let estimate = f64::from(*dot) * query_quantised.scale * stored.scale;
                let length = 1.0 + UNIT_TOLERANCE + stored.residual;
                (
                    estimate,
                    query_quantised.residual * length + norm * stored.residual + GRID_STEP,
                )
            })
            .collect();
        let mut lower: Vec<f64> = bounds
            .iter()
            .map(|(estimate, error)| estimate - error)
            .collect();
        let (_, threshold, _) =
            lower.select_nth_unstable_by(k - 1, |left, right| right.total_cmp(left));
        let threshold = *threshold;
        rows.iter()
            .zip(&bounds)
            .filter(|(_, (estimate, error))| estimate + error >= threshold)
            .map(|(row, _)| *row)
            .collect()
    }
}

impl VectorTier for FlatTier {
    fn candidates(
        &self,
        query: &[f32],
        k: usize,
        passing: &RowSet,
    ) -> Result<Vec<u32>, IndexError> {
        let norm = checked_norm(query, self.dimensions)?;
        let rows: Vec<u32> = passing.iter().filter(|row| self.has(*row)).collect();
        Ok(match k {
            0 => Vec::new(),
            _ if rows.len() <= k => rows,
            _ => self.survivors(query, norm, k, &rows),
        })
    }
}

/// Appends `vector` as multiples of `largest magnitude / 127`.
fn quantise(vector: &[f32], codes: &mut Vec<i8>) -> Quantised {
    let largest = vector
        .iter()
        .fold(0_f32, |largest, value| largest.max(value.abs()));
    let scale = f64::from(largest) / f64::from(i8::MAX);
    let mut left_out = 0.0;
    for value in vector {
        let value = f64::from(*value);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the quotient lies within ±127"
        )]
        let code = (value / scale).round() as i8;
        left_out += (value - f64::from(code) * scale).powi(2);
        codes.push(code);
    }
    Quantised {
        scale,
        residual: left_out.sqrt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unit(mut vector: Vec<f32>) -> Option<Vec<f32>> {
        let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        if norm < 1e-3 {
            return None;
        }
        for value in &mut vector {
            *value /= norm;
        }
        Some(vector)
    }

    fn vectors(dimensions: usize) -> impl Strategy<Value = Option<Vec<f32>>> {
        proptest::collection::vec(-1_f32..1.0, dimensions).prop_map(unit)
    }

    #[test]
    fn what_would_poison_a_comparison_is_refused_and_changes_nothing() {
        let mut tier = FlatTier::new(2);
        for bad in [
            vec![f32::NAN, 1.0],
            vec![f32::INFINITY, 0.0],
            vec![0.0, 0.0],
            vec![1.0],
            vec![3.0, 4.0],
        ] {
            assert!(
                matches!(tier.push(Some(&bad)), Err(IndexError::Invalid(_))),
                "{bad:?}"
            );
        }
        assert!(tier.is_empty() && tier.codes.is_empty() && tier.vectors.is_empty());
        tier.push(Some(&[1.0, 0.0])).unwrap();
        let all = RowSet::of(1, |_| true);
        for bad in [
            vec![f32::NAN, 1.0],
            vec![0.0, 0.0],
            vec![1.0, 0.0, 0.0],
            vec![],
        ] {
            assert!(tier.candidates(&bad, 1, &all).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn any_k_and_any_row_number_are_safe() {
        let mut tier = FlatTier::new(2);
        tier.push(Some(&[1.0, 0.0])).unwrap();
        tier.push(None).unwrap();
        let beyond = RowSet::of(1_000, |_| true);
        assert!(tier.candidates(&[0.0, 1.0], 0, &beyond).unwrap().is_empty());
        assert_eq!(
            tier.candidates(&[0.0, 1.0], usize::MAX, &beyond).unwrap(),
            [0]
        );
    }

    proptest! {
        #[test]
        fn no_row_among_the_best_is_missed(
            rows in proptest::collection::vec(vectors(24), 1..80),
            query in vectors(24),
            k in 1_usize..12,
            modulus in 1_u32..4,
        ) {
            let Some(query) = query else { return Ok(()) };
            let mut tier = FlatTier::new(24);
            for row in &rows {
                tier.push(row.as_deref()).unwrap();
            }
            let passing = RowSet::of(rows.len(), |row| row % modulus == 0);
            let mut expected: Vec<(f64, u32)> = passing
                .iter()
                .filter_map(|row| {
                    let vector = rows[row as usize].as_ref()?;
                    Some((vector.iter().zip(&query).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum(), row))
                })
                .collect();
            expected.sort_by(|left, right| right.0.total_cmp(&left.0));
            let found = tier.candidates(&query, k, &passing).unwrap();
            for (score, row) in expected.iter().take(k) {
                prop_assert!(found.contains(row), "row {} with score {} is missing", row, score);
                prop_assert!((tier.score(&query, *row) - score).abs() < 1e-9);
            }
            prop_assert!(found.iter().all(|row| passing.contains(*row) && tier.has(*row)));
        }
    }
}
