//! The numbers of a model2vec model, read from a safetensors file.

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

/// Names under which versions of model2vec and sentence-transformers store the token vectors.
const EMBEDDINGS: [&str; 3] = ["embeddings", "0", "embedding.weight"];

pub(crate) struct Tensors {
    dimensions: usize,
    /// Row after row.
    embeddings: Vec<f32>,
    /// Factor by token; no factor for tokens beyond its end.
    weights: Vec<f32>,
    /// Row by token; a token beyond its end has the row of its own number.
    mapping: Vec<usize>,
}

impl Tensors {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let file = SafeTensors::deserialize(bytes).map_err(|reason| reason.to_string())?;
        let embeddings = EMBEDDINGS
            .iter()
            .find_map(|name| file.tensor(name).ok())
            .ok_or("there is no tensor named embeddings")?;
        let [rows, dimensions] = *embeddings.shape() else {
            return Err(format!(
                "embeddings have {} axes, not 2",
                embeddings.shape().len()
            ));
        };
        if rows == 0 || dimensions == 0 {
            return Err(format!("embeddings are {rows} by {dimensions}"));
        }
        let tensors = Self {
            dimensions,
            embeddings: floats("embeddings", &embeddings)?,
            weights: match file.tensor("weights") {
                Ok(weights) => floats("weights", &weights)?,
                Err(_) => Vec::new(),
            },
            mapping: match file.tensor("mapping") {
                Ok(mapping) => numbers("mapping", &mapping)?,
                Err(_) => Vec::new(),
            },
        };
        match tensors.mapping.iter().find(|row| **row >= rows) {
            Some(row) => Err(format!("mapping names row {row} of {rows}")),
            None => Ok(tensors),
        }
    }

    pub(crate) fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Whether the token has a vector.
    pub(crate) fn has(&self, token: u32) -> bool {
        self.row(token).is_some()
    }

    pub(crate) fn add(&self, token: u32, sums: &mut [f64]) {
        let weight = self.weights.get(token as usize).copied().unwrap_or(1.0);
        for (sum, value) in sums.iter_mut().zip(self.row(token).unwrap_or_default()) {
            *sum += f64::from(*value) * f64::from(weight);
        }
    }

    fn row(&self, token: u32) -> Option<&[f32]> {
        let token = token as usize;
        let row = self.mapping.get(token).copied().unwrap_or(token);
        let start = row.checked_mul(self.dimensions)?;
        self.embeddings
            .get(start..start.checked_add(self.dimensions)?)
    }
}

fn floats(name: &str, tensor: &TensorView<'_>) -> Result<Vec<f32>, String> {
    let data = tensor.data();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "weights are small numbers, and model2vec itself rounds them"
    )]
    let values: Vec<f32> = match tensor.dtype() {
        Dtype::F64 => chunks(data)
            .map(|bytes| f64::from_le_bytes(bytes) as f32)
            .collect(),
        Dtype::F32 => chunks(data).map(f32::from_le_bytes).collect(),
        Dtype::F16 => chunks(data)
            .map(|bytes| from_half(u16::from_le_bytes(bytes)))
            .collect(),
        Dtype::BF16 => chunks(data)
            .map(|bytes| f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16))
            .collect(),
        Dtype::I8 => chunks(data)
            .map(|bytes| f32::from(i8::from_le_bytes(bytes)))
            .collect(),
        other => return Err(format!("{name} are of type {other:?}")),
    };
    if values.iter().all(|value| value.is_finite()) {
        Ok(values)
    } else {
        Err(format!("{name} hold a number that is not finite"))
    }
}

fn numbers(name: &str, tensor: &TensorView<'_>) -> Result<Vec<usize>, String> {
    let data = tensor.data();
    let numbers: Option<Vec<usize>> = match tensor.dtype() {
        Dtype::I64 => chunks(data)
            .map(|bytes| usize::try_from(i64::from_le_bytes(bytes)).ok())
            .collect(),
        Dtype::I32 => chunks(data)
            .map(|bytes| usize::try_from(i32::from_le_bytes(bytes)).ok())
            .collect(),
        other => return Err(format!("{name} is of type {other:?}")),
    };
    numbers.ok_or_else(|| format!("{name} holds a negative number"))
}

fn chunks<const N: usize>(data: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    data.as_chunks::<N>().0.iter().copied()
}

/// IEEE 754 binary16. Every step is exact.
fn from_half(bits: u16) -> f32 {
    let fraction = f32::from(bits & 0x3ff);
    let magnitude = match i32::from(bits >> 10 & 0x1f) {
        0 => fraction * 2_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        exponent => (1024.0 + fraction) * 2_f32.powi(exponent - 25),
    };
    if bits >> 15 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_read_exactly() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65_504.0),
            (0x0400, 2_f32.powi(-14)),
            (0x0001, 2_f32.powi(-24)),
            (0x3555, 0.333_251_95),
            (0x7c00, f32::INFINITY),
        ] {
            assert_eq!(
                from_half(bits).to_bits(),
                f32::to_bits(value),
                "{bits:#06x}"
            );
        }
        assert!(from_half(0x7e00).is_nan());
    }
}
