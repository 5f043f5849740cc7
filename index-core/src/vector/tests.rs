//! Requirements: 4.9.walk

mod graph;
mod reach;
mod rounded;

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::error::IndexError;
use crate::row_set::RowSet;
use crate::vector_storage::VectorStorage;

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

/// Some rows are sparse, some without a vector, and a few values repeat, so that scores tie.
fn a_row(dimensions: usize) -> impl Strategy<Value = Option<Vec<f32>>> {
    let dense = proptest::collection::vec(-1_f32..1.0, dimensions).prop_map(unit);
    let coarse =
        proptest::collection::vec((-1_i8..=1).prop_map(f32::from), dimensions).prop_map(unit);
    let sparse = (0..dimensions, -1_f32..1.0).prop_map(move |(at, value)| {
        let mut vector = vec![0.0; dimensions];
        vector[at] = 1.0;
        vector[0] += value;
        unit(vector)
    });
    prop_oneof![4 => dense, 2 => coarse, 2 => sparse, 1 => Just(None)]
}

fn any_storage() -> impl Strategy<Value = VectorStorage> {
    prop_oneof![Just(VectorStorage::F32), Just(VectorStorage::Bf16)]
}

fn block_of(dimensions: usize, rows: &[Option<Vec<f32>>]) -> VectorBlock {
    stored_as(VectorStorage::F32, dimensions, rows)
}

fn stored_as(storage: VectorStorage, dimensions: usize, rows: &[Option<Vec<f32>>]) -> VectorBlock {
    VectorBlock::from_rows(dimensions, storage, rows.iter().map(Option::as_deref)).unwrap()
}

/// Deterministic rows in clusters of 75.
fn clustered(rows: u32, dimensions: usize) -> Vec<Option<Vec<f32>>> {
    let mut state = 7_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        f32::from(u16::try_from(state >> 48).unwrap()) / 32_768.0 - 1.0
    };
    let centres: Vec<Vec<f32>> = (0..rows.div_ceil(75))
        .map(|_| (0..dimensions).map(|_| next()).collect())
        .collect();
    (0..rows as usize)
        .map(|row| {
            unit(
                centres[row % centres.len()]
                    .iter()
                    .map(|value| value + 0.6 * next())
                    .collect(),
            )
        })
        .collect()
}

/// What `search_exact` promises, by the definition.
fn by_definition(
    block: &VectorBlock,
    query: &QueryVector,
    (k, floor): (usize, Option<f64>),
    passes: impl Fn(u32) -> bool,
) -> Vec<Scored> {
    let rows =
        (0..u32::try_from(block.len()).unwrap()).filter(|row| block.has(*row) && passes(*row));
    let mut all: Vec<Scored> = rows
        .map(|row| Scored {
            row,
            score: block.score(query, row),
        })
        .collect();
    all.sort_by(|left, right| {
        right
            .score
            .total_cmp(&left.score)
            .then(left.row.cmp(&right.row))
    });
    let least = all.get(k - 1).map_or(f64::NEG_INFINITY, |hit| hit.score);
    all.retain(|hit| hit.score >= least && floor.is_none_or(|floor| hit.score >= floor));
    all
}

fn with_graph(block: VectorBlock) -> VectorBlock {
    let (graph, _) = block
        .build_graph(GraphOptions::default(), &|| true)
        .unwrap()
        .unwrap();
    block.with_graph(graph)
}

fn sections(block: &VectorBlock) -> HashMap<String, Vec<u8>> {
    block
        .to_sections()
        .into_iter()
        .map(|(name, bytes)| (name.into(), bytes.into_owned()))
        .collect()
}

fn read(
    block: &VectorBlock,
    sections: &HashMap<String, Vec<u8>>,
) -> Result<VectorBlock, IndexError> {
    read_as(block.storage(), block, sections)
}

fn read_as(
    storage: VectorStorage,
    block: &VectorBlock,
    sections: &HashMap<String, Vec<u8>>,
) -> Result<VectorBlock, IndexError> {
    VectorBlock::from_sections(block.dimensions(), storage, block.len(), |name| {
        Ok(sections.get(name).cloned())
    })
}

proptest! {
    #[test]
    fn an_exact_search_returns_the_best_rows_and_their_equals_and_no_other(
        rows in proptest::collection::vec(a_row(40), 1..150),
        query in proptest::collection::vec(-1_f32..1.0, 40),
        k in 1_usize..12,
        modulus in 1_u32..9,
        floor in proptest::option::of(-0.5_f64..0.9),
        reads_codes4 in any::<bool>(),
        storage in any_storage(),
    ) {
        let Ok(query) = QueryVector::new(&query, 40) else { return Ok(()) };
        let mut block = stored_as(storage, 40, &rows);
        block.reads_codes4 = reads_codes4;
        let passing = RowSet::of(rows.len() + 9, |row| row % modulus == 0);
        let (found, _) = block.search_exact(&query, k, Passing::Rows(&passing), floor);
        prop_assert_eq!(found, by_definition(&block, &query, (k, floor), |row| row % modulus == 0));
        let (found, _) = block.search_exact(&query, k, Passing::All, floor);
        prop_assert_eq!(found, by_definition(&block, &query, (k, floor), |_| true));
    }

    #[test]
    fn a_bound_is_never_below_the_score(
        (query, row) in (1_usize..200).prop_flat_map(|dimensions| {
            (proptest::collection::vec(-1_f32..1.0, dimensions), a_row(dimensions))
        }),
        share in 0_f32..1.0,
        storage in any_storage(),
    ) {
        let Some(row) = row else { return Ok(()) };
        // Also queries that nearly equal the row, where the bound is tightest.
        let near: Vec<f32> = row.iter().zip(&query).map(|(row, query)| row + share * share * query).collect();
        let Ok(query) = QueryVector::new(&near, row.len()) else { return Ok(()) };
        let block = stored_as(storage, row.len(), &[Some(row)]);
        let score = block.score(&query, 0);
        let (set, rows) = (kernels::Set::best(), || std::iter::once(0));
        let mut dot = [0];
        kernels::dots8::<0>(set, &query.codes, block.rows8(), rows(), &mut dot);
        let estimate = scan::estimate(dot[0], block.scales8[0], query.scale);
        prop_assert!(f64::from(scan::upper_bound(&query, estimate, block.residuals8[0])) >= score);
        kernels::dots4::<0>(set, &query.codes, block.rows4(), rows(), &mut dot);
        let estimate = scan::estimate(dot[0], block.scales4[0], query.scale);
        prop_assert!(f64::from(scan::upper_bound(&query, estimate, block.residuals4[0])) >= score);
    }

    #[test]
    fn rows_keep_their_answers_when_blocks_are_joined_or_stored(
        rows in proptest::collection::vec(a_row(24), 1..80),
        query in proptest::collection::vec(-1_f32..1.0, 24),
        cut in 0_usize..80,
        storage in any_storage(),
    ) {
        let Ok(query) = QueryVector::new(&query, 24) else { return Ok(()) };
        let whole = stored_as(storage, 24, &rows);
        let (left, right) = rows.split_at(cut.min(rows.len()));
        let all = |part: &[Option<Vec<f32>>]| (0..u32::try_from(part.len()).unwrap()).collect::<Vec<_>>();
        let joined = VectorBlock::concat(
            24,
            storage,
            &[(&stored_as(storage, 24, left), &all(left)), (&stored_as(storage, 24, right), &all(right))],
        );
        prop_assert_eq!(sections(&joined), sections(&whole));
        let again = read(&whole, &sections(&whole)).unwrap();
        again.verify_vectors().unwrap();
        let answer = |block: &VectorBlock| block.search_exact(&query, 5, Passing::All, None).0;
        prop_assert_eq!(answer(&again), answer(&whole));
    }

    #[test]
    fn a_malformed_file_is_refused_or_harmless(
        name: prop::sample::Index,
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
        is_rounded: bool,
    ) {
        thread_local!(static BLOCKS: [VectorBlock; 2] = [VectorStorage::F32, VectorStorage::Bf16]
            .map(|storage| with_graph(stored_as(storage, 24, &clustered(150, 24)))));
        BLOCKS.with(|blocks| {
            let block = &blocks[usize::from(is_rounded)];
            let mut stored = sections(block);
            let mut names: Vec<String> = stored.keys().cloned().collect();
            names.sort();
            let bytes = stored.get_mut(name.get(&names)).unwrap();
            for (at, value) in &flips {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] ^= value;
                }
            }
            if let Some(cut) = cut
                && !bytes.is_empty()
            {
                let cut = cut.index(bytes.len());
                bytes.truncate(cut);
            }
            match read(block, &stored) {
                Err(error) => assert_eq!(error.code(), "INDEX_CORRUPT"),
                Ok(read) => {
                    let query = QueryVector::new(&block.vector(3), 24).unwrap();
                    let _ = read.verify_vectors();
                    let _ = read.search_exact(&query, 5, Passing::All, None);
                    let _ = read.search_graph(&query, 5, 20, Passing::All, 1_000);
                    let _ = read.build_graph(GraphOptions::default(), &|| true).unwrap();
                }
            }
        });
    }
}

#[test]
fn what_would_poison_a_comparison_is_refused() {
    let refused = |rows: &[Option<&[f32]>]| {
        [VectorStorage::F32, VectorStorage::Bf16]
            .into_iter()
            .all(|storage| VectorBlock::from_rows(2, storage, rows.iter().copied()).is_err())
    };
    for bad in [
        &[f32::NAN, 1.0][..],
        &[f32::INFINITY, 0.0],
        &[0.0, 0.0],
        &[1.0],
        &[3.0, 4.0],
    ] {
        assert!(refused(&[None, Some(bad)]), "{bad:?}");
    }
    for bad in [
        &[f32::NAN, 1.0][..],
        &[0.0, 0.0],
        &[1.0, 0.0, 0.0],
        &[f32::NEG_INFINITY, 0.0],
        &[],
    ] {
        assert!(QueryVector::new(bad, 2).is_err(), "{bad:?}");
    }
    assert!(QueryVector::new(&[], 0).is_err());
    for dimensions in [0, DIMENSIONS_MAX + 1] {
        assert!(
            VectorBlock::from_rows(dimensions, VectorStorage::F32, [None].into_iter()).is_err()
        );
    }
}

#[test]
fn any_k_any_row_number_and_any_block_are_safe() {
    let beyond = RowSet::full(1_000);
    let rows = [Some(vec![1.0, 0.0]), None];
    for block in [block_of(2, &rows), with_graph(block_of(2, &rows))] {
        let query = QueryVector::new(&[1.0, 1.0], 2).unwrap();
        let other = QueryVector::new(&[1.0; 3], 3).unwrap();
        for k in [0, 1, usize::MAX] {
            for passing in [Passing::All, Passing::Rows(&beyond)] {
                let (found, _) = block.search_exact(&query, k, passing, None);
                assert_eq!(found.len(), k.min(1));
                let (found, _) = block.search_exact(&other, k, passing, None);
                assert!(found.is_empty());
                for ef in [0, usize::MAX] {
                    let walked = block.search_graph(&query, k, ef, passing, usize::MAX);
                    assert_eq!(walked.is_some(), block.graph().is_some());
                    assert!(walked.is_none_or(|(found, _)| found.len() == k.min(1)));
                }
            }
        }
        assert!(block.vector(1).is_empty() && block.vector(u32::MAX).is_empty());
        assert!(block.score(&query, u32::MAX).abs() < 1e-12);
    }
    for rows in [&[][..], &[None, None]] {
        let empty = with_graph(block_of(2, rows));
        let query = QueryVector::new(&[1.0, 1.0], 2).unwrap();
        assert!(
            empty
                .search_exact(&query, 3, Passing::All, None)
                .0
                .is_empty()
        );
        let walked = empty.search_graph(&query, 3, 10, Passing::Rows(&beyond), 100);
        assert!(walked.unwrap().0.is_empty());
        assert!(read(&empty, &sections(&empty)).unwrap().graph().is_some());
    }
    let joined = VectorBlock::concat(
        2,
        VectorStorage::F32,
        &[
            (&block_of(2, &rows), &[0, 7]),
            (&block_of(3, &[None]), &[0]),
            (&stored_as(VectorStorage::Bf16, 2, &rows), &[0]),
        ],
    );
    assert_eq!((joined.len(), joined.present().len()), (4, 1));
    let wide = block_of(DIMENSIONS_MAX, &[unit(vec![1.0; DIMENSIONS_MAX])]);
    let query = QueryVector::new(&vec![-3.0; DIMENSIONS_MAX], DIMENSIONS_MAX).unwrap();
    assert!((wide.search_exact(&query, 1, Passing::All, None).0[0].score + 1.0).abs() < 1e-5);
}

#[test]
fn no_row_is_scored_twice_and_what_is_below_a_floor_hardly_ever() {
    let block = block_of(64, &clustered(3_000, 64));
    let query = QueryVector::new(&block.vector(7), 64).unwrap();
    for passing in [300, 20] {
        let rows = RowSet::of(block.len(), |row| row.is_multiple_of(3_000 / passing));
        let search = |floor| block.search_exact(&query, 10, Passing::Rows(&rows), floor);
        let (found, visited) = search(None);
        assert!(visited.scored <= visited.rows && found.len() == 10);
        let (above, visited) = search(Some(found[2].score));
        assert_eq!(above, found[..3]);
        assert!(visited.scored <= 5, "{visited:?} of {passing}");
        let (none, visited) = search(Some(1.1));
        assert_eq!((none.len(), visited.scored), (0, 0));
    }
}
