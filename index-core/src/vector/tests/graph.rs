//! What a graph of rows finds, and how it is built.

use super::*;

#[test]
fn a_graph_finds_almost_what_the_scan_finds_and_only_rows_that_pass() {
    let rows = clustered(3_000, 32);
    let block = with_graph(block_of(32, &rows));
    let passing = RowSet::of(3_000, |row| row % 3 != 0);
    let (mut found, mut wanted) = (0, 0);
    for query in (0..100).map(|query| block.vector(query * 29)) {
        let query = QueryVector::new(&query, 32).unwrap();
        let (exact, _) = block.search_exact(&query, 10, Passing::Rows(&passing), None);
        let (near, visited) = block
            .search_graph(&query, 10, 64, Passing::Rows(&passing), 3_000)
            .unwrap();
        assert!(near.len() >= 10 && visited.rows <= 3_000);
        assert!(near.iter().all(|hit| passing.contains(hit.row)));
        assert!(
            near.iter()
                .all(|hit| hit.score.to_bits() == block.score(&query, hit.row).to_bits())
        );
        wanted += exact.len();
        found += exact.iter().filter(|hit| near.contains(hit)).count();
    }
    assert!(found * 100 >= wanted * 98, "{found} of {wanted}");
}

#[test]
fn a_graph_never_answers_short() {
    let block = with_graph(block_of(16, &clustered(500, 16)));
    let query = QueryVector::new(&block.vector(1), 16).unwrap();
    let few = RowSet::from_rows(500, [3, 77, 401]);
    assert!(
        block
            .search_graph(&query, 10, 10, Passing::All, 20)
            .is_none(),
        "budget"
    );
    for (passing, passes) in [(Passing::All, 500), (Passing::Rows(&few), 3)] {
        let answer = block.search_graph(&query, usize::MAX, 10, passing, usize::MAX);
        assert!(answer.is_none_or(|(found, _)| found.len() == passes));
    }
}

#[test]
fn two_builds_give_the_same_graph_and_a_build_can_be_ended() {
    let rows = clustered(600, 24);
    let (first, second) = (
        with_graph(block_of(24, &rows)),
        with_graph(block_of(24, &rows)),
    );
    assert_eq!(sections(&first), sections(&second));
    assert!(
        first
            .build_graph(GraphOptions::default(), &|| false)
            .unwrap()
            .is_none()
    );
    for connectivity in [0, 1, 257, usize::MAX] {
        let options = GraphOptions {
            connectivity,
            expansion_add: 64,
        };
        assert!(first.build_graph(options, &|| true).is_err());
    }
}

#[test]
fn a_graph_of_other_rows_is_dropped() {
    let mut rows = clustered(200, 24);
    let (graph, _) = block_of(24, &rows)
        .build_graph(GraphOptions::default(), &|| true)
        .unwrap()
        .unwrap();
    rows[17] = None;
    assert!(block_of(24, &rows).with_graph(graph).graph().is_none());
}

#[test]
fn every_row_of_a_graph_finds_itself() {
    let mut rows = clustered(1_000, 24);
    // Equal rows fill each other's links, which is what strands rows.
    let copy = rows[0].clone();
    rows[400..520].fill(copy);
    let block = with_graph(block_of(24, &rows));
    for row in 0..1_000 {
        let query = QueryVector::new(&block.vector(row), 24).unwrap();
        let (found, _) = block
            .search_graph(&query, 1, 128, Passing::All, 1_000)
            .unwrap();
        assert!(found[0].score > 0.999_99, "row {row}: {:?}", found[0]);
    }
}
