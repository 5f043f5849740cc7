//! Rows that are kept as bf16.

use super::*;

const BOTH: [VectorStorage; 2] = [VectorStorage::F32, VectorStorage::Bf16];

/// By the definition: to eight bits of precision, ties to even.
#[expect(clippy::cast_possible_truncation, reason = "an exponent")]
fn nearest(value: f32) -> f64 {
    let value = f64::from(value);
    if value == 0.0 {
        return 0.0;
    }
    let step = 2_f64.powi((value.abs().log2().floor() as i32) - 7);
    (value / step).round_ties_even() * step
}

#[test]
fn a_score_is_the_cosine_with_the_rounded_row_and_its_own_is_one() {
    let rows = clustered(300, 24);
    let block = stored_as(VectorStorage::Bf16, 24, &rows);
    let query = rows[7].clone().unwrap();
    let asked = QueryVector::new(&query, 24).unwrap();
    for (row, vector) in (0_u32..).zip(&rows) {
        let stored: Vec<f64> = vector
            .iter()
            .flatten()
            .map(|value| nearest(*value))
            .collect();
        let returned: Vec<f64> = block
            .vector(row)
            .iter()
            .map(|value| f64::from(*value))
            .collect();
        assert_eq!(returned, stored);
        let dot = |left: &[f64], right: &[f64]| -> f64 {
            left.iter()
                .zip(right)
                .map(|(left, right)| left * right)
                .sum()
        };
        let query: Vec<f64> = asked.unit().iter().map(|value| f64::from(*value)).collect();
        let length = dot(&stored, &stored).sqrt();
        assert!(
            (length - 1.0).abs() <= 1.0 / 256.0,
            "row {row} is {length} long"
        );
        assert!((block.score(&asked, row) - dot(&query, &stored) / length).abs() < 1.1e-6);
        let own = QueryVector::new(&block.vector(row), 24).unwrap();
        assert!((block.score(&own, row) - 1.0).abs() < 1e-9);
        assert!((block.similarity(row, (&block, row)) - 1.0).abs() < 1e-9);
    }
}

#[test]
fn rounded_rows_take_half_and_are_named_so_that_neither_is_read_as_the_other() {
    let rows = clustered(150, 24);
    let [whole, rounded] = BOTH.map(|storage| stored_as(storage, 24, &rows));
    assert_eq!(whole.memory().rows, 150 * 24 * 4);
    // And its length with each.
    assert_eq!(rounded.memory().rows, 150 * (24 * 2 + 4));
    for (block, other) in [
        (&whole, VectorStorage::Bf16),
        (&rounded, VectorStorage::F32),
    ] {
        let stored = sections(block);
        let again = read(block, &stored).unwrap();
        assert_eq!(again.storage(), block.storage());
        assert_eq!(sections(&again), stored);
        let error = read_as(other, block, &stored).err().unwrap();
        assert!(error.to_string().contains("is missing"), "{error}");
    }
    for bad in [f32::NAN, 0.0, 1.01, -1.0] {
        let mut stored = sections(&rounded);
        stored.get_mut("lengths").unwrap()[..4].copy_from_slice(&bad.to_le_bytes());
        let error = read(&rounded, &stored).err().unwrap();
        assert_eq!(error.code(), "INDEX_CORRUPT");
    }
}

#[test]
fn a_row_that_rounding_makes_as_long_as_can_be_is_read_again() {
    // Each component lies just above the middle between a power of two and its neighbour.
    let powers = [(15, 0.25), (3, 0.125), (2, 0.0625), (2, 0.03125)];
    let row: Vec<f32> = powers
        .iter()
        .flat_map(|(count, power)| std::iter::repeat_n(power * (1.0 + 1.0 / 255.9), *count))
        .collect();
    let block = stored_as(VectorStorage::Bf16, 22, &[Some(row.clone())]);
    let again = read(&block, &sections(&block)).unwrap();
    again.verify_vectors().unwrap();
    let query = QueryVector::new(&row, 22).unwrap();
    let (found, _) = again.search_exact(&query, 1, Passing::All, None);
    assert!(
        found[0].score > 1.0 - 8e-6 && found[0].score < 1.0 + 1e-9,
        "{found:?}"
    );
}

#[test]
fn rounding_moves_few_answers() {
    let rows = clustered(3_000, 32);
    let [whole, rounded] = BOTH.map(|storage| with_graph(stored_as(storage, 32, &rows)));
    let (mut same, mut wanted) = (0, 0);
    for query in (0..100).map(|query| whole.vector(query * 29)) {
        let query = QueryVector::new(&query, 32).unwrap();
        let (exact, _) = whole.search_exact(&query, 10, Passing::All, None);
        let (found, _) = rounded
            .search_graph(&query, 10, 64, Passing::All, usize::MAX)
            .unwrap();
        wanted += 10;
        same += exact[..10]
            .iter()
            .filter(|hit| found.iter().any(|other| other.row == hit.row))
            .count();
        for hit in &found {
            assert!((hit.score - whole.score(&query, hit.row)).abs() < 4e-3);
        }
    }
    assert!(same * 100 >= wanted * 97, "{same} of {wanted}");
}
