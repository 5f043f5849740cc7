//! Requirements: 4.bad-input
//! What is refused, and what the refusal says.

use hindcast_index_core::{
    Collection, CollectionOptions, CollectionRow, Filter, IndexError, RowColumns, VectorQuery,
};

use crate::{DIMENSIONS, open, options, query, row, vector};

#[test]
fn malformed_rows_are_named_and_change_nothing() {
    let collection = open(1_000);
    collection.upsert(vec![row(1, 0)]).unwrap();
    let with = |vector: Vec<f32>| CollectionRow {
        vector,
        ..row(2, 0)
    };
    let mut nan = vector(0);
    nan[3] = f32::NAN;
    let mut infinite = vector(0);
    infinite[5] = f32::NEG_INFINITY;
    for (bad, named) in [
        (with(nan), "component 3"),
        (with(infinite), "component 5"),
        (with(vec![0.0; DIMENSIONS]), "length 0"),
        (with(vec![1.0; DIMENSIONS - 1]), "23 dimensions"),
        (
            CollectionRow {
                id: String::new(),
                ..row(2, 0)
            },
            "0 bytes",
        ),
        (
            CollectionRow {
                id: "x".repeat(300),
                ..row(2, 0)
            },
            "300 bytes",
        ),
        (
            CollectionRow {
                columns: RowColumns::default(),
                ..row(2, 0)
            },
            "columns",
        ),
        (
            CollectionRow {
                columns: RowColumns {
                    numbers: vec![f64::NAN],
                    ..row(2, 0).columns
                },
                ..row(2, 0)
            },
            "NaN",
        ),
    ] {
        let Err(IndexError::Invalid(message)) = collection.upsert(vec![row(9, 0), bad]) else {
            panic!("{named} must be refused");
        };
        assert!(message.contains(named), "{message}");
    }
    assert_eq!(collection.stats().unwrap().rows, 1);
}

#[test]
fn malformed_queries_are_named() {
    let collection = open(1_000);
    collection.upsert(vec![row(1, 0)]).unwrap();
    let mut nan = vector(0);
    nan[3] = f32::NAN;
    for (bad, named) in [
        (query(vector(0), 0), "k is 0"),
        (query(vector(0), 4_000_000_000), "k is 4000000000"),
        (query(vec![1.0; 25], 1), "25 numbers"),
        (query(nan, 1), "query 0"),
        (query(vec![0.0; DIMENSIONS], 1), "query 0"),
        (
            VectorQuery {
                expansion: Some(0),
                ..query(vector(0), 1)
            },
            "ef is 0",
        ),
        (
            VectorQuery {
                expansion: Some(1 << 40),
                ..query(vector(0), 1)
            },
            "ef is",
        ),
        (
            VectorQuery {
                filter: Some(Filter::In("shape".into(), vec![])),
                ..query(vector(0), 1)
            },
            "shape",
        ),
    ] {
        let Err(IndexError::Invalid(message)) = collection.search(&bad) else {
            panic!("{named} must be refused");
        };
        assert!(message.contains(named), "{message}");
    }
    assert!(
        collection
            .search_into(&vector(0), 64, &mut [0; 2], &mut [0.0; 3])
            .is_err()
    );
    assert_eq!(
        collection
            .search_into(&vector(0), 64, &mut [], &mut [])
            .unwrap(),
        0
    );
    assert_eq!(
        collection.resolve(&[0, 7, u32::MAX]).unwrap(),
        [Some("id-1".into()), None, None]
    );
    assert_eq!(collection.remove(&["nobody".into()]).unwrap(), 0);
    assert!(
        matches!(collection.checkpoint(1), Err(IndexError::Invalid(_))),
        "it has no folder"
    );
    for dimensions in [0, 16_385] {
        let bad = CollectionOptions {
            dimensions,
            ..options(1_000)
        };
        assert!(matches!(
            Collection::open(None, bad),
            Err(IndexError::Invalid(_))
        ));
    }
    collection.close();
    assert_eq!(
        collection.search(&query(vector(0), 1)),
        Err(IndexError::Closed)
    );
    assert_eq!(
        collection.search_into(&vector(0), 64, &mut [0], &mut [0.0]),
        Err(IndexError::Closed)
    );
}
