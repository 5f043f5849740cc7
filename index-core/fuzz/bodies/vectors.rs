use hindcast_index_core::{
    Collection, CollectionOptions, CollectionRow, Exclusions, RowColumns, Schema, SearchMode,
    VectorAnswer, VectorQuery, VectorStorage,
};

use super::input::Input;

const DIMENSIONS: usize = 5;

/// Puts vectors of any bit pattern in and searches with them. A batch that is refused changes nothing; what is taken is
/// found.
pub(crate) fn vectors(bytes: &[u8]) {
    let input = &mut Input(bytes);
    let options = CollectionOptions {
        embedder: "fuzz".into(),
        dimensions: DIMENSIONS,
        field: "observation".into(),
        schema: Schema::default(),
        graph_rows_min: 16,
        storage: if input.flag() {
            VectorStorage::Bf16
        } else {
            VectorStorage::F32
        },
    };
    let collection = Collection::open(None, options).unwrap();
    let plain = (0..40_u8).map(|id| {
        let component = |at: u8| f32::from((id + 1).wrapping_mul(37 + at * 14)) - 127.5;
        row(format!("plain-{id}"), (0..5).map(component).collect())
    });
    collection.upsert(plain.collect()).unwrap();
    collection.settle().unwrap();
    let mut rows = 40;
    while !input.is_empty() {
        let before = answers(&collection);
        let batch = input.several(|input| {
            let length = if input.byte() == 0 {
                input.byte() % 8
            } else {
                DIMENSIONS
            };
            (0..length).map(|_| input.f32()).collect::<Vec<f32>>()
        });
        let named = |(at, vector): (usize, &Vec<f32>)| row(format!("{rows}-{at}"), vector.clone());
        let upserted = collection.upsert(batch.iter().enumerate().map(named).collect());
        if upserted.is_ok() {
            for vector in &batch {
                let found = ask(&collection, vector, SearchMode::Exact).unwrap();
                assert!(
                    (found.scores[0] - 1.0).abs() < 1e-5,
                    "{vector:?}: {found:?}"
                );
            }
            rows += batch.len();
        } else {
            assert_eq!(answers(&collection), before, "a refused batch was taken");
        }
        let target: Vec<f32> = (0..DIMENSIONS).map(|_| input.f32()).collect();
        for mode in [SearchMode::Exact, SearchMode::Graph] {
            if let Some(found) = ask(&collection, &target, mode) {
                assert_eq!(found.ids.len(), rows.min(20), "never short");
                assert!(found.scores.iter().all(|score| score.abs() <= 1.000_01));
            }
        }
        if input.flag() {
            collection.settle().unwrap();
        }
        assert_eq!(collection.stats().unwrap().rows, rows);
    }
}

fn row(id: String, vector: Vec<f32>) -> CollectionRow {
    CollectionRow {
        id,
        columns: RowColumns::default(),
        vector,
    }
}

fn ask(collection: &Collection, vector: &[f32], mode: SearchMode) -> Option<VectorAnswer> {
    let query = VectorQuery {
        vectors: vector.to_vec(),
        k: 20,
        expansion: None,
        filter: None,
        exclude: Exclusions::default(),
        mode,
    };
    collection.search(&query).ok()?.pop()
}

fn answers(collection: &Collection) -> Vec<VectorAnswer> {
    [[1.0, 0.0, 2.0, -3.0, 0.5], [-1.0, 4.0, 0.0, 1.0, 2.0]]
        .iter()
        .filter_map(|vector| ask(collection, vector, SearchMode::Exact))
        .collect()
}
